"""The stored results of nlme and glmmTMB, in this package's names.

`Structured` knows what was fitted, as R's call and as ours, and gives the estimates of one method
on the natural scale: standard deviations, correlations, ranges. What R keeps as a factor of the
residual standard deviation, or as its square, is turned into that.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from tests.reference.load import FOLDER, Method, frame


def as_factors(*columns: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Add `column_f`, the values of a column as the levels of a factor in their order."""

    def step(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{f"{c}_f": pd.Categorical(table[c]) for c in columns})

    return step


@dataclass(frozen=True, slots=True)
class Call:
    """How a model of R is written here.

    Attributes
    ----------
    formula
        With its random terms.
    arguments
        Of `lmm` beside the formula, the data and the method.
    step
        What is done to the data first.
    """

    formula: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    step: Callable[[pd.DataFrame], pd.DataFrame] | None = None


OVARY = "follicles ~ sin(2*pi*Time) + cos(2*pi*Time)"
OVARY_DIAG = f"{OVARY} + diag(sin(2*pi*Time) | Mare)"
SOYBEAN = "weight ~ Variety*Time + I(Time**2)"
BLACKMORE = "log2(exercise + 5/60) ~ I(age - 8)*group + (1 | subject)"

CALLS: dict[str, Call] = {
    # lme(…, random=list(Mare=pdDiag(~sin(2*pi*Time)))): pdDiag has the intercept, as diag() has
    "nlme/ovary_diag": Call(OVARY_DIAG),
    # correlation=corAR1(): the order of the rows within a group
    "nlme/ovary_ar1": Call(OVARY_DIAG, {"residual": "ar1(1 | Mare)"}),
    # corARMA(q=2)
    "nlme/ovary_ma2": Call(OVARY_DIAG, {"residual": "arma(1 | Mare, p=0, q=2)"}),
    # corARMA(p=1, q=1)
    "nlme/ovary_arma11": Call(OVARY_DIAG, {"residual": "arma(1 | Mare, p=1, q=1)"}),
    # corCAR1(form=~Time)
    "nlme/ovary_car1": Call(OVARY_DIAG, {"residual": "car1(Time | Mare)"}),
    # gls(…, correlation=corARMA(form=~1|Mare, p=1, q=1))
    "nlme/ovary_gls_arma": Call(OVARY, {"residual": "arma(1 | Mare, p=1, q=1)"}),
    # weights=varIdent(form=~1|Sex)
    "nlme/orthodont_varident": Call("distance ~ age*Sex + (age | Subject)", {"sigma": "~ Sex"}),
    "nlme/orthodont_ri_varident": Call("distance ~ age*Sex + (1 | Subject)", {"sigma": "~ Sex"}),
    # gls(…, correlation=corSymm(form=~1|Subject), weights=varIdent(form=~1|age))
    "nlme/orthodont_gls_un": Call("distance ~ age*Sex", {"residual": "us(age | Subject)"}),
    # corCompSymm(form=~1|Subject): one variance
    "nlme/orthodont_gls_cs": Call("distance ~ age*Sex", {"residual": "cs(1 | Subject, hom=True)"}),
    # corAR1(form=~1|Subject), weights=varIdent(form=~1|Sex)
    "nlme/orthodont_gls_ar1": Call(
        "distance ~ age*Sex", {"residual": "ar1(1 | Subject)", "sigma": "~ Sex"}
    ),
    # random=~1|Subject, correlation=corAR1(form=~1|Subject), weights=varPower()
    "nlme/orthodont_corsymm": Call(
        "distance ~ age + Sex + (1 | Subject)",
        {"residual": "ar1(1 | Subject)", "sigma": "power(fitted)"},
    ),
    # random=list(Worker=pdCompSymm(~Machine-1))
    "nlme/machines_compsymm": Call("score ~ Machine + cs(0 + Machine | Worker, hom=True)"),
    # random=list(Worker=pdBlocked(list(pdIdent(~1), pdIdent(~Machine-1))))
    "nlme/machines_blocked": Call("score ~ Machine + (1 | Worker) + homdiag(0 + Machine | Worker)"),
    # random=list(Worker=pdSymm(~Machine-1)), weights=varIdent(form=~1|Machine)
    "nlme/machines_symm": Call("score ~ Machine + (0 + Machine | Worker)", {"sigma": "~ Machine"}),
    "nlme/oats_compsymm": Call("yield ~ nitro + cs(0 + Variety | Block, hom=True)"),
    "nlme/oats_nested": Call("yield ~ nitro*Variety + (1 | Block/Variety)"),
    "nlme/igf_diag": Call("conc ~ age + diag(age | Lot)"),
    # random=~age|Subject, correlation=corCAR1(form=~age|Subject)
    "nlme/oxboys_car1": Call(
        "height ~ age + I(age**2) + (age | Subject)", {"residual": "car1(age | Subject)"}
    ),
    # weights=varPower(form=~Time)
    "nlme/soybean_varpower": Call(f"{SOYBEAN} + (1 | Plot)", {"sigma": "power(Time)"}),
    # weights=varExp(form=~Time)
    "nlme/soybean_varexp": Call(f"{SOYBEAN} + (1 | Plot)", {"sigma": "~ Time"}),
    # weights=varConstPower(form=~Time)
    "nlme/soybean_varconstpower": Call(SOYBEAN, {"sigma": "constpower(Time)"}),
    # weights=varComb(varIdent(form=~1|Year), varPower(form=~Time))
    "nlme/soybean_varcomb": Call(SOYBEAN, {"sigma": "~ Year + log(Time)"}),
    # gls(log(weight) ~ …, weights=varPower(), correlation=corAR1(form=~1|Plot))
    "nlme/soybean_gls_varpower_fitted": Call(
        "log(weight) ~ Variety*Time + I(Time**2)",
        {"residual": "ar1(1 | Plot)", "sigma": "power(fitted)"},
    ),
    # random=list(Wafer=pdDiag(~voltage+I(voltage^2)), Site=pdDiag(~voltage))
    "nlme/wafer_nested_diag": Call(
        "current ~ voltage + I(voltage**2) + diag(voltage + I(voltage**2) | Wafer)"
        " + diag(voltage | Wafer:Site)"
    ),
    # gls(yield ~ variety - 1, correlation=corExp(form=~latitude+longitude))
    "nlme/wheat2_gls_exp": Call(
        "yield ~ 0 + variety", {"residual": "expo(latitude + longitude | 1)"}
    ),
    # corRatio(form=~latitude+longitude, nugget=TRUE)
    "nlme/wheat2_gls_ratio": Call(
        "yield ~ 0 + variety", {"residual": "ratio(latitude + longitude | 1, nugget=True)"}
    ),
    # corGaus(form=~latitude+longitude, nugget=TRUE)
    "nlme/wheat2_gls_gaus": Call(
        "yield ~ 0 + variety", {"residual": "gauss(latitude + longitude | 1, nugget=True)"}
    ),
    # random=~1|Block, correlation=corExp(form=~latitude+longitude|Block, nugget=TRUE)
    "nlme/wheat2_lme_exp": Call(
        "yield ~ variety + (1 | Block)",
        {"residual": "expo(latitude + longitude | Block, nugget=True)"},
    ),
    "nlme/blackmore_car1": Call(BLACKMORE, {"residual": "car1(age | subject)"}),
    # random=~1|Subject/Date, correlation=corAR1(form=~1|Subject/Date)
    "nlme/glucose2_nested_ar1": Call(
        "glucose ~ Time + I(Time**2) + I(Time**3) + (1 | Subject/Date)",
        {"residual": "ar1(1 | Subject:Date)"},
    ),
    # ar1(Days_f + 0 | Subject), one standard deviation
    "structured/sleepstudy_ar1": Call(
        "Reaction ~ Days + ar1(0 + Days_f | Subject)", step=as_factors("Days")
    ),
    # the same with dispformula=~0: no residual beside the structure, which is the residual's here
    "structured/sleepstudy_ri_ar1": Call(
        "Reaction ~ Days + (1 | Subject)", {"residual": "ar1(Days | Subject)"}
    ),
    "structured/orthodont_cs": Call("distance ~ age*Sex", {"residual": "cs(age | Subject)"}),
    "structured/orthodont_toep": Call("distance ~ age*Sex", {"residual": "toep(age | Subject)"}),
    "structured/orthodont_us": Call("distance ~ age*Sex", {"residual": "us(age | Subject)"}),
    "structured/machines_cs": Call("score ~ Machine + cs(0 + Machine | Worker)"),
    "structured/machines_diag": Call("score ~ Machine + diag(0 + Machine | Worker)"),
    # dispformula=~Sex: log standard deviation
    "structured/orthodont_disp": Call("distance ~ age*Sex + (age | Subject)", {"sigma": "~ Sex"}),
    "structured/ovary_ou": Call(f"{OVARY} + (1 | Mare)", {"sigma": "~ Time"}),
}


@dataclass(frozen=True, slots=True)
class Estimates:
    """One fit of R on the natural scale; heads are the first ten rows."""

    criterion: float
    params: np.ndarray
    cov_params: np.ndarray
    normalized_head: np.ndarray | None
    pearson_head: np.ndarray | None
    df: np.ndarray | None


@dataclass(frozen=True)
class Structured:
    """One model with its stored results."""

    name: str
    raw: Mapping[str, Any]

    @property
    def call(self) -> Call:
        return CALLS[self.name]

    def data(self) -> pd.DataFrame:
        table = frame(self.raw["dataset"])
        return table.copy() if self.call.step is None else self.call.step(table)

    def estimates(self, method: Method) -> Estimates:
        raw = self.raw[method]
        head = {key: raw.get(f"resid_{key}_head") for key in ("normalized", "pearson")}
        table = raw.get("coef_table", {})
        return Estimates(
            criterion=raw["minus2logLik"],
            params=np.array(raw["fixef"]["values"]),
            cov_params=np.array(raw["vcov"]["values"]),
            normalized_head=None if head["normalized"] is None else np.array(head["normalized"]),
            pearson_head=None if head["pearson"] is None else np.array(head["pearson"]),
            df=np.array(table["DF"]) if "DF" in table else None,
        )


@cache
def structured(name: str) -> Structured:
    """One reference, read once."""
    return Structured(name, json.loads((FOLDER / f"{name}.json").read_text("utf-8")))
