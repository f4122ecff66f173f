"""What the package maketables asks of a model, to put several side by side in one table."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pandas as pd

from mixedmodels.fit.criteria import aic, bic, log_likelihood
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import residual_sd
from mixedmodels.inference.coefficients import coefficient_tests
from mixedmodels.inference.r2 import r2

EXTRACTORS = "maketables.extractors"
"""The module that decides who reads a model."""


def coef_table(fit: Fit) -> pd.DataFrame:
    """Columns `b, se, t, p, ci95l, ci95u` by coefficient, by Satterthwaite's degrees of freedom."""
    tests = coefficient_tests(fit, "satterthwaite")
    columns = {
        "b": tests.estimate, "se": tests.std_error, "t": tests.statistic, "p": tests.p_value,
        "ci95l": tests.conf_low, "ci95u": tests.conf_high,
    }  # fmt: skip
    return pd.DataFrame(columns, index=pd.Index(fit.matrices.x_names, name="Coefficient"))


def stat(fit: Fit, key: str) -> float | None:
    """A number about the whole fit, None where there is none of that name."""
    names = {label: key for key, label in STAT_LABELS.items()}
    facts: dict[str, Callable[[], float]] = {
        "N": lambda: len(fit.matrices.y),
        "aic": lambda: aic(fit),
        "bic": lambda: bic(fit),
        "ll": lambda: log_likelihood(fit),
        "sigma": lambda: residual_sd(fit),
        "r2_marginal": lambda: r2(fit)["marginal"],
        "r2_conditional": lambda: r2(fit)["conditional"],
        "n_groups": lambda: sum(len(g.levels) for g in fit.matrices.groupings),
        **{f"{LEVELS}{g.name}": partial(len, g.levels) for g in fit.matrices.groupings},
    }
    key = names.get(key, key)
    return facts[key]() if key in facts else None


LEVELS = "Levels of "
"""Key and label of the number of levels of a group, before its name."""

STAT_LABELS = {
    "r2_marginal": "R² marginal",
    "r2_conditional": "R² conditional",
    "n_groups": "Levels of groups",
    "sigma": "σ",
}


def default_stats(fit: Fit) -> list[str]:
    """The numbers below the coefficients: rows, levels per group, shares of the variance.

    Under their labels, as maketables takes labels from the first of several models alone.
    """
    groups = [f"{LEVELS}{grouping.name}" for grouping in fit.matrices.groupings]
    return ["N", *groups, STAT_LABELS["r2_marginal"], STAT_LABELS["r2_conditional"]]


def prefer_own_form(extractors: ModuleType) -> None:
    """Let what speaks maketables' own form be read by it, before any guess by attributes.

    maketables asks its readers in turn and its own form last. The one for statsmodels takes
    whatever has `params`, `bse` and `pvalues`, and would find no response, R² or groups.
    """
    if not any(isinstance(e, extractors.PluginExtractor) for e in extractors._EXTRACTOR_REGISTRY):
        extractors._EXTRACTOR_REGISTRY.insert(0, extractors.PluginExtractor())


class _Following(Loader):
    """Loads a module as its own loader does, then calls `prefer_own_form`."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        prefer_own_form(module)


class _Watch(MetaPathFinder):
    """Notices when maketables is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == EXTRACTORS else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Following(spec.loader)
        return spec


def connect() -> None:
    """See to it that maketables reads models in its own form, whenever it is imported."""
    loaded: Any = sys.modules.get(EXTRACTORS)
    if loaded is not None:
        prefer_own_form(loaded)
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


connect()
