"""Terms and residual covariance in the layout that the native engine reads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import Structure
from mixedmodels.design import Grouping, ModelMatrices, TermMatrix
from mixedmodels.engine.arrays import in_rows

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownArrays:
    """A known precision by columns."""

    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]
    data: Vector
    log_det: float


@dataclass(frozen=True, slots=True)
class TermArrays:
    """A random term as the native constructor reads it."""

    n_levels: int
    pointers: NDArray[np.int64]
    levels: NDArray[np.int32]
    weights: Vector | None
    Z: Vector
    structure: Structure
    distance: float
    positions: Vector
    precision: KnownArrays | None


@dataclass(frozen=True, slots=True)
class ResidualArrays:
    """The covariance of the residuals as the native constructor reads it."""

    codes: NDArray[np.int32]
    n_blocks: int
    positions: Vector
    part: NDArray[np.int32]
    n_parts: int
    n_occasions: int
    structure: Structure
    distance: float


def term_arrays(term: TermMatrix, grouping: Grouping) -> TermArrays:
    """A random term."""
    n, q = term.Z.shape
    members, known = term.members, term.precision
    pointers = np.arange(n + 1, dtype=np.int64) if members is None else members.indptr
    positions = np.arange(q, dtype=np.float64)[:, None]
    if term.positions is not None:
        positions = np.ascontiguousarray(term.positions, dtype=np.float64)
    return TermArrays(
        n_levels=len(grouping.levels),
        pointers=in_rows(pointers),
        levels=in_rows(grouping.codes if members is None else members.codes),
        weights=None if members is None else in_rows(members.weights),
        Z=np.ascontiguousarray(term.Z),
        structure=term.structure,
        distance=_usual_distance(positions),
        positions=positions,
        precision=None
        if known is None
        else KnownArrays(
            known.Q.indptr.astype(np.int32),
            known.Q.indices.astype(np.int32),
            in_rows(known.Q.data.astype(np.float64)),
            known.log_det,
        ),
    )


def residual_arrays(m: ModelMatrices) -> ResidualArrays | None:
    """The correlations of the residuals; None if they are independent."""
    found = m.residual
    if found is None or found.structure is None:
        return None
    positions = np.ascontiguousarray(found.positions, dtype=np.float64)
    count = len(found.occasions)
    if not count and not found.structure.by_position:
        count = int(positions.max()) + 1
    return ResidualArrays(
        codes=in_rows(found.codes),
        n_blocks=int(found.codes.max()) + 1,
        positions=positions,
        part=in_rows(found.part),
        n_parts=len(found.parts),
        n_occasions=max(count, 2),
        structure=found.structure,
        distance=_usual_distance(positions, found.codes),
    )


def _usual_distance(positions: Vector, codes: NDArray[np.int32] | None = None) -> float:
    """The median distance of neighbours along the first direction, where a range may start."""
    group = np.zeros(len(positions), dtype=np.int32) if codes is None else codes
    order = np.lexsort((positions[:, 0], group))
    steps = np.diff(positions[order], axis=0)[np.diff(group[order]) == 0]
    lengths = np.sqrt((steps**2).sum(axis=1))
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) if len(lengths) else 1.0


def spread_columns(m: ModelMatrices) -> list[tuple[str, Vector]]:
    """The parts of the log of the residual's standard deviation: kind and column (n,)."""
    scale = None if m.residual is None else m.residual.scale
    if scale is None:
        return []
    found = [("linear", in_rows(scale.S[:, j].copy())) for j in range(scale.S.shape[1])]
    for power in scale.powers:
        if power.values is None:
            raise ValueError("powers of the fitted values are set before the engine sees them")
        values = np.abs(power.values)
        if power.rows is not None:
            elsewhere = -1.0 if power.kind == "constpower" else 1.0
            values = np.where(power.rows, values, elsewhere)
        found.append((power.kind, in_rows(values)))
    return found
