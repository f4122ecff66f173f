"""Fits at the boundary are the normal case: 20 rows of noise in 4 groups, 200 times."""

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.engine.settings import Control

SEEDS = 200
STARTS = 7
BEST = 1e-6  # deviance above the best of the random starts


def noise(seed):
    random = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "y": random.normal(0, 1, 20),
            "time": np.tile(np.arange(5), 4),
            "treatment": np.repeat(["control", "treatment"], 10),
            "g": np.repeat(["A", "B", "C", "D"], 5),
        }
    )


@pytest.mark.parametrize("random_part", ["(1 | g)", "(time | g)"])
def test_every_fit_ends_at_the_optimum(random_part):
    starts = np.random.default_rng(0)
    n_singular = 0
    for seed in range(SEEDS):
        model = lmm(f"y ~ time + treatment + {random_part}", noise(seed))
        problem = model.fit.problem
        best = min(
            problem.minimise(
                reml=True, control=Control(start=starts.normal(size=problem.n_theta))
            ).deviance
            for _ in range(STARTS)
        )
        assert model.convergence.converged, seed
        assert model.objective <= best + BEST, seed
        assert np.isfinite(model.bse).all(), seed
        assert model.is_singular == bool(model.convergence.singular)
        for term in model.convergence.singular:
            assert len(term.findings) == term.n_zero, seed
        n_singular += model.is_singular
    assert n_singular > SEEDS / 3
