"""How often the tests of a power analysis reject a true null: `python -m benchmarks.power_size
[replicates]`.

The table is in docs/planning.md.
"""

import sys
from typing import get_args

import mixedmodels as mm
from mixedmodels.vocabulary import PowerMethod

SIZES = (6, 12, 24, 48)


def main(n: int) -> None:
    print("| subjects | effect |", " | ".join(get_args(PowerMethod)), "|")
    print("|---|---|" + "---|" * len(get_args(PowerMethod)))
    for size in SIZES:
        study = mm.planning.design(
            {"subject": size},
            within={"day": range(5)},
            between={"subject": {"arm": ["a", "b"]}},
        )
        plan = mm.planning.plan(
            study,
            "y ~ arm + day + (day | subject)",
            fixed={},
            sd={"subject": {"Intercept": 1, "day": 0.5}},
            sigma=1,
        )
        for effect in ("arm", "day"):
            powers = [
                mm.power(plan, effect, n=n, method=method, seed=1)
                for method in get_args(PowerMethod)
            ]
            shares = " | ".join(f"{power.power:.1%}" for power in powers)
            print(f"| {size} | {effect} | {shares} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
