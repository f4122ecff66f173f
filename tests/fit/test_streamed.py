"""A model of data read in batches is the model of the same rows in a table."""

import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import mixedmodels as mm
from mixedmodels.data import source
from mixedmodels.errors import DataError, FormulaError
from mixedmodels.fit import streamed
from tests.reference.load import models, reference

SAME = 1e-10  # relative: sums against rows, both rounded a few times
FLAT = {"igf_boundary": 1e-8, "fhch2010": 1e-5}  # where the likelihood hardly changes
LARGE = {"insteval", "insteval_fixed", "simulated_kb07_like_maximal", "star_math", "fhch2010"}

SLEEP = "Reaction ~ Days + (Days | Subject)"


@pytest.fixture(autouse=True)
def everything_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data too, in batches as short as they come."""
    monkeypatch.setattr(streamed, "COLLECTED", 0)
    monkeypatch.setattr(source, "LEAST_ROWS", 1)


def parts(data: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    return [data.iloc[start : start + rows] for start in range(0, len(data), rows)]


def batches(data: pd.DataFrame, rows: int) -> Callable[[], Iterator[pd.DataFrame]]:
    """A function that gives the rows in pieces, each time it is called."""
    return lambda: iter(parts(data, rows))


def relative(first: Any, second: Any) -> float:
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    assert a.shape == b.shape
    known = ~(np.isnan(a) & np.isnan(b))
    return float(np.max(np.abs(a - b)[known], initial=0) / np.max(np.abs(a[known]), initial=1e-9))


def assert_same(whole: mm.LinearMixedModel, summed: mm.LinearMixedModel, bound: float) -> None:
    assert list(summed.params.index) == list(whole.params.index)
    assert summed.aliased == whole.aliased
    assert (summed.nobs, summed.n_missing, summed.ngroups, summed.npar) == (
        whole.nobs,
        whole.n_missing,
        whole.ngroups,
        whole.npar,
    )
    for name in ("params", "bse", "theta", "sigma", "objective", "aic", "bic"):
        assert relative(getattr(whole, name), getattr(summed, name)) < bound, name
    for group, effects in whole.random_effects.items():
        assert list(summed.random_effects[group].index) == list(effects.index)
        assert relative(effects, summed.random_effects[group]) < bound
    assert summed.convergence.undetermined == whole.convergence.undetermined


@pytest.mark.parametrize("name", [name for name in models() if name not in LARGE])
def test_reference_models(name: str) -> None:
    ref = reference(name)
    data, arguments = ref.data(), ref.fit_arguments()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = mm.lmm(ref.python_formula, data, **arguments)
        rows = max(5, len(data) // 6)
        summed = mm.lmm(ref.python_formula, batches(data, rows), **arguments)
    assert_same(whole, summed, FLAT.get(name, SAME))


def sources(data: pd.DataFrame, folder: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each kind of source with the table that it stands for."""
    frame = pl.from_pandas(data)
    for number, part in enumerate(parts(data, 50)):
        pl.from_pandas(part).write_parquet(folder / f"{number}.parquet")
    table = frame.to_arrow()
    relation = duckdb.read_parquet(str(folder / "*.parquet"))
    yield "LazyFrame", frame.lazy(), frame
    yield "scan", pl.scan_parquet(folder / "*.parquet"), frame
    yield "dataset", ds.dataset(folder), table
    yield "reader", pa.RecordBatchReader.from_batches(table.schema, table.to_batches(31)), table
    yield "relation", relation, table
    yield "iterator", iter(parts(data, 50)), data
    yield "polars frames", iter(frame.iter_slices(40)), frame
    yield "record batches", iter(table.to_batches(60)), table
    yield "dicts", iter([part.to_dict("list") for part in parts(data, 70)]), data
    yield "function", batches(data, 33), data


def test_every_kind_of_source(tmp_path: Any) -> None:
    data = mm.datasets.load("sleepstudy")
    data["Subject"] = data["Subject"].astype(str).astype(int)
    data["unused"] = "text"
    for kind, given, table in sources(data, tmp_path):
        whole, summed = mm.lmm(SLEEP, table), mm.lmm(SLEEP, given)
        assert_same(whole, summed, SAME)
        assert type(summed.coef_table()) is type(whole.coef_table()), kind


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_the_size_of_batches_does_not_matter(rows: int) -> None:
    data = mm.datasets.load("cake").astype({"temperature": str}).astype({"temperature": float})
    formula = "angle ~ scale(temperature) * recipe + (1 | replicate / recipe)"
    assert_same(mm.lmm(formula, data), mm.lmm(formula, batches(data, rows)), SAME)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ poly(x, 3) + (1 | g)",
        "y ~ poly(x, 2) * f + center(z) + (scale(x) | g)",
        "y ~ bs(x, knots=[-0.5, 0.5], degree=3) + (1 | g)",
        "y ~ cr(x, knots=[-0.5, 0, 0.5]) + (1 | g)",
        "y ~ C(k, contr.sum) + C(x > 0) + standardize(z) + (1 | g:f)",
        "y ~ C(f, contr.helmert) + hashed(f, levels=2) + (0 + f || g)",
        "y ~ scale(center(x)) + np.log(z + 20) + I(x**2) + (x || g) + (1 | g:k)",
        "y ~ scale(I(f == 'b')) + x:k + (1 | g) + (0 + x | g)",
        "scale(y) ~ year + I(year**2) + (year | g)",
        "y ~ seconds * f + (seconds | g)",
        "y ~ 0 + f + f:x + (1 | k/g)",
        "y ~ f * k + twice + (1 | g)",
        "y ~ flag + flag:x + (flag | g)",
    ],
)
def test_formulas(formula: str) -> None:
    data = mixed(600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = mm.lmm(formula, data)
        summed = mm.lmm(formula, batches(data, 47))
        sorted_rows = mm.lmm(formula, batches(data.sort_values(["f", "g", "year"]), 47))
    bound = 1e-6 if whole.is_singular else 1e-9  # where the search ends; far origins
    assert_same(whole, summed, bound)
    assert_same(whole, sorted_rows, bound)


def mixed(n: int) -> pd.DataFrame:
    random = np.random.default_rng(5)
    g, k = random.integers(0, 30, n), random.integers(1, 4, n)
    x, z = random.normal(size=n), random.normal(size=n)
    f = random.choice(["a", "b", "c"], n)
    year = 2000 + random.integers(0, 20, n)
    seconds = 1.7e9 + random.uniform(0, 1e5, n)
    effects = random.normal(size=(30, 2))
    y = 3 + x - z + effects[g, 0] + effects[g, 1] * x + 0.3 * (f == "b") + 0.1 * (year - 2010)
    return pd.DataFrame(
        {
            "y": y + random.normal(size=n),
            "g": g,
            "k": k,
            "x": x,
            "z": z,
            "f": f,
            "year": year,
            "seconds": seconds,
            "twice": 2 * (f == "b") + 1.0,
            "flag": z > 0.3,
        }
    )


def test_missing_values_weights_and_offset() -> None:
    data = mixed(400)
    data["w"], data["o"] = np.linspace(0.5, 3, 400), np.linspace(-1, 1, 400)
    data.loc[[3, 77, 78], "x"] = np.nan
    data.loc[[5, 399], "f"] = None
    data.loc[100:149, "y"] = np.nan  # all rows of a batch
    arguments: dict[str, Any] = {"weights": "w", "offset": "o", "contrasts": {"f": "sum"}}
    formula = "y ~ x + f + (x | g)"
    whole = mm.lmm(formula, data, **arguments)
    summed = mm.lmm(formula, batches(data, 50), **arguments)
    assert_same(whole, summed, SAME)
    assert whole.r2() == pytest.approx(summed.r2(), rel=SAME)
    with pytest.raises(DataError, match="missing value"):
        mm.lmm(formula, batches(data, 50), missing="error")


WORKING: dict[str, Callable[[mm.LinearMixedModel], Any]] = {
    "coef_table": lambda m: m.coef_table(),
    "coef_table of Kenward and Roger": lambda m: m.coef_table("kenward-roger"),
    "conf_int": lambda m: m.conf_int(which="all"),
    "profile": lambda m: m.conf_int(method="profile", which="all"),
    "variance_components": lambda m: m.variance_components,
    "ranef_table": lambda m: m.ranef_table(),
    "anova 1": lambda m: m.anova(1),
    "anova 2": lambda m: m.anova(2),
    "anova 3": lambda m: m.anova(3, ddf="kenward-roger"),
    "emmeans": lambda m: m.emmeans("f").table(),
    "emmeans of two": lambda m: m.emmeans(["f", "k"]).table(),
    "proportional": lambda m: m.emmeans("f", weights="proportional").table(),
    "cells": lambda m: m.emmeans("k", weights="cells").table(),
    "pairs": lambda m: m.emmeans("f").pairs().table(),
    "effect_size": lambda m: m.emmeans("f").pairs().effect_size().table(),
    "emtrends": lambda m: m.emtrends("f", var="x").table(),
    "wald_test": lambda m: m.wald_test("x = 0"),
    "cov_variance": lambda m: m.cov_variance(),
    "predictions of new rows": lambda m: m.predictions(newdata=mixed(20)).table(),
    "slopes at new rows": lambda m: m.slopes("x", newdata=mixed(20)).table(),
    "compare": lambda m: mm.compare(m, m.update(". ~ . - x:f", reml=False)),
    "compare random parts": lambda m: mm.compare(m, m.update(". ~ . - (x | g) + (1 | g)")),
    "predict": lambda m: m.predict(mixed(30)).to_frame(),
}


@pytest.fixture(scope="module")
def pair() -> tuple[mm.LinearMixedModel, mm.LinearMixedModel]:
    data, formula = mixed(600), "y ~ x * f + C(k) + (x | g)"
    whole = mm.lmm(formula, data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(streamed, "COLLECTED", 0)
        patched.setattr(source, "LEAST_ROWS", 1)
        return whole, mm.lmm(formula, batches(data, 90))


@pytest.mark.parametrize("what", WORKING)
def test_results_without_rows(
    what: str, pair: tuple[mm.LinearMixedModel, mm.LinearMixedModel]
) -> None:
    whole, summed = (WORKING[what](model) for model in pair)
    assert list(summed.columns) == list(whole.columns)
    for name in whole.columns:
        if whole[name].dtype.kind in "fi":
            assert relative(whole[name], summed[name]) < 1e-7, name  # profiles are searched for
        else:
            assert whole[name].astype(str).tolist() == summed[name].astype(str).tolist()


def test_numbers_without_rows(pair: tuple[mm.LinearMixedModel, mm.LinearMixedModel]) -> None:
    whole, summed = pair
    assert summed.r2() == pytest.approx(whole.r2(), rel=SAME)
    assert summed.icc() == pytest.approx(whole.icc(), rel=SAME)
    assert "Scaled residuals" not in str(summed)
    assert summed.is_singular == whole.is_singular
    again = pickle.loads(pickle.dumps(summed))
    assert relative(summed.ranef_table()["std_error"], again.ranef_table()["std_error"]) < SAME


NEEDING: dict[str, Callable[[mm.LinearMixedModel], Any]] = {
    "fittedvalues": lambda m: m.fittedvalues,
    "resid": lambda m: m.resid,
    "residuals": lambda m: m.residuals("pearson"),
    "hat_values": lambda m: m.hat_values(),
    "influence": lambda m: m.influence(),
    "check": lambda m: m.check(),
    "predict": lambda m: m.predict(),
    "simulate": lambda m: m.simulate(seed=1),
    "bootstrap": lambda m: m.bootstrap(5, seed=1),
    "ranova": lambda m: m.ranova(),
    "refit": lambda m: m.refit(np.arange(600.0)),
    "refit to a column": lambda m: m.refit("z"),
    "acf": lambda m: m.acf(),
    "predictions": lambda m: m.predictions(),
    "comparisons": lambda m: m.comparisons("f"),
    "containment": lambda m: m.coef_table("containment"),
    "plot": lambda m: m.plot.residuals(),
    "report": lambda m: m.report("report.html"),
}


@pytest.mark.parametrize("what", NEEDING)
def test_what_needs_rows_says_so(
    what: str, pair: tuple[mm.LinearMixedModel, mm.LinearMixedModel]
) -> None:
    with pytest.raises(DataError, match="needs the rows of the data"):
        NEEDING[what](pair[1])


def test_small_data_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "COLLECTED", 10_000)
    data = mm.datasets.load("sleepstudy")
    for given in (pl.from_pandas(data).lazy(), batches(data, 50), iter(parts(data, 50))):
        model = mm.lmm(SLEEP, given)
        assert len(model.resid) == 180
        assert np.array_equal(model.theta, mm.lmm(SLEEP, data).theta)


def test_a_source_that_is_read_once() -> None:
    data = mixed(200)
    assert mm.lmm("y ~ x + (x | g)", iter(parts(data, 60))).nobs == 200
    with pytest.raises(DataError, match=r"(?s)can be read once.*2 passes.*levels of 'f'"):
        mm.lmm("y ~ f + (1 | g)", iter(parts(data, 60)))
    with pytest.raises(DataError, match=r"(?s)can be read once.*scale\(x\)"):
        mm.lmm("y ~ scale(x) + (1 | g)", iter(parts(data, 60)))


def test_levels_of_several_types() -> None:
    data = mixed(100)
    other = data.assign(g=data["g"].astype(str), f=3)
    with pytest.raises(DataError, match=r"'g' holds numbers in some batches .* and text in others"):
        mm.lmm("y ~ x + (1 | g)", iter([data, other]))
    with pytest.raises(DataError, match=r"'f' holds text in some batches .* and numbers in others"):
        mm.lmm("y ~ f + (1 | k)", lambda: iter([data, other]))
    first = data.assign(f=pd.Categorical(data["f"], ["a", "b", "c"]))
    second = data.assign(f=pd.Categorical(data["f"], ["c", "b", "a"]))
    with pytest.raises(DataError, match="'f' has other categories"):
        mm.lmm("y ~ f + (1 | g)", lambda: iter([first, second]))
    whole = pd.concat([data, data.assign(g=data["g"].astype(float))])
    mended = mm.lmm("y ~ x + (1 | g)", iter([data, data.assign(g=data["g"].astype(float))]))
    assert_same(mm.lmm("y ~ x + (1 | g)", whole), mended, SAME)


def test_batches_with_other_columns() -> None:
    data = mixed(90)
    turned = data[data.columns[::-1]]
    empty = data.iloc[:0]
    assert_same(
        mm.lmm("y ~ x + (1 | g)", pd.concat([data, data])),
        mm.lmm("y ~ x + (1 | g)", iter([empty, data, empty, turned])),
        SAME,
    )
    with pytest.raises(DataError, match=r"Batch 2 of the data \(after 90 rows\) has no column 'x'"):
        mm.lmm("y ~ x + (1 | g)", lambda: iter([data, data.drop(columns="x")]))
    with pytest.raises(DataError, match="have no rows"):
        mm.lmm("y ~ x + (1 | g)", iter([empty]))
    with pytest.raises(DataError, match="No rows are left"):
        mm.lmm("y ~ x + (1 | g)", iter([data.assign(y=np.nan)]))


def test_a_source_that_breaks_off(tmp_path: Any) -> None:
    data = mixed(90)

    def broken() -> Iterator[pd.DataFrame]:
        yield data
        raise OSError("no space left on device")

    with pytest.raises(DataError, match=r"failed after 1 batches: no space left on device"):
        mm.lmm("y ~ x + (1 | g)", broken())
    for number in range(2):
        data.to_parquet(tmp_path / f"{number}.parquet")
    path = tmp_path / "1.parquet"
    path.write_bytes(path.read_bytes()[:2000])
    for given in (pl.scan_parquet(tmp_path / "*.parquet"), ds.dataset(tmp_path)):
        with pytest.raises(DataError, match="Reading the data"):
            mm.lmm("y ~ x + (1 | g)", given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": np.ones(200)}, "weights is an array"),
        ({"offset": np.ones(200)}, "offset is an array"),
        ({"residual": "ar1(1 | g)"}, "residual= is not available"),
        ({"sigma": 1.0}, "sigma= is not available"),
        ({"fixed": {"sd(g:Intercept)": 1.0}}, "fixed= is not available"),
    ],
)
def test_what_batches_cannot_do(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mm.lmm("y ~ x + (1 | g)", batches(mixed(200), 50), **arguments)


def test_structures_are_refused() -> None:
    with pytest.raises(FormulaError, match="read in batches"):
        mm.lmm("y ~ x + cs(0 + f | g)", batches(mixed(200), 50))
    with pytest.raises(DataError, match="write the knots"):
        mm.lmm("y ~ bs(x, df=5) + (1 | g)", batches(mixed(200), 50))


def test_effects_that_the_fixed_part_takes_up() -> None:
    with pytest.raises(DataError, match=r"takes up effects of \(1 \| f\)"):
        mm.lmm("y ~ f + x + (1 | f / g)", batches(mixed(200), 50))


def test_a_level_for_every_row() -> None:
    data = mixed(300).assign(row=np.arange(300), w=np.linspace(1, 4, 300))
    with pytest.raises(DataError, match="has 300 levels, and there are 300 rows"):
        mm.lmm("y ~ x + (1 | row)", batches(data, 70))
    for arguments in ({"weights": "w"}, {}):
        formula = "y ~ x + (1 | row)" if arguments else "y ~ x + (1 | g) + (0 + x | row)"
        whole = mm.lmm(formula, data, **arguments)
        assert_same(whole, mm.lmm(formula, batches(data, 70), **arguments), 1e-7)


@pytest.mark.parametrize("turned", [False, True])
def test_levels_that_hardly_repeat_are_no_residual(turned: bool) -> None:
    random = np.random.default_rng(8)
    pairs = np.repeat(np.arange(3000), 2)
    g = np.concatenate([pairs[::2], pairs[1::2][::-1]]) if turned else random.permutation(pairs)
    y = random.normal(size=3000)[g] + random.normal(size=6000)
    data = pd.DataFrame({"y": y, "g": g, "x": random.normal(size=6000)})
    whole, summed = (mm.lmm("y ~ x + (1 | g)", given) for given in (data, batches(data, 500)))
    assert_same(whole, summed, SAME)


def test_iterative() -> None:
    random = np.random.default_rng(4)
    users, items = random.integers(0, 200, 4000), random.integers(0, 90, 4000)
    y = random.normal(size=200)[users] + random.normal(size=90)[items] + random.normal(size=4000)
    data = pd.DataFrame({"y": y, "u": users, "i": items, "x": random.normal(size=4000)})
    formula = "y ~ x + (1 | u) + (1 | i)"
    whole = mm.lmm(formula, data, method="iterative")
    summed = mm.lmm(formula, batches(data, 600), method="iterative")
    assert summed.convergence.monte_carlo is not None
    assert_same(whole, summed, 1e-6)  # equations are solved to a residual


def test_what_is_no_table() -> None:
    with pytest.raises(DataError, match="Batch 1 of the data is of type str"):
        mm.lmm("y ~ x + (1 | g)", iter(["text"]))
    with pytest.raises(DataError, match="returned an object of type DataFrame"):
        mm.lmm("y ~ x + (1 | g)", lambda: mixed(50))


def test_a_group_of_one_level_is_told_by_its_name() -> None:
    data = mixed(300).assign(only="north")
    with pytest.raises(DataError, match="has one level, 'north'"):
        mm.lmm("y ~ x + (1 | only)", batches(data, 100))


def test_tables_of_different_libraries_are_refused() -> None:
    data = mixed(300)
    parts = [pl.from_pandas(data[:150]), data[150:]]
    with pytest.raises(DataError, match="different libraries: polars, pandas"):
        mm.lmm("y ~ x + (1 | g)", iter(parts))
