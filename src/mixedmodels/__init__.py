"""Linear mixed models: one call from a formula and a data frame to the exact fit.

    import mixedmodels as mm
    model = mm.lmm("reaction ~ days + (days | subject)", data)

The names below are loaded when they are first used, so that ``import mixedmodels`` costs next to
nothing and brings in no frame library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixedmodels import datasets, errors, planning
    from mixedmodels.api.generalised import glmm
    from mixedmodels.api.imputation import impute, impute_trial, missingness
    from mixedmodels.api.models import bootstrap_compare, compare, lmm
    from mixedmodels.api.pedigrees import pedigree
    from mixedmodels.api.plans import plan
    from mixedmodels.api.pooling import pool
    from mixedmodels.api.responses import many
    from mixedmodels.api.robust import rlmm
    from mixedmodels.api.saved import load
    from mixedmodels.api.studies import power, power_curve, sample_size
    from mixedmodels.api.tables import table
    from mixedmodels.api.trials import mmrm
    from mixedmodels.compat import MixedLM, mixedlm
    from mixedmodels.compat.regressor import MixedModelRegressor
    from mixedmodels.engine.settings import Control
    from mixedmodels.imputation.imputations import Imputations
    from mixedmodels.imputation.missingness import Missingness
    from mixedmodels.model import GeneralisedMixedModel, LinearMixedModel
    from mixedmodels.pooling.means import PooledMeans
    from mixedmodels.pooling.model import PooledModel
    from mixedmodels.report.fit_plan import FitPlan
    from mixedmodels.robust_fit import RobustMixedModel

__all__ = [
    "Control",
    "FitPlan",
    "GeneralisedMixedModel",
    "Imputations",
    "LinearMixedModel",
    "Missingness",
    "MixedLM",
    "MixedModelRegressor",
    "PooledMeans",
    "PooledModel",
    "RobustMixedModel",
    "bootstrap_compare",
    "compare",
    "datasets",
    "errors",
    "glmm",
    "impute",
    "impute_trial",
    "lmm",
    "load",
    "many",
    "missingness",
    "mixedlm",
    "mmrm",
    "pedigree",
    "plan",
    "planning",
    "pool",
    "power",
    "power_curve",
    "rlmm",
    "sample_size",
    "table",
]

__version__ = "0.2.0"

_MODULES = ("datasets", "errors", "planning")
_HOMES = {
    "Control": "mixedmodels.engine.settings",
    "FitPlan": "mixedmodels.report.fit_plan",
    "GeneralisedMixedModel": "mixedmodels.model",
    "Imputations": "mixedmodels.imputation.imputations",
    "LinearMixedModel": "mixedmodels.model",
    "Missingness": "mixedmodels.imputation.missingness",
    "MixedLM": "mixedmodels.compat",
    "MixedModelRegressor": "mixedmodels.compat.regressor",
    "PooledMeans": "mixedmodels.pooling.means",
    "PooledModel": "mixedmodels.pooling.model",
    "RobustMixedModel": "mixedmodels.robust_fit",
    "bootstrap_compare": "mixedmodels.api.models",
    "compare": "mixedmodels.api.models",
    "glmm": "mixedmodels.api.generalised",
    "impute": "mixedmodels.api.imputation",
    "impute_trial": "mixedmodels.api.imputation",
    "lmm": "mixedmodels.api.models",
    "load": "mixedmodels.api.saved",
    "many": "mixedmodels.api.responses",
    "missingness": "mixedmodels.api.imputation",
    "mixedlm": "mixedmodels.compat",
    "mmrm": "mixedmodels.api.trials",
    "pedigree": "mixedmodels.api.pedigrees",
    "plan": "mixedmodels.api.plans",
    "pool": "mixedmodels.api.pooling",
    "power": "mixedmodels.api.studies",
    "power_curve": "mixedmodels.api.studies",
    "rlmm": "mixedmodels.api.robust",
    "sample_size": "mixedmodels.api.studies",
    "table": "mixedmodels.api.tables",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an `object`

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            value: object = import_module(f"{__name__}.{name}")
        elif name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
