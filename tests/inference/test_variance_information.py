"""Covariance of the variance parameters: dense Hessians, closed forms, and what must hold."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.intervals import conf_int
from mixedmodels.inference.variance_information import cov_variance, variance_parameters
from tests.inference.dense_hessian import deviance, hessian, relative
from tests.inference.exact import fit

DIFFERENCES = 1e-4  # relative: extrapolated second differences of a deviance of some 1e3
EXACT = 1e-5  # of standard errors: closed forms, at a search carried to the end
FLAT = 1e2  # variance of a standard deviation of about 1: nothing is known of it

CASES = [
    ("sleepstudy_slope", True),
    ("sleepstudy_slope", False),
    ("sleepstudy_weights", True),
    ("sleepstudy_zerocorr", True),
    ("machines_factor_re", True),
    ("pastes_nested", False),
    ("cake_temp", True),
]


@pytest.mark.parametrize("scale", ["sd", "var", "theta"])
@pytest.mark.parametrize(("name", "reml"), CASES)
def test_is_twice_the_inverse_of_a_dense_hessian(name, reml, scale):
    model = fit(name, reml=reml)
    found = variance_parameters(model.fit, scale)
    expected = 2 * np.linalg.inv(
        hessian(
            lambda values: deviance(model, *relative(model, values, scale)),
            found.estimate,
            np.sqrt(np.diag(found.covariance)),
        )
    )
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found.covariance / size, expected / size, atol=DIFFERENCES)


@pytest.mark.parametrize("name", ["dyestuff", "rail"])
def test_one_way_balanced_layout(name):
    """MS between groups ~ lambda chi2(g-1)/(g-1), lambda = sigma^2 + k sigma_b^2; MS within alike.

    Under REML the observed information is that of the two independent mean squares.
    """
    model = fit(name)
    (g,), n = model.ngroups.values(), model.nobs
    k = n / g
    between = model.cov_re[model.groups[0]].iloc[0, 0]
    mean_square = model.scale + k * between
    within = 2 * model.scale**2 / (n - g)
    table = cov_variance(model.fit, "var")
    variance = (2 * mean_square**2 / (g - 1) + within) / k**2
    expected = np.array([[variance, -within / k], [-within / k, within]])
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(table.to_numpy() / size, expected / size, atol=EXACT)


def test_least_squares(sleepstudy):
    model = mm.lmm("Reaction ~ Days", sleepstudy)
    table = cov_variance(model.fit)
    assert list(table.index) == [("Residual", "sd")]
    expected = model.scale / (2 * (model.nobs - 2))
    np.testing.assert_allclose(table.to_numpy(), [[expected]], rtol=EXACT)


def test_names():
    model = fit("sleepstudy_slope")
    subject = [("Subject", "Intercept"), ("Subject", "Days")]
    sd, var, theta = (list(cov_variance(model.fit, s).index) for s in ("sd", "var", "theta"))
    assert sd == [*subject, ("Subject", "cor(Intercept, Days)"), ("Residual", "sd")]
    assert var == [*subject, ("Subject", "cov(Intercept, Days)"), ("Residual", "variance")]
    assert theta == [subject[0], ("Subject", "Days.Intercept"), subject[1], ("Residual", "sd")]
    assert cov_variance(model.fit).index.names == ["group", "term"]


@pytest.mark.parametrize("scale", ["sd", "var", "theta"])
def test_a_boundary_has_no_covariance_and_the_rest_has(scale):
    table = cov_variance(fit("wafer_nested").fit, scale)
    boundary = ("Wafer:Site", "Intercept")
    assert table.loc[[boundary]].isna().all(axis=None)
    assert table[[boundary]].isna().all(axis=None)
    rest = table.drop(index=[boundary], columns=[boundary])
    assert np.isfinite(rest.to_numpy()).all()
    assert (np.linalg.eigvalsh(rest.to_numpy()) > 0).all()


def test_a_singular_covariance_has_none_at_all():
    table = cov_variance(fit("igf_boundary").fit)
    known = table.notna().to_numpy()
    assert known.sum() == 1 and known[-1, -1]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore::mixedmodels.errors.NotIdentifiedWarning")
def test_what_is_not_identified_has_no_standard_error(seed):
    """Two intercepts for each group: only the sum of their variances can be known.

    Where the search ended, the criterion is flat up to rounding: convex, or not.
    """
    random = np.random.default_rng(seed)
    g = np.repeat(np.arange(30), 6)
    x, z = random.normal(size=(2, 180))
    b = random.normal(size=(3, 30))
    y = b[0, g] + 0.7 * b[1, g] * x + 0.5 * b[2, g] * z + random.normal(size=180)
    data = pd.DataFrame({"y": y, "x": x, "z": z, "g": g})
    twice = mm.lmm("y ~ 1 + (x | g) + (z | g)", data)
    table = cov_variance(twice.fit, scale="var")
    unknown = [("g", "Intercept"), ("g", "Intercept.1")]
    assert table.loc[unknown].isna().all(axis=None)
    limits = conf_int(twice.fit, which="variance").set_index(["group", "term"])
    assert limits.loc[unknown].isna().all(axis=None)


def test_standard_errors_follow_the_units_of_the_response(sleepstudy):
    formula = "Reaction ~ Days + (Days | Subject)"
    table = cov_variance(mm.lmm(formula, sleepstudy).fit)
    tenfold = sleepstudy.assign(Reaction=10 * sleepstudy["Reaction"])
    other = cov_variance(mm.lmm(formula, tenfold).fit)
    unit = np.array([10, 10, 1, 10])
    np.testing.assert_allclose(other, table * np.outer(unit, unit), rtol=1e-5)


def test_unknown_scale():
    with pytest.raises(DataError, match=r"scale = 'cov' is not known.*\n.*'sd', 'var', 'theta'"):
        cov_variance(fit("dyestuff").fit, "cov")
