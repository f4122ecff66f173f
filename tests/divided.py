"""Rows to divide among workers, and all that a model says of them, to compare bit by bit."""

import numpy as np
import pandas as pd

import mixedmodels as mm

FORMULAS = (
    "y ~ x + (x | g)",
    "y ~ x * f + (1 | g) + (1 | h)",
    "y ~ scale(x) + poly(year, 2) + C(f) + (x || g) + (1 | f:h)",
    "log(y - 1900) ~ x + I(x > 0.2) + (1 | h)",
)


def rows(n: int = 3_000, seed: int = 1) -> pd.DataFrame:
    """Levels of text and of numbers, a covariate far from zero, a rare level, missing values."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 40, n)
    frame = pd.DataFrame(
        {
            "x": rng.standard_normal(n),
            "year": rng.integers(1990, 2021, n),
            "f": rng.choice(["ctl", "low", "high"], n, p=[0.6, 0.39, 0.01]),
            "g": g,
            "h": [f"h{k}" for k in rng.integers(0, 25, n)],
            "w": rng.uniform(0.5, 2.0, n),
        }
    )
    effect = rng.standard_normal((40, 2)) @ np.array([[1.0, 0.0], [0.2, 0.4]])
    y = 2000 + effect[g, 0] + (0.3 + effect[g, 1]) * frame["x"] + rng.standard_normal(n)
    frame["y"] = y + 0.02 * (frame["year"] - 2000)
    frame.loc[rng.choice(n, 20, replace=False), "x"] = np.nan
    return frame


def divided(frame: pd.DataFrame, parts: int, seed: int) -> list[pd.DataFrame]:
    """The rows in another order and in parts of any size, some of them perhaps empty."""
    rng = np.random.default_rng(seed)
    mixed = frame.sample(frac=1, random_state=seed)
    cuts = np.sort(rng.integers(0, len(frame) + 1, parts - 1))
    return [mixed[a:b] for a, b in zip([0, *cuts], [*cuts, len(frame)], strict=True)]


def numbers(model: mm.LinearMixedModel) -> dict[str, np.ndarray]:
    """What the model says."""
    coefficients, effects = model.coef_table(), model.ranef_table()
    found = {
        "theta": model.theta,
        "criterion": [model.objective, model.sigma, model.nobs, model.n_missing],
        "coefficients": coefficients[["estimate", "std_error", "df", "p_value"]],
        "random effects": effects[["estimate", "std_error"]],
    }
    return {name: np.asarray(value, dtype=float) for name, value in found.items()}


def assert_same_bits(one: mm.LinearMixedModel, other: mm.LinearMixedModel) -> None:
    """All of it is equal to the last bit."""
    theirs = numbers(other)
    for name, values in numbers(one).items():
        assert values.tobytes() == theirs[name].tobytes(), name


def assert_close(one: mm.LinearMixedModel, other: mm.LinearMixedModel, tolerance: float) -> None:
    """All of it is equal but for rounding."""
    theirs = numbers(other)
    for name, values in numbers(one).items():
        np.testing.assert_allclose(values, theirs[name], rtol=tolerance, atol=1e-7, err_msg=name)
