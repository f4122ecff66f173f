"""All estimates of a model in one table, one row per number, after R's `broom.mixed`."""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.fit import Fit
from mixedmodels.fit.random_effects import ranef_columns
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.covariance_parameters import natural_columns
from mixedmodels.inference.degrees_of_freedom import TestMethod, refuse_other_covariance
from mixedmodels.inference.ratios import exponentiated, ratio_name
from mixedmodels.options import require_flag, require_option, require_probability
from mixedmodels.vocabulary import Effects

Columns = dict[str, NDArray[Any]]

PARTS: tuple[Effects, ...] = ("fixed", "ran_pars")
"""What ``"all"`` stands for: the parameters, without the random effects of single levels."""

NAMES = ("group", "level", "term")

NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


def tidy(
    fit: Fit,
    effects: Effects | Sequence[Effects] = "all",
    *,
    conf_int: bool = True,
    level: float = 0.95,
    exponentiate: bool = False,
    ddf: TestMethod = "satterthwaite",
) -> Any:
    """Table `effect, group, level, term, estimate, std_error, df, statistic, p_value, conf_low,
    conf_high`, as `MixedModel.tidy` explains it.

    Raises
    ------
    DataError
        If an option is not known, or exponentials of the coefficients are no ratios.
    """
    require_flag("conf_int", conf_int)
    require_flag("exponentiate", exponentiate)
    require_probability("level", level)
    asked = _asked(effects)
    if "fixed" not in asked:
        refuse_other_covariance(ddf, "estimates of random effects and their parameters")
    parts: list[Columns] = []
    for effect in asked:
        if effect == "fixed":
            found = _fixed(fit, level, exponentiate=exponentiate, ddf=ddf)
        else:
            found = _parameters(fit, level) if effect == "ran_pars" else ranef_columns(fit, level)
        n = len(found["term"])
        parts.append({"effect": np.full(n, effect, dtype=object), **found})
    names = [name for name in NAMES if name != "level" or "ran_vals" in asked]
    numbers = NUMBERS if conf_int else NUMBERS[:-2]
    return fit.frame.table(_below_each_other(parts, ("effect", *names), numbers))


def _asked(effects: object) -> tuple[Effects, ...]:
    """The parts, each once, in the order asked for."""
    several: Sequence[Any] = effects if isinstance(effects, (list, tuple)) else [effects]
    named: list[Effects] = []
    for one in several:
        require_option("effects", one, get_args(Effects))
        named += PARTS if one == "all" else [one]
    return tuple(dict.fromkeys(named))


def _fixed(fit: Fit, level: float, *, exponentiate: bool, ddf: TestMethod) -> Columns:
    if exponentiate:
        ratio_name(fit)  # refuses links of which exponentials are no ratios
    tests = coefficient_tests(fit, ddf, level=level)
    columns = {name: getattr(tests, name) for name in NUMBERS}
    if exponentiate:
        columns |= exponentiated(tests)
    return {"term": np.array(fit.matrices.x_names, dtype=object), **columns}


def _parameters(fit: Fit, level: float) -> Columns:
    columns = natural_columns(fit, level)
    names = {name: np.array(columns[name], dtype=object) for name in ("group", "term")}
    return {**names, **{name: columns[name] for name in NUMBERS if name in columns}}


def _below_each_other(
    parts: Sequence[Columns], names: Sequence[str], numbers: Sequence[str]
) -> Columns:
    """The parts one below the other, null where one has no such column."""
    out: Columns = {}
    for name in (*names, *numbers):
        empty = None if name in names else np.nan
        kind = object if name in names else np.float64
        pieces = [part.get(name, np.full(len(part["term"]), empty, dtype=kind)) for part in parts]
        out[name] = np.concatenate([np.empty(0, dtype=kind), *pieces])
    return out
