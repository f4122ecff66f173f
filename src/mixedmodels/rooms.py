"""What the façades hand on to, by name: a room is loaded when something of it is first asked for.

A fit uses a third of the package. The names are imported for type checkers, and found by
`__getattr__` when the program runs, as those of the root are.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixedmodels.diagnostics.acf import acf
    from mixedmodels.diagnostics.checks import check
    from mixedmodels.diagnostics.conditional_aic import caic
    from mixedmodels.diagnostics.cross_validation import cross_validate
    from mixedmodels.diagnostics.influence import influence
    from mixedmodels.diagnostics.leverage import hat_values
    from mixedmodels.diagnostics.residuals import residuals
    from mixedmodels.diagnostics.variogram import variogram
    from mixedmodels.imputation.impute import impute
    from mixedmodels.imputation.missingness import missingness
    from mixedmodels.imputation.trial import impute_trial
    from mixedmodels.inference import coefficients, tests_of_coefficients
    from mixedmodels.inference.anova import anova
    from mixedmodels.inference.bootstrap import bootstrap_compare
    from mixedmodels.inference.bootstrap.bootstrap import bootstrap
    from mixedmodels.inference.covariance_parameters import covariance_parameters
    from mixedmodels.inference.draws.drawing import draws
    from mixedmodels.inference.drop1 import drop1
    from mixedmodels.inference.heterogeneity.heterogeneity import heterogeneity
    from mixedmodels.inference.icc import icc
    from mixedmodels.inference.intervals import conf_int
    from mixedmodels.inference.likelihood_ratio import compare
    from mixedmodels.inference.permutation.permutation import permutation_test
    from mixedmodels.inference.predicted import predict
    from mixedmodels.inference.predicted_responses import predict_response
    from mixedmodels.inference.profile.profile import profile
    from mixedmodels.inference.r2 import r2
    from mixedmodels.inference.ranova import ranova
    from mixedmodels.inference.robust import cov_params, test_method
    from mixedmodels.inference.rotation import re_pca
    from mixedmodels.inference.variance_information import cov_variance
    from mixedmodels.means import Means
    from mixedmodels.plots import Plots
    from mixedmodels.plots.bootstrapped import BootstrappedModel
    from mixedmodels.plots.permuted import PermutationTest
    from mixedmodels.plots.profiled import ProfiledModel
    from mixedmodels.pooling.fitting import fit_each
    from mixedmodels.pooling.pooled import pool
    from mixedmodels.posthoc.emmeans import emmeans
    from mixedmodels.posthoc.joint_tests import joint_tests
    from mixedmodels.posthoc.response_rows import (
        response_comparisons,
        response_predictions,
        response_slopes,
    )
    from mixedmodels.posthoc.row_averages import comparisons, predictions, slopes
    from mixedmodels.posthoc.trends import emtrends
    from mixedmodels.prediction.simulate import simulate
    from mixedmodels.report import maketables
    from mixedmodels.report.augment import augment
    from mixedmodels.report.elimination import step
    from mixedmodels.report.equation.equation import equation
    from mixedmodels.report.glance import glance
    from mixedmodels.report.page import report
    from mixedmodels.report.publication.table import table
    from mixedmodels.report.summary import summarise
    from mixedmodels.report.tidy import tidy
    from mixedmodels.saving.save import save
    from mixedmodels.saving.updated import update_random_effects

__all__ = [
    "BootstrappedModel",
    "Means",
    "PermutationTest",
    "Plots",
    "ProfiledModel",
    "acf",
    "anova",
    "augment",
    "bootstrap",
    "bootstrap_compare",
    "caic",
    "check",
    "coefficients",
    "compare",
    "comparisons",
    "conf_int",
    "cov_params",
    "cov_variance",
    "covariance_parameters",
    "cross_validate",
    "draws",
    "drop1",
    "emmeans",
    "emtrends",
    "equation",
    "fit_each",
    "glance",
    "hat_values",
    "heterogeneity",
    "icc",
    "impute",
    "impute_trial",
    "influence",
    "joint_tests",
    "maketables",
    "missingness",
    "permutation_test",
    "pool",
    "predict",
    "predict_response",
    "predictions",
    "profile",
    "r2",
    "ranova",
    "re_pca",
    "report",
    "residuals",
    "response_comparisons",
    "response_predictions",
    "response_slopes",
    "save",
    "simulate",
    "slopes",
    "step",
    "summarise",
    "table",
    "test_method",
    "tests_of_coefficients",
    "tidy",
    "update_random_effects",
    "variogram",
]

_MODULES = ("coefficients", "maketables", "tests_of_coefficients")
"""Names that stand for whole modules."""

_HOMES = {
    "BootstrappedModel": "mixedmodels.plots.bootstrapped",
    "Means": "mixedmodels.means",
    "PermutationTest": "mixedmodels.plots.permuted",
    "Plots": "mixedmodels.plots",
    "ProfiledModel": "mixedmodels.plots.profiled",
    "acf": "mixedmodels.diagnostics.acf",
    "anova": "mixedmodels.inference.anova",
    "augment": "mixedmodels.report.augment",
    "bootstrap": "mixedmodels.inference.bootstrap.bootstrap",
    "bootstrap_compare": "mixedmodels.inference.bootstrap",
    "caic": "mixedmodels.diagnostics.conditional_aic",
    "check": "mixedmodels.diagnostics.checks",
    "coefficients": "mixedmodels.inference",
    "compare": "mixedmodels.inference.likelihood_ratio",
    "comparisons": "mixedmodels.posthoc.row_averages",
    "conf_int": "mixedmodels.inference.intervals",
    "cov_params": "mixedmodels.inference.robust",
    "cov_variance": "mixedmodels.inference.variance_information",
    "covariance_parameters": "mixedmodels.inference.covariance_parameters",
    "cross_validate": "mixedmodels.diagnostics.cross_validation",
    "draws": "mixedmodels.inference.draws.drawing",
    "drop1": "mixedmodels.inference.drop1",
    "emmeans": "mixedmodels.posthoc.emmeans",
    "emtrends": "mixedmodels.posthoc.trends",
    "equation": "mixedmodels.report.equation.equation",
    "fit_each": "mixedmodels.pooling.fitting",
    "glance": "mixedmodels.report.glance",
    "hat_values": "mixedmodels.diagnostics.leverage",
    "heterogeneity": "mixedmodels.inference.heterogeneity.heterogeneity",
    "icc": "mixedmodels.inference.icc",
    "impute": "mixedmodels.imputation.impute",
    "impute_trial": "mixedmodels.imputation.trial",
    "influence": "mixedmodels.diagnostics.influence",
    "joint_tests": "mixedmodels.posthoc.joint_tests",
    "maketables": "mixedmodels.report",
    "missingness": "mixedmodels.imputation.missingness",
    "permutation_test": "mixedmodels.inference.permutation.permutation",
    "pool": "mixedmodels.pooling.pooled",
    "predict": "mixedmodels.inference.predicted",
    "predict_response": "mixedmodels.inference.predicted_responses",
    "predictions": "mixedmodels.posthoc.row_averages",
    "profile": "mixedmodels.inference.profile.profile",
    "r2": "mixedmodels.inference.r2",
    "ranova": "mixedmodels.inference.ranova",
    "re_pca": "mixedmodels.inference.rotation",
    "report": "mixedmodels.report.page",
    "residuals": "mixedmodels.diagnostics.residuals",
    "response_comparisons": "mixedmodels.posthoc.response_rows",
    "response_predictions": "mixedmodels.posthoc.response_rows",
    "response_slopes": "mixedmodels.posthoc.response_rows",
    "save": "mixedmodels.saving.save",
    "simulate": "mixedmodels.prediction.simulate",
    "slopes": "mixedmodels.posthoc.row_averages",
    "step": "mixedmodels.report.elimination",
    "summarise": "mixedmodels.report.summary",
    "table": "mixedmodels.report.publication.table",
    "test_method": "mixedmodels.inference.robust",
    "tests_of_coefficients": "mixedmodels.inference",
    "tidy": "mixedmodels.report.tidy",
    "update_random_effects": "mixedmodels.saving.updated",
    "variogram": "mixedmodels.diagnostics.variogram",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an `object`

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        is_module = name in _MODULES
        value = import_module(f"{home}.{name}") if is_module else getattr(import_module(home), name)
        globals()[name] = value
        return value
