"""How far the largest of several unit directions reaches: M(u), u uniform on the sphere.

M(u) = max_j |d_j'u|, or max_j d_j'u if one-sided. Where the directions span one or two dimensions
its law is integrated exactly. Otherwise u is sampled, evenly (`lattice`) in few
dimensions, with the sums of even powers of d_j'u as control variates: their means are known,

    E (d'u)^{2p} = Γ(m/2) Γ(p + 1/2) / (Γ(1/2) Γ(m/2 + p)),

and for large p they say where the largest is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mixedmodels.engine.threads import one_thread
from mixedmodels.posthoc.adjustment.lattice import PRIMES, folded, generator
from mixedmodels.prediction.streams import Key, stream

Vector = NDArray[np.float64]

RANK = 1e-9
"""Singular value, relative to the largest, below which directions span no further dimension."""

ARC_POINTS = 20
"""Gauss-Legendre points of one panel of an arc."""

NARROWEST = 12
"""Panels on both sides of a right angle."""

BINS = 1024
"""Bins of abs(M), between whose ends a point is shared. They narrow towards 0, see `_nodes`."""

REPLICATES = 16
"""Independent parts of a sample, whose spread is the error."""

EVEN = 16
"""Dimensions up to which a lattice fills the sphere more evenly than chance does."""

TINY = 1e-30
"""Least uniform deviate, for its logarithm."""

BLOCK = 1 << 18
"""Numbers that are treated together: small enough for the processor's cache."""

POWERS = (2, 4, 8)
"""Powers p of the control variates."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The law of M(u).

    Attributes
    ----------
    dimension : int
        m, of the space that the directions span.
    values : array (b,)
        Of M.
    weights : array (b, s)
        Their probabilities, as each of s replicates has them; s = 1 where they are exact.
    """

    dimension: int
    values: Vector
    weights: Vector


def spanned(directions: Vector) -> Vector:
    """Coordinates of the directions, (k, r), in the space that they span, (k, m)."""
    left, size, _ = np.linalg.svd(directions, full_matrices=False)
    m = max(1, int(np.count_nonzero(size > RANK * size[0])))
    inside = left[:, :m] * size[:m]
    unit: Vector = inside / np.linalg.norm(inside, axis=1, keepdims=True)
    return unit


def exact(directions: Vector, *, one_sided: bool) -> Reach:
    """The law of M in one dimension, where u is 1 or -1, and in two.

    On the circle M is the cosine of the angle to the nearest direction, which runs from 0 to half
    the gap on both sides of every gap between neighbours.
    """
    if directions.shape[1] == 1:
        values = np.array([directions.max(), -directions.min()])
        values = values if one_sided else np.abs(values).max(keepdims=True).repeat(2)
        return Reach(1, values, np.full((2, 1), 0.5))
    angles = np.arctan2(directions[:, 1], directions[:, 0])
    angles = np.sort(angles if one_sided else np.append(angles, angles + np.pi) % (2 * np.pi))
    gaps = np.diff(angles, append=angles[0] + 2 * np.pi)
    points, weights = _to_half(gaps / 2)
    return Reach(2, np.cos(points), (weights / np.pi)[:, None])


def _to_half(ends: Vector) -> tuple[Vector, Vector]:
    """Quadrature over angles from 0 to each end, all together.

    In panels that narrow towards a right angle, where M changes its sign and P(R M > t) its value
    within an angle of the size of t.
    """
    narrowing = np.pi / 2 * 2.0 ** -np.arange(NARROWEST)
    edges = np.sort(np.concatenate([np.pi / 2 - narrowing, [np.pi / 2], np.pi / 2 + narrowing]))
    inside = np.minimum(edges, ends[:, None])
    width, start = np.diff(inside).ravel(), inside[:, :-1].ravel()
    start, width = start[width > 0], width[width > 0]
    nodes, weights = np.polynomial.legendre.leggauss(ARC_POINTS)
    points = start[:, None] + np.outer(width / 2, nodes + 1)
    return points.ravel(), np.outer(width / 2, weights).ravel()


@dataclass(frozen=True, slots=True)
class Sample:
    """Sums over points of the sphere, from which the law of M is estimated.

    Attributes
    ----------
    dimension : int
        m.
    count : int
        Points of each replicate.
    hits : array (b, s)
        Points at each value of M (see `_nodes`), a point between two values being shared by them.
    controls : array (q, s)
        Sums of the control variates less their means.
    cross : array (q, b)
        Sums of products of control variates and hits over all replicates of the first turn.
    gram : array (q, q)
        Sums of products of control variates there.
    """

    dimension: int
    count: int
    hits: Vector
    controls: Vector
    cross: Vector
    gram: Vector

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(
            self.dimension,
            self.count + other.count,
            self.hits + other.hits,
            self.controls + other.controls,
            self.cross + other.cross,
            self.gram + other.gram,
        )

    def reach(self) -> Reach:
        """The estimated law, corrected by what the controls are known to be."""
        slopes = np.linalg.lstsq(self.gram, self.cross, rcond=1e-10)[0]
        weights = (self.hits - slopes.T @ self.controls) / self.count
        values = _nodes(one_sided=len(self.hits) > BINS + 1)
        seen = self.hits.any(axis=1)
        return Reach(self.dimension, values[seen], weights[seen])


def sampled(directions: Vector, key: Key, turn: int, *, one_sided: bool) -> Sample:
    """A sample of `PRIMES[turn]` points for each replicate, the same for the same key and turn.

    The last ones are kept: p-values and limits of a table need the same.
    """
    data = np.ascontiguousarray(directions, dtype=np.float64)
    words = tuple(key.tolist())
    with one_thread():
        return _sampled(data.tobytes(), data.shape, words, turn, one_sided=one_sided)


@lru_cache(maxsize=16)
def _sampled(
    data: bytes, shape: tuple[int, int], words: tuple[int, ...], turn: int, *, one_sided: bool
) -> Sample:
    (k, m), key = shape, np.array(words, dtype=np.uint64)
    directions = np.frombuffer(data).reshape(shape)
    nodes = _nodes(one_sided=one_sided)
    count, size = PRIMES[turn], max(64, BLOCK // k)
    D = np.ascontiguousarray(directions, dtype=np.float32)
    lattice = generator(count, m + m % 2) if m <= EVEN else None
    b, q = len(nodes), len(POWERS)
    hits, controls = np.zeros((b, REPLICATES)), np.zeros((q, REPLICATES))
    cross, gram = np.zeros((q, b)), np.zeros((q, q))
    for replicate in range(REPLICATES):
        random = stream(key, turn * REPLICATES + replicate)
        for z in _deviates(m, lattice, count, size, random):
            x = D @ (z / np.sqrt(np.einsum("ij,ij->j", z, z)))
            # Of a point and its opposite one has the largest d_j'u, one the smallest.
            reached = [x.max(axis=0), -x.min(axis=0)]
            reached = reached if one_sided else [np.maximum(*reached)]
            control = _controls(x, m)
            controls[:, replicate] += control.sum(axis=1)
            gram += control @ control.T
            for M in reached:
                near, far, share = _shared(M.astype(np.float64), one_sided=one_sided)
                share /= len(reached)
                hits[:, replicate] += np.bincount(near, 1 / len(reached) - share, b)
                hits[:, replicate] += np.bincount(far, share, b)
                if turn == 0:  # enough to find slopes, which need not be the best
                    for row, values in zip(cross, control, strict=True):
                        row += np.bincount(near, values / len(reached), b)
    if turn == 0:
        # About their means, so that the corrections of all values of M sum to zero.
        means = controls.sum(axis=1) / (REPLICATES * count)
        cross -= np.outer(means, hits.sum(axis=1))
        gram -= np.outer(means, means) * (REPLICATES * count)
    return Sample(m, count, hits, controls, cross, gram if turn == 0 else np.zeros((q, q)))


def _deviates(
    m: int, z: NDArray[np.int64] | None, count: int, size: int, random: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    """Normal deviates (m, n) of `count` points, `size` at a time, of a lattice if z is given.

    Deviates come in pairs (Box & Muller 1958), which is cheaper than by quantiles.
    """
    shift = random.random(size=0 if z is None else len(z))
    for start in range(0, count, size):
        stop = min(start + size, count)
        if z is None:
            yield random.standard_normal((m, stop - start), dtype=np.float32)
            continue
        uniform = folded(start, stop, count, z, shift)
        h = len(z) // 2
        radius = np.sqrt(-2 * np.log(np.maximum(uniform[:h], TINY).astype(np.float32)))
        angle = (2 * np.pi * uniform[h:]).astype(np.float32)
        yield np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:m]


def _nodes(*, one_sided: bool) -> Vector:
    """Values of M at the ends of bins: squares, as P(R M > t) is steep near 0 for small t.

    One-sided there are two values at 0, the end of the negative and that of the positive ones, as
    P(R M > 0) jumps there.
    """
    squares = (np.arange(BINS + 1) / BINS) ** 2
    if not one_sided:
        return squares
    nodes = np.concatenate([-squares[::-1], squares])
    nodes[BINS] = -np.finfo(np.float64).tiny
    return nodes


def _shared(M: Vector, *, one_sided: bool) -> tuple[NDArray[np.intp], NDArray[np.intp], Vector]:
    """The nodes on both sides of each M, that nearer to 0 first, and the share of the other."""
    size = np.minimum(np.abs(M), 1.0)
    near = np.minimum((np.sqrt(size) * BINS).astype(np.intp), BINS - 1)
    lower, upper = (near / BINS) ** 2, ((near + 1) / BINS) ** 2
    share = (size - lower) / (upper - lower)
    if not one_sided:
        return near, near + 1, share
    outward = np.where(M < 0, -1, 1)
    place = np.where(M < 0, BINS, BINS + 1) + outward * near
    return place, place + outward, share


def _controls(x: NDArray[np.float32], m: int) -> Vector:
    """Sums of powers of d_j'u over j, less their means, (q, n), of order one. Overwrites `x`."""
    k = len(x)
    scale = min(1.0, float(np.sqrt(2 * np.log(2 * k) / m)))
    p = np.array(POWERS)
    log_mean = (
        special.gammaln(m / 2)
        + special.gammaln(p + 0.5)
        - special.gammaln(0.5)
        - special.gammaln(m / 2 + p)
    )
    means = k * np.exp(log_mean - 2 * p * np.log(scale))
    x *= np.float32(1 / scale)
    x *= x
    ones, rows = np.ones(k, dtype=np.float32), []
    for mean in means:
        x *= x
        rows.append((ones @ x).astype(np.float64) - mean)
    return np.array(rows)
