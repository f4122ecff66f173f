"""Small models at random: where does the search end, and after how many evaluations?

Every fit is compared with the best of several starts. `python -m benchmarks.small_models 3000`
prints, per family, the evaluations (median, largest), the fits that ended above the best start
although they were reported as converged, and the fits that were not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels._native import EngineError
from mixedmodels.data.memory import available_memory

Vector = NDArray[np.float64]

ABOVE = 1e-6
"""A criterion above the best start by more than this is another optimum."""

STARTS = 5
MAX_EVALUATIONS = 1000
TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Draw:
    """One data set: response, fixed columns, and per random term group, levels, columns, kind."""

    y: Vector
    X: Vector
    groups: list[tuple[NDArray[np.int32], int]]
    terms: list[tuple[int, Vector, str]]
    reml: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one fit compares with the best of the starts."""

    family: str
    seed: int
    status: str
    evaluations: int
    above: float


Family = Callable[[np.random.Generator], Draw]


def codes(rng: np.random.Generator, n: int, levels: int) -> tuple[NDArray[np.int32], int]:
    """Groups of unequal size, each with a row at least."""
    drawn = np.concatenate([np.arange(levels), rng.integers(0, levels, n - levels)])
    return rng.permutation(drawn).astype(np.int32), levels


def simulated(
    rng: np.random.Generator,
    n: int,
    groups: list[tuple[NDArray[np.int32], int]],
    terms: list[tuple[int, int, str, float]],
    x: Vector,
    slope: bool = True,
) -> Draw:
    """A response from `terms` (group, columns, structure, sd relative to the residual)."""
    columns = np.column_stack([np.ones(n), x, x**2, rng.normal(size=n)])
    y = rng.normal(size=n)
    drawn = []
    for group, q, structure, sd in terms:
        which, levels = groups[group]
        Z = np.asfortranarray(columns[:, :q])
        root = np.diag(sd * rng.uniform(0.3, 1.5, q))
        if structure == "unstructured":
            root += np.tril(sd * rng.normal(size=(q, q)) * 0.4, -1)
        b = rng.normal(size=(levels, q)) @ root.T
        y = y + (Z * b[which]).sum(axis=1)
        drawn.append((group, Z, structure))
    X = np.asfortranarray(columns[:, : 2 if slope else 1])
    return Draw(y, X, groups, drawn, bool(rng.integers(2)))


def intercept(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(12, 60))
    groups = [codes(rng, n, int(rng.integers(3, 9)))]
    sd = float(rng.choice([0.0, 0.05, 0.5, 1.0, 3.0]))
    return simulated(rng, n, groups, [(0, 1, "unstructured", sd)], rng.normal(size=n))


def slope(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(20, 80))
    groups = [codes(rng, n, int(rng.integers(4, 12)))]
    sd = float(rng.choice([0.0, 0.1, 0.5, 1.0, 3.0]))
    kind = str(rng.choice(["unstructured", "diagonal"]))
    return simulated(rng, n, groups, [(0, 2, kind, sd)], rng.normal(size=n))


def several(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(40, 120))
    groups = [codes(rng, n, int(rng.integers(6, 15)))]
    sd = float(rng.choice([0.0, 0.3, 1.0, 2.0]))
    return simulated(
        rng, n, groups, [(0, int(rng.integers(3, 5)), "unstructured", sd)], rng.normal(size=n)
    )


def crossed(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(20, 80))
    groups = [codes(rng, n, int(rng.integers(3, 9))), codes(rng, n, int(rng.integers(3, 7)))]
    sds = rng.choice([0.0, 0.2, 1.0, 3.0], 2)
    terms = [(k, 1, "unstructured", float(sds[k])) for k in range(2)]
    return simulated(rng, n, groups, terms, rng.normal(size=n))


def crossed_slopes(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(15, 21))
    groups = [codes(rng, n, int(rng.integers(3, 6))), codes(rng, n, int(rng.integers(3, 5)))]
    sds = rng.choice([0.0, 0.5, 1.0, 2.0], 2)
    terms = [(k, 2, "unstructured", float(sds[k])) for k in range(2)]
    return simulated(rng, n, groups, terms, rng.normal(size=n))


def crossed_larger(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(30, 120))
    groups = [codes(rng, n, int(rng.integers(4, 10))), codes(rng, n, int(rng.integers(4, 8)))]
    sds = rng.choice([0.0, 0.3, 1.0], 2)
    first = (0, 2, "unstructured", float(sds[0]))
    terms = [first, (1, int(rng.integers(1, 4)), "unstructured", float(sds[1]))]
    return simulated(rng, n, groups, terms, rng.normal(size=n))


def nested(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(30, 90))
    outer, inner = int(rng.integers(3, 6)), int(rng.integers(2, 4))
    lowest, levels = codes(rng, n, outer * inner)
    groups = [(lowest, levels), ((lowest // inner).astype(np.int32), outer)]
    sds = rng.choice([0.0, 0.3, 1.0, 3.0], 2)
    terms = [(k, 1 + int(rng.integers(2)), "unstructured", float(sds[k])) for k in range(2)]
    return simulated(rng, n, groups, terms, rng.normal(size=n))


def noise(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(15, 40))
    groups = [codes(rng, n, int(rng.integers(3, 8)))]
    q = int(rng.integers(1, 4))
    return simulated(rng, n, groups, [(0, q, "unstructured", 0.0)], rng.normal(size=n))


def sparse(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(20, 50))
    levels = int(n * rng.uniform(0.5, 0.9))
    sd = float(rng.choice([0.0, 0.5, 2.0]))
    terms = [(0, 1 + int(rng.integers(2)), "unstructured", sd)]
    return simulated(rng, n, [codes(rng, n, levels)], terms, rng.normal(size=n))


def large_ratio(rng: np.random.Generator) -> Draw:
    sd = float(10 ** rng.uniform(1, 3))
    which = int(rng.integers(4))
    g, h = np.repeat(np.arange(8), 5).astype(np.int32), np.tile(np.arange(5), 8).astype(np.int32)
    z = rng.integers(-3, 4, 40).astype(float)
    if which == 0:
        return simulated(rng, 40, [(g, 8)], [(0, 1, "unstructured", sd)], z)
    if which == 1:
        small = [sd, float(rng.choice([0.0, 1.0, sd]))]
        terms = [(k, 1, "unstructured", small[k]) for k in range(2)]
        return simulated(rng, 40, [(g, 8), (h, 5)], terms, z)
    kind = "unstructured" if which == 2 else "diagonal"
    draw = simulated(rng, 40, [(g, 8)], [(0, 2, kind, 0.0)], z, slope=bool(rng.integers(2)))
    # The intercept alone varies, or both columns do.
    b = sd * rng.normal(size=(8, 2)) * np.array([1.0, float(rng.choice([0.0, 1.0]))])
    y = draw.y + b[g, 0] + b[g, 1] * z
    return Draw(y, draw.X, draw.groups, draw.terms, draw.reml)


def small_ratio(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(200, 600))
    groups = [codes(rng, n, int(rng.integers(4, 10)))]
    sd = float(10 ** rng.uniform(-3, -1))
    q = 1 + int(rng.integers(2))
    return simulated(rng, n, groups, [(0, q, "unstructured", sd)], rng.normal(size=n))


def shifted(rng: np.random.Generator) -> Draw:
    n = int(rng.integers(30, 80))
    groups = [codes(rng, n, int(rng.integers(4, 10)))]
    sd = float(rng.choice([0.0, 0.5, 1.0]))
    x = rng.normal(size=n) + 10.0 ** rng.uniform(0, 2)
    return simulated(rng, n, groups, [(0, 2, "unstructured", sd)], x)


FAMILIES: dict[str, Family] = {
    f.__name__: f
    for f in (
        intercept, slope, several, crossed, crossed_slopes, crossed_larger,
        nested, noise, sparse, large_ratio, small_ratio, shifted,
    )
}  # fmt: skip


def problem_of(draw: Draw) -> _native.Problem:
    """The engine's problem of a data set."""
    return _native.Problem(draw.y, draw.X, draw.groups, draw.terms, None, available_memory)


def starts(problem: _native.Problem, rng: np.random.Generator) -> Iterator[Vector]:
    """T at other scales and correlations, in units of the columns."""
    scales = problem.column_scales
    for _ in range(STARTS - 1):
        scale = 10 ** rng.uniform(-1, 1)
        if rng.integers(4) == 0:
            scale = 10 ** rng.uniform(1, 3)
        theta = []
        for term, row, column in problem.theta_index:
            value = scale * (np.exp(rng.normal()) if row == column else rng.normal())
            theta.append(value / scales[term][row])
        yield np.array(theta)


def outcome(family: str, seed: int) -> Outcome | None:
    """One fit and its rivals; None where the data allow no fit."""
    draw = FAMILIES[family](np.random.default_rng(seed))
    try:
        problem = problem_of(draw)
        found = problem.minimise(draw.reml, None, MAX_EVALUATIONS, TOLERANCE)
    except EngineError:
        return None
    best = found.deviance
    for start in starts(problem, np.random.default_rng(seed + 1)):
        try:
            rival = problem.minimise(draw.reml, start, MAX_EVALUATIONS, TOLERANCE)
        except EngineError:
            continue
        best = min(best, rival.deviance)
    return Outcome(family, seed, found.status, found.n_evaluations, found.deviance - best)


def main(count: int) -> None:
    """Fit `count` data sets, family by family in turn, and print what was found."""
    names = list(FAMILIES)
    found = [outcome(names[i % len(names)], i) for i in range(count)]
    done = [o for o in found if o is not None]
    print(f"{'family':16} {'fits':>5} {'median':>6} {'p90':>4} {'most':>5}  above  not converged")
    for name in [*names, "all"]:
        own = [o for o in done if name in (o.family, "all")]
        if not own:
            continue
        counts = np.array([o.evaluations for o in own])
        above = [o for o in own if o.above > ABOVE and o.status == "converged"]
        other = [o for o in own if o.status != "converged"]
        print(
            f"{name:16} {len(own):5} {np.median(counts):6.0f} {np.quantile(counts, 0.9):4.0f}"
            f" {counts.max():5}  {len(above):5}  {len(other):5}"
        )
    for o in done:
        if o.above > ABOVE or o.status != "converged" or o.evaluations > 40:
            print(o)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
