"""Degrees of freedom against R's, dense algebra of size n, differences and classical tables."""

import itertools

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import f_test, t_tests
from mixedmodels.inference.degrees_of_freedom import method_of
from mixedmodels.inference.degrees_of_freedom.kenward_roger import kenward_roger
from mixedmodels.inference.information import information
from tests.reference.load import models, reference

SATTERTHWAITE = 1e-3
"""R's derivatives are numerical, and both optima have an error of their own."""

KENWARD_ROGER = 1e-4
"""Theta of both fits is good to about 1e-5."""

DENSE = 1e-8
"""Two ways to the same sums; inversion of V costs some digits."""

DIFFERENCES = 1e-6
"""Central differences of an exact gradient."""

NAMES = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger"}


def _cases(kind: str) -> list[str]:
    names = [getattr(m, "name", m) for m in models()]
    out = []
    for name in names:
        tests = reference(name).raw.get("coef_tests") or {}
        if "df" in (tests.get(kind) or {}):
            out.append(name)
    return out


@pytest.fixture(scope="module")
def fits() -> dict[str, Fit]:
    return {}


def _fit(name: str, kept: dict[str, Fit]) -> Fit:
    if name not in kept:
        ref = reference(name)
        kept[name] = mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments()).fit
    return kept[name]


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize(
    ("ddf", "name"),
    [(ddf, name) for ddf, kind in NAMES.items() for name in _cases(kind)],
)
def test_coefficients_against_r(ddf: str, name: str, fits: dict[str, Fit]) -> None:
    fit, ref = _fit(name, fits), reference(name)
    table = ref.raw["coef_tests"][NAMES[ddf]]
    params = ref.values("REML").params
    order = [list(fit.matrices.x_names).index(term) for term in params.index]
    found = t_tests(fit, np.eye(len(fit.beta)), ddf=ddf)
    tolerance = SATTERTHWAITE if ddf == "satterthwaite" else KENWARD_ROGER
    np.testing.assert_allclose(found.df[order], table["df"], rtol=tolerance)
    np.testing.assert_allclose(found.std_error[order], table["Std. Error"], rtol=KENWARD_ROGER)
    if ddf == "kenward-roger":
        adjusted = np.array(ref.raw["vcov_kenward_roger"]["values"])
        ours = kenward_roger(fit).covariance[np.ix_(order, order)]
        scale = np.sqrt(np.outer(np.diag(adjusted), np.diag(adjusted)))
        np.testing.assert_allclose(ours / scale, adjusted / scale, atol=KENWARD_ROGER)


FORMULAS = {
    "one factor": "y ~ x * f + (1 + x | a)",
    "independent": "y ~ x + (1 + x || a)",
    "crossed": "y ~ x * f + (1 + x | a) + (1 | b)",
    "crossed slopes": "y ~ x + (1 + x | a) + (1 + x | b)",
    "nested": "y ~ x + (1 | c/a)",
    "two terms": "y ~ x + (1 | a) + (0 + x | a) + (1 | b)",
    "three factors": "y ~ x + (1 | a) + (1 | b) + (1 | c)",
}


def _data(n: int = 90, seed: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 12, n), random.integers(0, 7, n)
    x = random.normal(size=n)
    y = 1 + x + 0.8 * random.normal(size=12)[a] * (1 + x) + random.normal(size=7)[b]
    return {
        "y": y + random.normal(size=n),
        "x": x,
        "f": np.array(list("uvw"))[random.integers(0, 3, n)],
        "a": a,
        "b": b,
        "c": a // 3,
        "w": 0.5 + random.uniform(size=n),
    }


def _components(fit: Fit) -> tuple[list[np.ndarray], np.ndarray]:
    """G_r of every entry of Sigma_k that theta reaches, and of the residual; V over sigma^2."""
    m = fit.matrices
    n = len(m.y)
    G = []
    V = np.diag(np.ones(n) if m.weights is None else 1 / m.weights)
    residual = V.copy()
    T = [np.zeros((len(t.names), len(t.names))) for t in m.terms]
    for value, (k, i, j) in zip(fit.theta, fit.problem.theta_index, strict=True):
        T[k][i, j] = value
    for k, i, j in fit.problem.theta_index:
        term = m.terms[k]
        codes = m.groupings[term.group].codes
        same = codes[:, None] == codes[None, :]
        outer = np.outer(term.Z[:, i], term.Z[:, j])
        G.append(same * (outer if i == j else outer + outer.T))
    for k, term in enumerate(m.terms):
        codes = m.groupings[term.group].codes
        V = V + (codes[:, None] == codes[None, :]) * (term.Z @ T[k] @ T[k].T @ term.Z.T)
    return [*G, residual], V


def _direct(fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(W, Phi_A, P_r) of Kenward and Roger (1997) with matrices of size n, at sigma^2 = 1."""
    X = fit.matrices.X
    G, V = _components(fit)
    Vi = np.linalg.inv(V)
    C = np.linalg.inv(X.T @ Vi @ X)
    P = Vi - Vi @ X @ C @ X.T @ Vi
    information = np.array([[np.trace(P @ g @ P @ h) for h in G] for g in G])
    W = 2 * np.linalg.inv(information)
    slopes = np.array([-X.T @ Vi @ g @ Vi @ X for g in G])
    bias = sum(
        W[r, s] * (X.T @ Vi @ g @ Vi @ h @ Vi @ X - slopes[r] @ C @ slopes[s])
        for (r, g), (s, h) in itertools.product(enumerate(G), enumerate(G))
    )
    return W, C + 2 * C @ bias @ C, C @ -slopes @ C


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_kenward_roger_equals_the_direct_computation(formula: str, weights: str | None) -> None:
    fit = mm.lmm(formula, _data(), weights=weights).fit
    W, adjusted, slopes = _direct(fit)
    ours = kenward_roger(fit)
    np.testing.assert_allclose(
        ours.covariance, fit.sigma**2 * adjusted, rtol=DENSE, atol=DENSE * adjusted.max()
    )
    np.testing.assert_allclose(ours.slopes[-1], slopes[-1], atol=DENSE * abs(slopes[-1]).max())
    # The components may be in other coordinates: what does not depend on them must agree.
    flat, own = slopes.reshape(len(W), -1), ours.slopes.reshape(len(W), -1)
    expected = flat.T @ W @ flat
    np.testing.assert_allclose(own.T @ ours.W @ own, expected, atol=DENSE * abs(expected).max())


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_hessian_equals_differences_of_the_gradient(formula: str, reml: bool) -> None:
    fit = mm.lmm(formula, _data(), reml=reml).fit
    theta, m = fit.theta, len(fit.theta)
    step = 1e-5
    expected = np.empty((m, m))
    for i in range(m):
        h = step * np.eye(m)[i]
        high = fit.problem.gradient(theta + h, reml=reml)[1]
        low = fit.problem.gradient(theta - h, reml=reml)[1]
        expected[i] = (high - low) / (2 * step)
    hessian = information(fit).hessian
    # Profiling sigma out of the joint Hessian gives that of the criterion.
    profiled = hessian[:m, :m] - np.outer(hessian[:m, m], hessian[m, :m]) / hessian[m, m]
    size = abs(expected).max()
    np.testing.assert_allclose(profiled, expected, atol=50 * DIFFERENCES * size)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_derivatives_of_the_covariance_of_beta(formula: str) -> None:
    fit = mm.lmm(formula, _data()).fit
    step = 1e-5
    for i, slope in enumerate(information(fit).jacobian):
        h = step * np.eye(len(fit.theta))[i]
        high = fit.problem.estimates(fit.theta + h, reml=True).cov_beta_unscaled
        low = fit.problem.estimates(fit.theta - h, reml=True).cov_beta_unscaled
        expected = (high - low) / (2 * step)
        size = abs(fit.cov_beta_unscaled).max()
        np.testing.assert_allclose(slope, expected, atol=DIFFERENCES * size)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_slopes_equal_dense_algebra(formula: str) -> None:
    fit = mm.lmm(formula, _data(), weights="w").fit
    m, X = fit.matrices, fit.matrices.X
    _, V = _components(fit)
    Vi = np.linalg.inv(V)
    slopes = fit.problem.slopes(fit.theta)
    C = np.linalg.inv(X.T @ Vi @ X)
    beta = C @ X.T @ Vi @ m.y
    resid = m.y - X @ beta
    assert slopes.log_det == pytest.approx(np.linalg.slogdet(V)[1], rel=DENSE)
    assert slopes.pwrss == pytest.approx(resid @ Vi @ resid, rel=DENSE)
    np.testing.assert_allclose(slopes.beta, beta, rtol=DENSE)
    np.testing.assert_allclose(slopes.cov_beta_unscaled, C, rtol=DENSE, atol=DENSE * C.max())
    right = Vi @ np.column_stack([X, resid])
    for k, term in enumerate(m.terms):
        grouping = m.groupings[term.group]
        trace, gram = 0.0, 0.0
        for level in range(len(grouping.levels)):
            Z = term.Z * (grouping.codes == level)[:, None]
            A = Z.T @ right
            trace = trace + Z.T @ Vi @ Z
            gram = gram + np.einsum("ac,bd->abcd", A, A)
        np.testing.assert_allclose(slopes.traces[k], trace, rtol=DENSE, atol=DENSE * trace.max())
        np.testing.assert_allclose(slopes.grams[k], gram, atol=DENSE * abs(gram).max())


@pytest.mark.parametrize("ddf", NAMES)
def test_a_balanced_one_way_layout_has_the_degrees_of_freedom_of_its_groups(ddf: str) -> None:
    fit = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff")).fit
    found = t_tests(fit, np.eye(1), ddf=ddf)
    assert found.df[0] == pytest.approx(5, rel=1e-5)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_without_random_effects_every_method_counts_the_residuals() -> None:
    fit = mm.lmm("y ~ x * f", _data()).fit
    L = np.eye(len(fit.beta))
    residual = f_test(fit, L, ddf="residual")
    for ddf in NAMES:
        found = f_test(fit, L, ddf=ddf)
        assert found.den_df == pytest.approx(residual.den_df, rel=DENSE)
        assert found.statistic == pytest.approx(residual.statistic, rel=DENSE)


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "residual", "normal"])
def test_a_joint_test_of_one_row_is_the_square_of_its_t(ddf: str) -> None:
    fit = mm.lmm("y ~ x * f + (1 | a) + (1 | b)", _data()).fit
    L = np.eye(len(fit.beta))[[2]]
    joint, single = f_test(fit, L, ddf=ddf), t_tests(fit, L, ddf=ddf)
    assert joint.statistic == pytest.approx(float(single.statistic[0]) ** 2)
    assert joint.den_df == pytest.approx(float(single.df[0]))
    assert joint.p_value == pytest.approx(float(single.p_value[0]))


def test_rows_that_repeat_others_do_not_count() -> None:
    fit = mm.lmm("y ~ x * f + (1 | a) + (1 | b)", _data()).fit
    L = np.eye(len(fit.beta))[1:3]
    twice = np.vstack([L, L[0] + L[1], 3 * L[1]])
    plain, repeated = f_test(fit, L, ddf="normal"), f_test(fit, twice, ddf="normal")
    assert repeated.num_df == plain.num_df == 2
    assert repeated.statistic == pytest.approx(plain.statistic)


def test_contradictions_are_refused() -> None:
    fit = mm.lmm("y ~ x + (1 | a)", _data()).fit
    L = np.array([[0.0, 1.0], [0.0, 2.0]])
    assert f_test(fit, L, ddf="normal", rhs=np.array([1.0, 2.0])).num_df == 1
    with pytest.raises(DataError, match="contradict"):
        f_test(fit, L, ddf="normal", rhs=np.array([1.0, 3.0]))
    with pytest.raises(DataError, match="nothing to test"):
        f_test(fit, 0 * L, ddf="normal")


def test_kenward_roger_refuses_a_fit_by_ml_and_names_the_alternatives() -> None:
    fit = mm.lmm("y ~ x + (1 | a)", _data(), reml=False).fit
    with pytest.raises(DataError, match="REML"):
        method_of(fit, "kenward-roger")
    with pytest.raises(DataError, match="satterthwaite"):
        method_of(fit, "kenward")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize("ddf", NAMES)
def test_recoding_x_and_y_changes_no_degrees_of_freedom(ddf: str) -> None:
    data = _data()
    moved = {**data, "x": 1000 * data["x"] + 3, "y": 50 * data["y"] - 7}
    formula = "y ~ x + (1 + x | a) + (1 | b)"
    L = np.array([[0.0, 1.0]])
    plain = t_tests(mm.lmm(formula, data).fit, L, ddf=ddf)
    other = t_tests(mm.lmm(formula, moved).fit, L, ddf=ddf)
    assert other.df[0] == pytest.approx(plain.df[0], rel=1e-4)
    assert other.statistic[0] == pytest.approx(plain.statistic[0], rel=1e-5)


@pytest.mark.parametrize("formula", ["y ~ 0 + (1 | g)", "y ~ 0 + (x || g) + (1 | h)"])
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger", "residual", "normal"])
def test_a_model_without_fixed_effects_has_an_empty_table(formula: str, ddf: str) -> None:
    rng = np.random.default_rng(0)
    g, h = np.arange(60) % 12, np.arange(60) // 12
    data = {"y": rng.normal(size=60), "x": rng.normal(size=60), "g": g, "h": h}
    assert len(mm.lmm(formula, data).coef_table(ddf)) == 0


def test_kenward_roger_refuses_an_adjustment_that_is_no_correction() -> None:
    """The variance of the intercept would be negative, that of the slope 500 times as large."""
    model = mm.lmm(
        "height ~ age + (age | Subject)",
        mm.datasets.load("oxboys"),
        residual="car1(age | Subject)",
    )
    with pytest.raises(mm.errors.DataError, match="kenward-roger-linear"):
        model.coef_table("kenward-roger")
    linear = model.coef_table("kenward-roger-linear")
    np.testing.assert_allclose(linear["std_error"], model.bse, rtol=0.05)
