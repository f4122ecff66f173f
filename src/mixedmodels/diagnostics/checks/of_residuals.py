"""Checks of the residuals: their shape, their spread, what is left of the mean, and single rows."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.checks.table import Check, graded
from mixedmodels.diagnostics.facts import Facts, covariates
from mixedmodels.diagnostics.moments import shape
from mixedmodels.diagnostics.quantile import placed
from mixedmodels.diagnostics.replicates import replicates, usual_shape

Vector = NDArray[np.float64]

SKEWNESS = (0.5, 1.5)
"""From where a skewed residual is worth a look, and a problem; estimates of fixed effects bear
much (Schielzeth et al. 2020, *Methods in Ecology and Evolution* 11, 1141), predictions do not."""

KURTOSIS = (1.0, 5.0)

SPREAD = (1.5, 2.5)
"""Ratios of mean absolute residuals."""

CURVE = (0.03, 0.15)
"""Share of the residual variance that a cubic curve explains."""

OTHER_FAMILY = (
    "Look at plot.qq(). Quantile residuals are normal if the family is right: a family with more "
    "spread, another link, or a term that is missing may be the remedy."
)

FEW_ROWS = 20

Z = 2.5
"""Standard errors within which a size is put down to chance: there are many checks."""


def residual_checks(facts: Facts) -> Iterator[Check]:
    """All of them."""
    yield from _normal(facts)
    yield _constant_spread(facts)
    yield _straight(facts, "fitted values", facts.fitted)
    for name, values in covariates(facts.fit).items():
        if len(np.unique(values[:1000])) > 2:
            yield _straight(facts, name, values)
    yield _outlying(facts)


def _normal(facts: Facts) -> Iterator[Check]:
    s, noise = shape(facts.r), _chance(facts)
    grade = graded(abs(s.skewness), look=SKEWNESS[0], problem=SKEWNESS[1], noise=noise[0])
    side = "right" if s.skewness > 0 else "left"
    yield Check(
        "Symmetry of the residuals",
        "",
        "skewness",
        s.skewness,
        grade,
        _words(
            grade,
            "The distribution of the residuals shows no marked lean.",
            f"The residuals have a longer tail to the {side}.",
            f"The residuals lean strongly: their tail to the {side} is much longer.",
        ),
        "Look at plot.qq(). A transformation of the response (a logarithm of a positive one) may "
        "help; fixed effects bear it, prediction intervals do not."
        if facts.fit.generalised is None
        else OTHER_FAMILY,
    )
    grade = graded(s.kurtosis, look=KURTOSIS[0], problem=KURTOSIS[1], noise=noise[1])
    yield Check(
        "Tails of the residuals",
        "",
        "excess kurtosis",
        s.kurtosis,
        grade,
        _words(
            grade,
            "The tails are no heavier than the normal's, as far as matters.",
            "The tails are heavier than the normal's: more large residuals than the model expects.",
            "The tails are much heavier than the normal's; a few rows carry much of the variance.",
        ),
        "Look at plot.qq() and at the rows with the largest residuals: mistakes in the data, a "
        "mixture, or a spread that differs between rows? See whether the conclusions stay without."
        if facts.fit.generalised is None
        else OTHER_FAMILY,
    )


def _chance(facts: Facts) -> tuple[float, float]:
    """Skewness and excess kurtosis that chance gives the residuals of a model that is right."""
    s, found = shape(facts.r), replicates(facts.fit)
    own = Z * s.skewness_error, Z * s.kurtosis_error
    if found is None:
        return own
    usual = usual_shape(placed(one, i) for i, one in enumerate(found.rows(facts.fit)))
    return max(own[0], usual[0]), max(own[1], usual[1])


def _constant_spread(facts: Facts) -> Check:
    edges = np.quantile(facts.fitted, [0.2, 0.8])
    low, high = facts.fitted <= edges[0], facts.fitted >= edges[1]
    n_low, n_high = int(low.sum()), int(high.sum())
    what = ("Spread along the fitted values", "", "ratio of spread, highest to lowest fifth")
    if edges[0] == edges[1] or min(n_low, n_high) < 8:
        return Check(
            *what,
            np.nan,
            "unclear",
            "Too few rows or distinct fitted values to tell.",
            "Look at plot.scale_location().",
        )
    size = np.abs(facts.r)  # less at the mercy of single rows than squares
    log_ratio = np.log(size[high].mean() / size[low].mean())
    error = size.std() / size.mean() * np.sqrt(1 / n_low + 1 / n_high)
    grade = graded(
        abs(log_ratio), look=np.log(SPREAD[0]), problem=np.log(SPREAD[1]), noise=Z * error
    )
    more = "grows" if log_ratio > 0 else "shrinks"
    return Check(
        *what,
        float(np.exp(log_ratio)),
        grade,
        _words(
            grade,
            "The residuals spread about as widely for large as for small fitted values.",
            f"The spread of the residuals {more} with the fitted value.",
            f"The spread of the residuals {more} strongly with the fitted value; standard errors "
            "and intervals are too wide in one place and too narrow in another.",
        ),
        "Look at plot.scale_location(). A transformation of the response or weights make the "
        "spread even."
        if facts.fit.generalised is None
        else "Look at plot.scale_location(). The variance of the family is another function of the "
        "mean than that of the data: another family, or dispersion=, may fit.",
    )


def _straight(facts: Facts, name: str, x: Vector) -> Check:
    """Share of the variance of the residuals that a cubic in `x` explains, less chance's part."""
    n = len(x)
    what = ("Curve left in the residuals", name, "share explained by a curve")
    degree = min(3, len(np.unique(x[:10_000])) - 1)
    if n < FEW_ROWS or degree < 2:
        return Check(
            *what,
            np.nan,
            "unclear",
            "Too few rows or distinct values to tell.",
            "Look at plot.residuals().",
        )
    basis = np.polynomial.legendre.legvander(_unit(x), degree)
    coefficients, *_ = np.linalg.lstsq(basis.T @ basis, basis.T @ facts.r, rcond=1e-10)
    explained = basis @ coefficients
    total = float(np.sum((facts.r - facts.r.mean()) ** 2))
    share = float(np.sum((explained - explained.mean()) ** 2)) / total
    adjusted = max(0.0, 1 - (1 - share) * (n - 1) / (n - 1 - degree))
    noise = (special.chdtri(degree, 0.01) - degree) / n
    grade = graded(adjusted, look=CURVE[0], problem=CURVE[1], noise=noise)
    where = "" if name == "fitted values" else f", x={name!r}"
    remedy = (
        "An interaction or a curve in a covariate may be missing, or the response may need a "
        "transformation."
        if name == "fitted values"
        else f"A curve may be missing: poly({name}, 2) or bs({name}, df=4)."
    )
    return Check(
        *what,
        adjusted,
        grade,
        _words(
            grade,
            "The residuals follow no curve.",
            "The residuals follow a curve: the mean is not quite right.",
            "The residuals follow a marked curve: the mean is wrong.",
        ),
        f"Look at plot.residuals({where.removeprefix(', ')}). {remedy}",
    )


def _outlying(facts: Facts) -> Check:
    """The largest residual, beside the largest that so many normal ones have."""
    r = np.abs(facts.r)
    row = int(np.argmax(r))
    n = len(r)
    usual = float(-special.ndtri(0.025 / n))
    grade = graded(float(r[row]), look=usual, problem=1.6 * usual)
    beyond = int((r > usual).sum())
    label = facts.fit.matrices.index[row]
    some = "one row lies" if beyond == 1 else f"{beyond} rows lie"
    return Check(
        "Outlying rows",
        f"row {label}",
        f"largest {facts.kind} residual",
        float(facts.r[row]),
        grade,
        _words(
            grade,
            f"The largest residual is one that {n} normal residuals can have (up to {usual:.1f}).",
            f"Of {n} normal residuals the largest is about {usual:.1f} at most; {some} beyond.",
            f"Of {n} normal residuals the largest is about {usual:.1f} at most; {some} beyond, the "
            "farthest far beyond.",
        ),
        "Look at the rows: a mistake in the data, or a case apart? Report how the conclusions "
        "change without them; model.influence() tells by how much.",
    )


def _unit(x: Vector) -> Vector:
    low, high = float(x.min()), float(x.max())
    return (2 * x - low - high) / (high - low)


def _words(grade: str, good: str, look: str, problem: str) -> str:
    return {"good": good, "look": look, "problem": problem}[grade]
