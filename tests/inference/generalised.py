"""Fits of the models in `tests/reference/glmm_inference`, and what R found of them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import mixedmodels as mm
from tests.reference.load import FOLDER, frame

OWLS = "SiblingNegotiation ~ FoodTreatment * SexParent + (1 | Nest)"
TICKS = "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)"
CBPP = "incidence ~ period + (1 | herd)"

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "cbpp": (CBPP, "binomial", {"trials": "size"}),
    "cbpp_betabinomial": (CBPP, "beta_binomial", {"trials": "size"}),
    "contraception": (
        "use ~ age * urban + I(age**2) + livch + (urban | district)",
        "binomial",
        {},
    ),
    "gasoline_beta": ("I(yield / 100) ~ endpoint + vapor + (1 | Sample)", "beta", {}),
    "grouseticks_nbinom2": (TICKS, "nb2", {}),
    "grouseticks_poisson": (
        TICKS.replace(" + (1 | LOC", " + (1 | INDEX) + (1 | LOC"),
        "poisson",
        {},
    ),
    "mmmec": ("deaths ~ uvb + (1 | nation/region)", "poisson", {"exposure": "expected"}),
    "owls_poisson": (OWLS, "poisson", {"offset": "logBroodSize"}),
    "owls_nbinom2": (OWLS, "nb2", {"offset": "logBroodSize"}),
    "owls_zip": (OWLS, "poisson", {"offset": "logBroodSize", "zero": "~ 1"}),
    "owls_zinb2": (OWLS, "nb2", {"offset": "logBroodSize", "zero": "~ 1"}),
    "owls_disp": (
        "SiblingNegotiation ~ FoodTreatment + (1 | Nest)",
        "nb1",
        {"offset": "logBroodSize", "dispersion": "~ FoodTreatment", "zero": "~ SexParent"},
    ),
    "sleepstudy_gamma": ("Reaction ~ Days + (Days | Subject)", "gamma", {"link": "log"}),
}
"""Formula, family and further arguments of every model."""


@cache
def stored(name: str) -> Mapping[str, Any]:
    """What R found."""
    return json.loads((FOLDER / "glmm_inference" / f"{name}.json").read_text(encoding="utf-8"))


@cache
def fitted(name: str, formula: str | None = None) -> Any:
    """The model, fitted once; with another formula if one is given."""
    own, family, arguments = CALLS[name]
    control = mm.Control(tolerance=1e-12)
    data = frame(stored(name)["dataset"])
    return mm.glmm(formula or own, data, family=family, control=control, **arguments)


def table(name: str, method: str = "wald") -> pd.DataFrame:
    """R's estimates and limits in the order of `conf_int(which="all")`: random terms by formula,
    parts beside the mean, fixed effects.
    """
    raw = pd.DataFrame(stored(name)["parameters"])
    rows = {kind: raw[raw["type"] == kind] for kind in ("theta", "betad", "betazi", "beta")}
    whole = pd.concat(rows.values(), ignore_index=True)
    low, high = whole[f"{method}_low"].to_numpy(float), whole[f"{method}_high"].to_numpy(float)
    estimate = whole["estimate"].to_numpy(float)
    natural = _scales(name, whole)
    ends = [np.array([f(v) for f, v in zip(natural, x, strict=True)]) for x in (low, high)]
    return pd.DataFrame(
        {
            "name": whole["_rows"],
            "type": whole["type"],
            "scale": whole["scale"],
            "estimate": [f(v) for f, v in zip(natural, estimate, strict=True)],
            "conf_low": np.where(ends[0] > ends[1], ends[1], ends[0]),
            "conf_high": np.where(ends[0] > ends[1], ends[0], ends[1]),
        }
    )


def _scales(name: str, rows: pd.DataFrame) -> list[Any]:
    """Per row of R's what takes it to the scale of this package."""
    counts = rows["type"].value_counts()
    out = []
    for kind in rows["type"]:
        is_constant = counts.get(kind) == 1
        if kind == "betad" and name == "sleepstudy_gamma":
            out.append(lambda x: np.exp(-x / 2))  # log of the shape, 1 / cv^2
        elif kind == "betad" and is_constant:
            out.append(np.exp)
        elif kind == "betazi" and is_constant:
            out.append(lambda x: 1 / (1 + np.exp(-x)))
        else:
            out.append(lambda x: x)
    return out


def slopes() -> pd.DataFrame:
    """Counts, successes and a covariate in 15 groups of six rows, with random slopes."""
    random = np.random.default_rng(42)
    frame = pd.DataFrame({"g": np.repeat(np.arange(15), 6), "x": random.normal(size=90)})
    b = random.normal(size=(15, 2)) @ np.array([[0.7, 0.3], [0.0, 0.5]])
    eta = 0.3 + 0.4 * frame.x + b[frame.g, 0] + b[frame.g, 1] * frame.x
    frame["y"] = random.poisson(np.exp(eta))
    frame["z"] = random.binomial(1, 1 / (1 + np.exp(-eta)))
    frame["f"] = np.tile(["a", "b", "c"], 30)
    return frame
