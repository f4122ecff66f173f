"""The intraclass correlation: the share of the variance that is between groups."""

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.explained_variance import by_group, explained_variance
from mixedmodels.options import require_option


def icc(fit: Fit, *, of_group: str | None = None) -> dict[str, float]:
    """The share of the random effects, of all groups together or of one.

    ``adjusted`` for the fixed effects, whose variance does not count; ``unadjusted``, a share of
    the whole variance. Of random slopes it takes the mean variance over the rows. The shares of
    the groups add up to that of all; the correlation of two rows that share several groups is the
    sum of theirs.

    Raises
    ------
    DataError
        If the model has no random effects, or not those of the group.
    """
    if not fit.matrices.terms:
        raise DataError(
            "The model has no random effects, so it has no intraclass correlation.\n"
            "Do:   add a random term such as (1 | group) to the formula."
        )
    parts = explained_variance(fit)
    random = parts.random if of_group is None else _share(fit, of_group)
    return {
        "adjusted": random / (parts.random + parts.residual),
        "unadjusted": random / parts.total,
    }


def _share(fit: Fit, group: str) -> float:
    shares = by_group(fit)
    require_option("of_group", group, tuple(shares))
    return shares[group]
