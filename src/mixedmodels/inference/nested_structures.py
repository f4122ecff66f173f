"""Which covariance structures are special cases of others, by declaration.

Kinds are ordered by what their parameters can be:

    independent < cs < toep < us      ar1 < arma < toep      ar1 < ante < us
    fa(k) < fa(k') < us               rr(k) < fa(k)          band k < band k'
    ou = expo = matern(nu = 1/2) < matern                    no nugget < nugget

where one standard deviation for all positions is a special case of one each. Beside the kind, rows
must be in the same blocks at the same positions, and blocks that share parameters in the smaller
model may have their own in the larger one, not the reverse. What only signs or limits of parameters
make a special case (an ar1 with a negative correlation is no car1) is not called one.
"""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import DIAGONAL, Structure
from mixedmodels.design import ModelMatrices, Power, ResidualMatrix, TermMatrix

Vector = NDArray[np.float64]
Int32 = NDArray[np.int32]

DISTANCE = ("ou", "expo", "car1", "gauss", "ratio", "matern")

LARGER: dict[str, tuple[str, ...]] = {
    "cs": ("toep", "us"),
    "ar1": ("arma", "toep", "ante", "us"),
    "arma": ("toep", "us"),
    "toep": ("us",),
    "ante": ("us",),
    "fa": ("us",),
    "rr": ("fa", "us"),
    "ou": ("expo", "matern", "us"),
    "expo": ("ou", "matern", "us"),
    "car1": ("us",),
    "gauss": ("us",),
    "ratio": ("us",),
    "matern": ("us",),
}
"""Kinds of which each is a special case, beside itself."""

ALIKE = Structure("diag", hom=True)
"""Independent residuals of one standard deviation."""

SAME_COLUMNS = 1e-12
"""Relative difference of columns that are the same."""


def is_within(small: Structure, large: Structure) -> bool:
    """Whether every covariance of `small` is one of `large`, at the same positions."""
    if large.hom and not small.hom and small.kind not in ("fa", "rr"):
        return False
    if small.kind == "diag":
        # Independence is the limit of a range of zero.
        return large.kind not in ("rr", *DISTANCE) or large.nugget
    if small.kind == large.kind:
        return _options_are_within(small, large)
    if large.kind not in LARGER.get(small.kind, ()):
        return False
    if large.kind == "us":
        return True
    if small.nugget and not large.nugget:
        return False
    match large.kind:
        case "toep":
            return large.band is None
        case "arma":
            return (large.order or (1, 0))[0] >= 1
        case "fa":
            return (large.rank or 0) >= (small.rank or 0)
        case "matern":
            return large.nu in (None, 0.5)
        case _:
            return True


def _options_are_within(small: Structure, large: Structure) -> bool:
    bands = large.band is None or (small.band is not None and small.band <= large.band)
    orders = all(a <= b for a, b in zip(small.order or (0, 0), large.order or (0, 0), strict=True))
    smoothness = large.nu is None or small.nu == large.nu
    ranks = (small.rank or 0) <= (large.rank or 0)
    return bands and orders and smoothness and ranks and (large.nugget or not small.nugget)


def same_term(small: TermMatrix, large: TermMatrix, groups: tuple[Int32, Int32]) -> bool:
    """Whether a term of the larger model has the columns, levels and known covariance of another,
    and its structure as a special case.
    """
    return (
        is_within(small.structure, large.structure)
        and _refines(groups[0], groups[1])
        and _refines(groups[1], groups[0])
        and small.Z.shape == large.Z.shape
        and bool(np.allclose(small.Z, large.Z, rtol=SAME_COLUMNS, atol=0))
        and _equal(small.positions, large.positions)
        and _same_known(small, large)
        and _same_members(small, large)
    )


def _equal(a: Vector | None, b: Vector | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _same_known(a: TermMatrix, b: TermMatrix) -> bool:
    if a.precision is None or b.precision is None:
        return a.precision is b.precision
    return bool(abs(a.precision.Q - b.precision.Q).max() == 0)


def _same_members(a: TermMatrix, b: TermMatrix) -> bool:
    if a.members is None or b.members is None:
        return a.members is b.members
    first, second = a.members, b.members
    return (
        np.array_equal(first.indptr, second.indptr)
        and np.array_equal(first.codes, second.codes)
        and np.array_equal(first.weights, second.weights)
    )


def residual_is_within(small: ModelMatrices, large: ModelMatrices) -> bool:
    """Whether every residual covariance of the smaller model is one of the larger."""
    if large.known_sigma is not None and small.known_sigma != large.known_sigma:
        return False
    a, b = small.residual, large.residual
    if a is None:
        return True if b is None else _independence_is_within(b)
    structured = a.structure not in (None, ALIKE)
    if b is None or b.structure in (None, ALIKE):
        return not structured and _scale_is_within(a, b)
    if structured and not _blocks_are_within(a, b):
        return False
    if not structured and not _independence_is_within(b):
        return False
    return _scale_is_within(a, b)


def _independence_is_within(b: ResidualMatrix) -> bool:
    return b.structure is None or is_within(ALIKE, b.structure)


def _blocks_are_within(a: ResidualMatrix, b: ResidualMatrix) -> bool:
    if a.structure is None or b.structure is None or not is_within(a.structure, b.structure):
        return False
    same_blocks = _refines(a.codes, b.codes) and _refines(b.codes, a.codes)
    return same_blocks and _refines(b.part, a.part) and _positions_are_within(a, b)


def _positions_are_within(a: ResidualMatrix, b: ResidualMatrix) -> bool:
    """Equal, or told by the occasions of an unstructured covariance."""
    if b.structure is not None and b.structure.kind == "us":
        return _told_by(b, a.positions)
    return np.array_equal(a.positions, b.positions)


def _told_by(b: ResidualMatrix, columns: Vector) -> bool:
    """Whether rows of one occasion and part agree in all columns."""
    at = np.unique(np.column_stack([b.part, b.positions]), axis=0, return_inverse=True)[1].ravel()
    first = np.zeros((int(at.max()) + 1, columns.shape[1]))
    first[at] = columns
    return bool(np.array_equal(first[at], columns))


def _scale_is_within(a: ResidualMatrix, b: ResidualMatrix | None) -> bool:
    """Whether every function of the standard deviation is one of the larger model: its columns in
    the span of the other's, of a constant and, with a standard deviation each, of the occasions.
    """
    if a.scale is None:
        return True
    n = len(a.codes)
    columns, powers = [np.ones((n, 1))], []
    if b is not None and b.scale is not None:
        columns.append(b.scale.S)
        powers = [_power(p) for p in b.scale.powers]
    if b is not None and b.structure is not None:
        columns.append(_standard_deviations(b))
    if any(_power(p) not in powers for p in a.scale.powers):
        return False
    span = np.hstack(columns)
    left = a.scale.S - span @ np.linalg.lstsq(span, a.scale.S, rcond=None)[0]
    size = np.linalg.norm(a.scale.S, axis=0)
    return bool(np.all(np.linalg.norm(left, axis=0) <= 1e-9 * size))


def _power(power: Power) -> tuple[object, ...]:
    return power.kind, power.name, power.part, power.of_fitted


def _standard_deviations(b: ResidualMatrix) -> Vector:
    """Indicators of what has a standard deviation of its own."""
    structure = b.structure or DIAGONAL
    parts = b.part[:, None].astype(np.float64)
    own = parts if structure.hom or structure.by_position else np.hstack([parts, b.positions])
    at = np.unique(own, axis=0, return_inverse=True)[1].ravel()
    return np.eye(int(at.max()) + 1)[at]


def is_absorbed(term: TermMatrix, codes: Int32, large: ModelMatrices) -> bool:
    """Whether an unstructured residual covariance has room for a term: on its own blocks, with
    columns that its occasions tell.
    """
    b = large.residual
    if b is None or b.structure is None or b.structure != Structure("us"):
        return False
    alone = term.members is None and term.precision is None
    return alone and _refines(codes, b.codes) and _refines(b.codes, codes) and _told_by(b, term.Z)


def _refines(inner: Int32, outer: Int32) -> bool:
    """Whether rows of one level in `inner` are of one level in `outer`."""
    level = np.zeros(int(inner.max(initial=-1)) + 1, dtype=np.int64)
    level[inner] = outer
    return bool(np.array_equal(level[inner], outer))
