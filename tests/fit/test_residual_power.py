"""Where the residual standard deviation is sigma times a power, the size of sigma says nothing."""

import numpy as np
import pytest

import mixedmodels as mm


@pytest.mark.parametrize("factor", [1e-6, 1e3, 1e9])
def test_a_power_of_the_fitted_values_has_no_unit(factor: float) -> None:
    data = mm.datasets.load("sleepstudy")
    formula, sigma = "Reaction ~ Days + (Days | Subject)", "power(fitted)"
    plain = mm.lmm(formula, data, sigma=sigma)
    scaled = mm.lmm(formula, data.assign(Reaction=data["Reaction"] * factor), sigma=sigma)
    degrees = len(data) - 2
    assert scaled.llf + degrees * np.log(factor) == pytest.approx(plain.llf, abs=1e-5)
    np.testing.assert_allclose(scaled.params, factor * plain.params, rtol=1e-6)
    assert not scaled.is_singular


def test_a_singular_structure_is_named_as_it_was_written() -> None:
    data = mm.datasets.load("orthodont")
    term = "cs(0 + factor(age) | Subject)"
    model = mm.lmm(f"distance ~ age * Sex + {term}", data)
    (singular,) = model.convergence.singular
    assert singular.label == term
