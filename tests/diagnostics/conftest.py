"""Models that several tests look at."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

FORMULAS = {
    "slope": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "independent": ("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    "two terms": ("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy"),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    "nested": ("score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", "machines"),
    "none": ("Reaction ~ Days", "sleepstudy"),
}


@pytest.fixture(params=FORMULAS)
def model(request: pytest.FixtureRequest) -> mm.LinearMixedModel:
    formula, name = FORMULAS[request.param]
    return mm.lmm(formula, mm.datasets.load(name))


@pytest.fixture
def uneven() -> Callable[..., pd.DataFrame]:
    """Crossed and unbalanced, with weights."""

    def make(n: int = 150, seed: int = 3) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 12, n), rng.integers(0, 7, n)
        x = rng.normal(size=n)
        w = rng.uniform(0.5, 3, n)
        y = 1 + x + rng.normal(size=12)[a] + rng.normal(size=12)[a] * x + rng.normal(size=7)[b]
        return pd.DataFrame(
            {"y": y + rng.normal(size=n) / np.sqrt(w), "x": x, "a": a, "b": b, "w": w}
        )

    return make
