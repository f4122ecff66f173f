"""What a design can tell apart: the efficiency factor of every effect within every unit.

An effect of factors that vary within a unit is estimated from differences within its levels. The
efficiency factor (Yates 1936; James & Wilkinson 1971, *Biometrika* 58, 279-294) is the share of its
information that is left when the levels of the unit, and the other effects of as many or fewer
factors, are fitted as well: 1 in a balanced design, 0 where the effect is confounded with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Term = tuple[str, ...]

ORDER = 3
"""Effects of so many factors at most are looked at."""

COLUMNS = 200
"""Columns of all effects at most; of more, interactions of the highest order are left out."""

EVEN = 1 - 1e-6
"""Efficiency from which an effect counts as balanced: the rest is rounding."""

NAMED = 4
"""Effects that are not quite balanced and are printed."""

RIDGE = 1e-10
"""Information, relative to a row's, that is added so that singular designs have an inverse."""

ZERO = 1e-6
"""Share of the information that counts as none: the rest is the ridge and rounding."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor whose levels are assigned, on the combinations of units.

    Attributes
    ----------
    columns : array (levels, k)
        The coding of its levels, which only has to span their differences.
    index : array (n,)
        The position of the level.
    between : set of str
        Units within whose levels it does not vary.
    """

    columns: Vector
    index: Index
    between: frozenset[str]


@dataclass(frozen=True, slots=True)
class Efficiency:
    """How much of an effect the design can tell.

    Attributes
    ----------
    effect : tuple of str
        Its factors.
    within : tuple of str
        The units whose levels are fitted as well; none for the other effects alone.
    value : float
        The least efficiency factor of its contrasts, between 0 and 1.
    """

    effect: Term
    within: Term
    value: float

    @property
    def label(self) -> str:
        """The effect, and where it is looked at."""
        place = f" within {' and '.join(self.within)}" if self.within else ""
        return f"{':'.join(self.effect)}{place}"

    @property
    def is_confounded(self) -> bool:
        """Whether nothing is left of some contrast."""
        return self.value == 0.0


def balance_lines(found: Sequence[Efficiency]) -> list[str]:
    """What is confounded, what keeps part of its information, or that all is balanced."""
    if not found:
        return []
    lost = [one.label for one in found if one.is_confounded]
    least = [one for one in found if 0.0 < one.value < EVEN]
    least.sort(key=lambda one: one.value)
    lines = [f"  confounded: {', '.join(lost)}"] if lost else []
    if least:
        said = ", ".join(f"{one.label} {one.value:.1%}" for one in least[:NAMED])
        more = f", {len(least) - NAMED} more" if len(least) > NAMED else ""
        lines.append(f"  not quite balanced (information left): {said}{more}")
    return lines or ["  balanced: every effect of these, within every unit that it varies in"]


def efficiencies(
    factors: Mapping[str, Factor], units: Mapping[str, Index], nested: Mapping[str, str]
) -> tuple[Efficiency, ...]:
    """Every effect of up to `ORDER` factors, alone, within every unit that it varies in, and
    within all of those.

    Parameters
    ----------
    factors
        By name.
    units
        Per unit the number of its level in every combination of units.
    nested
        Unit to its parent.
    """
    if not factors:
        return ()
    terms = _terms(factors)
    shape = [len(factor.columns) for factor in factors.values()]
    codes = np.ravel_multi_index([factor.index for factor in factors.values()], shape)
    used, cell = np.unique(codes, return_inverse=True)
    X, places = _coded(factors, terms, np.stack(np.unravel_index(used, shape), axis=1))
    counts = np.bincount(cell).astype(np.float64)
    total = X.T @ (counts[:, None] * X)
    mean = np.outer(counts @ X, counts @ X) / counts.sum()
    between = {u: _between(X, cell, index) - mean for u, index in units.items()}
    alone = total - mean
    ideal = {term: _with_margins(term, places, alone) for term in terms}
    left: dict[Term, dict[Term, Vector]] = {}
    found = []
    for term in terms:
        within = [u for u in units if not all(u in factors[name].between for name in term)]
        for inside in _combined(within, nested):
            if inside not in left:
                # levels of crossed units are orthogonal, so that what lies between them adds up
                swept = alone - sum((between[u] for u in inside), start=0.0 * mean)
                left[inside] = _with_rivals(places, swept, scale=counts.sum())
            value = _efficiency(ideal[term], left[inside][term], scale=counts.sum())
            found.append(Efficiency(term, inside, value))
    return tuple(found)


def _combined(within: Sequence[str], nested: Mapping[str, str]) -> list[Term]:
    """No unit, each, and all of them; where one is nested in another, the inner one says all."""
    inner = tuple(unit for unit in within if unit not in {nested.get(other) for other in within})
    each: list[Term] = [(), *((unit,) for unit in within)]
    return [*each, inner] if len(inner) > 1 else each


def _terms(factors: Mapping[str, Factor]) -> list[Term]:
    sizes = {name: factor.columns.shape[1] for name, factor in factors.items()}
    for order in range(ORDER, 0, -1):
        terms = [t for k in range(1, order + 1) for t in combinations(factors, k)]
        if sum(prod(sizes[name] for name in term) for term in terms) <= COLUMNS:
            break
    return terms


def _coded(
    factors: Mapping[str, Factor], terms: Sequence[Term], cells: Index
) -> tuple[Vector, dict[Term, slice]]:
    """Columns of all effects for every cell, and where those of each are."""
    main = {name: factor.columns[cells[:, j]] for j, (name, factor) in enumerate(factors.items())}
    blocks, places, start = [], {}, 0
    for term in terms:
        block = np.ones((len(cells), 1))
        for name in term:
            block = (block[:, :, None] * main[name][:, None, :]).reshape(len(cells), -1)
        blocks.append(block)
        places[term] = slice(start, start + block.shape[1])
        start += block.shape[1]
    return np.hstack(blocks), places


def _between(X: Vector, cell: Index, index: Index) -> Vector:
    """The information that lies between the levels of a unit."""
    shape = (int(index.max()) + 1, len(X))
    table = sparse.coo_array((np.ones(len(cell)), (index, cell)), shape=shape).tocsr()
    sums = table @ X
    found: Vector = sums.T @ (sums / np.bincount(index)[:, None])
    return found


def _with_margins(term: Term, places: Mapping[Term, slice], alone: Vector) -> Vector:
    """The information on an effect when its own margins are fitted."""
    own = places[term]
    others = _columns(places, [t for t in places if set(t) < set(term)])
    if not len(others):
        return alone[own, own]
    cross = alone[others, own]
    rest = linalg.pinvh(alone[np.ix_(others, others)], rtol=RIDGE)
    found: Vector = alone[own, own] - cross.T @ rest @ cross
    return found


def _with_rivals(
    places: Mapping[Term, slice], information: Vector, *, scale: float
) -> dict[Term, Vector]:
    """The information on every effect when all others of as many or fewer factors are fitted.

    The inverse of its block of the inverse; a small ridge stands in for what is singular.
    """
    left: dict[Term, Vector] = {}
    for order in range(1, max(map(len, places)) + 1):
        used = _columns(places, [t for t in places if len(t) <= order])
        ridge = RIDGE * scale * np.eye(len(used))
        inverse = linalg.inv(information[np.ix_(used, used)] + ridge)
        for term, own in places.items():
            if len(term) == order:
                at = np.searchsorted(used, np.arange(own.start, own.stop))
                left[term] = linalg.inv(inverse[np.ix_(at, at)])
    return left


def _efficiency(ideal: Vector, left: Vector, *, scale: float) -> float:
    """The least share of the information that is left."""
    if linalg.eigvalsh(ideal)[0] <= ZERO * scale:
        return 0.0
    value = float(linalg.eigh(left, ideal, eigvals_only=True)[0])
    return 0.0 if value <= ZERO else min(value, 1.0)


def _columns(places: Mapping[Term, slice], terms: Sequence[Term]) -> Index:
    ranges = [np.arange(places[t].start, places[t].stop) for t in terms]
    return np.concatenate([np.empty(0, dtype=np.int64), *ranges])
