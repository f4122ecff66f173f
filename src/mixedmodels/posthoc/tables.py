"""Tables of linear functions, in the frame library of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.inference.contrast import NOTHING_TO_TEST, RANK, FTest, f_test
from mixedmodels.options import require_flag, require_probability
from mixedmodels.posthoc.contrasts import Regrouping, contrast, grouped
from mixedmodels.posthoc.letters import compact_letters
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.results import Results, results
from mixedmodels.posthoc.subspace import estimable_part
from mixedmodels.prediction.parameters import finite
from mixedmodels.vocabulary import Adjustment, Side

Vector = NDArray[np.float64]

NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
"""Columns of numbers, in order."""

OWN = (*NUMBERS, "num_df", "den_df", "letters")
"""Names of columns that a factor of the data gives way to."""


def grid(functions: LinearFunctions) -> Any:
    """The columns that name rows."""
    return functions.fit.frame.table(named(functions.labels))


def linfct(functions: LinearFunctions) -> pd.DataFrame:
    """L, by the names of the coefficients; nan where a row is not estimable."""
    columns = functions.fit.spec.columns
    L = np.where(functions.estimable[:, None], functions.L, np.nan)[:, list(columns.kept)]
    return pd.DataFrame(L, columns=list(columns.names))


def table(functions: LinearFunctions) -> Any:
    """The columns that name rows, then those of `NUMBERS`."""
    return _table(functions, results(functions), NUMBERS)


def require_alone(joint: bool, *, side: Side, delta: float, adjust: Adjustment | None) -> None:
    """Refuse what tests of single rows have, and a joint test has not.

    Raises
    ------
    DataError
        If `joint` is no truth value, or is asked for with any of the others.
    """
    require_flag("joint", joint)
    if joint and (side != "two-sided" or delta != 0 or adjust is not None):
        raise DataError(
            "side, delta and adjust have no meaning for a joint test.\n"
            "Do:   leave them out, or leave joint out for a test of every row."
        )


def test(
    functions: LinearFunctions,
    *,
    null: float = 0.0,
    delta: float = 0.0,
    side: Side = "two-sided",
    joint: bool = False,
    adjust: Adjustment | None = None,
) -> Any:
    """Tests of every row, or joint ones, as `Means.test` explains them."""
    require_alone(joint, side=side, delta=delta, adjust=adjust)
    if joint:
        return joint_test(functions, null=null)
    testing = replace(functions.testing, null=null, delta=delta, side=side)
    if adjust is not None:
        testing = replace(testing, adjust=adjust)
    found = results(replace(functions, testing=testing))
    return _table(functions, found, ("estimate", "std_error", "df", "statistic", "p_value"))


def conf_int(
    functions: LinearFunctions, level: float | None = None, *, adjust: Adjustment | None = None
) -> Any:
    """Limits of every row, as `Means.conf_int` explains them."""
    testing = functions.testing
    if level is not None:
        require_probability("level", level)
        testing = replace(testing, level=level)
    if adjust is not None:
        testing = replace(testing, adjust=adjust)
    found = results(replace(functions, testing=testing))
    return _table(functions, found, ("estimate", "std_error", "df", "conf_low", "conf_high"))


def joint_test(functions: LinearFunctions, *, null: float = 0.0) -> Any:
    """One F test per group: that all its rows are `null`.

    Table of the columns of `by`, then `num_df, den_df, statistic, p_value`. Of rows that are not
    estimable, the combinations that are count.
    """
    finite("null", null)
    if functions.kind == "effect size" and null:
        raise DataError(
            "Effect sizes can be tested together against zero only.\n"
            "Do:   leave null out: other values depend on the uncertainty of the divisor."
        )
    tests = [joint_f(functions, rows, null=null) for rows in functions.families]
    first = [rows[0] for rows in functions.families]
    names = {name: functions.labels[name][first] for name in functions.by}
    return functions.fit.frame.table(named(names) | f_columns(tests))


def joint_f(functions: LinearFunctions, rows: NDArray[np.intp], *, null: float = 0.0) -> FTest:
    """That the rows, as far as they are estimable, are all `null`."""
    if functions.beside is not None:
        return _joint_wald(functions, rows[functions.estimable[rows]], null)
    C, L = estimable_part(functions.fit.spec.columns, functions.L[rows])
    if not len(C) or not np.any(L):
        return NOTHING_TO_TEST
    rhs = C @ (null - functions.constant[rows])
    return f_test(functions.fit, L, ddf=functions.testing.ddf, rhs=rhs)


def _joint_wald(functions: LinearFunctions, rows: NDArray[np.intp], null: float) -> FTest:
    """The same of rows that depend on more than the fixed effects: chi-square over its rank."""
    given = subset(functions, rows)
    value = given.rows @ given.fit.beta + given.constant - null
    variance = given.joint_rows @ given.covariance() @ given.joint_rows.T
    size = np.sqrt(np.diag(variance))
    if not len(rows) or not np.any(size > 0):
        return NOTHING_TO_TEST
    values, vectors = np.linalg.eigh(variance / np.outer(size, size))
    kept = values > RANK * values[-1]
    parts = vectors[:, kept].T @ (value / size)
    wald, k = float(np.sum(parts**2 / values[kept])), int(kept.sum())
    p_value = float(special.chdtrc(k, wald))
    return FTest(wald / k, k, np.inf, p_value, wald / k)


def f_columns(tests: Sequence[FTest]) -> dict[str, NDArray[Any]]:
    """`num_df, den_df, statistic, p_value` of some tests."""
    return {
        "num_df": np.array([t.num_df for t in tests], dtype=np.int64),
        "den_df": np.array([t.den_df for t in tests], dtype=np.float64),
        "statistic": np.array([t.statistic for t in tests], dtype=np.float64),
        "p_value": np.array([t.p_value for t in tests], dtype=np.float64),
    }


def letters(
    functions: LinearFunctions,
    *,
    alpha: float = 0.05,
    adjust: Adjustment | None = None,
    by: Regrouping = ...,
) -> Any:
    """Means in ascending order within each group, with letters, as `Means.letters` explains it."""
    require_probability("alpha", alpha)
    if functions.kind not in ("mean", "trend"):
        raise DataError(
            "Letters are for means, and these are contrasts.\n"
            "Do:   ask for the letters of the means themselves."
        )
    given = grouped(functions, by)
    if adjust is None:
        adjust, shown = "tukey", results(given)
    else:
        limits = "sidak" if adjust == "tukey" else adjust
        shown = results(replace(given, testing=replace(given.testing, adjust=limits)))
    order = _ascending(given, shown.estimate)
    place, found = np.concatenate(order), _letters_in(given, order, alpha, adjust)
    kept = ("estimate", "std_error", "df", "conf_low", "conf_high")
    return _table(given, shown, kept, order=place, more={"letters": found[place]})


def letters_of_rows(
    functions: LinearFunctions, *, alpha: float, adjust: Adjustment
) -> NDArray[np.object_]:
    """The letters (k,) of every row, which are given in ascending order within each group.

    A row that is not estimable has none: no test says that it is like any other.
    """
    order = _ascending(functions, results(functions).estimate)
    return _letters_in(functions, order, alpha, adjust)


def _letters_in(
    functions: LinearFunctions,
    order: Sequence[NDArray[np.intp]],
    alpha: float,
    adjust: Adjustment,
) -> NDArray[np.object_]:
    texts = np.full(functions.size, "", dtype=object)
    for rows in order:
        known = functions.estimable[rows]
        different = _different(functions, rows, alpha, adjust)[np.ix_(known, known)]
        texts[rows[known]] = compact_letters(different)
    return texts


def _ascending(functions: LinearFunctions, estimate: Vector) -> list[NDArray[np.intp]]:
    """The rows of each group in ascending order of their estimates."""
    return [rows[np.argsort(estimate[rows], kind="stable")] for rows in functions.families]


def _different(
    given: LinearFunctions, rows: NDArray[np.intp], alpha: float, adjust: Adjustment
) -> NDArray[np.bool_]:
    """Which means (k, k) a test tells apart."""
    k = len(rows)
    different = np.zeros((k, k), dtype=np.bool_)
    if k < 2:
        return different
    pairs = contrast(subset(given, rows), "pairwise", by=None, adjust=adjust)
    different[np.triu_indices(k, 1)] = results(pairs).p_value < alpha
    return different | different.T


def subset(functions: LinearFunctions, rows: NDArray[np.intp]) -> LinearFunctions:
    """Some of the rows, in the order given."""
    return replace(
        functions,
        labels={name: values[rows] for name, values in functions.labels.items()},
        L=functions.L[rows],
        constant=functions.constant[rows],
        n_means=functions.n_means[rows],
        added=None if functions.added is None else functions.added[rows],
        beside=None if functions.beside is None else functions.beside.taken(rows),
    )


def named(labels: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Columns that name rows; a factor that is called as a column of numbers is gets a stroke."""
    return {f"{name}_" if name in OWN else name: _plain(v) for name, v in labels.items()}


def _table(
    functions: LinearFunctions,
    found: Results,
    numbers: Sequence[str],
    *,
    order: NDArray[np.intp] | None = None,
    more: Mapping[str, NDArray[Any]] | None = None,
) -> Any:
    place = np.arange(functions.size) if order is None else order
    names = {name: values[place] for name, values in functions.labels.items()}
    columns = {name: getattr(found, name)[place] for name in numbers}
    return functions.fit.frame.table(named(names) | columns | dict(more or {}))


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Values of one type as an array of that type; text and mixtures as objects."""
    if values.dtype.kind != "O":
        return values
    kinds = {type(value) for value in values.tolist()}
    return np.array(values.tolist()) if kinds in ({bool}, {int}, {float}) else values
