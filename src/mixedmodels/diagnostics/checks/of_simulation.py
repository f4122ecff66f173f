"""Checks of the data against responses simulated from the whole model."""

from collections.abc import Iterator

from mixedmodels.diagnostics.checks.table import Check, Grade, graded
from mixedmodels.diagnostics.scaled import ScaledTest, can_be_drawn, scaled_tests
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.streams import Seed

CHANCE = 0.01
"""Share of replicates at least as extreme above which a size is put down to chance."""

DISTANCE = (0.05, 0.15)
"""Distance from the uniform."""

DISPERSION = (0.2, 0.5)
"""Spread too large or too small, as a share."""


def simulation_checks(fit: Fit, seed: Seed) -> Iterator[Check]:
    """All of them."""
    if not can_be_drawn(fit):
        yield Check(
            "Distribution of the response",
            "",
            "distance from uniform",
            float("nan"),
            "unclear",
            "No responses are simulated: weights multiply the likelihood of the rows.",
            "Repeat the rows that the weights stand for, and check that fit.",
        )
        return
    tests = scaled_tests(fit, seed=seed)
    yield _uniform(tests.uniformity)
    yield _dispersed(tests.dispersion)
    yield _outside(tests.outliers, tests.n_rows)


def _uniform(test: ScaledTest) -> Check:
    grade = _beyond_chance(test, graded(test.value, look=DISTANCE[0], problem=DISTANCE[1]))
    return Check(
        "Distribution of the response",
        "",
        test.effect,
        test.value,
        grade,
        f"Data simulated from the model depart by {test.expected:.2g} on average, the real ones by "
        f"{test.value:.2g}{'.' if grade == 'good' else ': more than nearly all simulated ones.'}",
        "Look at plot.scaled(). The mean, the shape or the spread of the model is off; the checks "
        "of the residuals tell which.",
    )


def _dispersed(test: ScaledTest) -> Check:
    size = abs(test.value - 1)
    grade = _beyond_chance(test, graded(size, look=DISPERSION[0], problem=DISPERSION[1]))
    more = "more" if test.value > 1 else "less"
    return Check(
        "Spread of the response",
        "",
        test.effect,
        test.value,
        grade,
        "Data simulated from the model spread as the real ones do."
        if grade == "good"
        else f"The real data spread {more} than nearly all that were simulated from the model.",
        "A random effect or a covariate may be missing, or the variance may differ between rows.",
    )


def _outside(test: ScaledTest, n: int) -> Check:
    excess = (test.value - test.expected) / n
    grade = _beyond_chance(test, graded(excess, look=0.005, problem=0.03))
    return Check(
        "Rows outside the simulations",
        "",
        test.effect,
        test.value,
        grade,
        f"{test.value:.0f} of {n} rows lie outside all simulated responses; the model expects "
        f"{test.expected:.1f}.",
        "Look at these rows with model.residuals('scaled'), where they are near 0 or 1.",
    )


def _beyond_chance(test: ScaledTest, grade: Grade) -> Grade:
    return "good" if test.share > CHANCE else grade
