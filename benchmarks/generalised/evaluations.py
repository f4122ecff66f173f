"""Evaluations of the criterion over the generalised reference models of the tests.

`python -m benchmarks.generalised.evaluations` prints a table: model, family, evaluations, how far
below (negative) or above R's the criterion ended.
"""

from __future__ import annotations

import warnings
from statistics import median

import mixedmodels as mm
from benchmarks.markdown import table
from tests.reference.generalised import CALLS, generalised


def row(name: str) -> list[object]:
    """One model."""
    ref = generalised(name)
    model = mm.glmm(ref.call.formula, ref.data(), ref.call.family, **ref.call.arguments)
    excess = model.objective - ref.values().criterion
    return [name, ref.call.family, model.convergence.n_evaluations, f"{excess:.1e}"]


def main() -> None:
    """Fit them all and print."""
    warnings.simplefilter("ignore")
    rows = [row(name) for name in CALLS]
    counts = sorted(int(str(r[2])) for r in rows)
    header = ["model", "family", "evaluations", "above R"]
    print("\n".join(table(header, [[str(cell) for cell in r] for r in rows])))
    print(f"\n{len(counts)} models: median {median(counts):g}, most {counts[-1]}")


if __name__ == "__main__":
    main()
