"""The stored results of generalised models, in this package's names.

`CALLS` says how each model of R is written here. A `Generalised` knows what was fitted and gives
what R found as `Values`: all on the scales of this package, and nothing where R tells nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from tests.reference.load import FOLDER, categorical, coded, frame, translated

Step = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Call:
    """How a model of R is written here.

    Attributes
    ----------
    formula
        With its random terms.
    family, arguments
        Of `glmm`.
    step
        What is done to the data first.
    log_sd
        What R's coefficients of dispersion are multiplied by: glmmTMB's gamma family has the log of
        the shape, its Gaussian one the log of the variance, where this package has logs of a
        coefficient of variation and of a standard deviation.
    """

    formula: str
    family: str = "binomial"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    step: Step | None = None
    log_sd: float = 1.0


def adding(**columns: Callable[[pd.DataFrame], Any]) -> Step:
    """The table with further columns."""
    return lambda table: table.assign(**columns)


seconds = adding(seconds=lambda t: t["Reaction"] / 1000)
visit = adding(visit=lambda t: (t["period"].astype(int) - 2.5) / 5)
expected = adding(logE=lambda t: np.log(t["expected"]))

CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
CONTRACEPTION = "use ~ age + I(age**2) + urban + livch"
OWLS = "SiblingNegotiation ~ FoodTreatment * SexParent + (1 | Nest)"
OFFSET = {"offset": "logBroodSize"}
VERBAGG = "Anger + Gender + btype + situ + (1 | id) + (1 | item)"
BACTERIA = "y ~ trt + late + (1 | ID)"
EPIL = "y ~ lbase * trt + lage + V4 + (1 | subject)"
BALANCE = "stable ~ sex + surface + vision + (1 | subject)"
WINE = "rating ~ temp + contact + (1 | judge)"
SALAMANDERS = "count ~ spp + mined + (1 | site)"
SLEEP = "seconds ~ Days + (1 | Subject)"

CALLS: dict[str, Call] = {
    "glmm/cbpp/1": Call(CBPP),
    "glmm/cbpp/9": Call(CBPP, arguments={"nodes": 9}),
    "glmm/cbpp/25": Call(CBPP, arguments={"nodes": 25}),
    "glmm/contraception/1": Call(f"{CONTRACEPTION} + (urban | district)"),
    "glmm/contraception_ri/1": Call(f"{CONTRACEPTION} + (1 | district)"),
    "glmm/contraception_ri/9": Call(f"{CONTRACEPTION} + (1 | district)", arguments={"nodes": 9}),
    "glmm/grouseticks/1": Call(
        "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)", "poisson"
    ),
    "glmm/mmmec/1": Call(
        "deaths ~ uvb + (1 | nation/region)", "poisson", {"offset": "logE"}, expected
    ),
    "glmm/owls/1": Call(OWLS, "poisson", OFFSET),
    "glmm/owls/9": Call(OWLS, "poisson", OFFSET | {"nodes": 9}),
    "glmm/verbagg/1": Call(f"r2 ~ {VERBAGG}"),
    "glmm_tmb/cbpp_betabinomial": Call(CBPP, "beta_binomial"),
    "glmm_tmb/cbpp_cloglog": Call(
        "p ~ period + (1 | herd)",
        arguments={"link": "cloglog"},
        step=adding(p=lambda t: t["incidence"] / t["size"]),
    ),
    "glmm_tmb/gasoline_beta": Call(
        "y ~ endpoint + vapor + (1 | Sample)", "beta", step=adding(y=lambda t: t["yield"] / 100)
    ),
    "glmm_tmb/grouseticks_nbinom2": Call(
        "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)", "nb2"
    ),
    "glmm_tmb/owls_nbinom1": Call(OWLS, "nb1", OFFSET),
    "glmm_tmb/owls_nbinom2": Call(OWLS, "nb2", OFFSET),
    "glmm_tmb/owls_zinb2": Call(OWLS, "nb2", OFFSET | {"zero": "~ 1"}),
    "glmm_tmb/owls_zip": Call(OWLS, "poisson", OFFSET | {"zero": "~ 1"}),
    "glmm_tmb/sleepstudy_gamma": Call(
        "Reaction ~ Days + (Days | Subject)", "gamma", {"link": "log"}, log_sd=-0.5
    ),
    "glmm_tmb/sleepstudy_t": Call("Reaction ~ Days + (1 | Subject)", "student_t"),
    "glmm_tmb/verbagg_probit": Call(f"r2 ~ {VERBAGG}", arguments={"link": "probit"}),
    "generalised/bacteria": Call(BACTERIA),
    "generalised/bacteria_agq": Call(BACTERIA, arguments={"nodes": 15}),
    "generalised/bacteria_cauchit_agq": Call(BACTERIA, arguments={"link": "cauchit", "nodes": 75}),
    "generalised/cbpp_hessian": Call(
        "incidence ~ period + (1 | herd)", arguments={"trials": "size"}
    ),
    "generalised/cbpp_observations": Call(
        "incidence / size ~ period + (1 | herd) + (1 | obs)",
        step=adding(obs=lambda t: pd.Categorical(np.arange(1, len(t) + 1))),
    ),
    "generalised/epil": Call(EPIL, "poisson"),
    "generalised/epil_slope": Call(
        "y ~ lbase * trt + lage + visit + (visit | subject)", "poisson", step=visit
    ),
    "generalised/epil_agq": Call(EPIL, "poisson", {"nodes": 11}),
    "generalised/balance": Call(BALANCE),
    "generalised/balance_agq": Call(BALANCE, arguments={"nodes": 25}),
    "generalised/culcita": Call("predation ~ ttt + (1 | block)"),
    "generalised/culcita_probit": Call(
        "predation ~ ttt + (1 | block)", arguments={"link": "probit"}
    ),
    "generalised/verbagg_mode": Call("r2 ~ mode + btype + situ + (mode | id) + (1 | item)"),
    "generalised/verbagg_tight": Call(f"r2 ~ {VERBAGG}"),
    "generalised/contraception_tight": Call(f"{CONTRACEPTION} + (urban | district)"),
    "generalised/contraception_cloglog": Call(
        "use ~ age + urban + livch + (urban | district)", arguments={"link": "cloglog"}
    ),
    "generalised/contraception_probit": Call(
        "use ~ age + urban + livch + (1 | district)", arguments={"link": "probit"}
    ),
    "generalised/fhch_lexdec": Call(
        "correct ~ stimulus * density + frequency + (1 | id) + (1 | item)",
        step=lambda t: t[t["task"] == "lexdec"].assign(correct=lambda u: u["correct"].astype(int)),
    ),
    "generalised/guimmun": Call(
        "immun ~ kid2p + mom25p + ord + ethn + momEd + momWork + rural + pcInd81"
        " + (1 | comm) + (1 | mom)"
    ),
    "generalised/epil_nb2": Call(EPIL, "nb2"),
    "generalised/epil_nb1_slope": Call(
        "y ~ lbase + trt + visit + (visit | subject)", "nb1", step=visit
    ),
    # one standard deviation: ar1() is homogeneous there as here
    "generalised/epil_ar1": Call("y ~ lbase * trt + lage + ar1(0 + period | subject)", "poisson"),
    "generalised/epil_weights": Call(
        "y ~ lbase * trt + lage + (1 | subject)",
        "poisson",
        {"weights": "w"},
        adding(w=lambda t: 1 + (t["period"].astype(int) - 1) / 2),
    ),
    "generalised/salamanders_zip": Call(SALAMANDERS, "poisson", {"zero": "~ spp + mined"}),
    "generalised/salamanders_nb2_dispersion": Call(SALAMANDERS, "nb2", {"dispersion": "~ DOY"}),
    "generalised/salamanders_nb2_zi_dispersion": Call(
        "count ~ mined + cover + (1 | site) + (1 | spp)",
        "nb2",
        {"zero": "~ mined", "dispersion": "~ DOY"},
    ),
    "generalised/salamanders_hurdle_poisson": Call(SALAMANDERS, "poisson", {"hurdle": "~ mined"}),
    "generalised/salamanders_hurdle_nb2": Call(
        "count ~ mined + DOY + (1 | site)", "nb2", {"hurdle": "~ spp + mined"}
    ),
    "generalised/salamanders_hurdle_nb1": Call(
        "count ~ mined + DOY + (1 | site)", "nb1", {"hurdle": "~ mined"}
    ),
    "generalised/arabidopsis_nb2": Call(
        "`total.fruits` ~ nutrient + amd + rack + status + (1 | popu) + (1 | gen)", "nb2"
    ),
    "generalised/mmmec_nb2": Call(
        "deaths ~ uvb + (1 | nation/region)", "nb2", {"exposure": "expected"}
    ),
    "generalised/cbpp_betabinomial_dispersion": Call(
        CBPP,
        "beta_binomial",
        {"dispersion": "~ late"},
        adding(late=lambda t: t["period"].astype(int) > 2),
    ),
    "generalised/gasoline_beta_dispersion": Call(
        "y ~ endpoint + vapor + (1 | Sample)",
        "beta",
        {"dispersion": "~ endpoint"},
        adding(y=lambda t: t["yield"] / 100),
    ),
    "generalised/gasoline_beta_exact": Call(
        "y ~ endpoint + vapor + (1 | Sample)", "beta", step=adding(y=lambda t: t["yield"] / 100)
    ),
    "generalised/sleepstudy_t_start": Call("Reaction ~ Days + (1 | Subject)", "student_t"),
    "generalised/sleepstudy_gamma_dispersion": Call(
        "Reaction ~ Days + (1 | Subject)",
        "gamma",
        {"link": "log", "dispersion": "~ Days"},
        log_sd=-0.5,
    ),
    "generalised/sleepstudy_gamma_inverse": Call(
        SLEEP, "gamma", {"link": "inverse"}, seconds, log_sd=-0.5
    ),
    "generalised/sleepstudy_gaussian_log": Call(
        "Reaction ~ Days + (1 | Subject)", "gaussian", {"link": "log"}, log_sd=0.5
    ),
    # phi of the variance phi mu^3 is the square of what is reported here
    "generalised/sleepstudy_inverse_gaussian": Call(
        SLEEP, "inverse_gaussian", {"link": "log"}, seconds, log_sd=0.5
    ),
    "generalised/sleepstudy_inverse_gaussian_agq": Call(
        SLEEP, "inverse_gaussian", {"link": "log", "nodes": 25}, seconds, log_sd=0.5
    ),
    "generalised/wine": Call(WINE, "ordinal"),
    "generalised/wine_probit": Call(WINE, "ordinal", {"link": "probit"}),
    "generalised/wine_equidistant": Call(WINE, "ordinal", {"thresholds": "equidistant"}),
    "generalised/wine_agq": Call(WINE, "ordinal", {"nodes": 15}),
    "generalised/wine_crossed": Call(f"{WINE} + (1 | bottle)", "ordinal", {"link": "probit"}),
    "generalised/wine_fixed": Call("rating ~ temp + contact", "ordinal"),
    "generalised/verbagg_ordinal": Call(f"resp ~ {VERBAGG}", "ordinal"),
    "generalised/ham_ordinal": Call(
        "`Informed.liking` ~ Product * Information + (1 | Consumer)", "ordinal"
    ),
    "generalised/potatoes": Call(
        "damage ~ energy + gen + weight + (1 | rod)",
        "ordinal",
        {"weights": "count"},
        lambda t: t[t["count"] > 0],  # clmm takes weights of zero, which are no rows
    ),
}


@dataclass(frozen=True, slots=True)
class Values:
    """What R found, in our names and on our scales; None where it does not tell.

    Attributes
    ----------
    criterion
        -2 log-likelihood with all constants.
    params
        Coefficients of the mean.
    bse, bse_conditional
        Their standard errors: of the Hessian in all parameters, and of (X'V^-1 X)^-1 at the modes.
    auxiliary
        Dispersion, zeros or thresholds as the search sees them; nan for what R does not print.
    covariances
        Group to the covariance of its effects.
    modes
        Group to the modes of its first levels.
    mode_variances
        Group to the conditional covariances of its first levels.
    fitted, deviance_residuals, pearson_residuals
        Of the first ten rows.
    """

    criterion: float
    params: pd.Series
    bse: pd.Series | None
    bse_conditional: pd.Series | None
    auxiliary: np.ndarray
    covariances: Mapping[str, pd.DataFrame]
    modes: Mapping[str, pd.DataFrame]
    mode_variances: Mapping[str, np.ndarray]
    fitted: np.ndarray | None
    deviance_residuals: np.ndarray | None
    pearson_residuals: np.ndarray | None


@dataclass(frozen=True)
class Generalised:
    """One model with its stored result.

    Attributes
    ----------
    name
        Its folder, file and, for `glmm`, number of nodes.
    """

    name: str

    @property
    def call(self) -> Call:
        """How it is written here."""
        return CALLS[self.name]

    @property
    def raw(self) -> Mapping[str, Any]:
        """The whole file."""
        return _file("/".join(self.name.split("/")[:2]))

    @property
    def found(self) -> Mapping[str, Any]:
        """The estimates in it."""
        return self.raw["fits"][f"nAGQ_{self.nodes}"] if "fits" in self.raw else self.raw

    @property
    def nodes(self) -> int:
        """Nodes of the quadrature."""
        return int(self.call.arguments.get("nodes", 1))

    def data(self) -> pd.DataFrame:
        """The data as they were when R fitted the model."""
        table = frame(self.raw["dataset"])
        return self.call.step(table) if self.call.step else table

    def values(self) -> Values:
        """All that is stored."""
        raw = self.found
        names = [self._column(name) for name in raw["fixef"]["names"]]
        params = pd.Series(raw["fixef"]["values"], index=names, dtype=float)
        bse = pd.Series(np.sqrt(np.diag(raw["vcov"]["values"])), index=names)
        inner = raw.get("vcov_conditional")
        conditional = None if inner is None else pd.Series(np.sqrt(np.diag(inner["values"])), names)
        of_modes = self.name.startswith("glmm/")
        if self.call.arguments.get("link") == "cauchit":  # lme4's are of the expected information
            conditional = None
        return Values(
            criterion=float(raw["minus2logLik"]) + self._constant(),
            params=params,
            bse=None if of_modes else bse,
            bse_conditional=bse if of_modes else conditional,
            auxiliary=self._auxiliary(),
            covariances=dict(self._covariances()),
            modes={self._group(g): self._modes(g, m) for g, m in raw.get("ranef_head", {}).items()},
            mode_variances=self._mode_variances(),
            fitted=_head(raw, "fitted_head"),
            deviance_residuals=_head(raw, "resid_deviance_head"),
            pearson_residuals=None if self._no_pearson else _head(raw, "resid_pearson_head"),
        )

    @property
    def _no_pearson(self) -> bool:
        """glmmTMB 1.1.5 divides by the root of a variance function without the dispersion."""
        of_dispersion = {"gaussian", "gamma", "beta", "beta_binomial", "student_t"}
        return self.call.family in of_dispersion or "hurdle" in self.call.arguments

    def _constant(self) -> float:
        """What lme4's quadrature leaves out: the log-likelihood of a model that fits every row."""
        table = self.data()
        of_lme4 = self.raw["engine"].startswith("lme4")
        if self.nodes == 1 or not of_lme4:
            return 0.0
        if self.call.family == "poisson":
            y = table[self.call.formula.split(" ~")[0]]
            return float(-2 * stats.poisson.logpmf(y, y).sum())
        if self.raw["dataset"] != "cbpp":
            return 0.0
        y, n = table["incidence"], table["size"]
        return float(-2 * stats.binom.logpmf(y, n, y / n).sum())

    def _auxiliary(self) -> np.ndarray:
        """Dispersion, then the shape of Student's t, then zeros; thresholds of ordinal models."""
        raw = self.found
        if "alpha" in raw:
            first, *others = np.array(raw["alpha"]["values"], dtype=float)
            equidistant = self.call.arguments.get("thresholds") == "equidistant"
            steps = others if equidistant else np.diff([first, *others])
            return np.array([first, *np.log(steps)])
        dispersion = self.call.log_sd * np.array(_values(raw.get("disp")))
        unknown = [np.nan] if self.call.family == "student_t" else []
        shape = _listed(raw.get("shape") or unknown)
        return np.array([*dispersion, *shape, *_values(raw.get("zi"))])

    def _columns(self, *, full: bool = False) -> dict[str, str]:
        names = {"(Intercept)": "Intercept"}
        for column, values in categorical(self.data()):
            names |= coded(column, values.cat.categories, "full" if full else "treatment")
        return names

    def _column(self, name: str) -> str:
        return translated(name.replace("lateTRUE", "late[T.True]"), self._columns())

    def _random_columns(self, columns: list[str]) -> list[str]:
        names = self._columns(full="(Intercept)" not in columns)
        return [translated(name, names) for name in columns]

    def _group(self, group: str) -> str:
        """R turns ``a/b`` into ``b:a``."""
        return ":".join(reversed(group.split(":")))

    def _covariances(self) -> list[tuple[str, pd.DataFrame]]:
        raw, found = self.found, []
        for group, entry in raw.get("random", {}).items():
            sd = np.array(_values(entry["sd"]), dtype=float)
            corr = np.eye(len(sd)) if not entry.get("corr") else np.array(entry["corr"]["values"])
            columns = self._random_columns(_names(entry["sd"]))
            Sigma = pd.DataFrame(np.outer(sd, sd) * corr.astype(float), columns, columns)
            found.append((self._group(group), Sigma))
        return found or self._covariances_of_table()

    def _covariances_of_table(self) -> list[tuple[str, pd.DataFrame]]:
        """From lme4's `as.data.frame(VarCorr(m))`."""
        if "varcorr" not in self.found:
            return []
        table = pd.DataFrame({k: v for k, v in self.found["varcorr"].items() if k != "_rows"})
        found = []
        for group, part in table.groupby("grp", sort=False):
            variances = part[part["var2"].isna()]
            columns = self._random_columns(list(variances["var1"]))
            Sigma = np.diag(variances["vcov"].astype(float))
            for _, row in part[part["var2"].notna()].iterrows():
                places = list(variances["var1"])
                i, j = places.index(row["var1"]), places.index(row["var2"])
                Sigma[i, j] = Sigma[j, i] = row["vcov"]
            found.append((self._group(str(group)), pd.DataFrame(Sigma, columns, columns)))
        return found

    def _modes(self, group: str, raw: Mapping[str, Any]) -> pd.DataFrame:
        levels = [":".join(reversed(x.split(":"))) if ":" in group else x for x in raw["rows"]]
        columns = self._random_columns(raw["cols"])
        return pd.DataFrame(raw["values"], levels, columns, dtype=float)

    def _mode_variances(self) -> dict[str, np.ndarray]:
        heads = self.found.get("ranef_head", {}).items()
        return {
            self._group(group): np.array(raw["condvar"], dtype=float)
            for group, raw in heads
            if "condvar" in raw
        }


@cache
def generalised(name: str) -> Generalised:
    """One model of `CALLS`."""
    return Generalised(name)


@cache
def _file(name: str) -> Mapping[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def _head(raw: Mapping[str, Any], key: str) -> np.ndarray | None:
    return None if raw.get(key) is None else np.array(raw[key], dtype=float)


def _listed(value: Any) -> list[Any]:
    """R writes a vector of one as its element."""
    return value if isinstance(value, list) else [value]


def _values(named: Mapping[str, Any] | None) -> list[float]:
    return [] if named is None else _listed(named["values"])


def _names(named: Mapping[str, Any]) -> list[str]:
    return _listed(named["names"])
