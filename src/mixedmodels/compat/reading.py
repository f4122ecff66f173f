"""Reading what statsmodels' `MixedLM` takes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd

from mixedmodels.compat.specification import (
    Component,
    Specification,
    component_of_formula,
    component_of_matrix,
    quoted,
    right_side,
    variables,
)
from mixedmodels.data import Frame, as_pandas, by_row
from mixedmodels.design.environment import FUNCTION_NAMES
from mixedmodels.design.names import references
from mixedmodels.errors import DataError
from mixedmodels.options import require_option

RESPONSE, GROUPS = "y", "Group"

MISSING = ("drop", "none", "raise")
"""What statsmodels calls the treatment of missing values; with "none" nothing could be fitted."""


def read_formulas(
    formula: str,
    data: Any,
    *,
    groups: Any,
    re_formula: str | None,
    vc_formula: Mapping[str, str] | None,
    subset: Any,
    missing: str,
    names: Mapping[str, Any],
) -> Specification:
    """The specification of formulas; `names` are what the caller's functions are found by."""
    whole = _pandas(data)
    frame = (whole if subset is None else whole.loc[subset]).copy(deep=False)
    group, group_name = _group_column(groups, frame)
    random, notes, crossed = _random_part(re_formula, vc_formula, group)
    texts = [formula, *([random] if random else []), *map(right_side, (vc_formula or {}).values())]
    context = own_functions(texts, names)
    used = dict.fromkeys([*variables(texts, list(frame.columns)), *crossed, group])
    frame, dropped, _ = _complete(frame, [], missing, list(used))
    components = [component_of_formula(n, t, frame, context) for n, t in (vc_formula or {}).items()]
    ones, zeros = np.ones(len(frame)), np.zeros(len(frame), dtype=np.int64)
    components += [Component(name, (name,), zeros, ones, crossed=name) for name in crossed]
    return Specification(
        frame=frame,
        fixed=formula,
        random=random,
        group=group,
        group_name=group_name,
        components=tuple(components),
        exog_names=None,
        re_names=None,
        is_pandas=True,
        notes=tuple(notes),
        n_dropped=dropped,
        context=context,
    )


def read_arrays(
    endog: Any, exog: Any, *, groups: Any, exog_re: Any, exog_vc: Any, missing: str
) -> Specification:
    """The specification of arrays or frames; what has row labels goes by those of the first."""
    is_pandas = isinstance(endog, pd.Series | pd.DataFrame) or isinstance(
        exog, pd.Series | pd.DataFrame
    )
    index = next((a.index for a in (endog, exog) if isinstance(a, pd.Series | pd.DataFrame)), None)
    if index is not None:
        exog, exog_re = by_row("exog", exog, index), by_row("exog_re", exog_re, index)
        groups = by_row("groups", groups, index)
    y = np.asarray(endog).reshape(-1)
    n = len(y)
    X = _named(exog, "x", n, "exog")
    labels = _flat(groups, n, "groups")
    notes: list[str] = []
    Z = None
    if exog_re is not None:
        Z = _named(exog_re, "x_re", n, "exog_re")
        if _are_indicators(Z, labels):
            notes.append(
                "exog_re holds one indicator per group: it is read as a random intercept, one "
                "variance for all groups."
            )
            Z = None
    vc = _components(exog_vc, labels)
    has_re = Z is not None or exog_re is not None or not vc
    frame = pd.concat(
        [X.add_prefix("fixed "), *([Z.add_prefix("random ")] if Z is not None else [])], axis=1
    )
    frame = frame.assign(**{RESPONSE: y, GROUPS: labels})
    if index is not None:
        frame.index = index
    components = [component_of_matrix(name, matrix) for name, matrix in vc.items()]
    frame, dropped, components = _complete(frame, components, missing, list(frame.columns))
    fixed, exog_names = _fixed_part(X)
    random = ""
    if has_re:
        random = "1" if Z is None else _random_columns(Z)
    return Specification(
        frame=frame,
        fixed=fixed,
        random=random,
        group=GROUPS,
        group_name="Group",
        components=tuple(components),
        exog_names=exog_names,
        re_names=(("Group",) if Z is None else tuple(map(str, Z.columns))) if has_re else (),
        is_pandas=is_pandas,
        notes=tuple(notes),
        n_dropped=dropped,
    )


def _pandas(data: Any) -> pd.DataFrame:
    """The caller's table, of whatever library, as pandas."""
    if isinstance(data, pd.DataFrame):
        return data
    frame = Frame.of(data)
    return pd.DataFrame({name: as_pandas(frame.column(name)) for name in frame.columns})


def _group_column(groups: Any, frame: pd.DataFrame) -> tuple[str, str]:
    if groups is None:
        raise DataError("groups is missing.\nDo:   name the column of the groups.")
    if isinstance(groups, str):
        if groups not in frame.columns:
            raise DataError(
                f"groups = {groups!r} is no column of the data.\n"
                f"Do:   name one of {', '.join(map(str, frame.columns))}, or give one value "
                "per row."
            )
        return groups, groups
    frame[GROUPS] = _flat(by_row("groups", groups, frame.index), len(frame), "groups")
    return GROUPS, "Group"


def _flat(values: Any, n: int, what: str) -> np.ndarray[Any, Any]:
    array = np.asarray(values)
    if array.shape != (n,) and array.shape != (n, 1):
        raise DataError(
            f"{what} has shape {array.shape}, but there are {n} rows.\n"
            "Do:   give one value per row."
        )
    return array.reshape(-1)


NO_COLUMNS = ("0", "-1")
"""Formulas without a column: variance components alone."""


def _random_part(
    re_formula: str | None, vc_formula: Mapping[str, str] | None, group: str
) -> tuple[str, list[str], list[str]]:
    """The left side of the groups' bar, notes, and crossed factors."""
    if re_formula is None:
        return ("" if vc_formula else "1"), [], []
    text = right_side(re_formula)
    if vc_formula and text.replace(" ", "") in NO_COLUMNS:
        return "", [], []
    if "|" not in text:
        return text, [], []
    left, *crossed = (part.strip() for part in text.split("|"))
    if left != "1" or len(crossed) != 1 or not crossed[0].isidentifier():
        raise DataError(
            f"re_formula = {re_formula!r} has a bar.\n"
            "Do:   write ~1|item for a crossed factor, or use mixedmodels.lmm with "
            f"({left} | {group}) + … in the formula."
        )
    note = (
        f"re_formula = {re_formula!r} is read as crossed random intercepts, "
        f"(1 | {group}) + (1 | {crossed[0]})."
    )
    return left, [note], list(crossed)


def own_functions(texts: Sequence[str], names: Mapping[str, Any]) -> dict[str, Any]:
    """The functions that formulas call and that the caller's own module defines.

    What the caller imported is not among them: a formula must not reach further than its author
    could see, and `mixedmodels.lmm` takes functions by `context` alone.
    """
    called = {r.name for text in texts for r in references(text) if r.is_call}
    home = names.get("__name__")
    return {
        name: names[name]
        for name in sorted(called - FUNCTION_NAMES)
        if isinstance(names.get(name), FunctionType) and names[name].__module__ == home
    }


def _complete(
    frame: pd.DataFrame, components: Sequence[Component], missing: str, used: Sequence[str]
) -> tuple[pd.DataFrame, int, list[Component]]:
    """The rows without missing values in the columns that are used."""
    require_option("missing", missing, MISSING)
    complete = frame[list(used)].notna().all(axis=1)
    keep = complete.to_numpy(dtype=np.bool_).copy()
    for component in components:
        keep &= np.isfinite(component.values)
    dropped = int(np.count_nonzero(~keep))
    if dropped and missing != "drop":
        raise DataError(
            f"{dropped} of {len(frame)} rows have missing values, and missing = {missing!r}.\n"
            'Do:   use missing="drop", or complete the rows.'
        )
    if not keep.any():
        raise DataError(
            f"All {len(frame)} rows have a missing value in a column that the model uses.\n"
            f"Do:   look at {', '.join(map(str, frame.columns[frame.isna().any()]))}."
        )
    kept = [replace(c, codes=c.codes[keep], values=c.values[keep]) for c in components]
    return frame[keep], dropped, kept


def _named(values: Any, prefix: str, n: int, what: str) -> pd.DataFrame:
    """Columns with statsmodels' names where they have none; text becomes categories."""
    if isinstance(values, pd.Series):
        values = values.to_frame(values.name if values.name is not None else f"{prefix}1")
    if isinstance(values, pd.DataFrame):
        frame = values.reset_index(drop=True)
        frame.columns = frame.columns.map(str)
    else:
        array = np.asarray(values)
        array = array[:, None] if array.ndim == 1 else array
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"{what} has the type {array.dtype}.\n"
                "Do:   give numbers, or a DataFrame, whose text columns are coded as categories."
            )
        constant = [bool(np.ptp(c) == 0 and c[0] != 0) for c in array.T] if len(array) else []
        first = constant.index(True) if True in constant and prefix == "x" else None
        names, number = [], 0
        for j in range(array.shape[1]):
            number += j != first
            names.append("const" if j == first else f"{prefix}{number}")
        frame = pd.DataFrame(array, columns=names)
    if len(frame) != n:
        raise DataError(f"{what} has {len(frame)} rows, but endog has {n}.")
    flags = frame.columns[[frame[c].dtype == np.bool_ for c in frame.columns]]
    return frame.astype(dict.fromkeys(flags, np.float64))


def _are_indicators(Z: pd.DataFrame, labels: np.ndarray[Any, Any]) -> bool:
    """Whether the columns are the indicators of the groups."""
    groups = pd.unique(labels)
    if Z.shape[1] != len(groups) or len(groups) < 2:
        return False
    if any(not pd.api.types.is_numeric_dtype(dtype) for dtype in Z.dtypes):
        return False
    values = Z.to_numpy(dtype=np.float64)
    if not np.isin(values, (0.0, 1.0)).all() or np.any(values.sum(axis=1) != 1):
        return False
    pairs = pd.DataFrame({"column": values.argmax(axis=1), "group": labels}).drop_duplicates()
    return len(pairs) == len(groups)


def _fixed_part(X: pd.DataFrame) -> tuple[str, tuple[str, ...]]:
    """A column of ones becomes the intercept, so that categories are coded beside it."""
    names = [str(name) for name in X.columns]
    ones = next((name for name in names if _is_ones(X[name])), None)
    rest = [quoted(f"fixed {name}") for name in names if name != ones]
    fixed = " + ".join(["1" if ones else "0", *rest])
    shown = [*([ones] if ones else []), *(name for name in names if name != ones)]
    return f"{RESPONSE} ~ {fixed}", tuple(shown)


def _random_columns(Z: pd.DataFrame) -> str:
    """A column of ones becomes the intercept; the order stays, as the intercept is first."""
    names = [str(name) for name in Z.columns]
    first_is_ones = _is_ones(Z[names[0]])
    rest = names[1:] if first_is_ones else names
    return " + ".join(["1" if first_is_ones else "0", *(quoted(f"random {name}") for name in rest)])


def _is_ones(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and bool((column == 1).all())


def _components(exog_vc: Any, labels: np.ndarray[Any, Any]) -> dict[str, pd.DataFrame]:
    """Matrices per component and group, put together by rows."""
    if exog_vc is None:
        return {}
    if not isinstance(exog_vc, Mapping):
        exog_vc = {
            name: dict(zip(pd.unique(labels), matrices, strict=True))
            for name, matrices in zip(exog_vc.names, exog_vc.mats, strict=True)
        }
    out = {}
    for name, by_group in exog_vc.items():
        width = max(np.asarray(matrix).shape[1] for matrix in by_group.values())
        whole = np.zeros((len(labels), width))
        for group, matrix in by_group.items():
            rows = np.flatnonzero(labels == group)
            found = np.asarray(matrix, dtype=np.float64)
            if len(found) != len(rows):
                raise DataError(
                    f"The variance component {name!r} has {len(found)} rows for the group "
                    f"{group!r}, which has {len(rows)}."
                )
            whole[rows, : found.shape[1]] = found
        out[str(name)] = pd.DataFrame(whole, columns=[f"{name}[{j}]" for j in range(width)])
    return out
