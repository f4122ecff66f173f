"""One model of many responses."""

from numpy.typing import ArrayLike

from mixedmodels.api.models import checked_control
from mixedmodels.data import Frame
from mixedmodels.design.environment import checked_context
from mixedmodels.engine.settings import Control
from mixedmodels.fit.request import Request
from mixedmodels.formula import parse
from mixedmodels.options import require_flag
from mixedmodels.responses import Many, ManyRequest, fit_many
from mixedmodels.responses.request import Hypotheses, with_place
from mixedmodels.vocabulary import (
    Adjustment,
    Context,
    Contrasts,
    DegreesOfFreedom,
    KnownMatrices,
    Missing,
)


def many(
    formula: str,
    data: object,
    responses: object,
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
    ddf: DegreesOfFreedom = "satterthwaite",
    adjust: Adjustment = "fdr",
    hypotheses: Hypotheses = None,
) -> Many:
    """Fit one linear mixed model to each of many responses: genes, voxels, items, simulations.

    Each fit is that of `lmm` with this response, with the same estimates, standard errors and
    degrees of freedom. The design is built once, and the responses are fitted on all cores, in
    blocks, so that memory does not grow with their number.

    Parameters
    ----------
    formula : str
        ``~ fixed + (columns | group) + ...``, as in `lmm`, without a response. A name before the
        tilde stands for each of the responses and is not looked up.
    data : frame
        What the formula uses: pandas, polars, pyarrow, anything narwhals takes, or a dict of
        arrays.
    responses : list of str, array, frame, mapping or iterator
        Names of columns of `data`; an array (n, r) with a row per row of the data, also float32,
        sparse, a `numpy.memmap` or another array on disk that can be sliced; a frame (a pandas one
        goes by its index); a mapping of arrays; an AnnData (its ``X``, by ``obs_names`` where the
        data have row labels). Or an iterator of any of these, which is read block by block.
        Columns of an array without names are numbered from 0.
    reml, weights, offset, contrasts, context, control, residual, sigma, known
        As in `lmm`, the same for every response. A search that fails is marked, whatever
        ``control.on_failure``; ``control.time_limit`` is for the whole call, and after it, as after
        an interrupt, the responses that are done come back with a ``StoppedEarlyWarning``.
    missing : {"drop", "error"}
        Rows in which a column of the formula is missing are dropped for all responses; a row in
        which a response is missing is dropped for that response alone. Codings, levels and the
        state of transforms such as ``scale(x)`` stay those of all rows, so that a coefficient
        means the same in every response. Or either is an error.
    ddf : str
        Denominator degrees of freedom: ``"satterthwaite"`` (the default, as in `coef_table`),
        ``"kenward-roger"``, ``"residual"``, ``"normal"``; the other methods of `coef_table` are
        there too, response by response.
    adjust : {"fdr", "by", "holm", "hochberg", "hommel", "bonferroni", "sidak", "none"}
        Adjustment of the p-values of one term over the responses. By default the false discovery
        rate (Benjamini & Hochberg 1995), as with thousands of responses some of those found may be
        wrong, if few are.
    hypotheses : str, sequence of str or array, optional
        Linear functions of the coefficients that are tested as well, as ``"b - a = 0"``: each is a
        row of the tables.

    Returns
    -------
    Many
        Immutable. Tables `coefficients`, `variances`, `fits` and `failures`.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    DataError
        If the data cannot be used as the formula asks, or the responses have other rows, repeated
        names or no numbers. A response that has no fit (constant, reproduced exactly, infinite,
        with too few rows) is no error: it is marked in its row of `fits`, with the reason in
        `failures`, and the others go on.

    Notes
    -----
    Models with structured covariances (``ar1``, ``residual=``, …) and models whose variances the
    data cannot all tell are fitted one by one: right, but slower.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("gcsemv")
    >>> found = mm.many("~ gender + (1 | school)", data, ["written", "course"])
    >>> found.coefficients[["response", "term", "estimate", "p_adjusted"]].round(3)
      response         term  estimate  p_adjusted
    0  written    Intercept    46.580         0.0
    1  written  gender[T.M]     2.402         0.0
    2   course    Intercept    76.468         0.0
    3   course  gender[T.M]    -6.739         0.0
    """
    require_flag("reml", reml)
    control = checked_control(control)
    request = Request(
        formula=parse("response ~ 1"),
        frame=Frame.of(data),
        reml=bool(reml),
        weights=weights,
        offset=offset,
        contrasts=contrasts,
        context=checked_context(context),
        missing=missing,
        control=control,
        residual=residual,
        sigma=sigma,
        known=known,
    )
    return fit_many(ManyRequest(with_place(request, formula), ddf, adjust, hypotheses), responses)
