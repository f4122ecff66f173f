"""Contrasts of linear functions: within groups, between groups, of several factors at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data.levels import label
from mixedmodels.errors import DataError
from mixedmodels.posthoc.cells import crossed
from mixedmodels.posthoc.coefficients import (
    USUAL_DEGREE,
    Coefficients,
    Method,
    Reference,
    coefficients,
)
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.linear_functions import LinearFunctions, Testing
from mixedmodels.posthoc.response_scale import as_ratios
from mixedmodels.posthoc.specs import By, require_column, require_names
from mixedmodels.posthoc.subspace import combined_rows
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]

Regrouping = By | EllipsisType
"""Columns to group rows by anew, or those that they have."""

Interaction = Method | Sequence[Method] | Mapping[str, Method] | bool | None


def contrast(
    functions: LinearFunctions,
    method: Method = "pairwise",
    *,
    by: Regrouping = ...,
    adjust: Adjustment | None = None,
    cross_adjust: Adjustment = "none",
    interaction: Interaction = None,
    ref: Reference | None = None,
    max_degree: int = USUAL_DEGREE,
    seed: Seed = None,
) -> LinearFunctions:
    """Contrasts of rows, as `Means.contrast` explains them."""
    given = grouped(functions, by)
    if given.kind == "effect size":
        raise DataError(
            "Effect sizes are differences already.\n"
            "Do:   make the contrasts first: means.contrast(...).effect_size(...)."
        )
    if interaction is not None and interaction is not False:
        _refuse_unused(ref, max_degree, cross_adjust)
        return _interactions(given, method if interaction is True else interaction, adjust, seed)
    parts: list[tuple[Rows, Coefficients]] = []
    names = row_names(given)
    values = [label(v) for v in given.labels[given.names[0]]] if len(given.names) == 1 else names
    for rows in given.families:
        family = coefficients(
            method,
            [names[i] for i in rows],
            values=[values[i] for i in rows],
            ref=ref,
            max_degree=max_degree,
        )
        parts.append((rows, family))
    title = next(name for name in _titles() if name not in given.by)
    labels = {title: as_labels([name for _, family in parts for name in family.names])}
    testing = Testing(
        ddf=given.testing.ddf,
        level=given.testing.level,
        adjust=parts[0][1].adjust if adjust is None else adjust,
        cross_adjust=cross_adjust,
        seed=seed,
    )
    found = _contrasts(given, parts, labels, testing)
    if isinstance(method, str) and method == "poly" and not _is_even(given):
        note = "polynomials take the levels as equally spaced, which they are not"
        found = replace(found, notes=(*found.notes, note))
    return found


def _refuse_unused(ref: Reference | None, max_degree: int, cross_adjust: Adjustment) -> None:
    """Options that interaction contrasts do not have."""
    given = {
        "ref": ref is not None,
        "max_degree": max_degree != USUAL_DEGREE,
        "cross_adjust": cross_adjust != "none",
    }
    for name, is_given in given.items():
        if is_given:
            raise DataError(
                f"{name} has no meaning for interaction contrasts.\n"
                "Do:   leave it out; own coefficients by column can be given to interaction=."
            )


def _is_even(given: LinearFunctions) -> bool:
    """Whether the rows of each group are at equal steps, as far as they are numbers."""
    if len(given.names) != 1:
        return True
    values = [label(value) for value in given.labels[given.names[0]].tolist()]
    if not all(map(_reads_as_number, values)):
        return True
    steps = [np.diff([float(values[i]) for i in rows]) for rows in given.families]
    return all(len(s) == 0 or bool(np.allclose(s, s[0], rtol=1e-6)) for s in steps)


def grouped(functions: LinearFunctions, by: Regrouping) -> LinearFunctions:
    """The same rows in groups of other columns."""
    if isinstance(by, EllipsisType):
        return functions
    names = () if by is None else require_names("by", by)
    for name in names:
        if name not in functions.labels:
            require_column(name, functions.labels)
    if len(names) == len(functions.labels):
        raise DataError(
            f"by names all columns ({', '.join(names)}): each group has one row.\n"
            "Do:   leave out the column whose values are to be compared."
        )
    return replace(functions, by=names)


def _titles() -> Iterator[str]:
    """Names for a column of contrasts."""
    yield "contrast"
    yield from (f"contrast{i}" for i in count(1))


def row_names(functions: LinearFunctions) -> list[str]:
    """What a row is called among those of its group: the values of the columns that vary there.

    A value that reads as a number stands behind its column: ``temperature175``.
    """
    parts = []
    for name in functions.names:
        texts = [label(value) for value in functions.labels[name].tolist()]
        is_column = name in functions.fit.frame.columns
        numeric = is_column and all(map(_reads_as_number, texts))
        parts.append([f"{name}{text}" for text in texts] if numeric else texts)
    return [" ".join(row) for row in zip(*parts, strict=True)]


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _contrasts(
    given: LinearFunctions,
    parts: Sequence[tuple[Rows, Coefficients]],
    labels: Mapping[str, NDArray[Any]],
    testing: Testing,
) -> LinearFunctions:
    """Rows C_g L_g of every group g, below each other."""
    repeats = [len(family.names) for _, family in parts]
    if not sum(repeats):
        raise DataError(
            "There is one mean, and nothing to compare it with.\n"
            "Do:   ask for means at more values, or use test() for the mean itself."
        )
    L = np.vstack([combined_rows(family.C, given.L[rows]) for rows, family in parts])
    constant = np.concatenate([family.C @ given.constant[rows] for rows, family in parts])
    beside = None
    if given.beside is not None:
        beside = given.beside.combined(_of_all(parts, given.size))
    first = np.repeat([rows[0] for rows, _ in parts], repeats)
    within = {name: given.labels[name][first] for name in given.by}
    tukey = [len(rows) if family.is_pairwise else 0 for rows, family in parts]
    is_proper = all(family.sums_to_zero for _, family in parts)
    note = () if is_proper else ("the coefficients of a contrast do not sum to zero",)
    is_ratio = given.is_ratio or (given.kind == "mean" and given.is_log and is_proper)
    if is_ratio and given.back is not None:
        labels = as_ratios(labels, given.fit.frame.columns)
    return replace(
        given,
        kind="contrast",
        labels={**labels, **within},
        L=L,
        constant=constant,
        beside=beside,
        testing=testing,
        n_means=np.repeat(np.array(tukey, dtype=np.int64), repeats),
        is_ratio=is_ratio,
        notes=(*given.notes, *note),
    )


def _of_all(parts: Sequence[tuple[Rows, Coefficients]], size: int) -> Vector:
    """The coefficients of every group as rows over all `size` rows."""
    C = np.zeros((sum(len(family.names) for _, family in parts), size))
    first = 0
    for rows, family in parts:
        C[first : first + len(family.names), rows] = family.C
        first += len(family.names)
    return C


def _interactions(
    given: LinearFunctions, interaction: Any, adjust: Adjustment | None, seed: Seed
) -> LinearFunctions:
    """Products of contrasts of every column, the first column's fastest."""
    names = given.names
    methods = _methods(interaction, names)
    parts: list[tuple[Rows, Coefficients]] = []
    columns: list[dict[str, list[str]]] = []
    for rows in given.families:
        levels = [list(dict.fromkeys(given.labels[n][rows].tolist())) for n in names]
        _require_complete(given, rows, [len(own) for own in levels])
        families = [
            coefficients(method, [label(v) for v in own])
            for method, own in zip(methods, levels, strict=True)
        ]
        C: Vector = np.ones((1, 1))
        for family in families:
            C = np.asarray(np.kron(family.C, C))
        at = crossed([len(family.names) for family in families])
        found = {
            f"{name}_{_title(method)}": [family.names[i] for i in place.tolist()]
            for name, method, family, place in zip(names, methods, families, at, strict=True)
        }
        columns.append(found)
        order = _place_order(given, rows, levels)
        text = tuple(" × ".join(row) for row in zip(*found.values(), strict=True))
        parts.append((rows[order], Coefficients(C, text, "none")))
    labels = {key: as_labels([t for found in columns for t in found[key]]) for key in columns[0]}
    own_adjust: Adjustment = "none" if adjust is None else adjust
    testing = Testing(
        ddf=given.testing.ddf, level=given.testing.level, adjust=own_adjust, seed=seed
    )
    return _contrasts(given, parts, labels, testing)


def _methods(interaction: Any, names: Sequence[str]) -> list[Method]:
    if isinstance(interaction, Mapping):
        for name in interaction:
            require_column(name, names)
        return [interaction.get(name, "identity") for name in names]
    if isinstance(interaction, (list, tuple)):
        if len(interaction) == 1:
            return [interaction[0]] * len(names)
        if len(interaction) != len(names):
            raise DataError(
                f"interaction has {len(interaction)} methods for {len(names)} columns.\n"
                f"Do:   give one for each of {', '.join(names)}, or one for all."
            )
        return list(interaction)
    return [interaction] * len(names)


def _title(method: Method) -> str:
    return method if isinstance(method, str) else "custom"


def _require_complete(given: LinearFunctions, rows: Rows, sizes: Sequence[int]) -> None:
    if len(rows) != int(np.prod(sizes)):
        raise DataError(
            f"Interaction contrasts need every combination of {', '.join(given.names)}, and "
            f"{int(np.prod(sizes)) - len(rows)} are not there.\n"
            "Do:   use contrasts without interaction=, or give values with at= that are crossed."
        )


def _place_order(given: LinearFunctions, rows: Rows, levels: Sequence[list[Any]]) -> Rows:
    """The rows in the order of the product, the first column fastest."""
    code, step = np.zeros(len(rows), dtype=np.intp), 1
    for name, own in zip(given.names, levels, strict=True):
        place = {value: i for i, value in enumerate(own)}
        code += step * np.array([place[v] for v in given.labels[name][rows].tolist()])
        step *= len(own)
    return np.argsort(code)
