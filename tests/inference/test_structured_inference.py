"""Small-sample tests of models with structure against n x n algebra in natural parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.inference.degrees_of_freedom import method_of
from mixedmodels.inference.information import information
from tests import structured_dense as dense
from tests.inference.dense_kenward_roger import kenward_roger, single_df

DENSE = 2e-6
"""Second differences of V err by 1e-8 of it, and their inverse information by some more."""


def _visits(seed: int = 5, subjects: int = 18, visits: int = 4) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = pd.MultiIndex.from_product([range(subjects), range(visits)], names=["s", "visit"])
    data = rows.to_frame(index=False)
    data["arm"] = np.where(data["s"] % 2 == 0, "a", "b")
    data["week"] = data["visit"] + 0.2 * random.uniform(size=len(data))
    data["x"] = random.normal(size=len(data))
    data["item"] = random.integers(0, 5, len(data))
    b = random.normal(size=subjects)
    walk = random.normal(size=(subjects, visits)).cumsum(axis=1).ravel()
    data["y"] = b[data["s"]] + 0.7 * walk + (1 + (data["s"] % 2)) * random.normal(size=len(data))
    data["y"] += random.normal(size=5)[data["item"]]
    kept = (random.uniform(size=len(data)) > 0.15) | (data["visit"] == 0)
    return data[kept].reset_index(drop=True)


def _fading(seed: int = 6, subjects: int = 60, visits: int = 4) -> pd.DataFrame:
    """Correlation that fades with the lag beside independent error: no constant of a subject."""
    data = _visits(seed, subjects, visits)
    random = np.random.default_rng(seed + 1)
    rho = dense.autoregressive(dense.lags(range(visits)), 0.7)
    effects = random.normal(size=(subjects, visits)) @ np.linalg.cholesky(rho).T
    noise = random.normal(size=len(data))
    return data.assign(y=1.5 * effects[data["s"], data["visit"]] + 0.7 * noise)


@dataclass(frozen=True)
class Layout:
    """Data with what their rows have in common."""

    data: pd.DataFrame

    def between(self, column: str) -> np.ndarray:
        values = self.data[column].to_numpy()
        return np.equal.outer(values, values).astype(float)

    @cached_property
    def same(self) -> np.ndarray:
        return self.between("s")

    @cached_property
    def lag(self) -> np.ndarray:
        return dense.lags(self.data["visit"])

    @cached_property
    def in_first(self) -> np.ndarray:
        return np.logical_and.outer(*[(self.data["arm"] == "a").to_numpy()] * 2)

    @property
    def one(self) -> np.ndarray:
        return np.eye(len(self.data))

    def at_visits(self, S: np.ndarray) -> np.ndarray:
        return self.same * S[np.ix_(self.data["visit"], self.data["visit"])]


WALK, FADING = Layout(_visits()), Layout(_fading())


def _us(d: Layout, entries: np.ndarray) -> np.ndarray:
    S = np.zeros((4, 4))
    S[np.tril_indices(4)] = entries
    return d.at_visits(S + np.tril(S, -1).T)


def _ar1_het(d: Layout, g: np.ndarray) -> np.ndarray:
    return d.at_visits(dense.scaled(np.sqrt(g[:4]), g[4] ** dense.lags(range(4))))


@dataclass(frozen=True)
class Case:
    """A model, V in natural parameters (variances, correlations, covariances) and these from the
    report's numbers.
    """

    formula: str
    arguments: dict
    V: Callable
    gamma: Callable
    is_linear: bool = False
    layout: Layout = WALK


def _strata(d: Layout, g: np.ndarray) -> np.ndarray:
    return np.diag(g[(d.data["arm"] == "b").to_numpy().astype(int)])


CASES = {
    "us": Case(
        "y ~ arm * visit",
        {"residual": "us(visit | s)"},
        _us,
        lambda r: dense.scaled(r[:4], dense.unstructured(4, r[4:10]))[np.tril_indices(4)],
        is_linear=True,
    ),
    "cs": Case(
        "y ~ arm * visit + x",
        {"residual": "cs(visit | s, hom=True)"},
        lambda d, g: g[0] * d.one + g[1] * d.same,
        lambda r: np.array([r[0] ** 2 * (1 - r[1]), r[0] ** 2 * r[1]]),
        is_linear=True,
    ),
    "ar1": Case(
        "y ~ arm * visit + x",
        {"residual": "ar1(visit | s)"},
        lambda d, g: d.same * g[0] * g[1] ** d.lag,
        lambda r: np.array([r[0] ** 2, r[1]]),
    ),
    "heterogeneous ar1": Case(
        "y ~ arm + x",
        {"residual": "ar1(visit | s, hom=False)"},
        _ar1_het,
        lambda r: np.array([*r[:4] ** 2, r[4]]),
    ),
    "intercept and ar1": Case(
        "y ~ arm * visit + (1 | s)",
        {"residual": "ar1(visit | s)"},
        lambda d, g: d.same * (g[0] + g[1] * g[2] ** d.lag),
        lambda r: np.array([r[0] ** 2, r[1] ** 2, r[2]]),
    ),
    "crossed and ar1": Case(
        "y ~ arm * visit + (1 | item)",
        {"residual": "ar1(visit | s)"},
        lambda d, g: d.between("item") * g[0] + d.same * g[1] * g[2] ** d.lag,
        lambda r: np.array([r[0] ** 2, r[1] ** 2, r[2]]),
    ),
    "strata": Case(
        "y ~ arm * visit + (1 | s)",
        {"sigma": "~ arm"},
        lambda d, g: g[0] * d.same + _strata(d, g[1:]),
        lambda r: np.array([r[0] ** 2, r[2] ** 2, (r[2] * np.exp(r[1])) ** 2]),
        is_linear=True,
    ),
    "toeplitz": Case(
        "y ~ arm * visit + x",
        {"residual": "toep(visit | s, hom=True)"},
        lambda d, g: d.same * g[d.lag.astype(int)],
        lambda r: r[0] ** 2 * np.array([1.0, *r[1:4]]),
        is_linear=True,
    ),
    "antedependence": Case(
        "y ~ arm + x",
        {"residual": "ante(visit | s)"},
        lambda d, g: d.at_visits(dense.scaled(np.sqrt(g[:4]), dense.antedependence(g[4:]))),
        lambda r: np.array([*r[:4] ** 2, *r[4:7]]),
    ),
    # Of one lag it is the banded Toeplitz covariance, which is linear.
    "moving average": Case(
        "y ~ arm + x",
        {"residual": "arma(visit | s, p=0, q=1)"},
        lambda d, g: d.same * (g[0] * (d.lag == 0) + g[1] * (d.lag == 1)),
        lambda r: r[0] ** 2 * np.array([1.0, r[1] / (1 + r[1] ** 2)]),
        is_linear=True,
        layout=FADING,
    ),
    "autoregressive moving average": Case(
        "y ~ arm + x",
        {"residual": "arma(visit | s, p=1, q=1)"},
        lambda d, g: d.same * g[0] * dense.arma(d.lag, [g[1]], [g[2]]),
        lambda r: np.array([r[0] ** 2, *r[1:3]]),
        layout=FADING,
    ),
    "exponential": Case(
        "y ~ arm + x",
        {"residual": "expo(week | s, nugget=True)"},
        lambda d, g: (
            d.same * g[0] * dense.nugget(dense.exponential(dense.lags(d.data["week"]), g[1]), g[2])
        ),
        lambda r: np.array([r[0] ** 2, *r[1:3]]),
        layout=FADING,
    ),
    "by arm": Case(
        "y ~ arm * visit + x",
        {"residual": "ar1(visit | s, by=arm)"},
        lambda d, g: d.same * np.where(d.in_first, g[0] * g[1] ** d.lag, g[2] * g[3] ** d.lag),
        lambda r: np.array([r[0] ** 2, r[1], r[2] ** 2, r[3]]),
    ),
    "effects of visits": Case(
        "y ~ arm + ar1(0 + factor(visit) | s)",
        {},
        lambda d, g: d.same * g[0] * g[1] ** d.lag + g[2] * d.one,
        lambda r: np.array([r[0] ** 2, r[1], r[2] ** 2]),
        layout=FADING,
    ),
}


def _report(fit) -> np.ndarray:
    """Absolute natural parameters; sigma, last, where nothing else carries it."""
    report = fit.problem.report(fit.theta)
    scale = np.array([fit.sigma if entry.is_sd else 1.0 for entry in report.entries])
    return np.append(report.values * scale, fit.sigma)


@pytest.fixture(scope="module", params=CASES)
def fitted(request):
    case = CASES[request.param]
    return case, mm.lmm(case.formula, case.layout.data, **case.arguments).fit


def test_v_is_the_model_s(fitted) -> None:
    case, fit = fitted
    V = case.V(case.layout, case.gamma(_report(fit)))
    found = dense.evaluate(fit.matrices.y, fit.matrices.X, V, reml=True)
    assert found.criterion == pytest.approx(fit.objective, abs=1e-7)


@pytest.mark.parametrize("ddf", ["kenward-roger", "kenward-roger-linear"])
def test_kenward_roger_is_that_of_dense_algebra(fitted, ddf: str) -> None:
    case, fit = fitted
    gamma = case.gamma(_report(fit))
    expected, C, slopes, spread = kenward_roger(
        partial(case.V, case.layout), gamma, fit.matrices.X, linear=ddf.endswith("linear")
    )
    method = method_of(fit, ddf)
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(method.covariance / size, expected / size, atol=DENSE)
    rows = np.eye(len(fit.beta))
    dense_df = [single_df(C, slopes, spread, row) for row in rows]
    np.testing.assert_allclose(method.single(rows), dense_df, rtol=DENSE)


def test_second_derivatives_vanish_where_v_is_linear(fitted) -> None:
    case, fit = fitted
    both = [method_of(fit, ddf).covariance for ddf in ("kenward-roger", "kenward-roger-linear")]
    assert np.allclose(*both, rtol=1e-10, atol=0) == case.is_linear


def test_satterthwaite_does_not_depend_on_the_parameters(fitted) -> None:
    case, fit = fitted
    gamma = case.gamma(_report(fit))
    m = fit.matrices

    def criterion(g: np.ndarray) -> float:
        return dense.evaluate(m.y, m.X, case.V(case.layout, g), reml=True).criterion

    def C(g: np.ndarray) -> np.ndarray:
        return dense.evaluate(m.y, m.X, case.V(case.layout, g), reml=True).cov_beta

    unit = np.diag(1e-3 * np.maximum(np.abs(gamma), 0.1))
    step = np.diag(unit)
    H = np.array(
        [
            [
                criterion(gamma + a + b)
                - criterion(gamma + a - b)
                - criterion(gamma - a + b)
                + criterion(gamma - a - b)
                for b in unit
            ]
            for a in unit
        ]
    ) / (4 * np.outer(step, step))
    slopes = np.array(
        [(C(gamma + u) - C(gamma - u)) / (2 * s) for u, s in zip(unit, step, strict=True)]
    )
    rows = np.eye(len(fit.beta))
    expected = [single_df(C(gamma), slopes, 2 * np.linalg.inv(H), row) for row in rows]
    found = method_of(fit, "satterthwaite").single(rows)
    np.testing.assert_allclose(found, expected, rtol=5e-4)


def test_rows_in_another_order_change_nothing(fitted) -> None:
    case, fit = fitted
    shuffled = case.layout.data.sample(frac=1, random_state=2)
    other = mm.lmm(case.formula, shuffled, **case.arguments).fit
    for ddf in ("satterthwaite", "kenward-roger"):
        a, b = (method_of(f, ddf).single(np.eye(len(f.beta))) for f in (fit, other))
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_plain_model_by_the_structured_route_has_the_same_tests() -> None:
    sleep = mm.datasets.load("sleepstudy")
    plain = mm.lmm("Reaction ~ Days + (Days | Subject)", sleep)
    # cs over two columns is the unstructured covariance.
    other = mm.lmm("Reaction ~ Days + cs(Days | Subject)", sleep)
    for ddf in ("satterthwaite", "kenward-roger", "kenward-roger-linear"):
        a, b = plain.coef_table(ddf), other.coef_table(ddf)
        np.testing.assert_allclose(a["df"], b["df"], rtol=1e-4)
        if ddf != "kenward-roger":
            np.testing.assert_allclose(a["std_error"], b["std_error"], rtol=1e-6)


def test_a_known_sigma_has_no_variance() -> None:
    fit = mm.lmm("y ~ arm + (1 | s)", WALK.data, sigma=1.0).fit
    assert information(fit).covariance[-1].tolist() == [0.0, 0.0]
    assert np.isfinite(method_of(fit, "kenward-roger").single(np.eye(2))).all()


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_a_singular_term_with_structure_is_named_as_written() -> None:
    # The walk is a constant of the subject beside noise: the effects of visits are all one.
    model = mm.lmm("y ~ arm + ar1(0 + factor(visit) | s)", WALK.data)
    assert model.is_singular
    assert "ar1(0 + factor(visit) | s) is singular" in model.convergence.message
    assert np.isfinite(model.coef_table("kenward-roger")["df"]).all()


def test_a_held_parameter_counts_as_known() -> None:
    free = mm.lmm("y ~ arm * visit + x", FADING.data, residual="ar1(visit | s)")
    rho = float(_report(free.fit)[1])
    held = mm.lmm(
        "y ~ arm * visit + x",
        FADING.data,
        residual="ar1(visit | s)",
        fixed={"cor(Residual)": rho},
    )
    rows = np.eye(len(held.fit.beta))
    # One variance is left: n - p for all, whatever the method.
    n = len(FADING.data) - len(rows)
    for ddf in ("satterthwaite", "kenward-roger"):
        np.testing.assert_allclose(method_of(held.fit, ddf).single(rows), n, rtol=1e-6)
