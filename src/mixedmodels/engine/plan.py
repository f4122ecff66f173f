"""What a fit would cost by either method, and which of them is taken.

Sizes, counts and bytes come from the engine (`foresee`), which plans the elimination on paper for
up to some millions of rows, and bounds it beyond. Seconds are counts times constants that were
measured on ordinary machines: they tell minutes from hours, no more.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.arrays import in_rows
from mixedmodels.engine.watching import memory_left

Route = Literal["exact", "iterative"]
"""How a model is fitted."""

SMALL_REMAINDER = 4_000
"""Levels times columns of all factors but the largest up to which nothing has to be foreseen."""

DENSE_BYTES = 24.0
"""Bytes per entry of a dense remainder: itself, its factor and its inverse."""

PATIENCE = 600.0
"""Seconds up to which an exact fit is preferred whatever an iterative one takes."""

DEARER = 5.0
"""Times the seconds of an iterative fit beyond which an exact one is not worth its exactness."""

EVALUATIONS = 8.0
"""Evaluations with derivatives that a search takes, about; where one is dear, all but the last two
are approximate."""

DEAR = 1e9
"""Multiplications of an evaluation from which it is dear."""

SPARSE_RATE = 4e8
DENSE_RATE = 3e10
"""Multiplications per second and core: of blocks of a few rows, and of a large dense remainder."""

ROW_RATE = 3e7
"""Numbers of rows, per second and core, that are read, sorted and summed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one method would take.

    Attributes
    ----------
    building : float
        Bytes of forming the cross-products, beyond the data.
    memory : float
        Bytes at the peak of the fit, beyond the data.
    seconds : float
        Order of magnitude.
    """

    building: float
    memory: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Planned:
    """What is foreseen of the fit of some matrices.

    Attributes
    ----------
    foresight : Foresight
        The engine's counts.
    costs : dict
        `Cost` by method; models with structured covariances have no iterative one.
    available : int
        Bytes that the process may still take.
    route : {"exact", "iterative"} or None
        What ``method="auto"`` takes; None where neither fits in memory.
    reason : str
        Why.
    """

    foresight: _native.Foresight
    costs: dict[Route, Cost]
    available: int
    route: Route | None
    reason: str


def planned(matrices: ModelMatrices) -> Planned:
    """Foresee the cost of a fit: one pass over the rows, and nothing of the size of a factor."""
    found = foresight_of(matrices)
    return planned_from(found, _row_numbers(matrices), memory_left(), is_plain=matrices.is_plain)


def planned_from(
    found: _native.Foresight, numbers: float, left: Callable[[], int], *, is_plain: bool
) -> Planned:
    """Choose the route of what is foreseen; `numbers` are the numbers that the rows hold."""
    cores = os.cpu_count() or 1
    reading = numbers / (ROW_RATE * cores**0.5)
    costs: dict[Route, Cost] = {
        "exact": Cost(found.building, found.exact, reading + _exact_seconds(found, cores))
    }
    if is_plain and found.remainder > 0:
        search = EVALUATIONS * found.iterative_flops / (SPARSE_RATE * cores)
        costs["iterative"] = Cost(found.building, found.iterative, reading + search)
    available = left()
    return Planned(found, costs, available, *_route(costs, available))


def foresight_of(matrices: ModelMatrices) -> _native.Foresight:
    """The engine's counts."""
    groups = [(in_rows(g.codes), len(g.levels)) for g in matrices.groupings]
    widths = [0] * len(groups)
    for term in matrices.terms:
        widths[term.group] += len(term.names)
    n, p = matrices.X.shape
    return _native.foresee(n, p + 1, sum(widths), n_theta(matrices), groups, widths)


def n_theta(matrices: ModelMatrices) -> int:
    """Covariance parameters of the random terms."""
    return sum(term.structure.n_parameters(len(term.names)) for term in matrices.terms)


def is_small(matrices: ModelMatrices) -> bool:
    """Whether the sizes tell at a glance that the exact method is the one."""
    by_group = [0] * len(matrices.groupings)
    for term in matrices.terms:
        by_group[term.group] += len(matrices.groupings[term.group].levels) * len(term.names)
    return sum(by_group) - max(by_group, default=0) <= SMALL_REMAINDER


def is_remainder_dear(m: int) -> bool:
    """Whether a dense remainder of order `m` needs more memory than there is, or very long."""
    if m <= SMALL_REMAINDER:
        return False
    seconds = 2.5 * float(m) ** 3 / (DENSE_RATE * (os.cpu_count() or 1))
    return DENSE_BYTES * float(m) ** 2 > memory_left()() or seconds > PATIENCE


def _exact_seconds(found: _native.Foresight, cores: int) -> float:
    dense = min(found.flops, float(found.remainder) ** 3)
    once = dense / (DENSE_RATE * cores) + (found.flops - dense) / (SPARSE_RATE * cores)
    return once * (2.5 if found.flops > DEAR else EVALUATIONS)


def _route(costs: dict[Route, Cost], available: int) -> tuple[Route | None, str]:
    exact, iterative = costs["exact"], costs.get("iterative")
    if exact.memory <= available:
        limit = PATIENCE if iterative is None else max(PATIENCE, DEARER * iterative.seconds)
        if iterative is None or exact.seconds <= limit:
            return "exact", "it fits in memory, and gives the exact criterion"
        return "iterative", "an exact fit would take very much longer"
    if iterative is not None and iterative.memory <= available:
        return "iterative", "an exact fit needs more memory than there is"
    return None, "there is less memory than a fit needs"


def _row_numbers(matrices: ModelMatrices) -> float:
    n, p = matrices.X.shape
    columns = sum(term.Z.shape[1] for term in matrices.terms)
    return float(n * (p + 1 + columns + 2 * len(matrices.groupings)))
