"""Permutation tests equal enumeration by brute force, hold their level, and refuse by name."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.permutation.permutation import permutation_test


@pytest.fixture(scope="module")
def grouped() -> pd.DataFrame:
    random = np.random.default_rng(3)
    g = np.repeat(np.arange(7), [3, 4, 5, 3, 4, 5, 4])
    x, w = random.normal(size=len(g)), random.uniform(0.5, 2, size=len(g))
    y = 3 + 0.4 * x + random.normal(size=7)[g] + random.exponential(size=len(g))
    treated = np.isin(g, [0, 3, 4]).astype(float)
    return pd.DataFrame({"y": y, "x": x, "w": w, "g": g, "treated": treated})


def f_of(X: np.ndarray, X_0: np.ndarray, y: np.ndarray, V: np.ndarray) -> float:
    """F of what X adds to X_0, by generalised least squares."""
    Vi = np.linalg.inv(V)

    def left(M: np.ndarray) -> float:
        e = y - M @ np.linalg.solve(M.T @ Vi @ M, M.T @ Vi @ y)
        return float(e @ Vi @ e)

    k = X.shape[1] - X_0.shape[1]
    return (left(X_0) - left(X)) / k / (left(X) / (len(y) - X.shape[1]))


def roots(V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(V)
    return vectors * np.sqrt(values) @ vectors.T, vectors / np.sqrt(values) @ vectors.T


def dense_null(data: pd.DataFrame, formula: str, weights: str | None) -> np.ndarray:
    """V of a random intercept by `g`, at the variances of the null model."""
    model = mm.lmm(formula, data, weights=weights)
    Z = pd.get_dummies(data["g"]).to_numpy(float)
    R = np.eye(len(data)) if weights is None else np.diag(1 / data[weights])
    return R + model.theta.iloc[0] ** 2 * Z @ Z.T


def test_residuals_of_ordinary_least_squares_by_brute_force():
    random = np.random.default_rng(1)
    data = pd.DataFrame({"x": random.normal(size=6), "z": random.normal(size=6)})
    data["y"] = 1 + data["x"] + random.exponential(size=6)
    model = mm.lmm("y ~ x + z", data)
    found = model.permutation_test("x", 719)
    X = np.column_stack([np.ones(6), data["z"], data["x"]])
    mean = X[:, :2] @ np.linalg.lstsq(X[:, :2], data["y"], rcond=None)[0]
    e = data["y"].to_numpy() - mean
    F = [f_of(X, X[:, :2], mean + e[list(p)], np.eye(6)) for p in permutations(range(6))]
    assert found.is_exact
    assert np.allclose(np.sort(found.null), np.sort(F), rtol=1e-9)
    assert found.p_value == np.mean(np.array(F) >= F[0] * (1 - 1e-9))
    assert found.statistic == pytest.approx(model.tvalues["x"] ** 2)
    assert found.p_interval == (found.p_value, found.p_value)


def test_labels_of_two_samples_as_scipy():
    random = np.random.default_rng(2)
    data = pd.DataFrame({"a": list("uuuuvvvv"), "y": random.exponential(size=8)})
    u, v = (data["y"][data["a"] == level] for level in "uv")
    expected = stats.permutation_test(
        (u, v), lambda a, b: abs(a.mean() - b.mean()), alternative="greater"
    )
    for formula, name in (("a", "a"), ("0 + a", "a"), ("C(a, contr.sum)", "C(a, contr.sum)")):
        model = mm.lmm(f"y ~ {formula}", data)
        found = model.permutation_test(name, scheme="labels")
        assert found.is_exact
        assert len(found.null) == 70
        assert found.statistic == pytest.approx(stats.ttest_ind(u, v).statistic ** 2)
        assert found.p_value == pytest.approx(expected.pvalue)


def test_assignment_within_pairs_as_scipy():
    random = np.random.default_rng(4)
    before = random.normal(size=7)
    data = pd.DataFrame({"pair": np.tile(np.arange(7), 2), "a": np.repeat(["u", "v"], 7)})
    data["y"] = np.concatenate([before, before + random.exponential(size=7) - 0.4])
    model = mm.lmm("y ~ a + (1 | pair)", data)
    found = model.permutation_test("a", scheme="labels", within="pair")
    expected = stats.permutation_test(
        (data["y"][:7], data["y"][7:]),
        lambda a, b: abs((a - b).mean()),
        permutation_type="samples",
        alternative="greater",
    )
    assert len(found.null) == 2**7
    assert found.p_value == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("weights", [None, "w"])
def test_signs_of_groups_by_brute_force(grouped: pd.DataFrame, weights: str | None):
    model = mm.lmm("y ~ x + treated + (1 | g)", grouped, weights=weights)
    found = model.permutation_test("x = 0.3", 127, scheme="signs", units="g")
    own = grouped.assign(y=grouped["y"] - 0.3 * grouped["x"])
    V = dense_null(own, "y ~ treated + (1 | g)", weights)
    half, inverse = roots(V)
    X = np.column_stack([np.ones(len(own)), own["treated"], own["x"]])
    X_0, y = X[:, :2], own["y"].to_numpy()
    W = inverse @ X_0
    mean = X_0 @ np.linalg.lstsq(W, inverse @ y, rcond=None)[0]
    r = inverse @ (y - mean)
    F = [
        f_of(X, X_0, mean + half @ (r * np.array(s)[own["g"]]), V)
        for s in product([1, -1], repeat=7)
    ]
    assert found.is_exact
    assert np.allclose(np.sort(found.null), np.sort(F), rtol=1e-5)
    assert found.p_value == pytest.approx(np.mean(np.array(F) >= F[0] * (1 - 1e-9)))


def test_labels_of_whole_groups_by_brute_force(grouped: pd.DataFrame):
    model = mm.lmm("y ~ x + treated + (1 | g)", grouped)
    found = model.permutation_test("treated", scheme="labels")
    V = dense_null(grouped, "y ~ x + (1 | g)", None)
    X_0, y = np.column_stack([np.ones(len(grouped)), grouped["x"]]), grouped["y"].to_numpy()
    labels = set(permutations([1, 0, 0, 1, 1, 0, 0]))
    F = [f_of(np.column_stack([X_0, np.array(p)[grouped["g"]]]), X_0, y, V) for p in labels]
    assert len(found.null) == 35
    assert np.allclose(np.sort(found.null), np.sort(F), rtol=1e-5)
    assert found.statistic == pytest.approx(
        f_of(np.column_stack([X_0, grouped["treated"]]), X_0, y, V), rel=1e-5
    )


def test_close_to_f_on_normal_data():
    random = np.random.default_rng(11)
    g = np.repeat(np.arange(30), 5)
    data = pd.DataFrame({"g": g, "x": random.normal(size=150), "a": np.tile(list("uvwxy"), 30)})
    data["y"] = 0.1 * data["x"] + random.normal(size=30)[g] + random.normal(size=150)
    model = mm.lmm("y ~ x + a + (1 | g)", data)
    for term in ("x", "a"):
        table = model.anova().set_index("term")
        found = model.permutation_test(term, 4999, seed=1)
        low, high = found.p_interval
        assert 0.05 < table["p_value"][term] < 0.95
        assert low - 0.03 < table["p_value"][term] < high + 0.03
        assert low <= found.p_value <= high


def test_holds_its_level_where_errors_are_skewed():
    random = np.random.default_rng(21)
    g, n = np.repeat(np.arange(8), 4), 80
    rejected = {"x": 0, "treated": 0}
    for i in range(n):
        treated = random.permutation([0, 1] * 4)[g]
        y = random.exponential(size=8)[g] + random.exponential(size=32)
        data = pd.DataFrame({"y": y, "g": g, "x": random.normal(size=32), "treated": treated})
        model = mm.lmm("y ~ x + treated + (1 | g)", data)
        rejected["x"] += model.permutation_test("x", 99, seed=i).p_value <= 0.05
        rejected["treated"] += model.permutation_test("treated", scheme="labels").p_value <= 0.05
    limit = stats.binom.ppf(0.999, n, 0.05)
    assert all(0 < count <= limit for count in rejected.values())


def test_seed_units_order_and_coding(grouped: pd.DataFrame):
    model = mm.lmm("y ~ x + treated + (1 | g)", grouped)
    found = model.permutation_test("x", 499, seed=3)
    assert np.array_equal(found.null, model.permutation_test("x", 499, seed=3).null)
    assert np.allclose(found.null[:99], model.permutation_test("x", 99, seed=3).null, rtol=1e-12)
    other = grouped.assign(y=grouped["y"] * 1e4, x=1e6 - 1e-3 * grouped["x"])
    moved = mm.lmm("y ~ x + treated + (1 | g)", other).permutation_test("x", 499, seed=3)
    assert np.allclose(found.null, moved.null, rtol=1e-3)
    shuffled = grouped.sample(frac=1, random_state=2)
    exact = model.permutation_test("treated", scheme="signs", units="g")
    again = mm.lmm("y ~ x + treated + (1 | g)", shuffled).permutation_test(
        "treated", scheme="signs", units="g"
    )
    assert np.allclose(np.sort(exact.null), np.sort(again.null), rtol=1e-4)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + treated + (1 | g)", {"residual": "ar1(1 | g)"}),
        ("y ~ x + treated + (1 | g)", {"sigma": 1.0, "weights": "w"}),
        ("y ~ x + treated + (x || g)", {}),
        ("y ~ x + treated + I(2 * treated) + (1 | g)", {}),
        ("y ~ x + treated + (1 | g) + (1 | w)", {}),
    ],
)
@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_observed_statistic_is_that_of_the_fit_where_the_null_is_the_model(
    grouped: pd.DataFrame, formula: str, options: dict[str, object]
):
    """Tested where it is true that x has its estimate, the null model is the model, and F zero."""
    data = grouped.assign(w=np.round(grouped["w"], 1))
    model = mm.lmm(formula, data, reml=False, **options)
    at = f"x = {float(model.params['x'])!r}"
    found = model.permutation_test(at, 99, seed=1)
    assert found.statistic < 1e-4
    assert found.p_value > 0.9
    assert np.isfinite(found.null).all()


def test_what_is_refused(grouped: pd.DataFrame, tmp_path):
    model = mm.lmm("y ~ x * treated + (1 | g)", grouped)
    for message, arguments in {
        "no coefficient": {"test": "treat"},
        "elsewhere in the model": {"test": "x", "scheme": "labels"},
        "within levels of g do not change": {"test": "treated = 0, x = 0", "within": "g"},
        "names no term": {"test": "x = 0", "scheme": "labels"},
        "units= has no part": {"test": "x", "units": "g"},
        "within= has no part": {"test": "x", "scheme": "signs", "within": "g"},
        "within = 'h'": {"test": "x", "within": "h"},
        "is not known": {"test": "x", "scheme": "rows"},
        "not a number of permutations": {"test": "x", "n": 0},
        "cannot start": {"test": "x", "seed": -1},
    }.items():
        with pytest.raises(DataError, match=message):
            model.permutation_test(**arguments)
    model.save(tmp_path / "model.mm")
    with pytest.raises(DataError, match="rows"):
        mm.load(tmp_path / "model.mm").permutation_test("x")
    with pytest.raises(DataError, match="do not change what is tested"):
        mm.lmm("y ~ 1 + x + (1 | g)", grouped).permutation_test("Intercept")
    with pytest.raises(DataError, match="no fixed effect"):
        mm.lmm("y ~ 0 + x + (1 | g)", grouped).permutation_test("x")
    with pytest.raises(DataError, match="differ between rows of one unit"):
        mm.lmm("y ~ x + (1 | g)", grouped).permutation_test("x", scheme="labels", units="g")
    counts = mm.glmm("k ~ x", grouped.assign(k=np.arange(len(grouped)) % 5), family="poisson")
    with pytest.raises(DataError, match="not available for generalised models"):
        permutation_test(
            counts.fit, "x", 9, scheme="signs", within=None, units=None, level=0.9, seed=None
        )


def test_table_print_and_picture(grouped: pd.DataFrame):
    found = mm.lmm("y ~ x + treated + (1 | g)", grouped).permutation_test("x", 99, seed=1)
    row = found.table.iloc[0]
    assert row["p_value"] == found.p_value == (1 + np.sum(found.null >= found.statistic)) / 100
    assert "Assumes errors" in repr(found)
    (ax,) = found.plot().axes
    assert sum(patch.get_height() for patch in ax.patches) == 99


def test_says_where_the_variances_take_up_the_effect():
    sleep = mm.datasets.load("sleepstudy")
    slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", sleep).permutation_test(
        "Days", 99, seed=1
    )
    constants = mm.lmm("Reaction ~ Days + (1 | Subject)", sleep).permutation_test(
        "Days", 99, seed=1
    )
    assert "weak: F is 45.85 at" in " ".join(repr(slopes).split())
    assert "weak" not in repr(constants)
