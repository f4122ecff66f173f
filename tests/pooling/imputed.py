"""Completed tables for tests of pooling."""

import numpy as np


def some_frames(m: int = 4, seed: int = 3) -> list[dict[str, np.ndarray]]:
    """Imputations of a fifth of y and a seventh of x, within ten groups."""
    random = np.random.default_rng(seed)
    n, groups = 60, 10
    g = np.repeat(np.arange(groups), n // groups)
    x = random.normal(size=n) + 50
    y = 2 + 0.3 * x + random.normal(size=groups)[g] + random.normal(size=n)
    frames = []
    for _ in range(m):
        values = y.copy()
        values[::5] += random.normal(size=len(values[::5]))
        moved = x.copy()
        moved[::7] += random.normal(size=len(moved[::7]))
        frames.append({"y": values, "x": moved, "g": g, "f": np.where(g % 2, "a", "b")})
    return frames
