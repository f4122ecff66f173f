"""Leverage, against lme4 and against the hat matrix itself."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.design import ModelMatrices
from mixedmodels.diagnostics.leverage import equations
from tests.dense import marginal_covariance, relative_covariances
from tests.reference.load import models, reference

DENSE = 1e-9
"""Relative to numbers of order one, with n x n inverses."""

THETA = 3e-5
"""lme4's hat values are those of its default fit, whose theta is good to about 1e-5."""

COOK = 2e-3
"""Relative, for the same reason: small distances are sensitive."""

WITH_HAT = [name for name in models() if "hat" in reference(name).raw]


def hat_matrix(model: mm.LinearMixedModel) -> np.ndarray:
    """d fitted / d y, from V."""
    V = dense_V(model.fit.matrices, model.fit.theta)
    X, n = model.fit.matrices.X, model.nobs
    inverse = np.linalg.inv(V)
    P = inverse - inverse @ X @ np.linalg.solve(X.T @ inverse @ X, X.T @ inverse)
    w = model.fit.matrices.weights
    return np.eye(n) - P / (np.ones(n) if w is None else w)[:, None]


def dense_V(matrices: ModelMatrices, theta: np.ndarray) -> np.ndarray:
    return marginal_covariance(matrices, relative_covariances(matrices, theta))


@pytest.mark.parametrize("name", WITH_HAT)
def test_lme4(name: str) -> None:
    ref = reference(name)
    model = mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())
    hat = model.hat_values()
    head = np.array(ref.raw["hat"]["head"])
    np.testing.assert_allclose(hat[: len(head)], head, atol=THETA)
    assert hat.sum() == pytest.approx(ref.raw["hat"]["sum"], rel=THETA * 10)
    cook = model.influence().cooks_distance[: len(head)]
    np.testing.assert_allclose(cook, ref.raw["cooks_distance_obs"]["head"], rtol=COOK)


def test_dense(model: mm.LinearMixedModel) -> None:
    np.testing.assert_allclose(model.hat_values(), np.diag(hat_matrix(model)), atol=DENSE)


def test_dense_with_weights_and_two_factors(uneven: Callable[..., pd.DataFrame]) -> None:
    model = mm.lmm("y ~ x + (x | a) + (1 | b)", uneven(), weights="w")
    np.testing.assert_allclose(model.hat_values(), np.diag(hat_matrix(model)), atol=DENSE)


def test_products_with_V(uneven: Callable[..., pd.DataFrame]) -> None:
    model = mm.lmm("y ~ x + (x | a) + (1 | b)", uneven(), weights="w")
    eq = equations(model.fit)
    inverse = np.linalg.inv(dense_V(model.fit.matrices, model.fit.theta))
    right = np.random.default_rng(0).normal(size=(model.nobs, 3))
    root = eq.root_weights[:, None]
    np.testing.assert_allclose(root * eq.project(root * right), inverse @ right, atol=DENSE)


def test_singular_fit() -> None:
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff2"))
    assert model.is_singular
    np.testing.assert_allclose(model.hat_values(), 1 / 30)


def test_studentized_residuals(model: mm.LinearMixedModel) -> None:
    expected = model.residuals("standardized") / np.sqrt(1 - model.hat_values())
    pd.testing.assert_series_equal(model.residuals("studentized"), expected, check_names=False)
