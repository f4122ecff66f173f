"""Cluster-robust covariances: dense algebra, closed forms, statsmodels, invariances."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import mixedmodels as mm
from mixedmodels.errors import DataError, RobustCovarianceWarning
from mixedmodels.inference.robust import blocks as robust_blocks
from tests.inference.dense_robust import dense_robust

Array = np.ndarray
KINDS: tuple[Any, ...] = ("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")

ROUNDING = 1e-8
"""Relative to the largest entry, beside inverses of V."""


@cache
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    sizes = rng.integers(2, 9, 14)
    s = np.repeat(np.arange(14), sizes)
    n = len(s)
    data = pd.DataFrame({"s": s, "t": np.concatenate([np.arange(k) for k in sizes])})
    data["school"] = data["s"] // 2
    data["arm"] = np.where(data["s"] % 2 == 0, "a", "b")
    data["x"], data["w"] = rng.normal(size=n), rng.uniform(0.5, 2, n)
    b = rng.normal(size=(14, 2))
    data["y"] = 1 + data["x"] * (1 + b[s, 1]) + b[s, 0] + rng.normal(size=7)[data["school"]]
    data["y"] += rng.normal(size=n) / np.sqrt(data["w"])
    data["first"] = (data["school"] == 0).astype(float)
    data["item"] = rng.integers(0, 5, n).astype(str)
    return data


def together(data: pd.DataFrame, name: str) -> Array:
    return np.equal.outer(data[name].to_numpy(), data[name].to_numpy())


def slopes(model: mm.LinearMixedModel, data: pd.DataFrame, group: str, columns: list[str]) -> Array:
    Z = np.column_stack([np.ones(len(data)) if c == "1" else data[c] for c in columns])
    return np.where(together(data, group), Z @ model.cov_re[group].to_numpy() @ Z.T, 0.0)


def plain(*terms: tuple[str, list[str]]) -> Callable[..., Array]:
    def V(model: mm.LinearMixedModel, data: pd.DataFrame) -> Array:
        weights = np.ones(len(data)) if model.fit.matrices.weights is None else data["w"]
        parts = [slopes(model, data, group, columns) for group, columns in terms]
        return np.asarray(sum(parts) + np.diag(model.scale / np.asarray(weights)))

    return V


def autoregressive(model: mm.LinearMixedModel, data: pd.DataFrame) -> Array:
    phi = pd.DataFrame(model.covariance_parameters()).set_index("parameter")["estimate"]
    lag = np.abs(np.subtract.outer(data["t"].to_numpy(), data["t"].to_numpy()))
    residual = phi["sd(Residual)"] ** 2 * phi["cor(Residual)"] ** lag
    across = slopes(model, data, "school", ["1"]) if model.groups else 0.0
    return np.where(together(data, "s"), residual, 0.0) + across


@dataclass(frozen=True)
class Case:
    formula: str
    V: Callable[..., Array]
    cluster: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    own: str = "s"


CASES = {
    "intercept": Case("y ~ x + arm + (1 | s)", plain(("s", ["1"]))),
    "slope": Case("y ~ x * arm + (x | s)", plain(("s", ["1", "x"]))),
    "weights": Case("y ~ x + (x | s)", plain(("s", ["1", "x"])), options={"weights": "w"}),
    "coarser": Case("y ~ x + arm + (1 | s)", plain(("s", ["1"])), cluster="school"),
    "nested": Case("y ~ x + (1 | school/s)", plain(("school", ["1"]), ("school:s", ["1"])),
                   own="school"),
    "determined": Case("y ~ x + first + (1 | school)", plain(("school", ["1"])), own="school"),
    "residual": Case("y ~ x + arm", autoregressive, options={"residual": "ar1(t | s)"}),
    "both": Case("y ~ x + (1 | school)", autoregressive, options={"residual": "ar1(t | s)"},
                 own="school"),
    "known": Case("y ~ x + (1 | s)", plain(("s", ["1"])), options={"weights": "w", "sigma": 1.0}),
    "singular": Case("y ~ x + (w | school)", plain(("school", ["1", "w"])), own="school"),
}  # fmt: skip


def frame(name: str) -> pd.DataFrame:
    data = rows()
    return data.assign(**{"school:s": data["s"]})


@cache
def fit(name: str) -> mm.LinearMixedModel:
    case = CASES[name]
    return mm.lmm(case.formula, frame(name), **case.options)


@cache
def judged(name: str, kind: str) -> Any:
    case, model, data = CASES[name], fit(name), frame(name)
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    clusters = data[case.cluster or case.own]
    return dense_robust(data["y"], X, case.V(model, data), clusters, kind)


def close(ours: Any, theirs: Any) -> None:
    theirs = np.asarray(theirs, dtype=float)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=ROUNDING * np.abs(theirs).max())


def test_the_singular_case_is_singular() -> None:
    assert fit("singular").is_singular


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in CASES if name != "determined"])
def test_covariance_and_df_are_those_of_dense_algebra(name: str, kind: Any) -> None:
    model, dense = fit(name), judged(name, kind)
    close(model.cov_params(kind, cluster=CASES[name].cluster), dense.covariance)
    table = pd.DataFrame(model.coef_table(cov=kind, cluster=CASES[name].cluster))
    df = [dense.df(row) for row in np.eye(len(dense.beta))]
    np.testing.assert_allclose(table["df"], df, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["slope", "coarser", "residual"])
def test_joint_tests_are_those_of_dense_algebra(name: str, kind: Any) -> None:
    model, dense = fit(name), judged(name, kind)
    L = np.eye(len(dense.beta))[1:]
    ours = pd.DataFrame(model.wald_test(L, cov=kind, cluster=CASES[name].cluster)).iloc[0]
    statistic, df = dense.hotelling(L)
    assert ours["statistic"] == pytest.approx(statistic, rel=1e-6)
    assert ours["den_df"] == pytest.approx(df, rel=1e-6)


def test_what_one_cluster_determines_has_a_covariance_without_it_and_no_test() -> None:
    """The dummy of a cluster: CR2 takes the generalised inverse, and no cluster tells its own."""
    model, dense = fit("determined"), judged("determined", "CR2")
    close(model.cov_params("CR2"), dense.covariance)
    with pytest.warns(RobustCovarianceWarning, match="variance is too small"):
        table = pd.DataFrame(model.coef_table(cov="CR2")).set_index("term")
    assert table.loc["x", "df"] == pytest.approx(dense.df(np.eye(3)[1]), rel=1e-6)
    for term in ("x", "Intercept"):
        assert np.isfinite(table.loc[term, ["df", "p_value", "conf_low"]].astype(float)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ddf", ["satterthwaite", "clusters", "normal"])
def test_a_coefficient_of_single_clusters_has_no_test(kind: Any, ddf: Any) -> None:
    """Its residuals sum to zero in the cluster: the covariance is zero, and must not count."""
    model = mm.lmm("y ~ 0 + arm", rows())
    if kind == "CR1p":
        with pytest.raises(DataError, match="more clusters than"):
            model.coef_table(ddf, cov=kind, cluster="arm")
        return
    table = pd.DataFrame(model.coef_table(ddf, cov=kind, cluster="arm"))
    told = table[["std_error", "df", "statistic", "p_value", "conf_low", "conf_high"]]
    assert told.isna().all(axis=None)
    joint = pd.DataFrame(model.wald_test(np.eye(2), ddf=ddf, cov=kind, cluster="arm")).iloc[0]
    assert np.isnan(joint["statistic"]) and np.isnan(joint["p_value"]) and joint["num_df"] == 2


@pytest.mark.parametrize(("treated", "warns"), [(1, True), (4, False)])
def test_a_treatment_of_one_cluster_comes_with_a_warning(treated: int, warns: bool) -> None:
    """The residuals of the one treated cluster sum to about zero: their part of the variance,
    most of it, is missing, whatever the data are; with several treated clusters it is there.
    """
    random = np.random.default_rng(8)
    data = pd.DataFrame({"s": np.repeat(np.arange(16), 5), "x": random.normal(size=80)})
    data["z"] = 1.0 * (data["s"] < treated)
    data["y"] = random.normal(size=16)[data["s"]] + random.normal(size=80)
    model = mm.lmm("y ~ x + z + (1 | s)", data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = pd.DataFrame(model.coef_table(cov="CR2")).set_index("term")
        model.wald_test("x = 0, z = 0", cov="CR2")
        model.t_test("x = 0", cov="CR2")
    assert [w.category for w in caught] == [RobustCovarianceWarning] * (2 * warns)
    assert (table.loc["z", "std_error"] < 0.6 * model.bse["z"]) == warns


def test_fewer_clusters_than_a_hypothesis_has_rows_give_no_joint_test() -> None:
    model = mm.lmm("y ~ x * arm + w + (1 | s)", rows().query("s < 4"))
    joint = pd.DataFrame(model.wald_test(np.eye(5), cov="CR2", cluster="s")).iloc[0]
    assert joint[["statistic", "den_df", "p_value"]].isna().all()
    with pytest.raises(DataError, match="one cluster only"):
        model.coef_table(cov="CR2", cluster=np.zeros(len(model.fit.matrices.y)))


def test_many_rows_at_a_time_have_the_df_of_single_ones() -> None:
    model = fit("slope")
    new = pd.DataFrame({"x": np.linspace(-2, 2, 40), "arm": ["a", "b"] * 20})
    together_ = model.predict(new, re="none", interval="confidence", cov="CR2")
    for i in (0, 17, 39):
        one = model.predict(new.iloc[[i]], re="none", interval="confidence", cov="CR2")
        np.testing.assert_allclose(together_.iloc[i], one.iloc[0], rtol=1e-10)


def test_cr2_is_unbiased_if_the_model_is_right() -> None:
    """A covariance that is quadratic in y has the mean sum_k Cov(root_k), V = root root'."""
    data = rows().query("s < 8").reset_index(drop=True)
    held = {"sd(s:Intercept)": 0.8}
    model = mm.lmm("y ~ x + arm + (1 | s)", data, sigma=1.0, fixed=held)
    V = np.eye(len(data)) + 0.8**2 * together(data, "s")
    mean = {kind: np.zeros((3, 3)) for kind in ("CR0", "CR2", "CR3")}
    for column in np.linalg.cholesky(V).T:
        again = model.refit(column)
        for kind in mean:
            mean[kind] += again.cov_params(kind).to_numpy()  # type: ignore[arg-type]
    close(mean["CR2"], model.cov_params())
    ratio = np.diag(model.cov_params())
    assert np.all(np.diag(mean["CR0"]) < 0.95 * ratio)
    assert np.all(np.diag(mean["CR3"]) > 1.05 * ratio)


@pytest.mark.parametrize(("kind", "theirs"), [
    ("CR0", "HC0"), ("CR1S", "HC1"), ("CR2", "HC2"), ("CR3", "HC3"),
])  # fmt: skip
def test_rows_as_clusters_are_heteroscedasticity_robust(kind: Any, theirs: str) -> None:
    data = rows()
    model = mm.lmm("y ~ x * arm", data)
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    expected = sm.OLS(data["y"].to_numpy(), X).fit(cov_type=theirs).cov_params()
    close(model.cov_params(kind, cluster=range(len(data))), expected)


def test_clusters_without_random_effects_are_those_of_statsmodels() -> None:
    data = rows()
    for weights in (None, "w"):
        model = mm.lmm("y ~ x * arm", data, weights=weights)
        X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
        w = np.ones(len(data)) if weights is None else data["w"].to_numpy()
        fit_ = sm.WLS(data["y"].to_numpy(), X, weights=w).fit(
            cov_type="cluster", cov_kwds={"groups": data["s"].to_numpy()}
        )
        close(model.cov_params("CR1S", cluster="s"), fit_.cov_params())


def test_crossed_clusters_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    n = 900
    data = pd.DataFrame({"a": rng.integers(0, 35, n), "b": rng.integers(0, 31, n)})
    data["x"] = rng.normal(size=n) + rng.normal(size=35)[data["a"]]
    data["y"] = data["x"] + rng.normal(size=35)[data["a"]] + rng.normal(size=31)[data["b"]]
    data["y"] += rng.normal(size=n)
    model = mm.lmm("y ~ x", data)
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    expected = sm.OLS(data["y"].to_numpy(), X).fit(
        cov_type="cluster", cov_kwds={"groups": data[["a", "b"]].to_numpy()}
    )
    close(model.cov_params("CR1S", cluster=["a", "b"]), expected.cov_params())
    table = pd.DataFrame(model.coef_table(cov="CR1S", cluster=["a", "b"]))
    assert (table["df"] == 30).all()


def test_crossed_random_effects_have_clusters_of_both_kinds() -> None:
    """C x~_i e_i by dense algebra, summed by subject, by item, less by both."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"s": np.repeat(np.arange(32), 10), "i": np.tile(np.arange(10), 32)})
    data["i"] = (data["i"] + 3 * data["s"]) % 33
    data["x"] = rng.normal(size=len(data))
    data["y"] = data["x"] + rng.normal(size=32)[data["s"]] + rng.normal(size=33)[data["i"]]
    data["y"] += rng.normal(size=len(data))
    model = mm.lmm("y ~ x + (1 | s) + (1 | i)", data)
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    V = slopes(model, data, "s", ["1"]) + slopes(model, data, "i", ["1"])
    W = np.linalg.inv(V + model.scale * np.eye(len(data)))
    C = np.linalg.inv(X.T @ W @ X)
    e = data["y"].to_numpy() - X @ model.params.to_numpy()
    scores = pd.DataFrame(W @ X @ C * e[:, None])
    expected = 0.0
    for sign, keys in ((1, ["s"]), (1, ["i"]), (-1, ["s", "i"])):
        sums = scores.groupby([data[key] for key in keys]).sum().to_numpy()
        expected = expected + sign * sums.T @ sums
    close(model.cov_params("CR0", cluster=["s", "i"]), expected)
    with pytest.raises(DataError, match=r"cluster=\['s', 'i'\] count all ways"):
        model.cov_params("CR2")
    with pytest.raises(DataError, match=r"\(1 \| i\): rows of different clusters"):
        model.cov_params("CR2", cluster="s")
    with pytest.raises(DataError, match="clusters in one way"):
        model.cov_params("CR2", cluster=["s", "i"])


def test_few_crossed_clusters_and_negative_variances_are_announced() -> None:
    data = rows()
    model = mm.lmm("y ~ x", data)
    with pytest.warns(RobustCovarianceWarning, match="Few clusters"):
        model.cov_params("CR1", cluster=["s", "item"])
    rng = np.random.default_rng(8)
    grid = pd.DataFrame({"a": np.repeat(np.arange(30), 30), "b": np.tile(np.arange(30), 30)})
    cell = rng.normal(size=(30, 30))
    grid["x"] = rng.normal(size=900)
    grid["y"] = (cell - cell.mean(axis=0) - cell.mean(axis=1)[:, None] + cell.mean()).ravel()
    model = mm.lmm("y ~ x", grid)
    with pytest.warns(RobustCovarianceWarning, match="negative variances"):
        C = model.cov_params("CR0", cluster=["a", "b"]).to_numpy()
    assert np.linalg.eigvalsh(C)[0] > -1e-12 * np.linalg.eigvalsh(C)[-1]
    assert C[1, 1] > 0
    with pytest.warns(RobustCovarianceWarning, match="negative variances"):
        table = pd.DataFrame(model.coef_table(cov="CR0", cluster=["a", "b"]))
    assert table["p_value"].isna().tolist() == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_and_the_names_of_clusters_do_not_matter(kind: Any) -> None:
    data = rows()
    shuffled = data.sample(frac=1, random_state=2).reset_index(drop=True)
    shuffled["s"] = shuffled["s"].map(lambda c: f"subject {97 - 5 * c}")
    formula = "y ~ x * arm + (x | s)"
    close(mm.lmm(formula, shuffled).cov_params(kind), mm.lmm(formula, data).cov_params(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_origins_of_columns_do_not_matter(kind: Any) -> None:
    """With x moved to 1000 + x / 50 and y scaled by 10, slopes' variances scale by 500^2."""
    data = rows()
    moved = data.assign(x=1000 + data["x"] / 50, y=10 * data["y"])
    formula = "y ~ x * arm + (1 | s)"
    first, second = mm.lmm(formula, data), mm.lmm(formula, moved)
    names = ["x", "x:arm[T.b]"] if "x:arm[T.b]" in first.params else ["x", "arm[T.b]:x"]
    ours = second.cov_params(kind).loc[names, names].to_numpy() / 500**2
    np.testing.assert_allclose(ours, first.cov_params(kind).loc[names, names], rtol=1e-6)
    t = [pd.DataFrame(m.coef_table(cov=kind)).set_index("term") for m in (first, second)]
    np.testing.assert_allclose(t[1].loc["x", "df"], t[0].loc["x", "df"], rtol=1e-6)


def test_a_large_ratio_of_variances_keeps_its_digits() -> None:
    """B has squares of the eigenvalues of V: 1e14 here, whose root must not be lost."""
    data = rows()
    held = {"sd(s:Intercept)": 3000.0}
    model = mm.lmm("y ~ x + arm + (1 | s)", data, sigma=1.0, fixed=held)
    within = mm.lmm("y ~ x + C(s)", data, sigma=1.0)
    ours = model.cov_params("CR2", cluster="s").loc["x", "x"]
    assert ours == pytest.approx(within.cov_params("CR2", cluster="s").loc["x", "x"], rel=1e-4)


def test_relatives_and_members_of_several_groups_have_clusters_of_their_own() -> None:
    rng = np.random.default_rng(0)
    sibs = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    K = np.kron(np.eye(12), sibs)
    data = pd.DataFrame({"id": np.repeat(np.arange(36), 2), "x": rng.normal(size=72)})
    data["family"], data["region"] = data["id"] // 3, data["id"] // 3 % 4
    data["y"] = data["x"] + (np.linalg.cholesky(K) @ rng.normal(size=36))[data["id"]]
    data["y"] += rng.normal(size=72)
    model = mm.lmm("y ~ x + known(1 | id, cov=K)", data, known={"K": pd.DataFrame(K)})
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    V = float(model.cov_re["id"].iloc[0, 0]) * K[np.ix_(data["id"], data["id"])]
    V = V + model.scale * np.eye(72)
    for kind in ("CR0", "CR2", "CR3"):
        dense = dense_robust(data["y"], X, V, data["family"], kind)
        close(model.cov_params(kind, cluster="family"), dense.covariance)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="independent in it, with known"):
        model.cov_params("CR2")

    for name in ("first", "second"):
        data[name] = rng.integers(0, 5, 72) + 5 * data["region"]
    model = mm.lmm("y ~ x + mm(1 | first + second)", data)
    A = np.zeros((72, 20))
    np.add.at(A, (np.arange(72), data["first"]), 0.5)
    np.add.at(A, (np.arange(72), data["second"]), 0.5)
    (variance,) = (float(cov.iloc[0, 0]) for cov in model.cov_re.values())
    V = variance * A @ A.T + model.scale * np.eye(72)
    dense = dense_robust(data["y"], X, V, data["region"], "CR2")
    close(model.cov_params("CR2", cluster="region"), dense.covariance)
    with pytest.raises(DataError, match="independent in it, with mm"):
        model.cov_params("CR2")


def test_a_block_that_would_take_minutes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robust_blocks, "LARGEST", 5)
    weighted = fit("weights")
    with pytest.raises(DataError, match="a block of order 8, and 5 is the most"):
        weighted.cov_params("CR2")
    close(weighted.cov_params("CR3"), judged("weights", "CR3").covariance)
