"""Averages over rows against the rows of X themselves, predictions, and other software."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import mixedmodels as mm
from mixedmodels.errors import DataError, DroppedColumnsWarning, NotEstimableWarning
from mixedmodels.means import Means

Vector = NDArray[np.float64]

ROUNDING = 1e-9

DIFFERENCE = 1e-6
"""Relative error of a central difference of `predict` with a step of 1e-4."""


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    """Two crossed factors in uneven numbers, covariates, groups, and a column of no model."""
    rng = np.random.default_rng(11)
    n = 300
    frame = pd.DataFrame(
        {
            "a": rng.choice(["p", "q", "r"], n, p=[0.5, 0.3, 0.2]),
            "b": rng.choice(["u", "v"], n, p=[0.7, 0.3]),
            "x": rng.gamma(4, 1, n) + 2,
            "z": rng.normal(size=n).round(1),
            "g": rng.integers(0, 20, n),
            "site": rng.choice(["n", "s"], n),
            "w": rng.integers(1, 5, n),
        }
    )
    frame["y"] = rng.normal(size=n) + np.log(frame.x) * (1 + (frame.b == "v")) + (frame.a == "q")
    frame["y"] += rng.normal(size=20)[frame.g]
    return frame


@pytest.fixture(scope="module")
def model(data: pd.DataFrame) -> mm.LinearMixedModel:
    return mm.lmm("y ~ a * b + np.log(x) * b + z + (1 | g)", data)


def columns(model: mm.LinearMixedModel, frame: pd.DataFrame) -> Vector:
    """X of any rows, coded by hand."""
    q, r, v = (frame.a == "q") * 1.0, (frame.a == "r") * 1.0, (frame.b == "v") * 1.0
    log = np.log(frame.x)
    made = {
        "Intercept": 1.0 + 0 * q,
        "a[T.q]": q,
        "a[T.r]": r,
        "b[T.v]": v,
        "a[T.q]:b[T.v]": q * v,
        "a[T.r]:b[T.v]": r * v,
        "np.log(x)": log,
        "np.log(x):b[T.v]": log * v,
        "z": frame.z,
    }
    return np.column_stack([made[name] for name in model.params.index])


def check(model: mm.LinearMixedModel, found: Means, L: Vector) -> None:
    """Estimates, errors and tests of rows that are known."""
    table = found.table()
    L = np.atleast_2d(L)
    beta, cov = model.params.to_numpy(), model.cov_params().to_numpy()
    np.testing.assert_allclose(table["estimate"], L @ beta, rtol=ROUNDING, atol=ROUNDING)
    se = np.sqrt(np.einsum("ki,ij,kj->k", L, cov, L))
    np.testing.assert_allclose(table["std_error"], se, rtol=ROUNDING, atol=ROUNDING)
    tested = model.t_test(L)
    np.testing.assert_allclose(table["df"], tested["df"], rtol=1e-6)
    np.testing.assert_allclose(table["p_value"], tested["p_value"], rtol=1e-6, atol=1e-300)


def test_overall(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    check(model, model.predictions(), columns(model, data).mean(axis=0))


@pytest.mark.parametrize("by", ["a", "site", "g", "w", "x"])
def test_by_any_column(model: mm.LinearMixedModel, data: pd.DataFrame, by: str) -> None:
    """Of the fixed part, of no part, a grouping factor, numbers, and one value per row."""
    X = columns(model, data)
    values = np.unique(data[by])
    found = model.predictions(by)
    assert found.table()[by].tolist() == values.tolist()
    check(model, found, np.array([X[data[by] == v].mean(axis=0) for v in values]))


def test_by_two_columns(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    predicted = model.predict(re="none").groupby([data.site, data.a]).mean()
    table = model.predictions(["site", "a"]).table().set_index(["site", "a"])
    pd.testing.assert_series_equal(table.estimate, predicted, check_names=False)


@pytest.mark.parametrize("ddf", ["kenward-roger", "residual", "normal"])
def test_degrees_of_freedom(model: mm.LinearMixedModel, data: pd.DataFrame, ddf: Any) -> None:
    X = columns(model, data)
    L = np.array([X[data.site == s].mean(axis=0) for s in ("n", "s")])
    found, tested = model.predictions("site", ddf=ddf).table(), model.t_test(L, ddf=ddf)
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_allclose(found[name], tested[name], rtol=1e-7, atol=1e-300)


def test_rows_set_to_values(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    found = model.predictions("site", at={"a": ["q", "p"], "x": [2.5, 4]})
    table = found.table()
    assert table.a.tolist() == ["q", "q", "p", "p"] * 2
    assert table.x.tolist() == [2.5] * 4 + [4.0] * 4
    assert table.site.tolist() == ["n", "s"] * 4
    L = [
        columns(model, data[data.site == s].assign(a=a, x=x)).mean(axis=0)
        for x in (2.5, 4)
        for a in ("q", "p")
        for s in ("n", "s")
    ]
    check(model, found, np.array(L))


def counterfactual(
    model: mm.LinearMixedModel, data: pd.DataFrame, high: dict[str, Any], low: dict[str, Any]
) -> Vector:
    X = columns(model, data.assign(**high)) - columns(model, data.assign(**low))
    return np.asarray(X.mean(axis=0))


def test_levels_against_the_first(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    found = model.comparisons("a")
    table = found.table()
    assert table.term.tolist() == ["a", "a"]
    assert table.contrast.tolist() == ["q - p", "r - p"]
    check(model, found, [counterfactual(model, data, {"a": k}, {"a": "p"}) for k in "qr"])


@pytest.mark.parametrize(
    ("contrast", "pairs"),
    [("sequential", ["qp", "rq"]), ("pairwise", ["qp", "rp", "rq"])],
)
def test_kinds_of_contrast(
    model: mm.LinearMixedModel, data: pd.DataFrame, contrast: Any, pairs: list[str]
) -> None:
    found = model.comparisons("a", contrast=contrast)
    assert found.table().contrast.tolist() == [f"{later} - {early}" for later, early in pairs]
    L = [counterfactual(model, data, {"a": v}, {"a": u}) for v, u in pairs]
    check(model, found, np.array(L))


def test_levels_in_an_order_of_one_s_own(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    found = model.comparisons("a", values=["r", "p"])
    assert found.table().contrast.tolist() == ["p - r"]
    check(model, found, counterfactual(model, data, {"a": "p"}, {"a": "r"}))


def test_all_pairs_are_a_family_of_means(model: mm.LinearMixedModel) -> None:
    found = model.comparisons("a", contrast="pairwise")
    assert found.functions.n_means.tolist() == [3, 3, 3]
    assert not model.comparisons("a", "site", contrast="pairwise").functions.n_means.any()


@pytest.mark.parametrize(
    ("step", "low", "high", "name"),
    [
        (None, lambda x: x - 0.5, lambda x: x + 0.5, "+1"),
        (0.5, lambda x: x - 0.25, lambda x: x + 0.25, "+0.5"),
        (-2, lambda x: x + 1, lambda x: x - 1, "-2"),
        ("sd", lambda x: x - x.std() / 2, lambda x: x + x.std() / 2, "+sd"),
        ("2sd", lambda x: x - x.std(), lambda x: x + x.std(), "+2 sd"),
        ("iqr", lambda x: x.quantile(0.25), lambda x: x.quantile(0.75), "Q3 - Q1"),
        ("minmax", lambda x: x.min(), lambda x: x.max(), "max - min"),
    ],
)
@pytest.mark.parametrize("variable", ["x", "z"])
def test_steps(
    model: mm.LinearMixedModel,
    data: pd.DataFrame,
    variable: str,
    step: Any,
    low: Callable[[pd.Series], Any],
    high: Callable[[pd.Series], Any],
    name: str,
) -> None:
    found = model.comparisons(variable, step=step)
    own = data[variable]
    check(model, found, counterfactual(model, data, {variable: high(own)}, {variable: low(own)}))
    assert found.table().contrast.tolist() == [name]


def test_two_values(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    found = model.comparisons("x", "b", values=(3, 5))
    assert found.table().contrast.tolist() == ["5 - 3", "5 - 3"]
    L = [counterfactual(model, data[data.b == k], {"x": 5.0}, {"x": 3.0}) for k in "uv"]
    check(model, found, np.array(L))


def test_groups_are_by_the_rows_own_values(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    """Also where the variable itself makes the groups."""
    L = [counterfactual(model, data[data.b == k], {"b": "v"}, {"b": "u"}) for k in "uv"]
    check(model, model.comparisons("b", "b"), np.array(L))


def test_several_variables(model: mm.LinearMixedModel) -> None:
    table = model.comparisons({"a": "pairwise", "x": 2, "z": [0, 1], "b": None}, "site").table()
    assert table.columns[:3].tolist() == ["term", "contrast", "site"]
    assert table.term.tolist() == ["a"] * 6 + ["x"] * 2 + ["z"] * 2 + ["b"] * 2
    for name, alone in {
        "a": model.comparisons("a", "site", contrast="pairwise"),
        "x": model.comparisons("x", "site", step=2),
        "z": model.comparisons("z", "site", values=[0, 1]),
        "b": model.comparisons("b", "site"),
    }.items():
        own = table[table.term == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone.table(), check_dtype=False)


def test_comparisons_are_contrasts_of_predictions(model: mm.LinearMixedModel) -> None:
    one = model.comparisons("a", contrast="pairwise").table()
    other = model.predictions(at={"a": ["p", "q", "r"]}).pairs(reverse=True, adjust="none").table()
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_allclose(np.sort(one[name]), np.sort(other[name]), rtol=ROUNDING)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x * b + z + (1 | g)",
        "y ~ np.log(x) * b + z + (1 | g)",
        "y ~ poly(x, 3) * b + x:z + (1 | g)",
        "y ~ bs(x, df=5) + a + (1 | g)",
        "y ~ I(x**2) + x + np.exp(-x / 4) * a + (1 | g)",
    ],
)
@pytest.mark.parametrize("by", [None, "site"])
def test_slopes(data: pd.DataFrame, formula: str, by: str | None) -> None:
    """The mean of the differences of predictions, row by row."""
    fitted = mm.lmm(formula, data)
    inner = data[data.x.between(data.x.min() + 0.01, data.x.max() - 0.01)]
    h = 1e-4
    ahead, behind = (
        fitted.predict(inner.assign(x=inner.x + s), re="none").to_numpy() for s in (h, -h)
    )
    rates = pd.Series((ahead - behind) / (2 * h))
    wanted = [rates.mean()] if by is None else rates.groupby(inner[by].to_numpy()).mean().tolist()
    found = fitted.slopes("x", by, newdata=inner).table()
    np.testing.assert_allclose(found.estimate, wanted, rtol=DIFFERENCE, atol=DIFFERENCE)


def test_slopes_have_errors_of_the_mean_derivative(
    model: mm.LinearMixedModel, data: pd.DataFrame
) -> None:
    v = (data.b == "v") * 1.0
    L = np.zeros(len(model.params))
    names = model.params.index.tolist()
    L[names.index("np.log(x)")] = (1 / data.x).mean()
    L[names.index("np.log(x):b[T.v]")] = (v / data.x).mean()
    check(model, model.slopes("x"), L)


def test_several_slopes(model: mm.LinearMixedModel) -> None:
    table = model.slopes(["x", "z"]).table()
    assert table.term.tolist() == ["x", "z"]
    assert set(table.contrast) == {"dY/dX"}
    assert table.estimate[1] == pytest.approx(model.params["z"], rel=ROUNDING)


def test_equal_to_emmeans_where_cells_are_alike() -> None:
    cake = mm.datasets.load("cake")
    fitted = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
    names = ["estimate", "std_error", "df", "p_value", "conf_low"]
    one, other = fitted.predictions("recipe").table(), fitted.emmeans("recipe").table()
    pd.testing.assert_frame_equal(one[names], other[names])
    one = fitted.comparisons("recipe", contrast="pairwise").table()
    other = fitted.emmeans("recipe").pairs(reverse=True, adjust="none").table()
    pd.testing.assert_frame_equal(one[names], other[names])


def test_equal_to_emmeans_with_cells_by_their_rows(model: mm.LinearMixedModel) -> None:
    one = model.predictions(at={"a": ["p", "q", "r"]}).table()
    shares = model.emmeans("a", weights="proportional", cov_reduce={"x": _mean_of_log}).table()
    # b and log(x) interact, so that only the difference of levels of a is the same.
    for table in (one, shares):
        table["estimate"] -= table["estimate"][0]
    np.testing.assert_allclose(one.estimate, shares.estimate, atol=ROUNDING)


def _mean_of_log(x: Vector) -> float:
    return float(np.exp(np.log(x).mean()))


# Python package marginaleffects 0.6.0 (polars 1), statsmodels 0.15.0:
#   m = smf.ols("distance ~ age * Sex + np.log(age)", orthodont).fit(); w = arange(n) % 5 + 1
#   avg_predictions(m, by="Sex"), avg_predictions(m, by="Sex", wts="w", newdata=d),
#   avg_comparisons(m, variables={"age": 1, "Sex": "reference"}),
#   avg_comparisons(m, variables={"age": "sd"}), … "iqr", "minmax", [9, 13],
#   avg_comparisons(m, variables="Sex", by="age")
# Its standard errors of slopes are numerical, and one to ten per cent off here: they are not kept.
MARGINALEFFECTS: list[tuple[Callable[[mm.LinearMixedModel], Means], list[float], list[float]]] = [
    (lambda m: m.predictions(), [24.0231481481], [0.2179047553]),
    (
        lambda m: m.predictions("Sex"),
        [24.9687500000, 22.6477272727],
        [0.2830665806, 0.3413911412],
    ),
    (
        lambda m: m.predictions("Sex", wts="w"),
        [25.0100328947, 22.6341665360],
        [0.2831449815, 0.3415489872],
    ),
    (
        lambda m: m.comparisons(["age", "Sex"]),
        [0.6465418108, -2.3210227273],
        [0.1005366570, 0.4434801014],
    ),
    (
        lambda m: m.comparisons("age", "Sex", step=2),
        [1.5380483152, 0.9283892243],
        [0.2592218855, 0.3103755205],
    ),
    (lambda m: m.comparisons("age", step="sd"), [1.4472674029], [0.2283460888]),
    (lambda m: m.comparisons("age", step="iqr"), [2.0134835132], [0.2983759003]),
    (lambda m: m.comparisons("age", step="minmax"), [3.9523198031], [0.5849167590]),
    (lambda m: m.comparisons("age", values=[9, 13]), [2.6720739751], [0.3939126861]),
    (
        lambda m: m.comparisons("Sex", "age"),
        [-1.4065340909, -2.0161931818, -2.6258522727, -3.2355113636],
        [0.7420841468, 0.4858081107, 0.4858081107, 0.7420841468],
    ),
]


@pytest.mark.parametrize("case", range(len(MARGINALEFFECTS)))
def test_marginaleffects(case: int) -> None:
    ask, estimate, std_error = MARGINALEFFECTS[case]
    d = mm.datasets.load("orthodont")
    d["w"] = np.arange(len(d)) % 5 + 1.0
    table = ask(mm.lmm("distance ~ age * Sex + np.log(age)", d)).table()
    np.testing.assert_allclose(table.estimate, estimate, rtol=1e-9)
    np.testing.assert_allclose(table.std_error, std_error, rtol=1e-8)


ASK: list[Callable[[mm.LinearMixedModel], Means]] = [
    lambda m: m.predictions("site"),
    lambda m: m.predictions("a", at={"b": ["u", "v"]}),
    lambda m: m.comparisons(["a", "b", "x"], "site"),
    lambda m: m.slopes("x", "a"),
]


@pytest.mark.parametrize("ask", ASK)
def test_neither_coding_nor_order_nor_origin_matters(
    model: mm.LinearMixedModel, data: pd.DataFrame, ask: Callable[[mm.LinearMixedModel], Means]
) -> None:
    wanted = ask(model).table()
    numbers = ["estimate", "std_error", "df"]
    formula, helmert = "y ~ a * b + np.log(x) * b + z + (1 | g)", "C(b, contr.helmert)"
    others = [
        mm.lmm(formula, data.sample(frac=1, random_state=1)),
        mm.lmm(formula.replace("a *", "C(a, contr.sum) *").replace("b", helmert), data),
        mm.lmm("y ~ a * b + center(np.log(x)) * b + scale(z) + (1 | g)", data),
    ]
    for other in others:
        found = ask(other).table()
        np.testing.assert_allclose(found[numbers], wanted[numbers], rtol=1e-5, atol=1e-8)


def test_any_library(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    pl = pytest.importorskip("polars")
    pa = pytest.importorskip("pyarrow")
    formula = "y ~ a * b + np.log(x) * b + z + (1 | g)"
    wanted = model.comparisons("a", ["site", "b"]).table()
    for made in (pl.from_pandas(data), pa.Table.from_pandas(data)):
        other = mm.lmm(formula, made)
        for found in (
            other.comparisons("a", ["site", "b"]).table(),
            other.comparisons("a", ["site", "b"], newdata=data).table(),
            other.comparisons("a", ["site", "b"], newdata=made).table(),
        ):
            assert type(found) is type(made)
            frame = found.to_pandas()
            assert frame[["site", "b", "contrast"]].equals(wanted[["site", "b", "contrast"]])
            np.testing.assert_allclose(frame.estimate, wanted.estimate, rtol=1e-7)


def test_new_rows(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    new = data.head(40).assign(shop=["k", "l"] * 20)[["a", "b", "x", "z", "shop"]]
    found = model.predictions("shop", newdata=new).table()
    wanted = model.predict(new, re="none").groupby(new["shop"]).mean()
    np.testing.assert_allclose(found.estimate, wanted, rtol=ROUNDING)


def test_weights_of_rows(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    repeated = data.loc[data.index.repeat(data.w)]
    wanted = model.comparisons(["a", "x"], "site", newdata=repeated).table()
    for wts in ("w", data.w, data.w.to_numpy(), data.w[::-1]):
        found = model.comparisons(["a", "x"], "site", wts=wts).table()
        pd.testing.assert_frame_equal(found, wanted)


def test_rows_that_the_fit_did_not_use(data: pd.DataFrame) -> None:
    lost = data.assign(y=data.y.where(data.index % 7 > 0), site=data.site.where(data.index % 5 > 0))
    fitted = mm.lmm("y ~ a + x + (1 | g)", lost)
    used = lost[lost.y.notna()]
    means = fitted.predictions("site")
    wanted = fitted.predict(used, re="none").groupby(used.site).mean()
    np.testing.assert_allclose(means.table().estimate, wanted, rtol=ROUNDING)
    gone = int(used.site.isna().sum())
    assert f"{gone} rows with missing values are left out" in str(means)
    assert len(lost) > len(used)


def test_missing_values_of_new_rows(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    new = data.assign(z=data.z.where(data.index > 4), a=data.a.where(data.index != 10))
    found = model.predictions(newdata=new)
    predicted = model.predict(new, re="none")
    assert predicted.isna().sum() == 6
    assert found.table().estimate[0] == pytest.approx(predicted.mean(), rel=ROUNDING)
    assert "6 rows with missing values are left out" in str(found)


def test_offsets_belong_to_predictions(data: pd.DataFrame) -> None:
    fitted = mm.lmm("y ~ a + x + (1 | g)", data, offset="z")
    wanted = fitted.predict(re="none").groupby(data.site).mean()
    np.testing.assert_allclose(fitted.predictions("site").table().estimate, wanted, rtol=ROUNDING)
    new = data.head(50).assign(z=3.0)
    found = fitted.predictions(newdata=new).table().estimate[0]
    assert found == pytest.approx(fitted.predict(new, re="none").mean(), rel=ROUNDING)
    assert fitted.slopes("x").table().estimate[0] == pytest.approx(fitted.params["x"])


def test_what_is_not_estimable(data: pd.DataFrame) -> None:
    holes = data[(data.a != "r") | (data.b != "v")]
    with pytest.warns(DroppedColumnsWarning):
        fitted = mm.lmm("y ~ a * b + (1 | g)", holes)
    assert np.isfinite(fitted.predictions(["a", "b"]).table().estimate).all()
    with pytest.warns(NotEstimableWarning, match="b = v, a = r"):
        found = fitted.predictions("a", at={"b": ["v"]})
    assert found.table().estimate.isna().tolist() == [False, False, True]
    with pytest.warns(NotEstimableWarning, match="term = b"):
        assert fitted.comparisons("b").table().estimate.isna().all()
    with pytest.warns(NotEstimableWarning, match="contrast = v - u, a = r"):
        table = fitted.comparisons("b", by="a").table()
    assert table.estimate.isna().tolist() == [False, False, True]


def test_ratios(data: pd.DataFrame) -> None:
    fitted = mm.lmm("np.log(x) ~ b + z + (1 | g)", data)
    found = fitted.comparisons("b").response().table()
    assert found.estimate[0] == pytest.approx(np.exp(fitted.params["b[T.v]"]))
    means = fitted.predictions("site").response().table()
    logs = fitted.predict(re="none").groupby(data.site).mean()
    np.testing.assert_allclose(means.estimate, np.exp(logs), rtol=ROUNDING)


def test_booleans_numbers_made_factors_and_names_of_results(data: pd.DataFrame) -> None:
    own = data.assign(term=data.z > 0, contrast=data.w)
    fitted = mm.lmm("y ~ term + C(contrast) + x + (1 | g)", own)
    table = fitted.comparisons(["term", "contrast"], by=["term"]).table()
    assert table.columns[:3].tolist() == ["term", "contrast", "term_"]
    assert table.contrast.drop_duplicates().tolist() == ["True - False", "2 - 1", "3 - 1", "4 - 1"]
    assert table.estimate[0] == pytest.approx(fitted.params["term"])


def test_many_rows_are_made_in_pieces(
    model: mm.LinearMixedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [ask(model).table() for ask in ASK]
    monkeypatch.setattr("mixedmodels.posthoc.averaging.NUMBERS", 60)
    monkeypatch.setattr("mixedmodels.posthoc.row_averages.MOST_CELLS", 500)
    for ask, table in zip(ASK, wanted, strict=True):
        pd.testing.assert_frame_equal(ask(model).table(), table)


WRONG: list[tuple[Callable[[mm.LinearMixedModel], Any], str]] = [
    (lambda m: m.predictions("sit"), "no column 'sit'.*\n.*Did you mean 'site'|Did you mean"),
    (lambda m: m.predictions(["a", "a"]), "more than once"),
    (lambda m: m.predictions(3), "by = 3 names no columns"),
    (lambda m: m.predictions(at={"a": ["k"]}), "does not know: k"),
    (lambda m: m.predictions(at={"site": ["n"]}), "not a column that the fixed part"),
    (lambda m: m.predictions("a", at={"a": ["p"]}), "by and at both name 'a'"),
    (lambda m: m.predictions(at=["a"]), "not a mapping"),
    (lambda m: m.predictions(newdata="balanced"), "grid, not rows"),
    (lambda m: m.predictions(newdata="rows"), "not a table"),
    (lambda m: m.predictions(newdata=pd.DataFrame({"a": ["p"]})), "no column 'b'"),
    (lambda m: m.predictions(wts="site"), "not numeric"),
    (lambda m: m.predictions(wts="weight"), "no column 'weight', which wts names"),
    (lambda m: m.predictions(wts=[1, 2]), "shape"),
    (lambda m: m.predictions(wts=-np.ones(300)), "negative or missing in 300"),
    (lambda m: m.predictions(wts=np.zeros(300)), "zero in all rows"),
    (lambda m: m.predictions(level=2), "not a probability"),
    (lambda m: m.comparisons("site"), "not a column that the fixed part"),
    (lambda m: m.comparisons([]), "names no column"),
    (lambda m: m.comparisons(["a", "a"]), "more than once"),
    (lambda m: m.comparisons("a", step=1), "factor, which has no step"),
    (lambda m: m.comparisons({"a": 1}), "factor, which has no step"),
    (lambda m: m.comparisons({"a": "sd"}), "not known"),
    (lambda m: m.comparisons("x", step="big"), "step = 'big' is not known"),
    (lambda m: m.comparisons("x", step=0), "neither a number other than zero"),
    (lambda m: m.comparisons("x", step=np.nan), "neither a number other than zero"),
    (lambda m: m.comparisons("x", step=1, values=[1, 2]), "both given"),
    (lambda m: m.comparisons("x", contrast="pairwise"), "is for levels"),
    (lambda m: m.comparisons("a", contrast="tukey"), "contrast = 'tukey' is not known"),
    (lambda m: m.comparisons("x", values=[1]), "nothing to compare it"),
    (lambda m: m.comparisons("x", values=["p", "q"]), "give numbers"),
    (lambda m: m.comparisons("a", values=["p", "o"]), "values names levels"),
    (lambda m: m.comparisons(["a", "b"], values=["p", "q"]), "several are named"),
    (lambda m: m.comparisons("a", at={"a": ["p"]}), "whose values are compared"),
    (lambda m: m.comparisons("x", step=50), "np.log.x.*infinite or not a number"),
    (lambda m: m.slopes("a"), "factor, which has no slope"),
    (lambda m: m.slopes("x", at={"x": 1}), "whose values are compared"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_wrong_input(model: mm.LinearMixedModel, case: int) -> None:
    ask, message = WRONG[case]
    with pytest.raises(DataError, match=f"(?s){message}"):
        ask(model)


def test_nothing_left(model: mm.LinearMixedModel, data: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="No row has a value"):
        model.predictions(newdata=data.assign(z=np.nan))
    with pytest.raises(DataError, match="No row has a value"):
        model.predictions(newdata=data.head(0))
    with pytest.raises(DataError, match="no fixed effects"):
        mm.lmm("y ~ 0 + (1 | g)", data).predictions()
    with pytest.raises(DataError, match="levels that the model does not know: k"):
        model.predictions(newdata=data.assign(a="k"))


def test_columns_of_any_name(data: pd.DataFrame) -> None:
    plain = mm.lmm("y ~ b * x + np.exp(-z) * b + (1 | g)", data)
    names = {"b": "f^_%", "x": "x (cm)", "z": "1 & 2", "y": "y y", "g": "g:1", "site": "a|b"}
    strange = mm.lmm(
        "`y y` ~ `f^_%` * `x (cm)` + np.exp(-`1 & 2`) * `f^_%` + (1 | `g:1`)",
        data.rename(columns=names),
    )
    asked: list[tuple[Callable[[mm.LinearMixedModel, dict[str, str]], Means], str]] = [
        (lambda m, n: m.predictions(n.get("site", "site")), "predictions"),
        (lambda m, n: m.comparisons([n.get(v, v) for v in "bxz"]), "comparisons"),
        (lambda m, n: m.slopes([n.get(v, v) for v in "xz"]), "slopes"),
        (lambda m, n: m.emmeans(n.get("b", "b")), "means"),
        (lambda m, n: m.emtrends(n.get("b", "b"), n.get("z", "z")), "trends"),
    ]
    for ask, what in asked:
        found, wanted = ask(strange, names).table(), ask(plain, {}).table()
        np.testing.assert_allclose(found.estimate, wanted.estimate, rtol=1e-6, err_msg=what)


def test_a_mean_alone(data: pd.DataFrame) -> None:
    fitted = mm.lmm("y ~ 1 + (1 | g)", data)
    assert fitted.predictions().table().estimate[0] == pytest.approx(fitted.params["Intercept"])
    assert fitted.predictions("site").table().estimate.tolist() == [fitted.params["Intercept"]] * 2


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e300, 5e307])
def test_the_unit_of_weights_does_not_matter(
    model: mm.LinearMixedModel, data: pd.DataFrame, size: float
) -> None:
    plain = model.predictions("b", wts=np.ones(len(data))).table()
    pd.testing.assert_frame_equal(
        model.predictions("b", wts=np.full(len(data), size)).table(), plain
    )
