"""Missing values: imputing them, and looking at where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mixedmodels import rooms
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import FamilyName, TrialMethod

if TYPE_CHECKING:
    from mixedmodels.imputation.imputations import Imputations
    from mixedmodels.imputation.missingness import Missingness
    from mixedmodels.imputation.trial import Delta


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


def impute_trial(
    model: object,
    *,
    arm: str,
    reference: object,
    method: TrialMethod = "j2r",
    delta: Delta = None,
    n: int = 20,
    seed: Seed = None,
) -> Imputations:
    """Fill in the missed visits of a trial under an assumption about what would have been seen.

    A sensitivity analysis of a mixed model for repeated measures, which takes missing visits as
    missing at random. The parameters are drawn from their approximate posterior, missed visits from
    the joint normal distribution of all visits of a subject (Carpenter, Roger & Kenward 2013).

    Parameters
    ----------
    model : LinearMixedModel
        As `mmrm` returns it, of a table with a row for every visit, missed ones without response.
    arm : str
        The column of the arms.
    reference
        The arm that others are taken to.
    method : {"j2r", "mar", "cr", "cir"}
        ``"j2r"``: after the last visit seen a subject has the means of the reference arm (jump to
        reference); ``"cr"``: at all visits (copy reference); ``"cir"``: from there on its
        increments (copy increments in reference); ``"mar"``: those of its own arm.
    delta : float, mapping or str, optional
        Added to imputed values: one number in all arms but the reference, a number per arm
        ``{"active": 2.0}``, or a column with the number of each row.
    n : int
        Imputations.
    seed : int or Generator, optional
        The randomness; the same seed gives the same imputations.

    Returns
    -------
    Imputations
        `mmrm` and `lmm` take it and pool.

    Raises
    ------
    DataError
        If the model is no repeated-measures fit, its response is not a column, rows of missed
        visits or covariates are not there, or an option is not known.

    Notes
    -----
    Visits missed before the last one seen are drawn given all that was seen, too. A subject with no
    visit at all has the means of the reference arm under every method but ``"mar"``. Standard
    errors by Rubin's rules keep the information that is lost constant between assumptions (Cro,
    Carpenter & Kenward 2019), which makes them larger than the spread over repeated trials.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("orthodont")
    >>> data.loc[data.index % 16 > 13, "distance"] = None
    >>> fitted = mm.mmrm("distance ~ Sex * C(age)", data, subject="Subject", visit="age")
    >>> imputed = mm.impute_trial(fitted, arm="Sex", reference="Male", n=5, seed=1)
    >>> pooled = mm.mmrm("distance ~ Sex * C(age)", imputed, subject="Subject", visit="age")
    >>> pooled.m
    5
    """
    return rooms.impute_trial(
        model, arm=arm, reference=reference, method=method, delta=delta, n=n, seed=seed
    )


def missingness(
    data: object,
    columns: Sequence[str] | None = None,
    *,
    value: str | None = None,
    by: str | None = None,
    time: str | None = None,
) -> Missingness:
    """Look at which values are missing, together or from some visit on.

    Parameters
    ----------
    data : frame
        Any library.
    columns : sequence of str, optional
        Those to look at; all by default.
    value, by, time : str, optional
        Of longitudinal data the column that is followed, that of the subjects and that of the
        visits: when subjects are seen last. A visit without a row is one that was missed.

    Returns
    -------
    Missingness
        `columns`, `patterns`, `dropout`, `profiles`, and `plot()` of the last three.

    Raises
    ------
    DataError
        If there is no such column, `value`, `by` and `time` are not given together, `value` holds
        no numbers, or a subject has a visit twice.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("orthodont")
    >>> data.loc[data.index % 16 > 13, "distance"] = None
    >>> found = mm.missingness(data, value="distance", by="Subject", time="age")
    >>> found
    96 of 108 rows are complete in 4 columns
      distance: 12 missing (11.1%)
      21 of 27 subjects have distance at the last visit, 14
    >>> found.dropout
      visit  n_seen  n_remaining     share
    0     8      27           27  1.000000
    1    10      27           27  1.000000
    2    12      21           21  0.777778
    3    14      21           21  0.777778
    """
    return rooms.missingness(data, columns, value=value, by=by, time=time)
