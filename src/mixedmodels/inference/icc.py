"""The intraclass correlation: the share of the variance that is between groups."""

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.explained_variance import explained_variance


def icc(fit: Fit) -> dict[str, float]:
    """The share of the random effects, all groups together.

    ``adjusted`` for the fixed effects, whose variance does not count; ``unadjusted``, a share of
    the whole variance. Of random slopes it takes the mean variance over the rows.

    Raises
    ------
    DataError
        If the model has no random effects.
    """
    if not fit.matrices.terms:
        raise DataError(
            "The model has no random effects, so it has no intraclass correlation.\n"
            "Do:   add a random term such as (1 | group) to the formula."
        )
    parts = explained_variance(fit)
    return {
        "adjusted": parts.random / (parts.random + parts.residual),
        "unadjusted": parts.random / parts.total,
    }
