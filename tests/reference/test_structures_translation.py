"""Every reference model of nlme and glmmTMB is read as R read it, without any search.

At R's estimates on the natural scale the dense judge must give R's criterion, coefficients,
standard errors and residuals. It tests the data, the translation and the judge at once, and nothing
of the engine.
"""

from functools import cache

import numpy as np
import pytest

from tests.reference.load import Method
from tests.reference.marginal import Marginal, marginal
from tests.reference.structures import CALLS, structured
from tests.structured_dense import whitened

CRITERION = 1e-8
"""Cancellation between log-determinants of 400 rows."""

ESTIMATES = 1e-9
"""Relative, in standard errors."""

FITTED = 1e-5
"""The criterion where weights follow the fitted values: R's iterations stop by a tolerance."""

LAPLACE = 3e-5
"""REML of glmmTMB is a Laplace approximation over the fixed effects, with a residual sd of 1e-4."""

OTHER_CRITERION = {
    ("nlme/orthodont_corsymm", "REML"): FITTED,
    ("nlme/orthodont_corsymm", "ML"): FITTED,
    ("structured/orthodont_cs", "REML"): LAPLACE,
    ("structured/orthodont_toep", "REML"): LAPLACE,
    ("structured/orthodont_us", "REML"): LAPLACE,
}

OPTIMUM = 3e-5
"""Of glmmTMB's ML coefficients, in standard errors: they are parameters of its search."""

CASES = [(name, method) for name in CALLS for method in ("REML", "ML")]

NLME = [case for case in CASES if case[0].startswith("nlme/")]


@cache
def judged(name: str, method: Method) -> Marginal:
    return marginal(structured(name), method)


def unfinished(name: str) -> bool:
    """No maximum: a variance of glmmTMB's that goes to zero, with no Hessian for its errors."""
    return name == "structured/sleepstudy_ri_ar1"


@pytest.mark.parametrize(("name", "method"), [case for case in CASES if not unfinished(case[0])])
def test_the_judge_gives_the_criterion_and_the_scale(name: str, method: Method) -> None:
    stored = structured(name).estimates(method)
    found = judged(name, method).gaussian
    allowed = OTHER_CRITERION.get((name, method), CRITERION)
    assert found.criterion == pytest.approx(stored.criterion, abs=allowed)
    is_searched = name.startswith("structured/") or allowed == FITTED
    assert found.scale == pytest.approx(1, abs=OPTIMUM if is_searched else ESTIMATES)


@pytest.mark.parametrize(("name", "method"), [case for case in CASES if not unfinished(case[0])])
def test_the_judge_gives_the_coefficients(name: str, method: Method) -> None:
    stored = structured(name).estimates(method)
    difference = judged(name, method).gaussian.beta - stored.params
    is_searched = name.startswith("structured/") or name == "nlme/orthodont_corsymm"
    allowed = OPTIMUM if is_searched else ESTIMATES
    np.testing.assert_allclose(difference / np.sqrt(np.diag(stored.cov_params)), 0, atol=allowed)


@pytest.mark.parametrize(("name", "method"), NLME)
def test_the_judge_gives_the_standard_errors(name: str, method: Method) -> None:
    """R's gls divides by n - p also under ML, where lme and this package divide by n."""
    ref = structured(name)
    n, p = len(ref.data()), len(ref.estimates(method).params)
    is_gls_by_ml = ref.raw["call"].startswith("gls") and method == "ML"
    factor = np.sqrt(n / (n - p)) if is_gls_by_ml else 1.0
    mine = factor * np.sqrt(np.diag(judged(name, method).gaussian.cov_beta))
    theirs = np.sqrt(np.diag(ref.estimates(method).cov_params))
    allowed = 1e-6 if name == "nlme/orthodont_corsymm" else ESTIMATES
    np.testing.assert_allclose(mine, theirs, rtol=allowed)


@pytest.mark.parametrize(("name", "method"), NLME)
def test_the_judge_gives_the_residuals(name: str, method: Method) -> None:
    stored, found = structured(name).estimates(method), judged(name, method)
    head = len(stored.pearson_head)
    allowed = 1e-5 if name == "nlme/orthodont_corsymm" else 1e-9
    pearson = (found.resid / found.sd)[:head]
    np.testing.assert_allclose(pearson, stored.pearson_head, atol=allowed)
    white = whitened(found.resid, found.blocks, found.R)
    if name == "nlme/orthodont_gls_cs":
        # another square root of compound symmetry: the same length within a subject of four rows
        lengths = [(v[:8].reshape(2, 4) ** 2).sum(axis=1) for v in (white, stored.normalized_head)]
        np.testing.assert_allclose(*lengths, rtol=allowed)
    elif name != "nlme/wheat2_lme_exp":
        np.testing.assert_allclose(white[:head], stored.normalized_head, atol=allowed)


def test_normalised_residuals_of_nlme_use_the_factor_of_another_group() -> None:
    """Where the rows of lme are not sorted by group: the first group's factor is of the last one.

    R: resid(fit, type = "normalized"), nlme 3.1-162. The groups of wheat2 have the order 4, 2, 3,
    1, its rows 1, 2, 3, 4.
    """
    ref = structured("nlme/wheat2_lme_exp")
    found = judged(ref.name, "REML")
    order = np.argsort(ref.data()["Block"].cat.codes, kind="stable")
    factor = np.linalg.cholesky(found.R[np.ix_(order, order)])
    theirs = np.linalg.solve(factor, found.resid)[:10]
    stored = ref.estimates("REML").normalized_head
    np.testing.assert_allclose(theirs, stored, atol=1e-9)
    white = whitened(found.resid, found.blocks, found.R)[:10]
    assert np.abs(white - stored).max() > 1
