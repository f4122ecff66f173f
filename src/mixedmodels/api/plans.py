"""Planning a fit before anything dear is done."""

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from mixedmodels.api.models import request_of
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.plan import n_theta, planned
from mixedmodels.engine.settings import Control
from mixedmodels.engine.watching import watched
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import matrices_of
from mixedmodels.fit.requested import held_in_memory
from mixedmodels.report.fit_plan import FitPlan
from mixedmodels.vocabulary import Context, Contrasts, FitMethod, KnownMatrices, Missing


def plan(
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
) -> FitPlan:
    """Say what `lmm` of the same arguments would cost, without fitting.

    The model matrices are made (their memory is linear in the rows), the levels that occur
    together are counted, and the elimination is planned on paper for up to three million rows;
    beyond, bounds are given. Nothing of the size of a factorisation is reserved.

    Parameters
    ----------
    formula, data, reml, weights, offset, contrasts, context, missing, control, residual, sigma, \
known, fixed, tied, method
        As of `lmm`. ``Control(memory_limit=...)`` is what memory is held against.

    Returns
    -------
    FitPlan
        Rows, columns, levels, nonzeros, multiplications, memory and rough seconds per method, and
        the method that would be taken. It prints; ``table()`` gives the methods as a frame.

    Raises
    ------
    FormulaError, DataError
        As of `lmm`; and for data read in batches that are too many for memory.

    Notes
    -----
    For models with structured covariances the sizes are those of the same random terms without
    structure: their equations have the same pattern, unless the residuals are correlated.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> plan = mm.plan("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    >>> plan.n, plan.levels, plan.n_theta, plan.method
    (180, {'Subject': 18}, 3, 'exact')
    """
    request = request_of(
        formula,
        data,
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
    with watched(request.control):
        held = held_in_memory(request)
        if held is None:
            raise DataError(
                "The data are too many for memory, and a plan needs their levels side by side.\n"
                "Do:   plan a part of them, such as the rows of some of the groups; or fit: "
                "cross-products are\n"
                "      summed in batches, and held against Control(memory_limit=...) before the "
                "search."
            )
        _, matrices = matrices_of(held)
        foreseen = planned(matrices)
    found = foreseen.foresight
    columns = dict.fromkeys((g.name for g in matrices.groupings), 0)
    for term in matrices.terms:
        columns[matrices.groupings[term.group].name] += len(term.names)
    return FitPlan(
        formula=request.formula.text,
        n=len(matrices.y),
        n_missing=matrices.n_missing,
        n_fixed=matrices.X.shape[1],
        levels={g.name: len(g.levels) for g in matrices.groupings},
        columns=columns,
        n_theta=n_theta(matrices),
        nonzeros=found.nonzeros,
        nonzeros_factor=found.factor,
        remainder=found.remainder,
        flops=found.flops + 0.0,  # a sum of nothing is -0.0
        is_bound=found.is_bound,
        costs=foreseen.costs,
        data_bytes=_bytes(matrices),
        available=foreseen.available,
        method=foreseen.route if method == "auto" else method,
        reason=foreseen.reason if method == "auto" else "it was asked for",
        frame=held.frame,
    )


def _bytes(matrices: ModelMatrices) -> int:
    """Of the model matrices."""
    arrays = [matrices.y, matrices.X, matrices.weights, matrices.offset]
    arrays += [term.Z for term in matrices.terms]
    codes = sum(grouping.codes.nbytes for grouping in matrices.groupings)
    return codes + sum(array.nbytes for array in arrays if array is not None)
