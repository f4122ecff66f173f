"""The judge judged: dense algebra against the density of a normal vector, from scipy."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import null_space

import mixedmodels as mm
from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, build
from mixedmodels.formula import parse
from tests.dense import evaluate, relative_covariances, response

ROUNDING = 1e-7  # of a criterion of about 1,000, computed through an eigendecomposition in scipy

MODELS = [
    ("Yield ~ 1 + (1 | Batch)", "dyestuff", [0.8]),
    ("Reaction ~ Days + (Days | Subject)", "sleepstudy", [0.9, 0.02, 0.2]),
    ("Reaction ~ Days + (Days || Subject)", "sleepstudy", [0.9, 0.2]),
    ("strength ~ 1 + (1 | batch/cask)", "pastes", [1.5, 3.5]),
    ("score ~ Machine + (0 + Machine | Worker)", "machines", [4, 2, 3, 5, 1, 6]),
]


def matrices_of(formula: str, dataset: str, **options: object) -> ModelMatrices:
    _, matrices = build(parse(formula), Frame.of(mm.datasets.load(dataset)), **options)
    return matrices


@pytest.mark.parametrize(("formula", "dataset", "theta"), MODELS)
def test_ml_criterion_is_the_normal_density_at_its_own_estimates(formula, dataset, theta):
    m = matrices_of(formula, dataset)
    dense = evaluate(m, relative_covariances(m, np.array(theta)), reml=False)
    density = stats.multivariate_normal(m.X @ dense.beta, dense.sigma**2 * dense.V)
    assert dense.criterion == pytest.approx(-2 * density.logpdf(m.y), abs=ROUNDING)


@pytest.mark.parametrize(("formula", "dataset", "theta"), MODELS)
def test_reml_criterion_is_the_density_of_error_contrasts(formula, dataset, theta):
    m = matrices_of(formula, dataset)
    dense = evaluate(m, relative_covariances(m, np.array(theta)), reml=True)
    K = null_space(m.X.T)
    density = stats.multivariate_normal(np.zeros(K.shape[1]), dense.sigma**2 * K.T @ dense.V @ K)
    basis = np.linalg.slogdet(m.X.T @ m.X)[1]  # the contrasts are orthonormal, lme4's are not
    assert dense.criterion == pytest.approx(-2 * density.logpdf(K.T @ m.y) + basis, abs=ROUNDING)


def test_beta_and_sigma_are_where_the_density_is_highest():
    m = matrices_of(*MODELS[1][:2])
    dense = evaluate(m, relative_covariances(m, np.array([0.9, 0.02, 0.2])), reml=False)
    for change in (-1e-3, 1e-3):
        for shift in ([change * 100, 0], [0, change * 10]):
            beta = dense.beta + np.array(shift)
            density = stats.multivariate_normal(m.X @ beta, dense.sigma**2 * dense.V)
            assert -2 * density.logpdf(m.y) > dense.criterion
        density = stats.multivariate_normal(
            m.X @ dense.beta, (dense.sigma * (1 + change)) ** 2 * dense.V
        )
        assert -2 * density.logpdf(m.y) > dense.criterion


def test_weights_and_offset_are_those_of_the_definition():
    frame = mm.datasets.load("sleepstudy")
    weights, offset = 1.0 + frame.index % 3, frame["Days"] * 2.0
    options = {"weights": weights.to_numpy(), "offset": offset.to_numpy()}
    m = matrices_of("Reaction ~ Days + (1 | Subject)", "sleepstudy", **options)
    dense = evaluate(m, relative_covariances(m, np.array([0.7])), reml=False)
    np.testing.assert_allclose(np.diag(dense.V), 1 / weights + 0.49)
    density = stats.multivariate_normal(m.X @ dense.beta + offset, dense.sigma**2 * dense.V)
    assert dense.criterion == pytest.approx(-2 * density.logpdf(m.y), abs=ROUNDING)


def test_modes_are_those_of_the_joint_normal_distribution():
    """E[b | y] and Cov(b | y) by conditioning the joint distribution of b and y."""
    m = matrices_of("strength ~ 1 + (1 | batch/cask)", "pastes")
    G = relative_covariances(m, np.array([1.5, 3.5]))
    dense = evaluate(m, G, reml=True)
    Z = np.hstack([np.eye(len(g.levels))[g.codes] for g in m.groupings])
    sizes = [len(g.levels) for g in m.groupings]
    prior = np.diag(np.repeat([1.5**2, 3.5**2], sizes))
    gain = prior @ Z.T @ np.linalg.inv(Z @ prior @ Z.T + np.eye(len(m.y)))
    b = gain @ (response(m) - m.X @ dense.beta)
    np.testing.assert_allclose(np.concatenate([d.ravel() for d in dense.b]), b, atol=1e-9)
    variances = np.diag(prior - gain @ Z @ prior)
    np.testing.assert_allclose(
        np.concatenate([c.ravel() for c in dense.conditional]), variances, atol=1e-9
    )
