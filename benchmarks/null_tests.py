"""How often tests of a true null reject: few groups, every method of degrees of freedom.

    python -m benchmarks.null_tests [replicates]

Prints the table in docs/inference.md. Each replicate draws new random effects and residuals for
the same design; all methods see the same fits.
"""

import sys
import warnings
from dataclasses import replace

import numpy as np

import mixedmodels as mm
from mixedmodels.errors import MixedModelsWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import t_tests

METHODS = ("kenward-roger", "satterthwaite", "residual", "normal")
SIZES = (0.01, 0.05, 0.10)
SEED = 20_260


def main() -> None:
    """Simulate, and print one table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rows = []
    for label, groups, rows_each, slope_sd in (
        ("6 groups of 10, between", 6, 10, 0.0),
        ("6 groups of 10, random slope", 6, 10, 0.5),
        ("6 groups of 2 to 20, random slope", 6, 0, 0.5),
    ):
        rows += simulate(label, groups, rows_each, slope_sd, n)
    print(f"{n} replicates, seed {SEED}")
    print("| design | effect | method | " + " | ".join(f"{100 * s:g} %" for s in SIZES) + " |")
    print("|---|---|---|" + "---|" * len(SIZES))
    print("\n".join(rows))


def simulate(label: str, groups: int, each: int, slope_sd: float, n: int) -> list[str]:
    """Rejection rates of one design."""
    random = np.random.default_rng(SEED)
    sizes = [each] * groups if each else [2, 5, 8, 12, 16, 20]
    g = np.repeat(np.arange(groups), sizes)
    x = np.concatenate([np.linspace(-1, 1, size) for size in sizes])
    z = (g % 2).astype(float)
    formula = "y ~ x + z + (1 + x | g)" if slope_sd else "y ~ z + (1 | g)"
    data = {"y": random.normal(size=len(g)), "x": x, "z": z, "g": g}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedModelsWarning)
        start = mm.lmm(formula, data).fit
    names = [name for name in start.matrices.x_names if name != "Intercept"]
    L = np.eye(len(start.beta))[[start.matrices.x_names.index(name) for name in names]]
    p = {method: np.empty((n, len(names))) for method in METHODS}
    for i in range(n):
        b = random.normal(size=groups)[g] + slope_sd * random.normal(size=groups)[g] * x
        fit = refit(start, b + random.normal(size=len(g)))
        for method in METHODS:
            p[method][i] = t_tests(fit, L, ddf=method).p_value
    return [
        f"| {label} | `{name}` | {method} | "
        + " | ".join(f"{100 * np.mean(p[method][:, j] < s):.1f}" for s in SIZES)
        + " |"
        for j, name in enumerate(names)
        for method in METHODS
    ]


def refit(fit: Fit, y: np.ndarray) -> Fit:
    """The same design with another response, without the messages of a fit."""
    problem = fit.problem.with_response(y)
    found = problem.minimise(reml=True, control=fit.request.control)
    return replace(
        fit,
        problem=problem,
        theta=found.theta,
        beta=found.beta,
        sigma=found.sigma,
        objective=found.deviance,
        cov_beta_unscaled=found.cov_beta_unscaled,
    )


if __name__ == "__main__":
    main()
