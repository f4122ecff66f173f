"""Linear functions of every imputation, to be pooled."""

from collections.abc import Callable, Sequence

from mixedmodels.fit.fit import Fit
from mixedmodels.pooling.complete import CompleteDf, asked_df
from mixedmodels.pooling.means import PooledMeans
from mixedmodels.pooling.rows import pooled_rows
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.vocabulary import DegreesOfFreedom


def pooled_means(
    fits: Sequence[Fit],
    ddf: CompleteDf,
    make: Callable[[Fit, DegreesOfFreedom], LinearFunctions],
) -> PooledMeans:
    """The rows that `make` gives of a fit and a method of degrees of freedom, of all fits.

    Raises
    ------
    DataError
        If they cannot be made, or mean something else in each.
    """
    word, number = asked_df(fits[0], ddf)
    return PooledMeans(pooled_rows([make(fit, word) for fit in fits], number))
