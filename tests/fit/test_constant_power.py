"""A residual standard deviation of a constant and a power: whatever the unit, zeros included."""

import numpy as np
import pytest

import mixedmodels as mm

FORMULA = "Reaction ~ Days + (1 | Subject)"


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_the_unit_of_the_covariate_does_not_matter(unit: float) -> None:
    data = mm.datasets.load("sleepstudy")
    one, other = (
        mm.lmm(FORMULA, data.assign(x=(data["Days"] + 1) * c), sigma="constpower(x)")
        for c in (1.0, unit)
    )
    assert other.llf == pytest.approx(one.llf, abs=1e-6)
    np.testing.assert_allclose(other.params, one.params, rtol=1e-5)


def test_a_covariate_may_be_zero() -> None:
    """Its power is nothing there, so that the constant alone is the standard deviation."""
    data = mm.datasets.load("sleepstudy")
    model = mm.lmm(FORMULA, data, sigma="constpower(Days)")
    assert model.convergence.converged
    assert model.convergence.gradient_norm < 1e-3
    same = mm.lmm(FORMULA, data)
    assert model.llf > same.llf - 1e-6
    ratio = model.fit.problem.row_sd(model.fit.theta)
    kappa = dict(zip(model.theta.index, model.theta, strict=True))["Residual.1"]
    np.testing.assert_allclose(ratio[data["Days"] == 0], np.exp(kappa))
