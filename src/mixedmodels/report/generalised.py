"""What the summary of a generalised model has of its own: family, scale, parts beside the mean."""

import numpy as np
from scipy import special

from mixedmodels.data import label
from mixedmodels.fit.auxiliary import PartEstimates, part_estimates
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import total_trials
from mixedmodels.report import numbers
from mixedmodels.report.document import Section, as_rows
from mixedmodels.report.random_effects import random_effects
from mixedmodels.report.words import family_in_words, integral_in_words

MOST = 12
"""Columns of a term whose correlations are shown."""

HEADINGS = {
    "dispersion": "Dispersion, on the log scale",
    "shape": "Shape, on the log scale",
    "zero": "Zero inflation, on the logit scale",
    "hurdle": "Hurdle, on the logit scale",
    "thresholds": "Thresholds",
}

DISPERSIONS = {
    "gaussian": "the residual standard deviation",
    "nb1": "alpha: the variance is mean × (1 + alpha)",
    "nb2": "the size: the variance is mean + mean² / size",
    "gamma": "the coefficient of variation: the variance is its square × mean²",
    "inverse_gaussian": "s: the variance is s² × mean³",
    "beta": "the precision phi: the variance is mean × (1 - mean) / (1 + phi)",
    "beta_binomial": "the precision phi of the beta distribution of the probabilities",
    "student_t": "the scale of the t distribution",
}
"""What the dispersion is, by family."""


def title(fit: Fit) -> str:
    """What was fitted, and how."""
    if not fit.matrices.terms:
        return "Generalised linear model without random effects, fitted by maximum likelihood"
    return f"Generalised linear mixed model fitted by maximum likelihood ({integral_in_words(fit)})"


def family_facts(fit: Fit) -> tuple[tuple[str, str], ...]:
    """Family and link, the meaning of a response that is no number, and named arguments; nothing
    of a linear model.
    """
    asked = fit.request.distribution
    if fit.generalised is None or asked is None:
        return ()
    facts = [("Family", f"{family_in_words(fit)}; {fit.family.link} link")]
    size = fit.matrices.size
    if size is not None:
        facts.append(("Trials", f"{total_trials(fit):.0f} in all"))
    levels = fit.spec.response_levels
    if fit.family.response == "trials" and levels:
        facts.append(("Success", f"{label(levels[1])} (failure: {label(levels[0])})"))
    if fit.family.response == "ordered":
        facts.append(("Categories", " < ".join(map(label, levels)) + "; no intercept: thresholds"))
    texts = (("Dispersion", asked.dispersion), ("Zeros", asked.zero))
    facts += [(name, text) for name, text in texts if text is not None]
    if asked.exposure is not None:
        exposure = asked.exposure
        facts.append(("Exposure", exposure if isinstance(exposure, str) else "an array"))
    return tuple(facts)


def on_the_linear_predictor(fit: Fit) -> Section:
    """The random effects, which are on that scale."""
    return random_effects(fit, note="On the scale of the linear predictor.", most=MOST)


def part_sections(fit: Fit) -> tuple[Section, ...]:
    """The parts beside the mean, a table each."""
    return tuple(_part(fit, part) for part in part_estimates(fit))


def _part(fit: Fit, part: PartEstimates) -> Section:
    is_hurdle = fit.family.zero == "hurdle"
    errors = np.sqrt(np.diag(part.covariance)).tolist()
    cells = numbers.column([*part.estimates.tolist(), *errors], yardstick=errors)
    p = len(errors)
    columns = (part.names, cells[:p], cells[p:])
    header = ("Term", "Estimate", "Std. error")
    heading = HEADINGS["hurdle" if is_hurdle and part.kind == "zero" else part.kind]
    return Section(heading, header, as_rows(columns), n_text=1, footnote=_meaning(fit, part))


def _meaning(fit: Fit, part: PartEstimates) -> str:
    """What the numbers of a part say, on their natural scale where there is but one."""
    value = float(part.estimates[0])
    is_constant = part.names == ("Intercept",)
    if part.kind == "thresholds":
        return "P(category at most the one on the left) = F(threshold - linear predictor)."
    if part.kind == "zero":
        what = "of a zero" if fit.family.zero == "hurdle" else "of a zero beside the family's own"
        shown = f": {numbers.general(float(special.expit(value)), digits=4)}" if is_constant else ""
        return f"The probability {what}{shown}."
    shown = f": {numbers.general(float(np.exp(value)), digits=4)}" if is_constant else ""
    if part.kind == "shape":
        return f"The degrees of freedom of the t distribution{shown}."
    of = DISPERSIONS[fit.family.name]
    return f"{of[0].upper()}{of[1:]}{shown}."
