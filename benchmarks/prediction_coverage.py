"""How often intervals of predictions cover: known groups and new ones, few and many.

    python -m benchmarks.prediction_coverage [replicates]

Prints the table in docs/prediction.md. Each replicate draws a study with a random intercept and
slope, fits it, and predicts the next value of the covariate in one known and one new group.
"""

import sys
import warnings

import numpy as np

import mixedmodels as mm
from mixedmodels.errors import MixedModelsWarning

GROUPS = (6, 12, 25, 50)
ROWS = 6
TEMPLATE = np.array([[2.0, 0.0], [0.15, 0.5]])
SEED = 20_261


def main() -> None:
    """Simulate, and print one table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print(f"{n} replicates, seed {SEED}, nominal 95 %")
    print("| groups | mean, known group | observation, known group | observation, new group |")
    print("|---|---|---|---|")
    for groups in GROUPS:
        random = np.random.default_rng([SEED, groups])
        covered = np.mean([one_study(random, groups) for _ in range(n)], axis=0)
        print(f"| {groups} | " + " | ".join(f"{100 * share:.1f} %" for share in covered) + " |")


def one_study(random: np.random.Generator, groups: int) -> tuple[bool, bool, bool]:
    """Whether the three intervals cover in one simulated study."""
    x = np.tile(np.arange(float(ROWS)), groups)
    g = np.repeat(np.arange(groups), ROWS)
    b = random.standard_normal((groups + 1, 2)) @ TEMPLATE.T
    y = 1 + x + b[g, 0] + b[g, 1] * x + random.standard_normal(len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedModelsWarning)
        model = mm.lmm("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    new = {"x": [float(ROWS)] * 2, "g": [0, groups]}
    mean = 1 + ROWS + b[[0, groups]] @ [1, ROWS]
    observed = mean + random.standard_normal(2)
    of_mean = model.predict(new, interval="confidence")
    of_one = model.predict(new, interval="prediction")
    inside = of_one["conf_low"].lt(observed) & of_one["conf_high"].gt(observed)
    known = of_mean["conf_low"][0] < mean[0] < of_mean["conf_high"][0]
    return bool(known), bool(inside[0]), bool(inside[1])


if __name__ == "__main__":
    main()
