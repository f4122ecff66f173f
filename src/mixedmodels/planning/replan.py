"""A plan for other rows, with the same model and parameters."""

from dataclasses import replace

import numpy as np

from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, rebuild
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import matrices_of
from mixedmodels.fit.request import Request
from mixedmodels.planning.family import categories_of
from mixedmodels.planning.layout import Design
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.planned import planned_problem, with_placeholder


def replan(old: Plan, frame: Frame, design: Design | None = None) -> Plan:
    """The same model and parameters for other rows.

    Transforms and codings keep the state that they have in `old`, so that the parameters mean
    the same.

    Raises
    ------
    DataError
        If the rows cannot identify the coefficients of `old`, or the weights or the offset were
        given as an array.
    """
    request = old.request
    _require_columns(request)
    request = replace(request, frame=frame, response=None)
    if request.distribution is not None or request.formula.response.isidentifier():
        categories = categories_of(old.problem.matrices)
        request = replace(request, frame=with_placeholder(request, categories))
    spec, matrices = matrices_of(request)
    if spec.x_names != old.spec.x_names:
        lost = sorted({*old.spec.x_names} ^ {*spec.x_names})
        raise DataError(
            f"With these rows the model has other coefficients: {', '.join(lost)}.\n"
            "Do:   choose sizes with which every cell of the design has rows."
        )
    return replace(
        old,
        request=request,
        design=design,
        problem=planned_problem(request, _recoded(old, matrices, request.frame)),
    )


def _require_columns(request: Request) -> None:
    """Refuse numbers of rows that other rows do not have."""
    own = {} if request.distribution is None else request.distribution.arguments
    given = {"weights": request.weights, "offset": request.offset, **own}
    lost = [name for name, value in given.items() if not isinstance(value, str | None)]
    if lost:
        raise DataError(
            f"The model was fitted with {' and '.join(lost)} given as an array, which other rows "
            "do not have.\nDo:   put it into a column of the data and fit with its name."
        )


def _recoded(old: Plan, matrices: ModelMatrices, frame: Frame) -> ModelMatrices:
    """The matrices with the columns of the old recipe: `poly` and the like keep their state."""
    kept = matrices.kept
    made = rebuild(old.spec, frame, groups=(), need_auxiliary=bool(old.spec.auxiliary))
    if not made.estimable.all():
        raise DataError(
            "Some of these rows need coefficients that the model has dropped: "
            f"{', '.join(old.spec.aliased)}.\n"
            "Do:   choose rows of the kinds that the model was made from, or leave out the terms "
            "that repeat others there."
        )
    terms = tuple(
        replace(term, Z=np.asfortranarray(new.Z[kept]), coordinates=recipe.coordinates)
        for term, new, recipe in zip(matrices.terms, made.terms, old.spec.terms, strict=True)
    )
    X = np.asfortranarray(made.X[kept])
    new = iter(made.auxiliary)
    auxiliary = tuple(
        before
        if before.thresholds is not None
        else replace(before, D=np.asfortranarray(next(new)[kept]))
        for before in old.problem.matrices.auxiliary
    )
    return replace(
        matrices, X=X, terms=terms, coordinates=old.spec.coordinates, auxiliary=auxiliary
    )
