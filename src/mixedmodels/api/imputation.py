"""Missing values: imputing them, and looking at where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mixedmodels import rooms
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import FamilyName

if TYPE_CHECKING:
    from mixedmodels.imputation.imputations import Imputations


def impute(
    data: object,
    formulas: str | Mapping[str, str],
    n: int = 20,
    *,
    seed: Seed = None,
    burn_in: int = 10,
    thin: int = 5,
    families: Mapping[str, FamilyName] | None = None,
) -> Imputations:
    """Fill in missing values several times by mixed models, column by column in a chain.

    Every incomplete column has a model of its own, fitted where the column has values. Its
    parameters and random effects are drawn from their approximate posterior, so that imputations
    vary by what is not known of these, too, and new values are drawn from it. That goes round the
    columns again and again (fully conditional specification). What is there already stays to the
    bit.

    Parameters
    ----------
    data : frame
        pandas, polars, pyarrow, anything narwhals takes, or a dict of arrays.
    formulas : str or mapping
        The model of the analysis, ``"y ~ x + (1 | g)"``: it imputes the response, and models of its
        other incomplete columns are derived from it, linear in all of its columns and in the means
        of these within the first group. Or a formula for every incomplete column,
        ``{"y": "y ~ x + (1 | g)", "x": "x ~ y + (1 | g)"}``. Impute with the model of the analysis
        or a larger one; products and random slopes of incomplete columns need formulas of your own.
    n : int
        Imputations.
    seed : int or Generator, optional
        The randomness; the same seed gives the same imputations.
    burn_in, thin : int
        Cycles before the first imputation, and from one to the next. Where one column alone is
        incomplete, imputations are independent and need neither.
    families : mapping, optional
        Distributions of columns, ``{"visits": "poisson"}``, where they are not what the values
        tell: numbers have linear models, columns of 0 and 1, truth values and factors of two levels
        binomial ones, ordered factors ordinal ones.

    Returns
    -------
    Imputations
        `frames`, `long()`, `trace`, `models`, `plot()`; `lmm` and `glmm` take it and pool.

    Raises
    ------
    FormulaError
        If a formula cannot be read.
    DataError
        If nothing is missing, a column has missing values and no model, has values for which there
        is no model (unordered levels, dates), or a model cannot be fitted.

    Notes
    -----
    A column that is the same in all rows of a group is filled in group by group, by a model of one
    row per group. Values are missing at random given the columns of its model: no data can tell
    whether that is true. Whole numbers are not rounded, unless a family of counts says what they
    are. Of linear models fixed and random effects are exact draws given the variances, which come
    from a parametric bootstrap; of generalised ones they are approximate.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> data.loc[::6, "Reaction"] = None
    >>> imputed = mm.impute(data, "Reaction ~ Days + (Days | Subject)", n=10, seed=1)
    >>> imputed
    10 imputations of 180 rows
      Reaction: 30 values by linear: Reaction ~ Days + (Days | Subject)
    >>> pooled = mm.lmm("Reaction ~ Days + (Days | Subject)", imputed)
    >>> pooled.coef_table()["term"].tolist()
    ['Intercept', 'Days']
    """
    return rooms.impute(data, formulas, n, seed=seed, burn_in=burn_in, thin=thin, families=families)
