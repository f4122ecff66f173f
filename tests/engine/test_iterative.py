"""Iterative fits against exact ones: equal within the error that they state, and repeatable."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.engine.iterative import IterativeProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import ConvergenceWarning, DataError

Z = 5.0
"""Monte Carlo standard errors that no comparison of these fixed data may exceed."""

SOLVED = 1e-9
"""What is solved for agrees to its relative residual of 1e-12, times a condition."""


def crossed(seed: int, n: int = 6000, levels: tuple[int, ...] = (400, 150, 90, 8)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = {name: rng.integers(0, size, n) for name, size in zip("abcd", levels, strict=True)}
    x = rng.standard_normal(n)
    y = 1 + 0.3 * x + rng.standard_normal(n) + 0.3 * rng.standard_normal(levels[0])[data["a"]] * x
    for name, size, sd in zip("abcd", levels, (0.6, 0.5, 0.4, 0.5), strict=True):
        y = y + sd * rng.standard_normal(size)[data[name]]
    return pd.DataFrame({"y": y, "x": x, "w": rng.uniform(0.5, 2.0, n), "zero": x * 0, **data})


DESIGNS = {
    "two factors": ("y ~ 1 + x + (1 | a) + (1 | b)", {}),
    "a small factor": ("y ~ 1 + x + (1 | a) + (1 | b) + (1 | d)", {}),
    "three large factors": ("y ~ 1 + x + (1 | a) + (1 | b) + (1 | c)", {}),
    "a slope": ("y ~ 1 + x + (1 + x | a) + (1 | b)", {}),
    "independent slopes of two": ("y ~ 1 + x + (1 + x || a) + (1 + x || b) + (1 | d)", {}),
    "weights": ("y ~ 1 + x + (1 + x | a) + (1 | b)", {"weights": "w"}),
    "ml": ("y ~ 1 + x + (1 | a) + (1 | b) + (1 | c)", {"reml": False}),
    "one factor": ("y ~ 1 + x + (1 + x | a)", {}),
    "small factors alone": ("y ~ 1 + x + (1 | d) + (1 | e)", {}),
    "nested": ("y ~ 1 + x + (1 | b/d)", {}),
}


@pytest.fixture(scope="module", params=DESIGNS)
def pair(request) -> tuple[mm.LinearMixedModel, mm.LinearMixedModel]:
    formula, options = DESIGNS[request.param]
    data = crossed(len(request.param))
    data["e"] = np.arange(len(data)) % 11
    exact = mm.lmm(formula, data, method="exact", **options)
    return exact, mm.lmm(formula, data, method="iterative", **options)


def test_estimates_agree_within_their_monte_carlo_error(pair):
    exact, found = pair
    spread = found.convergence.monte_carlo
    assert found.convergence.converged
    error = np.maximum(Z * spread.theta_error, 2e-5 * np.abs(exact.fit.theta) + 1e-7)
    assert np.all(np.abs(found.fit.theta - exact.fit.theta) < error)
    assert np.all(spread.share <= 0.1)
    at = Problem(exact.fit.matrices).deviance(found.fit.theta, reml=exact.fit.reml)
    assert abs(found.fit.objective - at) < max(Z * spread.criterion_error, 1e-6)


def test_what_is_solved_for_is_exact_at_the_same_theta(pair):
    exact, found = pair
    at = Problem(exact.fit.matrices).estimates(found.fit.theta, reml=exact.fit.reml)
    np.testing.assert_allclose(found.fit.beta, at.beta, rtol=SOLVED)
    np.testing.assert_allclose(found.fit.cov_beta_unscaled, at.cov_beta_unscaled, rtol=SOLVED)
    assert found.fit.sigma == pytest.approx(at.sigma, rel=SOLVED)
    for mine, theirs in zip(found.fit.b, at.b, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=SOLVED)


def test_information_agrees(pair):
    exact, found = pair
    theirs = Problem(exact.fit.matrices).information(found.fit.theta, reml=exact.fit.reml)
    mine = found.fit.problem.information(found.fit.theta, reml=exact.fit.reml)
    unit = np.sqrt(np.diag(theirs.hessian))
    error = np.abs(mine.hessian - theirs.hessian) / np.outer(unit, unit)
    assert error.max() < 0.02
    np.testing.assert_allclose(
        mine.jacobian, theirs.jacobian, atol=1e-7 * np.abs(theirs.jacobian).max()
    )


def test_tests_and_tables_agree(pair):
    exact, found = pair
    theirs, mine = exact.coef_table(), found.coef_table()
    np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=2e-3)
    np.testing.assert_allclose(mine["df"], theirs["df"], rtol=0.02)
    columns = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(
        found.conf_int(which="variance")[columns],
        exact.conf_int(which="variance")[columns],
        rtol=0.02,
        atol=5e-3,
    )
    assert "iterative" in str(found.summary())


def test_errors_of_predictions_are_solved_for(pair):
    exact, found = pair
    new = crossed(99).head(20)
    new["e"] = np.arange(len(new)) % 11
    new.loc[:2, "a"] = 10**6
    theirs = exact.predict(new, interval="prediction")
    mine = found.predict(new, interval="prediction")
    np.testing.assert_allclose(mine.to_numpy(), theirs.to_numpy(), rtol=5e-3, atol=5e-3)


def test_conditional_standard_errors(pair):
    exact, found = pair
    problem = Problem(exact.fit.matrices)
    for k, modes in enumerate(found.fit.b):
        if modes.size > 512:
            continue
        theirs = problem.conditional_covariance(found.fit.theta, term=k)
        mine = found.fit.problem.conditional_covariance(found.fit.theta, term=k)
        np.testing.assert_allclose(mine, theirs, atol=1e-8 * np.abs(theirs).max())


def test_conditional_standard_errors_of_many_levels_are_within_one_percent():
    data = crossed(7, n=9000, levels=(1500, 700, 90, 8))
    formula = "y ~ 1 + x + (1 + x | a) + (1 | b) + (1 | d)"
    found = mm.lmm(formula, data, method="iterative")
    problem = Problem(found.fit.matrices)
    for k in range(2):
        theirs = problem.conditional_covariance(found.fit.theta, term=k)
        mine = found.fit.problem.conditional_covariance(found.fit.theta, term=k)
        sd = [np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in (mine, theirs)]
        assert np.sqrt(np.mean((sd[0] / sd[1] - 1) ** 2)) < 0.012


def test_the_monte_carlo_error_is_calibrated():
    z, criterion = [], []
    for seed in range(12):
        data = crossed(seed, n=1500 + 10 * seed, levels=(400, 300, 5, 5))
        exact = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data)
        found = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data, method="iterative")
        spread = found.convergence.monte_carlo
        assert not spread.is_exact
        z.extend((found.fit.theta - exact.fit.theta) / spread.theta_error)
        at = exact.fit.problem.deviance(found.fit.theta, reml=True)
        criterion.append((found.fit.objective - at) / spread.criterion_error)
    for scores in (z, criterion):
        assert 0.4 < np.sqrt(np.mean(np.square(scores))) < 1.9
        assert np.max(np.abs(scores)) < Z


def test_a_zero_variance_is_exactly_zero():
    data = crossed(3, levels=(400, 150, 90, 8))
    data["y"] = np.random.default_rng(5).standard_normal(len(data)) + 0.5 * (data["a"] % 7)
    exact = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data)
    found = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data, method="iterative")
    assert exact.fit.theta[1] == 0.0
    assert found.fit.theta[1] == 0.0
    assert found.is_singular
    assert found.fit.theta[0] == pytest.approx(exact.fit.theta[0], rel=1e-4)


def test_disconnected_graphs_and_single_levels():
    data = crossed(4)
    data["part"] = data["a"] % 3
    data["inner"] = data["part"] * 1000 + data["b"]
    formula = "y ~ 1 + x + (1 | a) + (1 | inner)"
    exact, found = mm.lmm(formula, data), mm.lmm(formula, data, method="iterative")
    np.testing.assert_allclose(found.fit.theta, exact.fit.theta, rtol=1e-3)
    tiny = data.head(60)
    exact = mm.lmm("y ~ 1 + (1 | d) + (1 | part)", tiny)
    found = mm.lmm("y ~ 1 + (1 | d) + (1 | part)", tiny, method="iterative")
    assert found.convergence.monte_carlo.is_exact
    np.testing.assert_allclose(found.fit.theta, exact.fit.theta, atol=1e-5)
    assert found.fit.objective == pytest.approx(exact.fit.objective, abs=1e-6)


def test_nothing_depends_on_the_number_of_threads():
    code = (
        "import sys; sys.path.insert(0, 'tests/engine')\n"
        "from test_iterative import crossed\n"
        "import mixedmodels as mm\n"
        "d = crossed(11, n=60000, levels=(9000, 5000, 90, 8))\n"
        "m = mm.lmm('y ~ 1 + x + (1 + x | a) + (1 | b) + (1 | d)', d, method='iterative')\n"
        "print(m.fit.theta.tobytes().hex(), m.fit.objective.hex(), m.fit.b[1].sum().hex())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "RAYON_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in (1, 3)
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda m: m.coef_table(ddf="kenward-roger"), "Kenward and Roger"),
        (lambda m: m.conf_int(method="profile"), "profile"),
        (lambda m: m.conf_int(method="bootstrap", n=10), "bootstrap"),
    ],
)
def test_what_has_no_answer_says_what_to_do(ask, what):
    found = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", crossed(1), method="iterative")
    with pytest.raises(DataError, match=what) as caught:
        ask(found)
    assert "Do:" in str(caught.value)


def test_structured_covariances_are_refused():
    data = crossed(1)
    for formula, options in (
        ("y ~ 1 + cs(1 + x | a)", {}),
        ("y ~ 1 + (1 | a)", {"sigma": 1.0}),
        ("y ~ 1 + (1 | a)", {"fixed": {"sd(a:Intercept)": 1.0}}),
    ):
        with pytest.raises(DataError, match="iterative"):
            mm.lmm(formula, data, method="iterative", **options)
    with pytest.raises(DataError, match="method"):
        mm.lmm("y ~ 1 + (1 | a)", data, method="cg")


def test_a_residual_variance_that_tends_to_zero_is_no_converged_fit():
    data = crossed(2)
    data["y"] = data["a"] * 1.0 + data["b"] * 2.0
    with pytest.warns(ConvergenceWarning, match="grows without limit"):
        found = mm.lmm("y ~ 1 + (1 | a) + (1 | b)", data, method="iterative")
    assert found.convergence.status == "unbounded"


def test_refits_updates_and_copies_stay_iterative():
    data = crossed(6)
    found = mm.lmm("y ~ 1 + x + (1 | a) + (1 | b)", data, method="iterative")
    shifted = found.refit(data["y"].to_numpy() + 2.0)
    assert isinstance(shifted.fit.problem, IterativeProblem)
    np.testing.assert_allclose(shifted.fit.theta, found.fit.theta, rtol=1e-6)
    smaller = found.update(". ~ . - x")
    assert isinstance(smaller.fit.problem, IterativeProblem)
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copy.fit.theta, found.fit.theta)
    assert copy.coef_table().equals(found.coef_table())


def test_tests_of_terms_fit_smaller_models_with_the_same_probes_and_tell_their_error():
    formula, data = "y ~ 1 + x + zero + (1 + x | a) + (1 | b) + (1 | c)", crossed(7)
    data["zero"] = np.random.default_rng(1).standard_normal(len(data))
    exact = mm.lmm(formula, data, method="exact", reml=False)
    found = mm.lmm(formula, data, method="iterative", reml=False)
    for name in ("drop1", "ranova"):
        table, by_exact = getattr(found, name)(), getattr(exact, name)()
        assert table["note"].str.contains("iterative: Monte Carlo error of the criterion").all()
        told = table["note"][1:].str.extract(r"error of the statistic: up to ([^;]+)")[0]
        gap = (table["statistic"] - by_exact["statistic"])[1:].abs()
        assert (gap < 3 * told.astype(float)).all()
    # without a fixed term the random part stays, and the error of its probes cancels
    without = found.drop1().set_index("term")
    gap = abs(without["statistic"] - exact.drop1().set_index("term")["statistic"])["zero"]
    assert gap < 0.02 * found.convergence.monte_carlo.criterion_error


def test_comparisons_tell_the_error_of_their_criteria():
    data = crossed(8)
    models = [
        mm.lmm(formula, data, method=method)
        for formula, method in (
            ("y ~ 1 + x + (1 | a) + (1 | b)", "iterative"),
            ("y ~ 1 + x + (1 | a) + (1 | b) + (1 | d)", "exact"),
        )
    ]
    notes = mm.compare(*models)["note"]
    assert "iterative: Monte Carlo error of the criterion" in notes[0]
    assert "iterative" not in notes[1]
    assert "Monte Carlo error of the statistic: up to" in notes[1]
