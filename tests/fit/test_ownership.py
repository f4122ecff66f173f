"""A fitted model stays what it was, whatever happens to the data that it was fitted to."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.data import frame
from mixedmodels.engine.settings import Control

N = 60


def columns():
    random = np.random.default_rng(5)
    g = np.repeat(np.arange(6.0), 10)
    return {
        "y": random.normal(size=N) + random.normal(size=6)[g.astype(int)],
        "x": random.normal(size=N),
        "z": random.normal(size=N),
        "o": random.normal(size=N),
        "k": np.tile([1.0, 2.0, 3.0], N // 3),
        "g": g,
    }


def masked(arrays):
    missing = np.zeros(N, dtype=bool)
    made = {name: pd.arrays.FloatingArray(array, missing) for name, array in arrays.items()}
    return pd.DataFrame(made, copy=False)


LIBRARIES = {
    "dict": dict,
    "pandas": lambda arrays: pd.DataFrame(arrays, copy=False),
    "pandas, one block": lambda arrays: pd.DataFrame(
        np.column_stack(list(arrays.values())), columns=list(arrays), copy=False
    ),
    "pandas nullable": masked,
    "pandas arrow": lambda arrays: pa.table(arrays).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame,
    "polars lazy": lambda arrays: pl.DataFrame(arrays).lazy(),
    "polars arrow": lambda arrays: pl.from_arrow(pa.table(arrays)),
    "pyarrow": pa.table,
}
WEIGHTS = {
    "array": lambda w: w,
    "list": lambda w: w.tolist(),
    "Series": lambda w: pd.Series(w, copy=False),
    "polars": lambda w: pl.Series(w),
    "arrow": lambda w: pa.array(w),
}


def results(model, *, unused):
    found = {
        "params": model.params.to_numpy().copy(),
        "predicted": np.asarray(model.predict()),
        "anova": np.asarray(model.anova(3)["statistic"], dtype=float),
        "drop1": np.asarray(model.drop1()["statistic"], dtype=float),
        "update": model.update(". ~ . - x", reml=False).objective,
        "check": str(model.check()),
        "bootstrap": np.asarray(model.bootstrap(3, seed=1).replicates, dtype=float),
        "index": model.fittedvalues.index.tolist(),
    }
    if unused:
        found["added"] = model.update(". ~ . + z").objective
        found["refit"] = model.refit("z").objective
    return found


def spoil(data, arrays):
    """Everything that a caller can do to a table in place."""
    for array in arrays:
        array[:] = np.nan
    if isinstance(data, dict):
        data.clear()
    elif isinstance(data, pd.DataFrame):
        data.index.name = "other"
        data["x"] = 1.0
        del data["y"]
        data.columns = [name.upper() for name in data.columns]
        data.loc[len(data)] = 0.0
    elif isinstance(data, pl.DataFrame):
        data.drop_in_place("y")
        data[0, "x"] = 9.0


@pytest.mark.parametrize("is_small", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_change_of_the_table_changes_no_result(library, is_small, monkeypatch):
    if not is_small:
        monkeypatch.setattr(frame, "SMALL", 0)
    arrays = columns()
    data = LIBRARIES[library](arrays)
    model = lmm("y ~ x * k + (1 | g)", data, offset="o")
    before = results(model, unused=is_small)
    spoil(data, arrays.values())
    after = results(model, unused=is_small)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_change_of_arguments_changes_no_result(kind):
    w, start = np.random.default_rng(1).uniform(0.5, 2, N), [0.5]
    matrix = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    contrasts = {"f": matrix}
    data = pd.DataFrame(columns()).assign(f=np.tile(["a", "b", "c"], N // 3))
    given = WEIGHTS[kind](w)
    model = lmm(
        "y ~ x * f + (1 | g)",
        data,
        weights=given,
        offset=data["o"],
        contrasts=contrasts,
        control=Control(start=start),
    )
    before = results(model, unused=True)
    w[:], matrix[:], start[0] = np.nan, 7.0, np.nan
    contrasts.clear()
    if isinstance(given, (list, pd.Series)):
        given[:] = [3.0] * N
    for name, value in results(model, unused=True).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_update_to_other_data_owns_them():
    data = pd.DataFrame(columns())
    arrays = columns()
    other = pd.DataFrame(arrays, copy=False)
    model = lmm("y ~ x + (1 | g)", data).update(data=other)
    before = results(model, unused=True)
    spoil(other, arrays.values())
    for name, value in results(model, unused=True).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_a_start_serves_the_fit_that_it_was_given_for():
    model = lmm("y ~ x + (1 | g)", columns(), control=Control(start=[2.0]))
    more = model.update(". ~ . + (0 + x | g)")
    assert more.theta.size == 2


def test_results_are_the_callers_own():
    data = pd.DataFrame(columns(), index=pd.Index(np.arange(N) + 5, name="row"))
    model = lmm("y ~ x + (1 | g)", data)
    series = (model.params, model.theta, model.fittedvalues, model.resid, model.predict())
    before = [one.copy() for one in series]
    for one in series:
        one.iloc[:] = 0.0
        one.index.name = "other"
    effects = model.random_effects["g"]
    effects.iloc[:] = 0.0
    model.ngroups.clear()
    after = (model.params, model.theta, model.fittedvalues, model.resid, model.predict())
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_series_equal(one, other)
        assert other.index.name in (None, "row")
    assert model.random_effects["g"].to_numpy().any()
    assert model.ngroups == {"g": 6}
