"""How often tests reject a true null where the model is wrong: 16 clusters, 4 of them treated.

Slopes differ between clusters and residuals are twice as large in treated ones; the model has a
random intercept and one residual variance.

    python -m benchmarks.robust_tests
"""

import numpy as np
import pandas as pd

import mixedmodels as mm

REPLICATES, CLUSTERS, SIZE, TREATED = 400, 16, 10, 4

WAYS = {
    "the model's own": {},
    "CR0, normal": {"cov": "CR0", "ddf": "normal"},
    "CR1S, clusters": {"cov": "CR1S", "ddf": "clusters"},
    "CR2, Satterthwaite": {"cov": "CR2"},
    "CR3, Satterthwaite": {"cov": "CR3"},
}


def data(rng: np.random.Generator) -> pd.DataFrame:
    """One sample without any effect."""
    g = np.repeat(np.arange(CLUSTERS), SIZE)
    z = (g < TREATED).astype(float)
    x = rng.normal(size=len(g))
    y = rng.normal(size=CLUSTERS)[g] + rng.normal(size=CLUSTERS)[g] * x
    y += rng.normal(size=len(g)) * np.where(z, 2, 1)
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": g})


def main() -> None:
    """Print a table: rejections at 5 %."""
    rng = np.random.default_rng(1)
    rejected = {way: np.zeros(4) for way in WAYS}
    for _ in range(REPLICATES):
        model = mm.lmm("y ~ x * z + (1 | g)", data(rng))
        for way, options in WAYS.items():
            single = pd.DataFrame(model.coef_table(**options))["p_value"][1:]
            joint = pd.DataFrame(model.wald_test("x = 0, x:z = 0", **options))["p_value"]
            rejected[way] += np.array([*single, *joint]) < 0.05
    print("| covariance, df | `x` | `z` | `x:z` | `x` and `x:z` |\n|---|---|---|---|---|")
    for way, counts in rejected.items():
        print(f"| {way} | {' | '.join(f'{100 * c / REPLICATES:.1f}' for c in counts)} |")


if __name__ == "__main__":
    main()
