"""Parts beside the mean that data do not need: said so, and all other errors are kept."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.fit.flat_hessian import covariance_of


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(3)
    n = 240
    g, x = np.arange(n) % 24, random.normal(size=n)
    eta = 0.2 + 0.5 * x + 0.5 * random.normal(size=24)[g]
    size = np.resize([3, 8, 5], n)
    return pd.DataFrame(
        {
            "g": g,
            "x": x,
            "size": size,
            # less variable than the family that needs no part
            "count": random.binomial(8, 1 / (1 + np.exp(-eta))),
            "successes": np.floor(size / (1 + np.exp(-eta)) + random.random(n)),
            "number": eta + random.normal(size=n),
        }
    )


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "nb1": ("count ~ x + (1 | g)", {"family": "nb1"}, {"family": "poisson"}, "log alpha has"),
    "zero": (
        "count ~ x + (1 | g)",
        {"family": "poisson", "zero": "~ 1"},
        {"family": "poisson"},
        "no more zeros than the family's own",
    ),
    "beta_binomial": (
        "successes / size ~ x + (1 | g)",
        {"family": "beta_binomial"},
        {"family": "binomial"},
        "phi has no finite estimate",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_said_and_the_rest_is_that_of_the_simpler_model(
    table: pd.DataFrame, name: str
) -> None:
    formula, options, simpler, words = CASES[name]
    model, plain = mm.glmm(formula, table, **options), mm.glmm(formula, table, **simpler)
    assert model.llf == pytest.approx(plain.llf, abs=1e-2)
    [said] = model.convergence.unneeded
    assert words in said
    assert said in model.convergence.message
    assert said.splitlines()[0] in str(model.summary())
    assert model.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=2e-2)
    assert model.bse.to_numpy() == pytest.approx(plain.bse.to_numpy(), rel=0.02)
    assert [row.grade for row in model.check().rows if row.check.startswith("Parts")] == ["look"]


def test_a_part_that_is_needed_is_not_called_so(table: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    more = table.assign(count=random.poisson(table["count"] * random.gamma(1, 1, len(table))))
    model = mm.glmm("count ~ x + (1 | g)", more, family="nb2")
    assert model.convergence.unneeded == ()
    assert mm.glmm("count ~ x + (1 | g)", more, family="poisson").convergence.unneeded == ()


def test_rounding_error_in_the_row_of_an_idle_logarithm_is_no_curvature() -> None:
    # The Hessian of (theta, beta, log size) where the size is beyond 1e30.
    H = np.array([[174.0, 25.8, -8e-14], [25.8, 116.6, 9e-13], [-8e-14, 9e-13, 1e-29]])
    C = covariance_of(H, 1, 1)
    assert C[:2, :2] == pytest.approx(2 * np.linalg.inv(H[:2, :2]))
    assert np.isnan(C[2]).all()
    assert np.isnan(covariance_of(H, 1)).all()
