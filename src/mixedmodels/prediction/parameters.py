"""Effect sizes in words: standard deviations and correlations by name become covariances."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.templates import correlation, lower_root
from mixedmodels.errors import DataError
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group

Vector = NDArray[np.float64]

Deviations = Mapping[str, float | Mapping[str, float]]
"""Standard deviations of the random effects: by group, then by column."""

Correlations = Mapping[str, float | Mapping[tuple[str, str], float] | ArrayLike]
"""Correlations by group: one number for all pairs, some pairs by name, or the matrix."""

NEGATIVE = 1e-9
"""Most negative eigenvalue of a correlation matrix that is taken for rounding."""


def fixed_effects(
    given: Mapping[str, float], names: Sequence[str], *, estimated: Vector | None = None
) -> Vector:
    """Beta (p,) in the order of `names`; those not given are zero, or as estimated."""
    _require_mapping("fixed", given, '{"x": 0.3}')
    _require_names("fixed", given, names, "coefficient")
    rest = np.zeros(len(names)) if estimated is None else estimated
    return np.array(
        [
            finite(f"fixed[{name!r}]", given.get(name, float(value)))
            for name, value in zip(names, rest, strict=True)
        ]
    )


def covariance_roots(
    matrices: ModelMatrices,
    deviations: Deviations,
    correlations: Correlations,
    *,
    estimated: Sequence[Vector] | None = None,
) -> tuple[Vector, ...]:
    """Lower-triangular roots of Sigma_k of every term, formula order.

    Standard deviations must all be given, and correlations that are not are zero; unless there are
    estimates of Sigma_k, which then hold for all that is not given.
    """
    groups = group_names(matrices)
    for what, given in (("sd", deviations), ("corr", correlations)):
        _require_mapping(what, given, f'{{"{groups[0] if groups else "group"}": 0.5}}')
        _require_names(what, given, groups, "group")
    labels = column_labels(matrices)
    out: dict[int, Vector] = {}
    for g, group in enumerate(groups):
        terms = terms_of_group(matrices, g)
        names = [name for k in terms for name in labels[k]]
        free = np.zeros((len(names), len(names)), dtype=np.bool_)
        places, start = {}, 0
        for k in terms:
            stop = start + len(labels[k])
            free[start:stop, start:stop] = not matrices.terms[k].is_independent
            places[k] = slice(start, stop)
            start = stop
        known = None if estimated is None else linalg.block_diag(*(estimated[k] for k in terms))
        sd = _deviations(group, names, deviations.get(group, {}), known)
        R = _correlation(group, names, correlations.get(group), free, known)
        for k, at in places.items():
            out[k] = lower_root((R * np.outer(sd, sd))[at, at])
    return tuple(out[k] for k in range(len(matrices.terms)))


def _deviations(
    group: str,
    names: Sequence[str],
    given: float | Mapping[str, float],
    known: Vector | None,
) -> Vector:
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise DataError(
                f"sd of {group} is one number, but the group has the columns {', '.join(names)}.\n"
                f'Do:   give one per column, as {{"{names[0]}": {given}, …}}.'
            )
        given = {names[0]: given}
    _require_names(f"sd of {group}", given, names, "column")
    if known is not None:
        given = {**dict(zip(names, np.sqrt(np.diag(known)).tolist(), strict=True)), **given}
    absent = [name for name in names if name not in given]
    if absent:
        raise DataError(
            f"sd of {group} has no number for {', '.join(absent)}.\n"
            "Do:   give the standard deviation of every random effect; zero is allowed.\n"
            "Why:  it decides the power, so that none is assumed."
        )
    sd = np.array([finite(f"sd of {name} in {group}", given[name]) for name in names])
    if np.any(sd < 0):
        name = names[int(np.argmin(sd))]
        raise DataError(f"sd of {name} in {group} is {sd.min():g}: it cannot be negative.")
    return sd


def _correlation(
    group: str,
    names: Sequence[str],
    given: float | Mapping[tuple[str, str], float] | ArrayLike | None,
    free: NDArray[np.bool_],
    known: Vector | None,
) -> Vector:
    q = len(names)
    R = np.eye(q) if known is None else np.nan_to_num(correlation(known))
    np.fill_diagonal(R, 1.0)
    if given is None:
        return R
    if isinstance(given, Mapping):
        for pair, value in given.items():
            i, j = _pair(group, pair, names)
            R[i, j] = R[j, i] = finite(f"corr of {pair} in {group}", value)
    elif isinstance(given, int | float | np.number):
        R[free & ~np.eye(q, dtype=np.bool_)] = finite(f"corr of {group}", given)
    else:
        R = _as_matrix(group, given)
        if R.shape != (q, q) or not np.allclose(R, R.T) or not np.allclose(np.diag(R), 1):
            raise DataError(
                f"corr of {group} must be symmetric, {q} x {q}, with ones on its diagonal, in the "
                f"order {', '.join(names)}."
            )
    _check_correlation(group, names, R, free)
    return R


def _pair(group: str, pair: object, names: Sequence[str]) -> tuple[int, int]:
    if not (isinstance(pair, tuple) and len(pair) == 2):
        raise DataError(
            f"corr of {group} has the key {pair!r}.\n"
            f'Do:   name two columns, as {{("{names[0]}", "{names[-1]}"): 0.3}}.'
        )
    _require_names(f"corr of {group}", pair, names, "column")
    i, j = (names.index(name) for name in pair)
    return i, j


def _as_matrix(group: str, given: object) -> Vector:
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"corr of {group} is {given!r}.\n"
            "Do:   give a number for all pairs, numbers by pairs, or a matrix."
        ) from error


def _check_correlation(
    group: str, names: Sequence[str], R: Vector, free: NDArray[np.bool_]
) -> None:
    fixed = np.argwhere((R != 0) & ~free & ~np.eye(len(R), dtype=np.bool_))
    if len(fixed):
        i, j = fixed[0]
        raise DataError(
            f"corr of {group}: {names[i]} and {names[j]} are independent in the formula.\n"
            f"Do:   write them in one term with a single bar, or leave this correlation out."
        )
    lowest = float(np.linalg.eigvalsh(R)[0])
    if not lowest > -NEGATIVE:
        raise DataError(
            f"corr of {group} is impossible: the matrix over {', '.join(names)} has the eigenvalue "
            f"{lowest:.3g}.\n"
            "Do:   choose correlations between -1 and 1 that can hold together.\n"
            "Why:  some combination of these effects would have a negative variance."
        )


def _require_mapping(what: str, given: object, example: str) -> None:
    if not isinstance(given, Mapping):
        raise DataError(f"{what} = {given!r} has no names.\nDo:   give a mapping, as {example}.")


def _require_names(
    what: str, given: Sequence[str] | Mapping[str, object], known: Sequence[str], kind: str
) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(known) or "none"
            raise DataError(
                f"{what} names the {kind} {name!r}, which the model does not have.{hint}\n"
                f"Do:   choose from {listed}."
            )


def finite(what: str, value: object) -> float:
    """`value` as a number, or a DataError that says what it is."""
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf" or not np.isfinite(number):
        raise DataError(f"{what} is {value!r}.\nDo:   give a finite number.")
    return float(number)
