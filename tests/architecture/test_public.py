"""The public names are those that were promised, and each can be used."""

import ast
from importlib.resources import files
from inspect import isclass, ismodule

import pytest

import mixedmodels as mm
from mixedmodels import _native
from mixedmodels.means import Means
from tests.architecture.source import PACKAGE, PROJECT, tree

PUBLIC = [
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

MODEL = [
    "params",
    "bse",
    "tvalues",
    "pvalues",
    "coef_table",
    "conf_int",
    "cov_variance",
    "r2",
    "icc",
    "heterogeneity",
    "re_pca",
    "cov_params",
    "sigma",
    "scale",
    "theta",
    "variance_components",
    "cov_re",
    "random_effects",
    "ranef_table",
    "llf",
    "aic",
    "aicc",
    "bic",
    "nobs",
    "npar",
    "objective",
    "reml",
    "fittedvalues",
    "resid",
    "residuals",
    "is_singular",
    "convergence",
    "summary",
    "_repr_html_",
    "refit",
    "update",
    "predict",
    "emmeans",
    "emtrends",
    "joint_tests",
    "predictions",
    "comparisons",
    "slopes",
    "ranova",
    "drop1",
    "step",
    "profile",
    "bootstrap",
    "simulate",
    "anova",
    "contrast",
    "t_test",
    "wald_test",
    "influence",
    "check",
    "plot",
    "report",
    "tidy",
    "glance",
    "augment",
    "equation",
    "standardize",
]

MEANS = [
    "table",
    "grid",
    "linfct",
    "plot",
    "contrast",
    "pairs",
    "test",
    "conf_int",
    "letters",
    "effect_size",
    "regrid",
    "response",
]

ERRORS = [
    "MixedModelsError",
    "FormulaError",
    "DataError",
    "ConvergenceError",
    "SingularFitWarning",
    "ConvergenceWarning",
    "DroppedColumnsWarning",
    "NotIdentifiedWarning",
    "NotEstimableWarning",
    "CompatibilityWarning",
    "StoppedEarlyWarning",
]


def test_names() -> None:
    assert sorted(mm.__all__) == PUBLIC
    assert dir(mm) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_can_be_had(name: str) -> None:
    assert getattr(mm, name).__name__.rpartition(".")[2] == name


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lm'"):
        _ = mm.lm  # type: ignore[attr-defined]


def test_type_checkers_see_the_same_names() -> None:
    [block] = [node for node in tree("__init__.py").body if isinstance(node, ast.If)][:1]
    seen = [alias.name for node in block.body for alias in node.names]
    assert sorted(seen) == PUBLIC
    assert files("mixedmodels").joinpath("py.typed").is_file()


LINEAR = {"sigma", "scale", "heterogeneity"}
"""Of these what a generalised model does not have: what belongs to a residual variance."""

GENERALISED = [
    "family",
    "response_levels",
    "linear_predictor",
    "auxiliary_params",
    "auxiliary_table",
]
"""What a generalised model has beside."""


@pytest.mark.parametrize("name", MODEL)
def test_model_has(name: str) -> None:
    assert hasattr(mm.LinearMixedModel, name)
    assert hasattr(mm.GeneralisedMixedModel, name) == (name not in LINEAR)


@pytest.mark.parametrize("name", GENERALISED)
def test_a_generalised_model_has(name: str) -> None:
    assert hasattr(mm.GeneralisedMixedModel, name)
    assert not hasattr(mm.LinearMixedModel, name)


def test_means_have() -> None:
    public = {name for name in vars(Means) if not name.startswith("_")}
    assert public - {"functions"} == set(MEANS)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_has(name: str) -> None:
    assert issubclass(getattr(mm.errors, name), Exception)


def test_the_reference_lists_every_name() -> None:
    listed = {
        line.strip()
        for line in (PROJECT / "docs" / "reference" / "index.md").read_text("utf-8").splitlines()
        if line.startswith("   ") and ":" not in line
    }
    functions = {name for name in PUBLIC if not ismodule(getattr(mm, name))}
    failures = {
        n
        for n, kind in vars(mm.errors).items()
        if isclass(kind) and kind.__module__ == mm.errors.__name__
    }
    assert (functions | failures) - listed == set()


def test_the_stub_names_what_the_binary_has() -> None:
    stub = ast.parse((PACKAGE / "_native.pyi").read_text("utf-8"))
    classes = [node for node in stub.body if isinstance(node, ast.ClassDef)]
    functions = [node for node in stub.body if isinstance(node, ast.FunctionDef)]
    names = {node.name for node in [*classes, *functions]}
    assert names == {n for n in dir(_native) if not n.startswith("_")}
    for node in classes:
        native = getattr(_native, node.name)
        described = {part.name for part in node.body if isinstance(part, ast.FunctionDef)} | {
            part.target.id for part in node.body if isinstance(part, ast.AnnAssign)
        }
        present = {name for name in vars(native) if not name.startswith("_")}
        assert {name for name in described if not name.startswith("_")} == present
