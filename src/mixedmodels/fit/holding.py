"""A problem some of whose variance parameters are held: fixed at a value, or tied to each other.

Values are given on the scale of the report, where a standard deviation has the units of the
response. So the criterion is taken with sigma = 1 known and a free residual standard deviation:
then every parameter is absolute, and holding one holds a coordinate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import Structure
from mixedmodels.design import ModelMatrices
from mixedmodels.design.residual_matrix import ResidualMatrix
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.engine.structured_terms import Values
from mixedmodels.errors import DataError
from mixedmodels.fit.covariance_parameters import parameters_at

Vector = NDArray[np.float64]

SAME = 1e-12
"""Relative difference of coordinates that are the same."""


def held_problem(
    matrices: ModelMatrices, fixed: Mapping[str, float], tied: Sequence[Sequence[str]]
) -> StructuredProblem:
    """The problem of `matrices` with parameters fixed at values, or equal to each other.

    Raises
    ------
    DataError
        If a parameter has no such name, is no coordinate of its structure, or cannot have the
        value.
    """
    problem = free_problem(matrices)
    names = parameters_at(problem, problem.native.start, 1.0).names
    wanted = dict.fromkeys([*fixed, *(name for group in tied for name in group)])
    place = {name: _coordinate(problem, names, name) for name in wanted}
    values: list[tuple[float, int | None]] = [(np.nan, j) for j in range(problem.n_theta)]
    for name, value in fixed.items():
        values[place[name]] = (_at(problem, names, name, value, place[name]), None)
    for group in tied:
        first = place[group[0]]
        for name in group[1:]:
            _require_alike(problem, names, (group[0], name), (first, place[name]))
            values[place[name]] = values[first]
    return replace(problem, values=_renumbered(values))


def free_problem(matrices: ModelMatrices) -> StructuredProblem:
    """The problem with sigma = 1 known and every parameter free, the residual sd among them."""
    residual = matrices.residual
    if residual is None or residual.structure is None:
        n = len(matrices.y)
        scale = None if residual is None else residual.scale
        residual = ResidualMatrix(
            structure=Structure("diag", hom=True),
            group="",
            codes=np.arange(n, dtype=np.int32),
            levels=(),
            positions=np.zeros((n, 1)),
            occasions=(),
            part=np.zeros(n, dtype=np.int32),
            scale=scale,
        )
    known = matrices.known_sigma is not None
    absolute = replace(
        matrices,
        residual=matrices.residual if known else residual,
        known_sigma=matrices.known_sigma if known else 1.0,
    )
    problem = StructuredProblem(absolute)
    values: Values = [(np.nan, j) for j in range(problem.native.n_full)]
    return replace(problem, values=problem.native.values if known else values)


def _coordinate(problem: StructuredProblem, names: Sequence[str], name: str) -> int:
    """The element of theta that alone decides a parameter."""
    if name not in names:
        raise DataError(
            f"There is no variance parameter {name!r}.\nDo:   write one of {', '.join(names)}."
        )
    row = problem.report(_elsewhere(problem)).jacobian[names.index(name)]
    places = np.flatnonzero(row)
    if len(places) != 1:
        raise DataError(
            f"{name} cannot be fixed or tied by itself.\n"
            "Do:   use a structure with this parameter, such as cs, ar1 or diag, or one with "
            "hom=True.\n"
            "Why:  in an unstructured covariance it is a function of several coordinates."
        )
    return int(places[0])


def _elsewhere(problem: StructuredProblem) -> Vector:
    """A point at which no derivative is zero by chance."""
    steps = 0.1 + 0.05 * np.arange(problem.n_theta) / max(problem.n_theta, 1)
    elsewhere: Vector = problem.native.start + steps * problem.units
    return elsewhere


def _at(
    problem: StructuredProblem, names: Sequence[str], name: str, value: float, place: int
) -> float:
    """The coordinate at which a parameter has a value."""
    sigma = problem.sigma or 1.0
    report = problem.report(_elsewhere(problem))
    index = names.index(name)
    wanted = report.values.copy()
    wanted[index] = value / sigma if report.entries[index].is_sd else value
    full = problem.native.coordinates(wanted)
    is_negative = report.entries[index].is_sd and value < 0
    if is_negative or full is None or not np.isfinite(full).all():
        raise DataError(
            f"{name} cannot be {value}.\n"
            "Do:   give a standard deviation that is not negative, a correlation inside its range."
        )
    return float(full[place])


def _require_alike(
    problem: StructuredProblem,
    names: Sequence[str],
    pair: tuple[str, str],
    places: tuple[int, int],
) -> None:
    """Equal parameters must have equal coordinates."""
    report = problem.report(_elsewhere(problem))
    value = report.values[names.index(pair[0])]
    scale = (problem.sigma or 1.0) if report.entries[names.index(pair[0])].is_sd else 1.0
    both = [
        _at(problem, names, name, value * scale, place)
        for name, place in zip(pair, places, strict=True)
    ]
    if abs(both[0] - both[1]) > SAME * max(abs(both[0]), 1.0):
        raise DataError(
            f"{pair[0]} and {pair[1]} cannot be tied.\n"
            "Do:   tie parameters of the same kind, of structures of the same kind and size."
        )


def _renumbered(values: Values) -> Values:
    """The same with the free parameters numbered without gaps."""
    used = sorted({j for _, j in values if j is not None})
    number = {j: k for k, j in enumerate(used)}
    return [(value, None if j is None else number[j]) for value, j in values]
