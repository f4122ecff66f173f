"""Criterion evaluations over the reference models of the tests: prints one line of JSON."""

from __future__ import annotations

import json
import warnings

import mixedmodels as mm
from tests.reference.load import models, reference


def count() -> list[tuple[str, str, int]]:
    """Name, method and number of evaluations of every reference fit."""
    counts: list[tuple[str, str, int]] = []
    for name in models():
        model = reference(name)
        for method in model.methods:
            fitted = mm.lmm(
                model.python_formula,
                model.data(),
                reml=method == "REML",
                **model.fit_arguments(),
            )
            counts.append((name, method, int(fitted.convergence.n_evaluations)))
    return counts


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(count()))
