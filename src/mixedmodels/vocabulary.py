"""The closed sets of options, each as a `Literal` in one place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal

from numpy.typing import ArrayLike

Missing = Literal["drop", "error"]
"""What to do with rows that have a missing value in a column that the formula uses."""

StructureKind = Literal[
    "us",
    "diag",
    "cs",
    "ar1",
    "toep",
    "ante",
    "fa",
    "rr",
    "ou",
    "car1",
    "arma",
    "expo",
    "gauss",
    "ratio",
    "matern",
]
"""Covariance structures of a random term or of the residual."""

StructureWord = Literal[
    "us",
    "diag",
    "homdiag",
    "cs",
    "homcs",
    "hetcs",
    "ar1",
    "homar1",
    "hetar1",
    "toep",
    "homtoep",
    "hettoep",
    "ante",
    "fa",
    "rr",
    "ou",
    "car1",
    "arma",
    "expo",
    "exp",
    "gauss",
    "gau",
    "ratio",
    "matern",
    "mat",
    "known",
    "mm",
]
"""Words of formulas for them, lme4's and glmmTMB's among them."""

QuantityKind = Literal[
    "sd",
    "common_sd",
    "correlation",
    "common_correlation",
    "autocorrelation",
    "unit_correlation",
    "range",
    "nugget",
    "smoothness",
    "ar",
    "ma",
    "loading",
    "specific_sd",
    "dispersion",
    "probability",
    "threshold",
    "coefficient",
]
"""What a number reported of a covariance structure, or of a part beside the mean, is."""

ContrastName = Literal["treatment", "sum", "helmert", "poly", "diff"]
"""Codings of a categorical column that have a name; a matrix is the other possibility."""

Contrasts = Mapping[str, ContrastName | tuple[Literal["treatment"], Hashable] | ArrayLike]
"""Coding of categorical columns by name; ``("treatment", level)`` compares with that level; a
matrix has one row per level."""

Context = Mapping[str, Callable[..., ArrayLike] | float]
"""Functions and numbers of the caller's that a formula may use by these names."""

KnownMatrices = Mapping[str, object]
"""Matrices by the names that ``cov=`` and ``precision=`` of a formula give them."""

ResidualKind = Literal[
    "response",
    "pearson",
    "standardized",
    "normalized",
    "marginal",
    "studentized",
    "scaled",
    "deviance",
    "working",
    "quantile",
]

SeriesResidual = Literal["normalized", "standardized", "pearson", "response", "marginal"]
"""Residuals that may be looked at along a series."""

ThetaStep = Literal["fixed", "one-step"]
"""Whether the covariance parameters move when a level is left out."""

LeftOutSigma = Literal["estimated", "held"]
"""Whether the residual standard deviation is that of the rows that are not left out."""

NewLevels = Literal["population", "error", "sampled"]
"""What prediction does with grouping levels that the fit has not seen."""

DrawKind = Literal["mean", "link", "response"]
"""What is predicted from draws of the parameters."""

SimulatedEffects = Literal["new", "fitted"]
"""Random effects of a simulated response: drawn anew, or those of the fit."""

Shape = Literal["normal", "t", "skewed"]
"""Distribution of simulated random effects or residuals, always of mean 0."""

DegreesOfFreedom = Literal[
    "satterthwaite",
    "kenward-roger",
    "kenward-roger-linear",
    "between-within",
    "containment",
    "knapp-hartung",
    "residual",
    "normal",
    "clusters",
]
"""How the denominator degrees of freedom of tests of fixed effects are found; "clusters" is of
cluster-robust covariances alone."""

RobustKind = Literal["CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"]
"""Cluster-robust covariances of the fixed effects, by what is done for few clusters."""

Covariance = RobustKind | ArrayLike | None
"""The covariance that tests use: a cluster-robust one, a matrix of the caller's, or the model's."""

Clusters = str | Sequence[str] | ArrayLike | None
"""Which rows belong together: a column, ``"a:b"``, several columns for clusters that cross, or one
value per row."""

HeterogeneityInterval = Literal["q-profile", "profile", "wald"]
"""How limits of a variance between studies are found."""

FitMethod = Literal["auto", "exact", "iterative"]
"""How the equations of a model are solved: by a factorisation, or by conjugate gradients."""

GeneralisedMethod = Literal["laplace", "quadrature"]
"""How the random effects of a generalised model are integrated over."""

FamilyName = Literal[
    "binomial",
    "poisson",
    "nb2",
    "nb1",
    "gamma",
    "inverse_gaussian",
    "beta",
    "beta_binomial",
    "student_t",
    "gaussian",
    "ordinal",
]
"""Distributions of a response; nb2 and nb1 are negative binomial with quadratic and linear
variance."""

FamilyWord = Literal[
    "negative_binomial",
    "bernoulli",
    "nbinom2",
    "nbinom1",
    "nbinom",
    "Gamma",
    "betabinomial",
    "t",
    "student",
    "normal",
    "cumulative",
]
"""Other words for them; negative_binomial is nb2."""

LinkName = Literal[
    "logit", "probit", "cloglog", "cauchit", "log", "identity", "sqrt", "inverse", "1/mu^2"
]
"""What function of the mean is linear."""

LinkWord = Literal["inverse_power", "inverse_squared"]
"""Other words for links."""

ZeroKind = Literal["none", "inflated", "hurdle"]
"""What zeros have beside a family: nothing, a further probability, or one of their own."""

AuxiliaryKind = Literal["dispersion", "shape", "zero", "thresholds"]
"""Parts of a generalised model that have parameters of their own beside the mean."""

ResponseKind = Literal["real", "positive", "unit", "count", "trials", "ordered"]
"""What values a family has."""

Thresholds = Literal["flexible", "equidistant"]
"""Whether the thresholds of an ordinal model are any ascending numbers, or evenly spaced."""

IntervalMethod = Literal["wald", "profile", "bootstrap"]

Interval = Literal["confidence", "prediction"]

PredictionType = Literal["response", "link", "conditional", "zero", "expected"]
"""What a generalised model predicts: the mean (of an ordered response the probabilities of its
categories), the linear predictor, the mean without zeros of zero inflation or a hurdle, the
probability of such a zero, or the mean category.
"""

Which = Literal["fixed", "variance", "all"]

Effects = Literal["all", "fixed", "ran_pars", "ran_vals"]
"""Rows of `tidy`: fixed effects, variance parameters, or random effects of single levels."""

Shown = Literal["estimate", "std_error", "conf_int", "statistic", "df", "p_value"]
"""What a table of several models shows of every coefficient."""

Facts = Literal["nobs", "groups", "r2", "icc", "llf", "aic", "aicc", "bic", "estimation"]
"""What it shows of every model as a whole."""

TableStyle = Literal["default", "apa", "ama"]
"""How a table for a paper writes its numbers."""

Layout = Literal["columns", "stacked"]
"""Whether it has a column for every statistic, or them below each other in one per model."""

RandomShown = Literal["sd", "variance", "none"]
"""The scale of its random part."""

VarianceScale = Literal["sd", "var", "theta"]
"""Scale of variance parameters: sd and correlation, variance and covariance, or relative."""

SumOfSquares = Literal[1, 2, 3]

PowerMethod = Literal["satterthwaite", "kenward-roger", "lrt", "normal"]
"""How every replicate of a power analysis is tested."""

BootstrapKind = Literal["parametric", "residual", "case"]
"""What is drawn anew: the model's distributions, its residuals and effects, or whole groups."""

BootstrapInterval = Literal["percentile", "basic", "bca"]

CovarianceKind = Literal["hessian", "conditional"]
"""Covariance of the fixed effects with all other parameters estimated, or taken as known."""

AnovaTest = Literal["wald", "lrt"]
"""How the terms of an analysis of variance are tested: at the fit as it is, or by fits without."""

DropTest = Literal["lrt", "f", "wald"]
"""How dropping a fixed term is tested: by a likelihood ratio, an F test or a chi-square."""

PermutationScheme = Literal["residuals", "signs", "labels"]
"""What a permutation test exchanges: residuals of the null model, their signs, or the labels of a
term as they were assigned."""

Backend = Literal["pandas", "polars", "pyarrow"]
"""Frame libraries that a bundled data set can be given in."""

MeanWeights = Literal["equal", "proportional", "outer", "cells", "flat"]
"""How a marginal mean weighs the cells that it averages over."""

Adjustment = Literal[
    "none",
    "tukey",
    "dunnett",
    "dunnettx",
    "bonferroni",
    "holm",
    "hochberg",
    "hommel",
    "sidak",
    "scheffe",
    "fdr",
    "by",
    "mvt",
]
"""Adjustments of p-values and limits for several tests."""

Side = Literal[
    "two-sided",
    "less",
    "greater",
    "equivalence",
    "noninferiority",
    "nonsuperiority",
    "superiority",
]
"""Alternatives of a test, and what is to be shown with a margin."""

RowContrast = Literal["reference", "sequential", "pairwise"]
"""Which values of a variable are compared: each with the first, the one before, or all."""

RowStep = Literal["sd", "2sd", "iqr", "minmax"]
"""Steps of a covariate that have a name."""

ContrastMethod = Literal[
    "pairwise",
    "revpairwise",
    "trt.vs.ctrl",
    "trt.vs.ctrl1",
    "trt.vs.ctrlk",
    "eff",
    "del.eff",
    "poly",
    "consec",
    "mean_chg",
    "helmert",
    "identity",
]
"""Families of contrasts that have a name."""

PooledStatistic = Literal["D1", "D2", "D3", "D4"]
"""Tests of several restrictions from imputed data; see `mixedmodels.pooling.statistics`."""

PooledUse = Literal["wald", "likelihood"]
"""Which statistic of every imputation D2 pools."""

TrialMethod = Literal["mar", "j2r", "cr", "cir"]
"""What is assumed of missing visits; see `mixedmodels.imputation.strategies`."""

PsiFunction = Literal["smoothed_huber", "huber", "bisquare", "t"]
"""What bounds the influence of rows and groups in a robust fit."""
