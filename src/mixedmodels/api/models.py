"""Fitting a model, and comparing several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args, overload

from numpy.typing import ArrayLike

from mixedmodels import rooms
from mixedmodels.api.pooling import pooled_over
from mixedmodels.data import Frame
from mixedmodels.data.cluster import Partitions
from mixedmodels.data.imputed import Imputed, imputed_frames
from mixedmodels.data.source import UNREAD, Source
from mixedmodels.design.environment import checked_context
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.request import Request
from mixedmodels.fit.requested import fit_request
from mixedmodels.formula import parse
from mixedmodels.model import LinearMixedModel, MixedModel
from mixedmodels.options import require_flag, require_option
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Context, Contrasts, FitMethod, KnownMatrices, Missing

if TYPE_CHECKING:
    from mixedmodels.inference.bootstrap import BootstrapTest
    from mixedmodels.pooling.model import PooledModel


@overload
def lmm(  # type: ignore[overload-overlap]  # a list is an object, too
    formula: str,
    data: list[Any] | tuple[Any, ...] | Imputed,
    *,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    residual: str | None = ...,
    sigma: str | float | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    method: FitMethod = ...,
    imp: None = ...,
) -> PooledModel: ...
@overload
def lmm(
    formula: str,
    data: object,
    *,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    residual: str | None = ...,
    sigma: str | float | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    method: FitMethod = ...,
    imp: str,
) -> PooledModel: ...
@overload
def lmm(
    formula: str,
    data: object,
    *,
    reml: bool = ...,
    weights: str | ArrayLike | None = ...,
    offset: str | ArrayLike | None = ...,
    contrasts: Contrasts | None = ...,
    context: Context | None = ...,
    missing: Missing = ...,
    control: Control | None = ...,
    residual: str | None = ...,
    sigma: str | float | None = ...,
    known: KnownMatrices | None = ...,
    fixed: Mapping[str, float] | None = ...,
    tied: Sequence[Sequence[str]] | None = ...,
    method: FitMethod = ...,
    imp: None = ...,
) -> LinearMixedModel: ...
def lmm(
    formula: str,
    data: object,
    *,
    reml: bool = True,
    weights: str | ArrayLike | None = None,
    offset: str | ArrayLike | None = None,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
    missing: Missing = "drop",
    control: Control | None = None,
    residual: str | None = None,
    sigma: str | float | None = None,
    known: KnownMatrices | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Sequence[Sequence[str]] | None = None,
    method: FitMethod = "auto",
    imp: str | None = None,
) -> LinearMixedModel | PooledModel:
    """Fit a linear mixed model.

    Parameters
    ----------
    formula : str
        ``response ~ fixed + (columns | group) + ...``. A bar makes the columns on its left random
        over the levels of the group, correlated (``|``) or independent (``||``); ``(1 | a/b)`` is
        ``(1 | a) + (1 | a:b)``. Without a bar, ordinary least squares.
    data : frame
        pandas, polars, pyarrow, anything narwhals takes, or a dict of arrays, of which the model
        keeps a copy. Or data that need not fit in memory, read in batches: a polars LazyFrame, a
        pyarrow Dataset, ParquetFile or RecordBatchReader, a DuckDB relation, an iterator of tables,
        or a function that returns one. Of more than some 17 million numbers no rows are kept, and
        what needs them says so. Or rows on the workers of a cluster, which sum them there: a Dask
        or Spark DataFrame, a list of delayed tables, a Ray Dataset; see docs/scale.md. Or a list of
        completed tables, or what `impute` returns: every one is fitted, see docs/missing.md.
    reml : bool
        Restricted maximum likelihood (the default, since its variances do not shrink with the
        number of fixed effects) or maximum likelihood, which comparing fixed effects by
        likelihood needs.
    weights : str or array, optional
        Precision weights, a column or one number per row: the residual variance of a row is
        sigma^2 divided by its weight. A pandas Series goes by its labels.
    offset : str or array, optional
        A known part of the mean, a column or one number per row, as `weights`.
    contrasts : mapping, optional
        Coding of categorical columns, as ``{"recipe": "sum"}``, one of ``treatment``, ``sum``,
        ``helmert``, ``poly``, ``diff``; ``("treatment", "Placebo")`` compares with that level; or
        a matrix (levels x columns), whose rows, if they have names, belong to the levels that they
        name.
    context : mapping, optional
        Functions and numbers that the formula may use by these names, as ``{"f": f}`` for
        ``f(x)``. A function takes arrays of floats and gives one number per row, the same
        whatever other rows there are. A formula can execute nothing else: see docs/formulas.md.
    missing : {"drop", "error"}
        Rows with a missing value in a column that the formula uses are dropped and counted in
        `n_missing`, or are an error.
    control : Control, optional
        Settings of the search.
    residual : str, optional
        Covariance of the residuals within the levels of one grouping factor, as
        ``"ar1(visit | subject)"``: a structure, the occasion or position of a row (``1`` for the
        order of rows), and the group. By default residuals are independent. See docs/formulas.md.
    sigma : str or float, optional
        What the residual standard deviation is a function of: ``"~ arm + time"`` for its log,
        ``"power(x)"``, ``"constpower(x)"``, ``"power(fitted)"``; or the number that it is known
        to be, as in a meta-analysis with ``weights=1 / variance`` and ``sigma=1``.
    known : mapping, optional
        Matrices that the formula names in ``known(1 | id, cov=K)`` or ``precision=Q``: labelled
        frames, or arrays and sparse matrices in the order of the levels.
    fixed : mapping, optional
        Variance parameters that keep a value, by the names under which they are reported, as
        ``{"sd(Subject:Intercept)": 1.0}``.
    tied : sequence, optional
        Groups of names of variance parameters that are to be equal.
    method : {"auto", "exact", "iterative"}
        ``"exact"`` factorises the equations. ``"iterative"`` is for crossed factors of so many
        levels that no factorisation fits: conjugate gradients and fixed random probes, whose Monte
        Carlo error `convergence.monte_carlo` holds. See docs/scale.md.
    imp : str, optional
        The column of a long table that numbers imputations, as ``".imp"`` of R's mice; rows of
        number 0, if these are the incomplete data, are left out.

    Returns
    -------
    LinearMixedModel
        Fitted and immutable. Or a `PooledModel`, of imputed data.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    DataError
        If the data cannot be used as the formula asks.
    ConvergenceError
        If the search fails and ``control.on_failure`` is ``"raise"``.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    >>> model.params.round(3).to_dict()
    {'Intercept': 251.405, 'Days': 10.467}
    """
    asked = partial(
        request_of,
        formula,
        reml=reml,
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=context,
        missing=missing,
        control=control,
        residual=residual,
        sigma=sigma,
        known=known,
        fixed=fixed,
        tied=tied,
        method=method,
    )
    imputed = imputed_frames(data, imp)
    if imputed is not None:
        return pooled_over(imputed, lambda table: LinearMixedModel(fit_request(asked(table))))
    return LinearMixedModel(fit_request(asked(data)))


def request_of(
    formula: str,
    data: object,
    *,
    reml: bool,
    weights: str | ArrayLike | None,
    offset: str | ArrayLike | None,
    contrasts: Contrasts | None,
    context: Context | None,
    missing: Missing,
    control: Control | None,
    residual: str | None,
    sigma: str | float | None,
    known: KnownMatrices | None,
    fixed: Mapping[str, float] | None,
    tied: Sequence[Sequence[str]] | None,
    method: FitMethod,
) -> Request:
    """The arguments of `lmm`, checked as far as they can be without reading the data."""
    require_flag("reml", reml)
    source = Partitions.of(data) or Source.of(data)
    require_option("method", method, get_args(FitMethod))
    return Request(
        formula=parse(formula),
        frame=Frame.of(data) if source is None else UNREAD,
        reml=bool(reml),
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=checked_context(context),
        missing=missing,
        control=checked_control(control),
        residual=residual,
        sigma=sigma,
        known=known,
        fixed=fixed,
        tied=tied,
        source=source,
        method=method,
    )


def checked_control(control: object) -> Control:
    """The settings of the search, by default those of `Control`."""
    if control is None:
        return Control()
    if not isinstance(control, Control):
        raise DataError(
            f"control is of type {type(control).__name__}.\n"
            "Do:   pass a Control, as Control(max_evaluations=50)."
        )
    return control


def compare(*models: MixedModel, names: Sequence[str] | None = None) -> object:
    """Compare models of the same data by likelihood ratios and information criteria.

    Generalised models of different families, too: all criteria contain every constant. There is a
    likelihood ratio where one family is a special case of another, such as the Poisson family of
    the negative binomial one; probabilities and densities are not compared.

    The rows go from the fewest parameters to the most, and each model is tested against the one in
    the row above. REML fits with the same fixed effects are compared by REML; otherwise models
    that were fitted by REML are fitted again by maximum likelihood, and their note says so.

    Parameters
    ----------
    *models : MixedModel
        Two or more, fitted to the same rows and the same response.
    names : sequence of str, optional
        What to call them in the table; by default their formulas.

    Returns
    -------
    table
        `model, npar, aic, aicc, bic, weight, llf, deviance, note, statistic, df, p_value,
        p_value_boundary`. `weight` is Akaike's. There is no test where a model is not a
        special case of the next. Where a variance is tested at zero, its boundary, `p_value`
        is too large; `p_value_boundary` is from the mixture of chi-squares that holds there, as
        the note tells.

    Raises
    ------
    DataError
        If there are fewer than two models, or they differ in rows, response or weights.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
    >>> same = mm.lmm("Reaction ~ Days + (1 | Subject)", data)
    >>> table = mm.compare(slopes, same, names=["random slopes", "one slope"])
    >>> table[["model", "npar", "aic", "statistic", "df"]].round(2)
               model  npar      aic  statistic   df
    0      one slope     4  1794.47        NaN  NaN
    1  random slopes     6  1755.63      42.84  2.0
    """
    return rooms.compare(_fits("compare", models), names)


def bootstrap_compare(
    first: MixedModel, second: MixedModel, n: int = 1000, *, seed: Seed = None
) -> BootstrapTest:
    """Test the smaller of two nested models by a parametric bootstrap.

    Samples are drawn from the smaller model, fitted by maximum likelihood (to which REML fits are
    refitted); the p-value is the share of samples whose likelihood ratio is at least that of the
    data (Davison & Hinkley 1997, section 4.2). It needs no chi-square: use it with few groups, and
    where a variance is tested at zero.

    Parameters
    ----------
    first, second : MixedModel
        In any order, of the same data.
    n : int
        Samples.
    seed : int or Generator, optional
        The randomness.

    Returns
    -------
    BootstrapTest
        `statistic, df, p_value, p_value_chi2, replicates, n_failed, table`.

    Raises
    ------
    DataError
        If the models are of different data, or neither is a special case of the other.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
    >>> none = mm.lmm("Reaction ~ 1 + (Days | Subject)", data)
    >>> mm.bootstrap_compare(slopes, none, n=199, seed=1).p_value
    0.005
    """
    return rooms.bootstrap_compare(_fits("bootstrap_compare", (first, second)), n, seed=seed)


def _fits(function: str, models: Sequence[object]) -> list[Fit]:
    fits = []
    for model in models:
        if not isinstance(model, MixedModel):
            raise DataError(
                f"{function}() was given an object of type {type(model).__name__}.\n"
                f"Do:   pass fitted models, one by one: {function}(first, second)."
            )
        fits.append(model.fit)
    return fits
