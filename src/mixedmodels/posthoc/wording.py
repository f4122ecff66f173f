"""What rows and adjustments are called, in tables and pictures alike."""

from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.vocabulary import Adjustment

TITLES = {
    "mean": "Marginal means of {}",
    "trend": "Trends of {}",
    "contrast": "Contrasts of {}",
    "effect size": "Effect sizes of {}",
}

ADJUSTMENTS: dict[Adjustment, str] = {
    "tukey": "Tukey's method",
    "dunnett": "Dunnett's method",
    "dunnettx": 'an approximation to Dunnett\'s method (exact: adjust="dunnett")',
    "bonferroni": "Bonferroni's method",
    "holm": "Holm's method",
    "hochberg": "Hochberg's method",
    "hommel": "Hommel's method",
    "sidak": "Šidák's method",
    "scheffe": "Scheffé's method",
    "fdr": "Benjamini and Hochberg's method (false discovery rate)",
    "by": "Benjamini and Yekutieli's method (false discovery rate)",
    "mvt": "the multivariate t distribution",
}
"""What an adjustment is called in a note."""


def title_of(functions: LinearFunctions) -> str:
    """What the rows are, of which response and on which scale."""
    title = TITLES[functions.kind].format(functions.fit.spec.formula.response)
    if functions.shows_ratios or (functions.back is not None and functions.kind == "mean"):
        title += ", on the scale of the response"
    return title
