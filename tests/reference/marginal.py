"""V of nlme's and glmmTMB's models at the estimates that R reports, for the dense judge.

Formulas are read as if every structure were unstructured: that gives the columns, and R the
covariances between them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.formula import parse
from tests import structured_dense as dense
from tests.reference.load import Method
from tests.reference.structures import Structured

Array = np.ndarray

BAR = re.compile(r"\w*\(((?:[^()|]|\([^()]*\))*\|[^(),]*)[^()]*\)")

RESIDUAL = re.compile(r"(\w+)\((?P<positions>[^|]*)\|(?P<group>[^,)]*).*\)")

SPATIAL = {"corExp": dense.exponential, "corGaus": dense.gaussian, "corRatio": dense.rational}

ROUNDS = 200
"""Of variances that follow the fitted values; they settle in about ten."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """The dense judge's view of one fit of R.

    Attributes
    ----------
    gaussian
        The likelihood and the fixed effects.
    R, blocks, sd
        Residual covariance (n, n), the block of each row, the residual standard deviations.
    resid
        y - X beta - Z b, (n,).
    """

    gaussian: dense.Gaussian
    R: Array
    blocks: Array
    sd: Array
    resid: Array


def marginal(ref: Structured, method: Method) -> Marginal:
    """The judge at R's estimates."""
    table = ref.data()
    fixed, terms = _terms(ref, table, method)
    y, X = fixed
    between = sum((dense.random_effects(*term) for term in terms), np.zeros((len(y), len(y))))
    fitted = y
    for _ in range(ROUNDS):
        sd, blocks, correlation = _residual(ref, table, method, fitted)
        R = dense.residuals(sd, blocks, correlation)
        gaussian = dense.evaluate(y, X, between + R, reml=method == "REML")
        resid = R @ np.linalg.solve(between + R, gaussian.resid)
        if np.abs(y - resid - fitted).max() < 1e-12 or "fitted" not in str(ref.call.arguments):
            break
        fitted = y - resid
    return Marginal(gaussian, R, blocks, sd, resid)


def _terms(
    ref: Structured, table: pd.DataFrame, method: Method
) -> tuple[tuple[Array, Array], list[tuple[Array, Array, Array]]]:
    """y and X; and per term its columns, its codes and R's covariance of its columns."""
    bars = [found.group(1) for found in BAR.finditer(ref.call.formula)]
    fixed = ref.call.formula
    for found in BAR.finditer(ref.call.formula):
        fixed = fixed.replace(f" + {found.group(0)}", "")
    _, m = build(parse(fixed), Frame.of(table))
    terms = []
    taken: dict[str, int] = {}
    for bar in bars:
        _, own = build(parse(f"{fixed} + ({bar})"), Frame.of(table))
        for term in own.terms:
            grouping = own.groupings[term.group]
            Sigma = _covariance(ref.raw[method], grouping.name)
            first = taken.get(grouping.name, 0)
            last = taken[grouping.name] = first + term.Z.shape[1]
            terms.append((term.Z, grouping.codes, Sigma[first:last, first:last]))
    return (m.y, m.X), terms


def _covariance(raw: Mapping[str, Any], group: str) -> Array:
    if "random_cov" in raw:
        return np.array(raw["random_cov"][group.split(":")[-1]]["values"])
    found = raw["random"][group]
    return dense.scaled(found["sd"]["values"], found["corr"]["values"])


def _residual(
    ref: Structured, table: pd.DataFrame, method: Method, fitted: Array
) -> tuple[Array, Array, Array]:
    """Standard deviations, blocks and correlations of the rows."""
    raw, n = ref.raw[method], len(table)
    blocks, correlation = np.arange(n), np.eye(n)
    sd = np.full(n, 1.0 if raw["sigma"] is None else raw["sigma"])
    written = RESIDUAL.fullmatch(ref.call.arguments.get("residual", ""))
    if written:
        blocks = _blocks(table, written["group"].strip())
        names = [name.strip() for name in written["positions"].split("+")]
        if "structures" in raw:
            correlation = _correlation(raw["structures"]["corStruct"], table, names, blocks)
        else:
            found = list(raw["random"].values())[-1]
            occasion = pd.factorize(table[names[0]], sort=True)[0]
            correlation = np.array(found["corr"]["values"])[np.ix_(occasion, occasion)]
            sd = np.hypot(raw["sigma"], np.array(found["sd"]["values"])[occasion])
            correlation = correlation + np.diag(raw["sigma"] ** 2 / sd**2)
    return sd * _factors(ref, raw, table, fitted), blocks, correlation


def _blocks(table: pd.DataFrame, group: str) -> Array:
    if group == "1":
        return np.zeros(len(table), dtype=int)
    return table.groupby(group.split(":"), observed=True).ngroup().to_numpy()


def _named(found: Mapping[str, Any]) -> dict[str, float]:
    return dict(zip(found["values"]["names"], found["values"]["values"], strict=True))


def _correlation(
    found: Mapping[str, Any], table: pd.DataFrame, names: list[str], blocks: Array
) -> Array:
    values, kind = _named(found), found["class"]
    if kind == "corSymm":
        occasion = pd.factorize(table[names[0]], sort=True)[0]
        C = dense.unstructured(occasion.max() + 1, list(values.values()))
        return C[np.ix_(occasion, occasion)]
    positions = dense.occurrence(blocks) if names == ["1"] else table[names].to_numpy(dtype=float)
    lag = dense.lags(positions)
    if kind == "corCompSymm":
        return dense.compound_symmetry(len(lag), values["Rho"])
    if kind in ("corAR1", "corCAR1"):
        return dense.autoregressive(lag, values["Phi"])
    if kind == "corARMA":
        phi, theta = ([v for k, v in values.items() if k[:3] == part] for part in ("Phi", "The"))
        return dense.arma(lag, phi, theta)
    return dense.nugget(SPATIAL[kind](lag, values["range"]), values.get("nugget", 0.0))


def _factors(
    ref: Structured, raw: Mapping[str, Any], table: pd.DataFrame, fitted: Array
) -> Array | float:
    """What the residual standard deviation of each row is multiplied by."""
    dispersion = raw.get("dispersion_coef", {"values": []})["values"]
    if len(dispersion) == 2:  # glmmTMB's are of log variances; no `sigma` beside them
        name = ref.call.arguments["sigma"].removeprefix("~ ")
        column = table[name]
        x = column.cat.codes if name == "Sex" else column
        return np.exp((dispersion[0] + dispersion[1] * x.to_numpy()) / 2) / (raw["sigma"] or 1.0)
    found = raw.get("structures", {}).get("varStruct")
    if found is None:
        return 1.0
    values = _named(found)
    match found["class"]:
        case "varIdent":
            return _strata(table, values)
        case "varPower":
            is_fitted = ref.call.arguments["sigma"] == "power(fitted)"
            return np.abs(fitted if is_fitted else table["Time"].to_numpy()) ** values["power"]
        case "varExp":
            return np.exp(values["expon"] * table["Time"].to_numpy())
        case "varConstPower":
            return values["const"] + table["Time"].to_numpy() ** values["power"]
        case "varComb":
            strata = {k.removeprefix("A."): v for k, v in values.items() if k != "B.power"}
            return _strata(table, strata) * table["Time"].to_numpy() ** values["B.power"]
    raise ValueError(found["class"])


def _strata(table: pd.DataFrame, values: Mapping[str, float]) -> Array:
    """A factor per level; the level that R leaves out has 1."""

    def texts() -> Iterator[pd.Series]:
        for column in table:
            yield table[column].astype(str).str.removesuffix(".0")

    [column] = [text for text in texts() if set(values) < set(text)]
    return column.map(lambda level: values.get(level, 1.0)).to_numpy()
