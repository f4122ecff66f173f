"""The stored results of R's mixed-model packages, in this package's names.

`Reference` knows what was fitted (formula, data, arguments) and gives the estimates of one method
as `Values`, and what R's emmeans made of the fit as `Called`. R's names become ours by rules on the
text of each name, never by position, so that a column or a level in another order would be seen.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

import mixedmodels as mm
from mixedmodels.datasets.catalogue import parse_catalogue
from mixedmodels.datasets.read import read

FOLDER = Path(__file__).parent

Method = Literal["REML", "ML"]

TRANSLATIONS = (
    # R's text, ours, and why it must differ
    ("factor(", "C("),
    ("^2", "**2"),  # inside I(), Python's ^ is another operator
    ("as.integer(resp)", "resp_score"),  # a column that `data` adds
    ("total.fruits", "`total.fruits`"),
    ("Informed.liking", "`Informed.liking`"),
)

FORMULAS = {
    # lmer's contrasts do not reach the random terms, ours do: these say what lmer used there
    "fhch2010": (
        "log_rt ~ task * stimulus * density"
        " + (C(task, contr.treatment) + C(stimulus, contr.treatment) | id)"
        " + (C(task, contr.treatment) | item)"
    ),
}

RANDOM_COLUMNS = {
    "fhch2010": {
        "tasklexdec": "C(task, contr.treatment)[T.lexdec]",
        "stimulusnonword": "C(stimulus, contr.treatment)[T.nonword]",
    },
}

CODINGS = {"contr.sum": "sum", "contr.helmert": "helmert"}

STEPS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "Age <- as.numeric(Age)": lambda table: table.assign(Age=table["Age"].astype(float)),
}

POLYNOMIALS = (".L", ".Q", ".C", "^4", "^5", "^6")


@dataclass(frozen=True, slots=True)
class Component:
    """One element of the covariance of the random effects of a group, on both scales."""

    group: str
    term1: str
    term2: str | None
    vcov: float
    sdcor: float | None


@dataclass(frozen=True, slots=True)
class Modes:
    """Conditional modes of one group: the first levels, all levels up to forty.

    Attributes
    ----------
    values
        Levels x columns.
    sum_of_squares
        Per column, over all levels.
    covariances
        Of the first levels given the data: (levels, columns, columns); None where lme4 gives none
        in this form (several terms on one group).
    """

    values: pd.DataFrame
    sum_of_squares: pd.Series
    covariances: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Values:
    """The estimates of one method. Heads are the first ten rows; nan where R padded a row."""

    criterion: float
    npar: int
    nobs: int
    aic: float
    bic: float
    singular: bool
    dropped: tuple[str, ...]
    ngroups: Mapping[str, int]
    params: pd.Series
    bse: pd.Series
    cov_params: pd.DataFrame | None
    sigma: float
    components: tuple[Component, ...]
    modes: Mapping[str, Modes]
    fitted_head: np.ndarray
    resid_head: np.ndarray
    pearson_head: np.ndarray
    sum_sq_resid: float


@dataclass(frozen=True, slots=True)
class Called:
    """One call of R's emmeans with the table that it gave, by R's method of degrees of freedom."""

    call: str
    tables: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reference:
    """One model with its stored results.

    Attributes
    ----------
    name
        The name of its file in `lmm`, or after ``posthoc/`` of its file there.
    raw
        The content of the file.
    """

    name: str
    raw: Mapping[str, Any]

    @property
    def formula(self) -> str:
        """In R's language."""
        return str(self.raw["formula"])

    @cached_property
    def python_formula(self) -> str:
        """In ours."""
        if self.name in FORMULAS:
            return FORMULAS[self.name]
        text = self.formula
        for theirs, ours in TRANSLATIONS:
            text = text.replace(theirs, ours)
        return text

    @property
    def methods(self) -> tuple[Method, ...]:
        """The methods that have a full set of values."""
        return tuple(m for m in ("REML", "ML") if "varcorr" in self.raw.get(m, {}))

    def criterion(self, method: Method) -> float:
        """Minus twice the log-likelihood, or the REML criterion."""
        return float(self._estimates(method)["minus2logLik"])

    def coefficients(self, method: Method) -> pd.Series:
        """The fixed effects."""
        raw = self._estimates(method)["fixef"]
        names = [translated(name, self.fixed_columns) for name in raw["names"]]
        return pd.Series(raw["values"], index=names)

    def sigma(self, method: Method) -> float:
        """The residual standard deviation."""
        return float(self._estimates(method)["sigma"])

    def _estimates(self, method: Method) -> Mapping[str, Any]:
        """What is stored of one fit. The files in `posthoc` hold the REML fit alone, at the top."""
        return self.raw.get(method, self.raw)

    @property
    def called(self) -> tuple[Called, ...]:
        """What R's emmeans made of the REML fit."""
        stored = self.raw.get("results") or self.raw.get("emmeans") or []
        return tuple(
            Called(entry["call"], {ddf: t for ddf, t in entry.items() if ddf != "call"})
            for entry in stored
        )

    def data(self) -> pd.DataFrame:
        """The data as they were when R fitted the model."""
        table = frame(self.raw["dataset"]).copy()
        for step in self.raw.get("data_steps", []):
            table = STEPS[step](table)
        if "as.integer(resp)" in self.formula:
            table["resp_score"] = table["resp"].cat.codes + 1
        return table

    def fit_arguments(self) -> dict[str, Any]:
        """The arguments of `lmm` beside the formula, the data and the method."""
        arguments = {
            "weights": self.raw.get("weights"),
            "offset": self.raw.get("offset"),
            "contrasts": self.codings or None,
        }
        return {name: value for name, value in arguments.items() if value is not None}

    @property
    def padded(self) -> bool:
        """Whether R's fitted values have a place for rows that were left out."""
        return self.raw.get("na_action") == "na.exclude"

    @cached_property
    def codings(self) -> dict[str, str]:
        """Coding by column: what R was told, and polynomials for ordered columns that it used."""
        chosen = {c: CODINGS[kind] for c, kind in (self.raw.get("contrasts") or {}).items()}
        parts = {p for name in self._fixed_names for p in name.split(":")}
        for column, values in categorical(frame(self.raw["dataset"])):
            used = any(f"{column}{suffix}" in parts for suffix in POLYNOMIALS)
            if used and values.cat.ordered:
                chosen[column] = "poly"
        return chosen

    @cached_property
    def fixed_columns(self) -> dict[str, str]:
        """R's name of a column of a main effect in the fixed part, to ours."""
        names = {"(Intercept)": "Intercept"}
        for column, values in categorical(frame(self.raw["dataset"])):
            names |= coded(column, values.cat.categories, self.codings.get(column, "treatment"))
        return names

    def random_columns(self, columns: list[str]) -> list[str]:
        """Our names of the columns of one random term; without an intercept a factor is in full."""
        names = dict(self.fixed_columns)
        if "(Intercept)" not in columns:
            for column, values in categorical(frame(self.raw["dataset"])):
                names |= coded(column, values.cat.categories, "full")
        names |= RANDOM_COLUMNS.get(self.name, {})
        return [translated(name, names) for name in columns]

    @cached_property
    def groups(self) -> dict[str, str]:
        """R's names of the grouping factors to ours: R turns ``a/b`` into ``b:a``."""
        nested = re.findall(r"\|\s*(\w+)/(\w+)\s*\)", self.formula)
        reverse = {f"{b}:{a}": f"{a}:{b}" for a, b in nested}
        return {g: reverse.get(g, g) for g in self.raw["REML"]["ngroups"]["names"]}

    @property
    def _fixed_names(self) -> list[str]:
        result = self._estimates("REML")
        return [*result["fixef"]["names"], *result.get("dropped_columns", [])]

    def values(self, method: Method) -> Values:
        """All stored estimates of one method."""
        raw = self.raw[method]
        names = [translated(name, self.fixed_columns) for name in raw["fixef"]["names"]]
        cov = raw.get("vcov")
        return Values(
            criterion=raw["minus2logLik"],
            npar=raw["df"],
            nobs=raw["nobs"],
            aic=raw["AIC"],
            bic=raw["BIC"],
            singular=raw["singular"],
            dropped=tuple(translated(c, self.fixed_columns) for c in raw["dropped_columns"]),
            ngroups={
                self.groups[g]: n
                for g, n in zip(raw["ngroups"]["names"], raw["ngroups"]["values"], strict=True)
            },
            params=pd.Series(raw["fixef"]["values"], index=names),
            bse=pd.Series(raw["se"]["values"], index=names),
            cov_params=None if cov is None else pd.DataFrame(cov["values"], names, names),
            sigma=raw["sigma"],
            components=tuple(self._components(raw)),
            modes={self.groups[g]: self._modes(g, modes) for g, modes in raw["ranef"].items()},
            fitted_head=np.array(raw["fitted_head"], dtype=float),
            resid_head=np.array(raw["resid_head"], dtype=float),
            pearson_head=np.array(raw["resid_pearson_head"], dtype=float),
            sum_sq_resid=raw["sum_sq_resid"],
        )

    def _components(self, raw: Mapping[str, Any]) -> Iterator[Component]:
        """The rows of R's table, which go term by term: variances first, then covariances."""
        table = raw["varcorr"]
        rows = zip(table["var1"], table["var2"], table["vcov"], table["sdcor"], strict=True)
        for term in raw["terms"]:
            columns = term["columns"]
            ours = dict(zip(columns, self.random_columns(columns), strict=True))
            for _ in range(len(columns) * (len(columns) + 1) // 2):
                var1, var2, vcov, sdcor = next(rows)
                second = None if var2 is None else ours[var2]
                yield Component(self.groups[term["group"]], ours[var1], second, vcov, sdcor)

    def _modes(self, group: str, raw: Mapping[str, Any]) -> Modes:
        columns = self.random_columns(raw["columns"])
        ours = self.groups[group]
        levels = raw["levels"]
        if ours != group:
            levels = [":".join(reversed(level.split(":"))) for level in levels]
        covariances = raw.get("condvar")
        return Modes(
            values=pd.DataFrame(raw["values"], index=levels, columns=columns, dtype=float),
            sum_of_squares=pd.Series(raw["sumsq_all_levels"], index=columns),
            covariances=None if covariances is None else np.array(covariances, dtype=float),
        )


def models() -> list[str]:
    """The names of all references of fits, sorted."""
    return sorted(path.stem for path in (FOLDER / "lmm").glob("*.json"))


def posthoc_models() -> list[str]:
    """The names of all references of means, contrasts and tests after a fit, sorted."""
    return sorted(f"posthoc/{path.stem}" for path in (FOLDER / "posthoc").glob("*.json"))


@cache
def reference(name: str) -> Reference:
    """One reference, read once."""
    path = FOLDER / f"{name if '/' in name else f'lmm/{name}'}.json"
    return Reference(name, json.loads(path.read_text("utf-8")))


@cache
def frame(dataset: str) -> pd.DataFrame:
    """A bundled data set, or one that only the tests need; not to be changed."""
    folder = FOLDER / "data"
    own = parse_catalogue((folder / "catalogue.json").read_text("utf-8"))
    return read(own[dataset], folder) if dataset in own else mm.datasets.load(dataset)


def categorical(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    for column, values in table.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            yield str(column), values


def coded(column: str, levels: pd.Index, coding: str) -> dict[str, str]:
    """R's names of the columns of a factor to ours."""
    match coding:
        case "treatment":
            return {f"{column}{level}": f"{column}[T.{level}]" for level in levels[1:]}
        case "full":
            return {f"{column}{level}": f"{column}[{level}]" for level in levels}
        case "sum":
            return {f"{column}{i}": f"{column}[S.{x}]" for i, x in enumerate(levels[:-1], 1)}
        case "helmert":
            return {f"{column}{i}": f"{column}[H.{x}]" for i, x in enumerate(levels[1:], 1)}
        case "poly":
            return {f"{column}{suffix}": f"{column}[{suffix}]" for suffix in POLYNOMIALS}
    raise ValueError(coding)


def translated(name: str, columns: Mapping[str, str]) -> str:
    return ":".join(columns.get(part) or _expression(part) for part in name.split(":"))


def _expression(text: str) -> str:
    """A column that is no plain factor: a covariate, a function or ``factor(x)level``."""
    text = re.sub(r"^factor\((\w+)\)(.+)$", r"C(\1)[T.\2]", text)
    text = re.sub(r"^(poly\(.+\))(\d+)$", r"\1[\2]", text)
    return text.replace("^2", " ** 2")
