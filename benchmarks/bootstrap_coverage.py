"""How often intervals of variance parameters and of a slope cover: `python -m
benchmarks.bootstrap_coverage [data sets]`.

The model is y ~ x + (x | g) with six rows per group; the table is in docs/replication.md.
"""

import sys
import warnings

import numpy as np

import mixedmodels as mm

GROUPS = (12, 30)
REPLICATES = 500
TRUTH = {"sd(Intercept)": 1.0, "sd(x)": 0.5, "sd": 1.0, "x": 0.3}
ROWS = {"sd(Intercept)": 0, "sd(x)": 1, "sd": 3, "x": 5}


def covered(table) -> np.ndarray:
    low, high = table["conf_low"].to_numpy(), table["conf_high"].to_numpy()
    return np.array([low[j] <= TRUTH[name] <= high[j] for name, j in ROWS.items()])


def intervals(model: mm.LinearMixedModel, seed: int) -> dict[str, np.ndarray]:
    parametric = model.bootstrap(REPLICATES, seed=seed)
    residual = model.bootstrap(REPLICATES, kind="residual", seed=seed)
    case = model.bootstrap(REPLICATES, kind="case", seed=seed)
    return {
        "profile (ML)": covered(model.conf_int(method="profile", which="all")),
        "parametric, percentile": covered(parametric.conf_int()),
        "parametric, basic": covered(parametric.conf_int(method="basic")),
        "residual, percentile": covered(residual.conf_int()),
        "case, percentile": covered(case.conf_int()),
        "case, BCa": covered(case.conf_int(method="bca")),
    }


def main(count: int) -> None:
    print("| groups | intervals |", " | ".join(TRUTH), "|")
    print("|---|---|" + "---|" * len(TRUTH))
    for groups in GROUPS:
        study = mm.planning.design({"g": groups}, within={"x": [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]})
        plan = mm.planning.plan(
            study,
            "y ~ x + (x | g)",
            fixed={"x": TRUTH["x"]},
            sd={"g": {"Intercept": TRUTH["sd(Intercept)"], "x": TRUTH["sd(x)"]}},
            sigma=TRUTH["sd"],
        )
        frame = study.frame()
        model = mm.lmm("y ~ x + (x | g)", frame.assign(y=plan.simulate(seed=0)[:, 0]))
        found: dict[str, list[np.ndarray]] = {}
        for seed, y in enumerate(plan.simulate(count, seed=1).T):
            for name, hit in intervals(model.refit(y), seed).items():
                found.setdefault(name, []).append(hit)
        for name, hits in found.items():
            shares = " | ".join(f"{share:.1%}" for share in np.mean(hits, axis=0))
            print(f"| {groups} | {name} | {shares} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
