"""Checks of what a family says beside the mean: separation, dispersion, zeros, probabilities."""

from collections.abc import Iterator

import numpy as np

from mixedmodels.diagnostics.calibration import calibration_bins, has_shares
from mixedmodels.diagnostics.checks.table import Check, graded
from mixedmodels.diagnostics.dispersion import pearson_dispersion
from mixedmodels.diagnostics.scaled import ScaledTest
from mixedmodels.diagnostics.zeros import zeros_test
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.separations import can_be_separated, one_sided_groups, separations
from mixedmodels.prediction.streams import Seed

CHANCE = 0.01
"""Probability below which a size is not put down to chance."""

OVER = (1.2, 2.0)
"""Pearson's ratio: standard errors too small by a tenth, and by four tenths."""

UNDER = (0.8, 0.5)

ZEROS = (1.15, 1.5)
"""Zeros over those that the model expects, or the other way round."""

OFF = (0.04, 0.1)
"""Distance of observed shares from fitted probabilities."""


def family_checks(fit: Fit, seed: Seed) -> Iterator[Check]:
    """All that apply to the family."""
    yield from _separated(fit)
    yield from _one_sided(fit)
    yield from _unneeded(fit)
    yield from _dispersed(fit)
    yield from _zeros(fit, seed)
    yield from _calibrated(fit)


def _separated(fit: Fit) -> Iterator[Check]:
    if not can_be_separated(fit):
        return
    what, effect = "Separation", "coefficients without a finite estimate"
    for found in separations(fit):
        yield Check(
            what,
            ", ".join(found.names[:3]) + (", …" if len(found.names) > 3 else ""),
            effect,
            float(len(found.names)),
            "problem",
            found.headline,
            "Their estimates, standard errors and z mean nothing. See model.convergence.message "
            "for the rows that do it and what to do.",
        )
    if not separations(fit):
        said = "The columns of the fixed part cannot tell the responses without a mistake."
        yield Check(what, "", effect, 0.0, "good", said, "")


def _one_sided(fit: Fit) -> Iterator[Check]:
    for found in one_sided_groups(fit):
        if found.share < 1.0:
            continue
        yield Check(
            "Levels that are all alike",
            found.group,
            "share of levels with one outcome alone",
            found.share,
            "problem",
            found.headline,
            "Report no variance of this group: use a fixed effect of what differs between the "
            "levels, or bring more rows for each.",
        )


def _unneeded(fit: Fit) -> Iterator[Check]:
    for message in fit.convergence.unneeded:
        what, advice, *_ = message.splitlines()
        yield Check(
            "Parts that the data need",
            "",
            "parts at the end of their range",
            1.0,
            "look",
            what,
            f"{advice.removeprefix('Do:').strip().capitalize()}",
        )


def _dispersed(fit: Fit) -> Iterator[Check]:
    found = pearson_dispersion(fit)
    if found is None:
        return
    over = found.ratio > 1
    by_chance = min(found.p_over, found.p_under) > CHANCE
    size, limits = (found.ratio, OVER) if over else (1 / found.ratio, (1 / UNDER[0], 1 / UNDER[1]))
    grade = "good" if by_chance else graded(size, look=limits[0], problem=limits[1])
    p = found.p_over if over else found.p_under
    yield Check(
        "Dispersion",
        "",
        "Pearson chi-square over the model's",
        found.ratio,
        grade,
        "The responses spread about their means as the family says."
        if grade == "good"
        else f"The responses spread {'more' if over else 'less'} about their means than the family "
        f"says (chi-square {found.chi2:.4g}, of data simulated from the model "
        f"{found.expected:.4g}, p = {p:.2g}).",
        f"Standard errors may be {np.sqrt(found.ratio):.2g} times too small. {found.remedy}"
        if over
        else "Standard errors are too large. Counts that exclude each other, or a mean with too "
        "many random effects, do this.",
    )


def _zeros(fit: Fit, seed: Seed) -> Iterator[Check]:
    found = zeros_test(fit, seed=seed)
    if found is None:
        return
    ratio = found.value / max(found.expected, 1.0)
    more = ratio > 1
    grade = graded(max(ratio, 1 / max(ratio, 1e-3)), look=ZEROS[0], problem=ZEROS[1])
    grade = "good" if _is_chance(found) else grade
    yield Check(
        "Zeros",
        "",
        "zeros over those expected",
        ratio,
        grade,
        f"{found.value:.0f} responses are zero; responses simulated from the model have "
        f"{found.expected:.1f} on average.",
        "A negative binomial family gives more zeros; zero inflation (zero=) where some rows can "
        "be nothing else; a hurdle (hurdle=) where zeros have reasons of their own."
        if more
        else "Fewer zeros than the model gives: a hurdle (hurdle=) models them apart.",
    )


def _is_chance(test: ScaledTest) -> bool:
    return test.share > CHANCE


def _calibrated(fit: Fit) -> Iterator[Check]:
    if not has_shares(fit):
        return
    found = calibration_bins(fit)
    if len(found.fitted) < 5:
        return
    grade = graded(found.distance, look=OFF[0], problem=OFF[1], noise=found.usual)
    far = int(np.argmax(np.maximum(found.residual - found.high, found.low - found.residual)))
    yield Check(
        "Calibration of the probabilities",
        "",
        "mean distance of shares from probabilities",
        found.distance,
        grade,
        "Rows of like fitted probability have about that share of successes."
        if grade == "good"
        else f"Rows with a fitted probability about {found.fitted[far]:.2g} have "
        f"{found.observed[far]:.2g} successes per trial.",
        "Look at plot.calibration(): a curve or interaction may be missing, or another link fits.",
    )
