"""Checks of the grouping factors: how many levels, their effects, spread, order and influence."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mixedmodels.diagnostics.autocorrelation import correlation, correlation_left
from mixedmodels.diagnostics.checks.of_residuals import KURTOSIS, SKEWNESS, Z
from mixedmodels.diagnostics.checks.table import Check, Grade, graded
from mixedmodels.diagnostics.deletion import influence_is_cheap
from mixedmodels.diagnostics.facts import Facts
from mixedmodels.diagnostics.facts import facts as facts_of
from mixedmodels.diagnostics.group_spread import group_spread
from mixedmodels.diagnostics.influence import influence, largest
from mixedmodels.diagnostics.moments import Shape, shape
from mixedmodels.diagnostics.replicates import replicates, usual_shape
from mixedmodels.diagnostics.working import as_linear
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, terms_of_group
from mixedmodels.fit.random_effects import are_known, known_modes

Vector = NDArray[np.float64]

FEW_LEVELS = 5
"""Below this a variance between levels is hardly an estimate (Gelman & Hill 2007, section 12.9)."""

LEVELS_FOR_SHAPE = 10

CORRELATION = (0.1, 0.3)

VARIATION = (0.25, 0.6)
"""Variation of the residual sd between levels."""

SHIFT = (0.5, 1.0)
"""Change of a coefficient without one level, in standard errors; with J levels at least 2 and 3
over sqrt(J), which J like levels give (Belsley, Kuh & Welsch 1980)."""


def group_checks(facts: Facts) -> Iterator[Check]:
    """All of them, group by group."""
    m = facts.fit.matrices
    labels = column_labels(m)
    for g, grouping in enumerate(m.groupings):
        terms = terms_of_group(m, g)
        known = {k: are_known(facts.fit, k) for k in terms}
        yield _levels(grouping.name, len(grouping.levels), all(known[k].all() for k in terms))
        for k in terms:
            for j, name in enumerate(labels[k]):
                about = f"{name} | {grouping.name}"
                if known[k][j]:
                    yield _effects(about, known_modes(facts.fit, k)[:, j], _chance(facts.fit, k, j))
                else:
                    yield _unknown_effects(about)
        yield _spread(facts, g)
        yield _influence(facts, g)
    yield from _autocorrelation(facts)


def _levels(name: str, levels: int, is_known: bool) -> Check:
    few = levels < FEW_LEVELS
    if not is_known:
        return Check(
            "Number of levels",
            name,
            "levels",
            float(levels),
            "problem",
            f"However many levels of {name} there are, not all variances between them can be told.",
            "See model.convergence.message for what the model has twice.",
        )
    return Check(
        "Number of levels",
        name,
        "levels",
        float(levels),
        "look" if few else "good",
        f"{levels} levels say little about the variance between them."
        if few
        else "The variance between levels can be estimated.",
        f"Consider {name} as a fixed effect if these levels are of interest in themselves; "
        "otherwise report the interval of its standard deviation, which is wide.",
    )


def _unknown_effects(name: str) -> Check:
    why = "Their variance or covariances cannot be told from other parameters."
    advice = "See model.convergence.message."
    return Check("Shape of the random effects", name, "skewness", np.nan, "unclear", why, advice)


def _chance(fit: Fit, term: int, column: int) -> tuple[float, float]:
    """Skewness and excess kurtosis that the modes of a generalised model have though the effects
    are normal, as they lean where rows are few; zero of a linear one, whose modes are as normal.
    """
    found = replicates(fit)
    if found is None:
        return 0.0, 0.0
    coordinates = fit.matrices.terms[term].coordinates
    return usual_shape(coordinates.reported(b)[:, column] for b in found.b[term])


def _effects(name: str, b: Vector, chance: tuple[float, float]) -> Check:
    what = ("Shape of the random effects", name)
    if len(b) < LEVELS_FOR_SHAPE or np.ptp(b) == 0:
        why = "The variance is zero." if np.ptp(b) == 0 else f"{len(b)} levels are too few to tell."
        return Check(*what, "skewness", np.nan, "unclear", why, "Look at plot.qq_ranef().")
    s = shape(b)
    effect, value, grade = _worse(s, chance)
    words = {
        "good": "No marked departure from a normal distribution.",
        "look": "The effects lean to one side."
        if effect == "skewness"
        else "A few levels have effects far from the others.",
        "problem": "The effects lean strongly to one side."
        if effect == "skewness"
        else "A few levels have effects very far from the others.",
    }
    return Check(
        *what,
        effect,
        value,
        grade,
        words[grade],
        "Look at plot.qq_ranef() and plot.caterpillar(): levels apart may be of another kind, "
        "which a covariate of the levels would explain.",
    )


def _worse(s: Shape, chance: tuple[float, float]) -> tuple[str, float, Grade]:
    noise = max(Z * s.skewness_error, chance[0]), max(Z * s.kurtosis_error, chance[1])
    lean = graded(abs(s.skewness), look=SKEWNESS[0], problem=SKEWNESS[1], noise=noise[0])
    tail = graded(s.kurtosis, look=KURTOSIS[0], problem=KURTOSIS[1], noise=noise[1])
    order: tuple[Grade, ...] = ("good", "look", "problem")
    if order.index(tail) > order.index(lean):
        return "excess kurtosis", s.kurtosis, tail
    return "skewness", s.skewness, lean


def _spread(facts: Facts, group: int) -> Check:
    found = group_spread(facts, group)
    name = facts.fit.matrices.groupings[group].name
    what = ("Spread of the residuals by level", name, "variation of the residual sd")
    if found is None:
        return Check(
            *what,
            np.nan,
            "unclear",
            "Fewer than three levels have three rows or more.",
            "Nothing can be done about it with these data.",
        )
    grade = graded(found.variation, look=VARIATION[0], problem=VARIATION[1], noise=found.noise)
    words = {
        "good": "The residuals of the levels spread about equally.",
        "look": f"Levels differ in spread: {found.widest} has {found.ratio:.1f} times the average.",
        "problem": "Levels differ much in spread: "
        f"{found.widest} has {found.ratio:.1f} times the average.",
    }
    return Check(
        *what,
        found.variation,
        grade,
        words[grade],
        "Look at plot.group_spread(). A missing random slope, a response on the wrong scale, or "
        "levels that were measured less well: weights help with the last.",
    )


def _influence(facts: Facts, group: int) -> Check:
    name = facts.fit.matrices.groupings[group].name
    what = ("Influential levels", name)
    effect = "largest change of a coefficient, in standard errors"
    is_generalised = facts.fit.generalised is not None
    if (
        (facts.leverage is None and facts.fit.matrices.is_plain and not is_generalised)
        or not len(facts.fit.beta)
        or not influence_is_cheap(facts.fit, group)
    ):
        return Check(
            *what,
            effect,
            np.nan,
            "unclear",
            "Left out here, as it would take long.",
            f"Ask for model.influence({name!r}).",
        )
    scaled = influence(facts.fit, name).dfbetas.to_numpy()
    term, size = largest(scaled)
    level = int(np.argmax(np.nan_to_num(np.abs(size), nan=np.inf)))
    label = str(facts.fit.matrices.groupings[group].levels[level])
    if np.isnan(size[level]):
        return Check(
            what[0],
            f"{name} {label}",
            effect,
            np.nan,
            "look",
            f"Without {label} some coefficients could not be estimated at all.",
            "These coefficients describe that level alone; say so.",
        )
    value = float(abs(size[level]))
    usual = 1 / np.sqrt(len(size))
    grade = graded(value, look=max(SHIFT[0], 2 * usual), problem=max(SHIFT[1], 3 * usual))
    coefficient = facts.fit.matrices.x_names[int(term[level])]
    return Check(
        what[0],
        f"{name} {label}",
        effect,
        value,
        grade,
        f"Without {label}, {coefficient} would move by {value:.2g} standard errors"
        f"{': more than any other level, and little.' if grade == 'good' else '.'}",
        f"Look at plot.influence({name!r}). Report how the conclusions change without it.",
    )


def _autocorrelation(facts: Facts) -> Iterator[Check]:
    fit = as_linear(facts.fit)
    plain = facts if fit is facts.fit else facts_of(fit)
    found = correlation(plain) if fit.matrices.is_plain else correlation_left(fit)
    if found is None:
        return
    size = abs(found.excess)
    grade = graded(size, look=CORRELATION[0], problem=CORRELATION[1], noise=Z * found.error)
    words = {
        "good": "Neighbouring rows of a level are no more alike than the model says.",
        "look": "Neighbouring rows of a level are somewhat more "
        f"{'alike' if found.excess > 0 else 'unlike'} than the model says.",
        "problem": "Neighbouring rows of a level are much more "
        f"{'alike' if found.excess > 0 else 'unlike'} than the model says.",
    }
    yield Check(
        "Likeness of neighbouring rows",
        found.group,
        "correlation of neighbours beyond the model's",
        found.excess,
        grade,
        words[grade],
        "If the rows are in the order of time, something changes along it: a random slope of time, "
        "or a curve. Standard errors of effects that change along the order are too small. If the "
        "order means nothing, pay no heed.",
    )
