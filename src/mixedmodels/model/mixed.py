"""`MixedModel`: what all fitted models answer, a façade of one-line methods over one `Fit`."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from mixedmodels import rooms
from mixedmodels.diagnostics.extent import BINS, LAGS
from mixedmodels.engine.convergence import Convergence
from mixedmodels.fit import (
    change,
    criteria,
    fitted,
    fixed_effects,
    labels,
    random_effects,
    standardizing,
    variance_components,
)
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.streams import Seed
from mixedmodels.report import introduction
from mixedmodels.vocabulary import (
    AnovaTest,
    BootstrapKind,
    Clusters,
    Covariance,
    CovarianceKind,
    DegreesOfFreedom,
    DropTest,
    Effects,
    IntervalMethod,
    LeftOutSigma,
    ResidualKind,
    RobustKind,
    SeriesResidual,
    SumOfSquares,
    ThetaStep,
    VarianceScale,
    Which,
)

if TYPE_CHECKING:
    from mixedmodels.diagnostics.checks import Checks
    from mixedmodels.diagnostics.conditional_aic import ConditionalAIC
    from mixedmodels.diagnostics.cross_validation import CrossValidation
    from mixedmodels.diagnostics.influence import Influence
    from mixedmodels.inference.draws.draws import Draws
    from mixedmodels.means import Means
    from mixedmodels.plots import Plots
    from mixedmodels.plots.bootstrapped import BootstrappedModel
    from mixedmodels.plots.profiled import ProfiledModel
    from mixedmodels.posthoc.emmeans import StatedNesting, Weights
    from mixedmodels.posthoc.reference_grid import CovReduce
    from mixedmodels.report.elimination import BackwardElimination
    from mixedmodels.report.equation.equation import Equation
    from mixedmodels.report.summary import Summary
    from mixedmodels.saving.save import Target


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MixedModel(ABC):
    """A fitted mixed model: a `LinearMixedModel` or a `GeneralisedMixedModel`. It never changes.

    Labelled vectors and matrices are pandas; tables come in the frame library of the data.

    Attributes
    ----------
    fit : Fit
        The estimates, the matrices and the criterion.
    """

    fit: Fit

    @property
    def formula(self) -> str:
        """The formula in canonical form."""
        return str(self.fit.spec.formula)

    @property
    def params(self) -> pd.Series:
        """Fixed effects by name."""
        return fixed_effects.params(self.fit)

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects, from sigma^2 (X'V^-1 X)^-1.

        In a generalised model from the Hessian of the criterion in all parameters.
        """
        return fixed_effects.bse(self.fit)

    @property
    def tvalues(self) -> pd.Series:
        """Fixed effects divided by their standard errors."""
        return fixed_effects.tvalues(self.fit)

    def cov_params(
        self, kind: CovarianceKind | RobustKind | None = None, *, cluster: Clusters = None
    ) -> pd.DataFrame:
        """Covariance of the fixed effects' estimates, by default that of `bse`.

        Parameters
        ----------
        kind : str, optional
            ``"conditional"``, that of linear models, takes the other parameters as known.
            ``"hessian"``, the default of generalised models, is from the Hessian in all parameters,
            as in glmmTMB and by default in lme4's `glmer`. ``"CR0"``, ``"CR1"``, ``"CR1p"``,
            ``"CR1S"``, ``"CR2"`` and ``"CR3"`` are cluster-robust, of linear models: they take rows
            of different clusters as independent, and believe in no model within clusters.
        cluster : str, list of str or array, optional
            The clusters of a robust covariance, as of `coef_table`.

        Raises
        ------
        DataError
            If the kind is not known or the model does not have it, and as `coef_table`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.cov_params("CR2").round(3)
                   Intercept   Days
        Intercept     46.575 -1.451
        Days          -1.451  2.389
        """
        return rooms.cov_params(self.fit, kind, cluster)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values of the fixed effects, with the default `ddf` of `coef_table`."""
        return rooms.coefficients.pvalues(self.fit, ddf_of(self.fit))

    def coef_table(
        self,
        ddf: DegreesOfFreedom | None = None,
        *,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
        exponentiate: bool = False,
    ) -> object:
        """Table `term, estimate, std_error, df, statistic, p_value, conf_low, conf_high`.

        Parameters
        ----------
        ddf : str, optional
            Degrees of freedom, by default ``"satterthwaite"`` in a linear model; a generalised one
            has ``"normal"`` alone, z tests. ``"kenward-roger"`` adjusts the standard errors too,
            and ``"kenward-roger-linear"`` is its variant without second derivatives of the
            covariance; ``"between-within"`` goes by the level of grouping at which a column varies,
            ``"containment"`` by the random effects that contain it; ``"knapp-hartung"`` is for
            known residual variances; ``"residual"`` is rows less fixed effects. With a robust
            `cov` they are ``"satterthwaite"``, those of Pustejovsky and Tipton, ``"clusters"``,
            their number less one, or ``"normal"``.
        cov : str or matrix, optional
            Another covariance of the estimates than the model's, for all standard errors, tests and
            limits. Cluster-robust: ``"CR2"``, unbiased if the model is right and good with few
            clusters; ``"CR3"``, the jackknife, on the large side; ``"CR0"`` without a correction;
            ``"CR1"``, ``"CR1p"`` and ``"CR1S"`` (Stata's) multiply it by m/(m - 1), m/(m - p) and
            m (n - 1)/((m - 1)(n - p)) with m clusters, n rows and p coefficients. Or a matrix of
            your own, by names of coefficients or in their order; its tests are z tests by default.
        cluster : str, list of str or array, optional
            Whose rows belong together: a column of the data, in the formula or not, ``"a:b"``, or
            one value per row. By default the coarsest group of the model, in which all others are
            nested. A list of columns is of clusters that cross: rows are dependent if they share
            one of any (CR0 and CR1 alone; a warning where one has few).
        level : float
            Coverage of the limits.
        exponentiate : bool
            Exponentials of the coefficients of a generalised model, in the column `odds_ratio`,
            `rate_ratio`, `risk_ratio`, `hazard_ratio` or `mean_ratio` by its link and family; that
            of the intercept is the odds, rate, … itself. Standard errors are those of the delta
            method, limits are transformed, tests stay on the scale of the link.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.coef_table()[["term", "estimate", "std_error", "df", "p_value"]].round(3)
                term  estimate  std_error    df  p_value
        0  Intercept   251.405      6.825  17.0      0.0
        1       Days    10.467      1.546  17.0      0.0
        """
        return rooms.coefficients.coef_table(
            self.fit,
            rooms.test_method(self.fit, ddf, cov, cluster),
            level=level,
            exponentiate=exponentiate,
        )

    def conf_int(
        self,
        level: float = 0.95,
        *,
        method: IntervalMethod = "wald",
        which: Which = "fixed",
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        n: int = 1000,
        seed: Seed = None,
    ) -> object:
        """Table `group, term, estimate, conf_low, conf_high`; the group of a fixed effect is null.

        Parameters
        ----------
        level : float
            Coverage.
        method : {"wald", "profile", "bootstrap"}
            ``"wald"``: t intervals of fixed effects, z in a generalised model; of standard
            deviations normal on the log scale and of correlations on Fisher's z scale, null where a
            covariance is singular.
            ``"profile"``: from the profile of the likelihood (ML), the limits found to 1e-6; a
            limit of 0, -1 or 1 says that the data do not rule it out. ``"bootstrap"``: percentiles
            of `n` parametric samples.
        which : {"fixed", "variance", "all"}
            The parameters; standard deviations and correlations for the variance part, and what a
            generalised model has beside its mean: dispersion, shape, probability of excess zeros,
            thresholds.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom of t intervals.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        n : int
            Samples of the bootstrap.
        seed : int or Generator, optional
            Their randomness.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.conf_int(which="variance").round(2)
              group                  term  estimate  conf_low  conf_high
        0   Subject             Intercept     24.74     15.58      39.28
        1   Subject                  Days      5.92      3.92       8.95
        2   Subject  cor(Intercept, Days)      0.07     -0.52       0.61
        3  Residual                    sd     25.59     22.80      28.72
        """
        return rooms.conf_int(
            self.fit,
            level,
            method=method,
            which=which,
            ddf=rooms.test_method(self.fit, ddf, cov, cluster),
            n=n,
            seed=seed,
        )

    def cov_variance(self, scale: VarianceScale = "sd") -> pd.DataFrame:
        """Covariance of the estimated variance parameters, labelled by `group` and `term`; of a
        generalised model with those of dispersion, zero inflation or thresholds.

        Parameters
        ----------
        scale : {"sd", "var", "theta"}
            Standard deviations and correlations, variances and covariances, or relative
            parameters. Parameters on a boundary have nan.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> errors = model.cov_variance().to_numpy().diagonal() ** 0.5
        >>> errors.round(2).tolist()
        [17.06, 7.15]
        """
        return rooms.cov_variance(self.fit, scale)

    @property
    def theta(self) -> pd.Series:
        """Relative covariance parameters, formula order: T_k, where Sigma_k = sigma^2 T_k T_k'."""
        return variance_components.theta(self.fit)

    @property
    def variance_components(self) -> object:
        """Table `group, term1, term2, vcov, sdcor`: variances, covariances, the residual last."""
        return variance_components.variance_components(self.fit)

    def covariance_parameters(self, level: float = 0.95) -> object:
        """Every variance parameter on its natural scale, with its standard error and interval.

        Table `group, term, parameter, estimate, std_error, conf_low, conf_high`.
        Standard deviations in the units of the response, correlations, ranges, powers, …, of the
        random effects and of the residuals; coefficients of ``sigma="~ x"`` are of the logarithm of
        the standard deviation. Of a generalised model also its dispersion, shape, probability of
        excess zeros or thresholds; coefficients of formulas are of the logarithm or logit that
        their names say. `parameter` is the name that `fixed` and `tied` take, of random
        effects and residuals: dispersion, shape, zeros and thresholds cannot be held. A parameter
        that the data cannot tell from others is null, and so are the limits of one at the end of
        its range.

        Parameters
        ----------
        level : float
            Coverage of the limits, by Wald's method on a scale without bounds: the logarithm of
            standard deviations and ranges, Fisher's z of correlations. For limits by the profile
            see `conf_int`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("distance ~ age", mm.datasets.load("orthodont"),
        ...                residual="ar1(age | Subject)", sigma="~ Sex")
        >>> table = model.covariance_parameters()
        >>> table[["parameter", "estimate", "conf_low", "conf_high"]].round(3)
                       parameter  estimate  conf_low  conf_high
        0           sd(Residual)     3.635     2.716      4.866
        1          cor(Residual)     0.897     0.821      0.942
        2  log sd(Sex[T.Female])    -0.659    -0.979     -0.339
        """
        return rooms.covariance_parameters(self.fit, level)

    @property
    def cov_re(self) -> dict[str, pd.DataFrame]:
        """Per group, the covariance of its random effects."""
        return variance_components.cov_re(self.fit)

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Per group, the conditional modes (levels x columns)."""
        return random_effects.random_effects(self.fit)

    def ranef_table(self, level: float = 0.95) -> object:
        """Table `group, level, term, estimate, std_error, conf_low, conf_high`.

        Parameters
        ----------
        level : float
            Coverage of the normal limits around each conditional mode.
        """
        return random_effects.ranef_table(self.fit, level=level)

    @property
    def groups(self) -> tuple[str, ...]:
        """The grouping factors, in order of first appearance in the formula."""
        return labels.group_names(self.fit.matrices)

    @property
    def ngroups(self) -> dict[str, int]:
        """Per grouping factor, the number of its levels."""
        return {g.name: len(g.levels) for g in self.fit.matrices.groupings}

    @property
    def reml(self) -> bool:
        """Whether the fit is by REML."""
        return self.fit.reml

    @property
    def objective(self) -> float:
        """Minus twice the log-likelihood (ML), or the REML criterion: what was minimised."""
        return self.fit.objective

    @property
    def llf(self) -> float:
        """Log-likelihood, the restricted one under REML."""
        return criteria.log_likelihood(self.fit)

    @property
    def aic(self) -> float:
        """Akaike's criterion: objective + 2 npar."""
        return criteria.aic(self.fit)

    @property
    def aicc(self) -> float:
        """AIC corrected for small samples; infinite where nobs <= npar + 1."""
        return criteria.aicc(self.fit)

    @property
    def bic(self) -> float:
        """Schwarz's criterion: objective + log(nobs) npar."""
        return criteria.bic(self.fit)

    @property
    def nobs(self) -> int:
        """Rows used."""
        return criteria.n_rows(self.fit)

    @property
    def npar(self) -> int:
        """Parameters: fixed effects, covariance parameters and the residual variance."""
        return criteria.n_parameters(self.fit)

    @property
    def n_missing(self) -> int:
        """Rows dropped because of a missing value."""
        return self.fit.matrices.n_missing

    @property
    def aliased(self) -> tuple[str, ...]:
        """Fixed-effects columns dropped because earlier ones determine them."""
        return self.fit.spec.aliased

    @property
    def fittedvalues(self) -> pd.Series:
        """X beta + Z b + offset, on the index of the rows used."""
        return fitted.fitted_values(self.fit)

    @property
    def resid(self) -> pd.Series:
        """Response minus fitted value, on the index of the rows used."""
        return fitted.residuals(self.fit, "response")

    def residuals(self, kind: ResidualKind = "response", *, seed: Seed = None) -> pd.Series:
        """Residuals of one kind, on the index of the rows used.

        Parameters
        ----------
        kind : str
            ``"response"``: y minus the fitted value. ``"pearson"``: that over the row's own
            standard deviation relative to sigma, as lme4 multiplies by the root of the weight.
            ``"standardized"``: that divided by sigma (lme4's ``scaled``). ``"normalized"``: free of
            the correlations of the residuals too, if the model has any (nlme's): the residuals of
            each block, in its order, times the inverse of the lower Cholesky factor of their
            covariance. ``"marginal"``: y minus the population mean. ``"studentized"``: the
            standardized residual divided by sqrt(1 - leverage). ``"scaled"``: the share of 250
            responses simulated with new random effects that lie below y, uniform if the model is
            right. Of a generalised model at the conditional modes: ``"response"`` (of shares where
            there are trials), ``"pearson"`` over the standard deviation that the family gives,
            ``"working"`` on the scale of the link, ``"deviance"``, and ``"quantile"``, the normal
            quantile of the probability of a smaller response, for counts at random within its step
            (Dunn & Smyth 1996): normal if the model is right, whatever the family.
        seed : int or Generator, optional
            For ``"scaled"`` and ``"quantile"``, the kinds that are random.
        """
        return rooms.residuals(self.fit, kind, seed=seed)

    def acf(
        self,
        group: str | None = None,
        *,
        time: str | None = None,
        kind: SeriesResidual = "normalized",
        max_lag: int = LAGS,
        level: float = 0.95,
    ) -> object:
        """Table `lag, n, correlation, noise`: the autocorrelation of residuals within series.

        `n` counts the pairs of rows so many steps apart, and `noise` is what chance gives a
        correlation of zero, in either direction. Residuals of short series are a little
        correlated even if the errors are not, by about minus one over the rows of a series;
        `plot.autocorrelation()` shows what the model itself gives.

        Parameters
        ----------
        group : str, optional
            A group or a column whose levels are the series; by default the group of `residual=`,
            or the random effects' group of the most levels.
        time : str, optional
            A column whose sorted values are the steps, so that a missing one leaves a gap; by
            default the occasions of `residual=`, or the order of the rows.
        kind : {"normalized", "standardized", "pearson", "response", "marginal"}
            Which residuals: by default what the model should have left without correlation.
        max_lag : int
            Steps to look back; lags without a pair are left out.
        level : float
            Share of correlations of zero that lie within `noise`.

        Raises
        ------
        DataError
            If a column does not exist, times repeat within a series, or no series has two rows.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("distance ~ age + (1 | Subject)", mm.datasets.load("orthodont"))
        >>> model.acf("Subject", time="age").round(2)
           lag   n  correlation  noise
        0    1  81        -0.27   0.22
        1    2  54        -0.15   0.27
        2    3  27        -0.63   0.38
        """
        return rooms.acf(self.fit, group, time=time, kind=kind, max_lag=max_lag, level=level)

    def variogram(
        self,
        position: str | Sequence[str],
        group: str | None = None,
        *,
        kind: SeriesResidual = "normalized",
        bins: int = BINS,
        max_distance: float | None = None,
    ) -> object:
        """Table `distance, n, semivariance`: half the squared differences of residuals, on average.

        Of residuals of variance one and without correlation it is one at every distance; where
        near ones are alike it starts low and rises.

        Parameters
        ----------
        position : str or sequence of str
            Numeric columns that say where a row is: a time, or coordinates.
        group : str, optional
            As for `acf`: pairs are of rows of one level.
        kind : {"normalized", "standardized", "pearson", "response", "marginal"}
            Which residuals.
        bins : int
            Where there are more distances than this, so many bins of about equally many pairs.
        max_distance : float, optional
            Leave out pairs that are farther apart.

        Raises
        ------
        DataError
            If a column does not exist or is not numeric, or no series has two rows that near.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("distance ~ age + (1 | Subject)", mm.datasets.load("orthodont"))
        >>> model.variogram("age").round(2)
           distance   n  semivariance
        0       2.0  81          0.96
        1       4.0  54          0.88
        2       6.0  27          1.29
        """
        return rooms.variogram(
            self.fit, position, group, kind=kind, bins=bins, max_distance=max_distance
        )

    def hat_values(self) -> pd.Series:
        """Leverage of each row: the change of its fitted value per unit of its response.

        Random effects included, at the estimated variances. Their sum is the effective number of
        parameters of the mean.
        """
        return rooms.hat_values(self.fit)

    def influence(self, by: str | None = None, *, theta: ThetaStep = "fixed") -> Influence:
        """What the fixed effects become without each row, or each level of a group.

        Parameters
        ----------
        by : str, optional
            A grouping factor; by default single rows.
        theta : {"fixed", "one-step"}
            Keep the variances of the fit, for which the result is exact without any refit (of a
            generalised model to first order), or let them move by one Newton step (by group
            alone).

        Returns
        -------
        Influence
            With `cooks_distance`, `dfbeta`, `dfbetas`, `params_without` and `table()`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.influence("Subject").dfbetas["Days"].round(2).head(3).to_dict()
        {'308': 0.43, '309': -0.31, '310': -0.17}
        """
        return rooms.influence(self.fit, by, theta=theta)

    def check(self, *, seed: Seed = 0) -> Checks:
        """Check the assumptions: sizes of what was found, a verdict in words, what to do.

        Prints as text and has a `table()`; `plot.check()` shows the same as pictures.

        Parameters
        ----------
        seed : int or Generator, optional
            For the responses that are simulated; fixed, so that a check repeats.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)",
        ...                mm.datasets.load("penicillin"))
        >>> [row.check for row in model.check().concerns]
        ['Likeness of neighbouring rows']
        """
        return rooms.check(self.fit, seed=seed)

    @property
    def plot(self) -> Plots:
        """Every plot by name: `plot.check()`, `plot.qq()`, …; see `Plots`."""
        return rooms.Plots(self.fit)

    @property
    def is_singular(self) -> bool:
        """Whether a covariance of the random effects has a direction of zero variance."""
        return bool(self.fit.convergence.singular)

    @property
    def convergence(self) -> Convergence:
        """How the search ended; its `message` names the zero-variance directions."""
        return self.fit.convergence

    def summary(
        self,
        ddf: DegreesOfFreedom | None = None,
        *,
        cov: Covariance = None,
        cluster: Clusters = None,
        exponentiate: bool = False,
    ) -> Summary:
        """What was fitted, to what, how well, and what to beware of; prints, and shows as HTML.

        Parameters
        ----------
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom of the tests of the fixed effects.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        exponentiate : bool
            Also show the fixed effects as ratios: of odds (logit), of rates, risks or means (log),
            of hazards (cloglog); there are none with other links.
        """
        return rooms.summarise(
            self.fit, ddf=rooms.test_method(self.fit, ddf, cov, cluster), exponentiate=exponentiate
        )

    def anova(
        self,
        type: SumOfSquares = 3,
        *,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        test: AnovaTest = "wald",
    ) -> object:
        """Joint tests of the terms of the fixed part.

        Parameters
        ----------
        type : {1, 2, 3}
            1, sequential: each term after those before it. 2: each term after all that do not
            contain it. 3, the default: marginal, over equally weighted levels. No type depends on
            the coding of the data.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Denominator degrees of freedom.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        test : {"wald", "lrt"}
            At this fit: F in a linear model, chi-square in a generalised one. Or likelihood ratios
            of models fitted again (by ML) without each term.

        Returns
        -------
        table
            F: `term, num_df, den_df, hypothesis, sum_sq, mean_sq, statistic, p_value`. Chi-square:
            `term, df, hypothesis, statistic, p_value`; likelihood ratios have a `note` too.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("cake")
        >>> model = mm.lmm("angle ~ recipe + temp + (1 | recipe:replicate)", data)
        >>> model.anova()[["term", "num_df", "den_df", "statistic"]].round(1)
             term  num_df  den_df  statistic
        0  recipe       2    42.0        0.2
        1    temp       1   224.0       95.0
        """
        return rooms.anova(
            self.fit, type, ddf=rooms.test_method(self.fit, ddf, cov, cluster), test=test
        )

    def contrast(
        self,
        L: str | Sequence[str] | ArrayLike,
        *,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
    ) -> object:
        """One row of `L`: its estimate and t test, as `t_test`; several: as `wald_test`."""
        return rooms.tests_of_coefficients.contrast(
            self.fit, L, ddf=rooms.test_method(self.fit, ddf, cov, cluster), level=level
        )

    def t_test(
        self,
        h: str | Sequence[str] | ArrayLike,
        *,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
    ) -> object:
        """Test every row of a linear hypothesis on its own.

        Parameters
        ----------
        h : str, list of str, or matrix (k, p)
            ``"Days = 0"``, ``"recipe[T.B] = recipe[T.C], temp = 1"``; a matrix is compared with 0.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        level : float
            Coverage of the limits.

        Returns
        -------
        table
            `contrast, estimate, std_error, df, statistic, p_value, conf_low, conf_high`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.t_test("Days = 10")[["contrast", "estimate", "df", "p_value"]].round(3)
            contrast  estimate    df  p_value
        0  Days = 10     0.467  17.0    0.766
        """
        return rooms.tests_of_coefficients.t_test(
            self.fit, h, ddf=rooms.test_method(self.fit, ddf, cov, cluster), level=level
        )

    def wald_test(
        self,
        h: str | Sequence[str] | ArrayLike,
        *,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
    ) -> object:
        """Test all rows of a linear hypothesis jointly, by F.

        Parameters
        ----------
        h : str, list of str, or matrix (k, p)
            As in `t_test`.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Denominator degrees of freedom; ``"normal"`` is the chi-square test.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.

        Returns
        -------
        table
            One row `contrast, num_df, den_df, statistic, p_value`.
        """
        return rooms.tests_of_coefficients.wald_test(
            self.fit, h, ddf=rooms.test_method(self.fit, ddf, cov, cluster)
        )

    def report(
        self,
        path: str | Path,
        *,
        means: str | Sequence[str | Sequence[str]] = (),
        letters: bool = False,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        seed: int = 0,
    ) -> Path:
        """Write everything about the fit as one HTML file that needs no network.

        The model in words and as an equation, the data, fixed effects with their picture,
        variances, analysis of variance, the checks with their pictures, the random effects of
        every level, a sentence for a paper, versions and seed. Intervals are of 95 %.

        Parameters
        ----------
        path : str or Path
            Ends in ``.html``; an older file is replaced.
        means : list of str
            Marginal means to show, each as the `specs` of `emmeans`: ``["recipe", "recipe |
            temperature"]``. A table, the pairwise differences adjusted by Tukey's method, and a
            picture in which arrows of means that differ do not overlap.
        letters : bool
            Give the means letters (see `Means.letters`).
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom of the tests.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        seed : int
            For the checks that simulate.

        Returns
        -------
        Path
            Where the page is.

        Raises
        ------
        DataError
            If the name is not that of a page, its folder does not exist, or means cannot be had;
            nothing is written then.

        Examples
        --------
        >>> import mixedmodels as mm, tempfile, pathlib
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> model.report(pathlib.Path(tempfile.mkdtemp()) / "yield.html").name
        'yield.html'
        """
        return rooms.report(
            self.fit,
            path,
            self.plot,
            means=means,
            letters=letters,
            ddf=rooms.test_method(self.fit, ddf, cov, cluster),
            seed=seed,
        )

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        return rooms.maketables.coef_table(self.fit)

    def __maketables_stat__(self, key: str) -> float | None:
        return rooms.maketables.stat(self.fit, key)

    @property
    def __maketables_depvar__(self) -> str:
        return self.fit.spec.formula.response_name

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return rooms.maketables.STAT_LABELS

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return rooms.maketables.default_stats(self.fit)

    def profile(self, *, which: Which = "all") -> ProfiledModel:
        """Profile the likelihood in every parameter.

        The criterion is that of ML, to which a REML fit is refitted; limits of a standard
        deviation at zero, or of a correlation at -1 or 1, are found, not approached (Bates & Watts
        1988, section 6.1; Bates et al. 2015, section 5.1).

        Parameters
        ----------
        which : {"fixed", "variance", "all"}
            The parameters: fixed effects; standard deviations, correlations and sigma; or both.

        Returns
        -------
        ProfiledModel
            `table`, `conf_int(level)` and `plot(kind)`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> model.profile().conf_int().round(2)
              group       term  estimate  conf_low  conf_high
        0     Batch  Intercept     37.26     12.20      84.06
        1  Residual         sd     49.51     38.23      67.66
        2       NaN  Intercept   1527.50   1486.45    1568.55
        """
        return rooms.ProfiledModel(rooms.profile(self.fit, which=which))

    def bootstrap(
        self,
        n: int = 1000,
        *,
        kind: BootstrapKind = "parametric",
        statistic: Callable[[Self], object] | None = None,
        seed: Seed = None,
    ) -> BootstrappedModel:
        """Estimates in other samples.

        Parameters
        ----------
        n : int
            Samples. Replicate i is the same for one seed whatever `n`, the number of threads and
            that of workers are.
        kind : {"parametric", "residual", "case"}
            New random effects and residuals from the fitted normal distributions; drawn with
            replacement from the fit's own, stretched to the estimated variances (Carpenter,
            Goldstein & Rasbash 2003); or whole levels of the outermost grouping factor, which
            believes in nothing but the independence of the groups. A generalised model has the
            first, whose responses are of its family, and the last.
        statistic : callable, optional
            A function of a model that gives a number, a dict, a Series or an array. By
            default all parameters, and of a linear model R² and intraclass correlations, without a
            return to Python.
        seed : int or Generator, optional
            The randomness.

        Returns
        -------
        BootstrappedModel
            `conf_int(level, method)`, `table`, `plot()`, and the counts of singular and failed
            replicates.

        Raises
        ------
        DataError
            If an option is not known, the statistic gives no numbers, whole groups are asked for
            where factors are crossed, or the responses of a generalised model have weights.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.bootstrap(500, seed=1).conf_int().round(1).loc[4:5, ["term", "estimate"]]
                term  estimate
        4  Intercept     251.4
        5       Days      10.5
        >>> ratio = model.bootstrap(200, statistic=lambda m: m.params["Days"] / m.sigma, seed=1)
        >>> ratio.replicates.shape
        (200, 1)
        """
        return rooms.BootstrappedModel(
            rooms.bootstrap(self.fit, n, kind=kind, statistic=statistic, seed=seed, wrap=type(self))
        )

    def ranova(self) -> object:
        """Likelihood-ratio tests of the random terms, each left out or reduced in turn.

        Returns
        -------
        table
            `term, npar, llf, aic, note, statistic, df, p_value, p_value_boundary`. A variance
            cannot be negative, which `p_value` ignores and `p_value_boundary` does not.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.ranova()[["term", "npar", "statistic", "df"]].round(3)
                               term  npar  statistic   df
        0                    <none>     6        NaN  NaN
        1  Days in (Days | Subject)     4     42.837  2.0
        """
        return rooms.ranova(self.fit)

    def drop1(
        self,
        test: DropTest = "lrt",
        *,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
    ) -> object:
        """Tests of the fixed terms that are in no interaction, each left out in turn.

        Parameters
        ----------
        test : {"lrt", "f", "wald"}
            Likelihood ratios of ML fits; or at this fit F tests, of linear models alone, or Wald
            chi-squares.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Denominator degrees of freedom of the F tests.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.

        Returns
        -------
        table
            `term, npar, aic, note, statistic, df, p_value`; of F `term, num_df, den_df, note,
            statistic, p_value`; of Wald chi-squares `term, df, note, statistic, p_value`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("yield ~ nitro + Variety + (1 | Block)", mm.datasets.load("oats"))
        >>> model.drop1()[["term", "npar", "statistic", "df"]].round(3)
              term  npar  statistic   df
        0   <none>     6        NaN  NaN
        1    nitro     5     55.575  1.0
        2  Variety     4      7.527  2.0
        """
        return rooms.drop1(self.fit, test, ddf=rooms.test_method(self.fit, ddf, cov, cluster))

    def r2(self) -> dict[str, float]:
        """Nakagawa's R^2: ``marginal`` of the fixed effects, ``conditional`` of all effects.

        Random slopes count with their mean variance over the rows (Johnson 2014).

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> {name: round(share, 3) for name, share in model.r2().items()}
        {'marginal': 0.279, 'conditional': 0.799}
        """
        return rooms.r2(self.fit)

    def icc(self, *, of_group: str | None = None) -> dict[str, float]:
        """Intraclass correlation: the random effects' share of the variance.

        ``adjusted``: of the variance that the fixed effects leave; ``unadjusted``: of all of it.
        Of all groups together (the default), or of the one named; the shares of the groups add up
        to that of all.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> round(model.icc()["adjusted"], 3)
        0.418
        >>> pastes = mm.lmm("strength ~ 1 + (1 | batch/cask)", mm.datasets.load("pastes"))
        >>> {g: round(pastes.icc(of_group=g)["adjusted"], 3) for g in pastes.ngroups}
        {'batch': 0.154, 'batch:cask': 0.783}
        """
        return rooms.icc(self.fit, of_group=of_group)

    def emmeans(
        self,
        specs: str | Sequence[str] = (),
        by: str | Sequence[str] | None = None,
        *,
        at: Mapping[str, ArrayLike] | None = None,
        cov_reduce: CovReduce = "mean",
        weights: Weights = "equal",
        nuisance: str | Sequence[str] = (),
        nesting: StatedNesting = None,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
        transform: str | None = None,
    ) -> Means:
        """Estimated marginal means: population means at values of some columns.

        Each is an average of the means on a reference grid: all levels of every factor of the fixed
        part, and covariates at their averages. A mean that the data do not determine (an empty
        cell) is null, with a `NotEstimableWarning`.

        Parameters
        ----------
        specs : str or sequence of str
            The columns: ``"recipe"``, ``"recipe * temperature"``, ``"recipe | temperature"``, a
            list; ``"1"`` for the overall mean. A covariate is taken at its distinct values if
            these are at most 20.
        by : str or sequence of str, optional
            Columns within whose values means are compared; the same as what follows a bar.
        at : mapping, optional
            Values by column: ``{"age": [30, 50]}``, or some of the levels of a factor.
        cov_reduce
            What the other covariates are taken at: ``"mean"``, ``"median"``, ``"range"`` (averaged
            over both ends), a function, False for all their values, or a mapping of these. A
            covariate of two values is a number like any other.
        weights
            Of the cells that are averaged over. ``"equal"``, as for a planned experiment;
            ``"proportional"`` to the rows of the data; ``"outer"``, products of each factor's
            shares; ``"cells"``, the rows at the very values of `specs`; ``"flat"``, cells with rows
            alike; numbers, one per combination, the first factor fastest; or a mapping from factors
            to weights of their levels.
        nuisance : str or sequence of str
            Factors whose levels count alike whatever `weights` is.
        nesting : mapping, optional
            Factors that are nested, ``{"county": "region"}``; found in the data unless given. An
            empty one is none.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom; Kenward and Roger's method at any number of rows.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        level : float
            Coverage of the limits.
        transform : str, optional
            That of the response, if the column holds transformed values: ``"log"``, ``"log2"``,
            ``"log10"``, ``"log1p"``, ``"sqrt"``, ``"inverse"``. One in the formula is found;
            ``"none"`` forgets it.

        Returns
        -------
        Means
            On the scale of the model; see `Means.response`.

        Raises
        ------
        DataError
            For a name that the fixed part does not use, a level without data, a covariate with too
            many values, or a grid of more than a million rows.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> cake = mm.datasets.load("cake")
        >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
        >>> print(model.emmeans("recipe"))  # doctest: +NORMALIZE_WHITESPACE
        Marginal means of angle:
          recipe  Estimate  Std. error    df    2.5%   97.5%
          A         33.122       1.737  42.0  29.617  36.627
          B         31.644       1.737  42.0  28.139  35.150
          C         31.600       1.737  42.0  28.095  35.105
        <BLANKLINE>
        Note: Averaged over temperature, equal weights. Single levels of what is averaged over may
        differ: recipe:temperature interact. Degrees of freedom by Satterthwaite's method.
        """
        return rooms.Means(
            rooms.emmeans(
                self.fit,
                specs,
                by,
                at=at,
                cov_reduce=cov_reduce,
                weights=weights,
                nuisance=nuisance,
                nesting=nesting,
                ddf=rooms.test_method(self.fit, ddf, cov, cluster),
                level=level,
                transform=transform,
            )
        )

    def emtrends(
        self,
        specs: str | Sequence[str] = (),
        var: str = "",
        by: str | Sequence[str] | None = None,
        *,
        at: Mapping[str, ArrayLike] | None = None,
        cov_reduce: CovReduce = "mean",
        weights: Weights = "equal",
        nuisance: str | Sequence[str] = (),
        nesting: StatedNesting = None,
        max_degree: int = 1,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
    ) -> Means:
        """Slopes of the population mean along a covariate, at values of other columns.

        Parameters
        ----------
        specs, by, at, cov_reduce, weights, nuisance, nesting, ddf, cov, cluster, level
            As of `emmeans`.
        var : str
            The covariate, also one inside ``poly``, splines or ``np.log``. Its slope is that at its
            average, or at the values in `at`.
        max_degree : int
            Also give the coefficients of its powers up to this one in the expansion of the mean
            around there (derivatives over factorials), in a column `degree`.

        Returns
        -------
        Means

        Notes
        -----
        Slopes are exact where the covariate stands in the formula as it is; inside functions they
        are taken from differences that are exact for polynomials of degree five and more.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("distance ~ age * Sex + (age | Subject)", mm.datasets.load("orthodont"))
        >>> model.emtrends("Sex", "age").table()[["Sex", "estimate", "std_error"]].round(3)
              Sex  estimate  std_error
        0    Male     0.784      0.086
        1  Female     0.480      0.104
        """
        return rooms.Means(
            rooms.emtrends(
                self.fit,
                specs,
                var,
                by,
                at=at,
                cov_reduce=cov_reduce,
                weights=weights,
                nuisance=nuisance,
                nesting=nesting,
                max_degree=max_degree,
                ddf=rooms.test_method(self.fit, ddf, cov, cluster),
                level=level,
            )
        )

    def joint_tests(
        self,
        by: str | Sequence[str] | None = None,
        *,
        at: Mapping[str, ArrayLike] | None = None,
        cov_reduce: CovReduce = "mean",
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
    ) -> Any:
        """F tests of every term, overall or within values of some columns (simple effects).

        Table `term`, the columns of `by`, `num_df, den_df, statistic, p_value`, and a `note` where
        the data do not determine all of a term. Tests are of type 3 at the averages of covariates:
        those of `anova` where cells are complete and covariates centred.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns within whose values terms are tested.
        at, cov_reduce
            Values of columns, as of `emmeans`.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Denominator degrees of freedom.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> cake = mm.datasets.load("cake")
        >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
        >>> model.joint_tests().round(3)
                         term  num_df  den_df  statistic  p_value
        0              recipe       2    42.0      0.249    0.781
        1         temperature       5   210.0     20.520    0.000
        2  recipe:temperature      10   210.0      1.006    0.439
        """
        return rooms.joint_tests(
            self.fit,
            by,
            at=at,
            cov_reduce=cov_reduce,
            ddf=rooms.test_method(self.fit, ddf, cov, cluster),
        )

    def re_pca(self) -> dict[str, pd.DataFrame]:
        """Per group, the principal components of its random effects, the largest first.

        Columns `sd` (relative to `sigma`), `proportion`, and one `loading(x)` per effect x.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.re_pca()["Subject"].round(3)
                sd  proportion  loading(Intercept)  loading(Days)
        PC1  0.967       0.946               1.000          0.017
        PC2  0.231       0.054              -0.017          1.000
        """
        return rooms.re_pca(self.fit)

    def tidy(
        self,
        effects: Effects | Sequence[Effects] = "all",
        *,
        conf_int: bool = True,
        level: float = 0.95,
        exponentiate: bool = False,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
    ) -> Any:
        """The estimates as one table, one row per number, as `broom.mixed::tidy` gives them.

        Table `effect, group, term, estimate, std_error, df, statistic, p_value, conf_low,
        conf_high`, null where a number has no test or no group; with ``"ran_vals"`` also `level`.

        Parameters
        ----------
        effects : {"all", "fixed", "ran_pars", "ran_vals"} or a list of these
            ``"fixed"``: as `coef_table`. ``"ran_pars"``: standard deviations, correlations and what
            else `covariance_parameters` has, on its natural scale; of a generalised model with
            dispersion, zeros or thresholds. ``"ran_vals"``: the random effects of every level, as
            `ranef_table`. ``"all"``: both kinds of parameters, without single levels.
        conf_int : bool
            Columns of limits.
        level : float
            Their coverage.
        exponentiate : bool
            Fixed effects of a generalised model as ratios, as in `coef_table`; the others stay.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom of the tests of the fixed effects.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.

        Raises
        ------
        DataError
            If an option is not known, or exponentials of the coefficients are no ratios.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.tidy()[["effect", "group", "term", "estimate", "std_error"]].round(2)
             effect     group                  term  estimate  std_error
        0     fixed       NaN             Intercept    251.41       6.82
        1     fixed       NaN                  Days     10.47       1.55
        2  ran_pars   Subject             Intercept     24.74       5.84
        3  ran_pars   Subject                  Days      5.92       1.25
        4  ran_pars   Subject  cor(Intercept, Days)      0.07       0.33
        5  ran_pars  Residual                    sd     25.59       1.51
        """
        return rooms.tidy(
            self.fit,
            effects,
            conf_int=conf_int,
            level=level,
            exponentiate=exponentiate,
            ddf=rooms.test_method(self.fit, ddf, cov, cluster),
        )

    def glance(self) -> Any:
        """The model in one row, as `broom.mixed::glance` gives it.

        Table `response, family, link, nobs, n_missing, npar, df_residual, sigma, llf, aic, aicc,
        bic, objective, reml, converged, is_singular`. `df_residual` is rows less parameters, and
        `sigma` null in a generalised model and where the data cannot tell it.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.glance()[["nobs", "npar", "sigma", "llf", "aic", "reml"]].round(2)
           nobs  npar  sigma     llf      aic  reml
        0   180     6  25.59 -871.81  1755.63  True
        """
        return rooms.glance(self.fit)

    def augment(self, data: object = None, *, influence: bool = False) -> Any:
        """The rows of the data with what the model says of each, as `broom.mixed::augment`.

        The table itself, with the columns `fitted` (with the random effects), `fitted_population`
        (at random effects of zero), `resid` and `resid_standardized` (over the row's standard
        deviation) behind its own. Of a generalised model on the scale of the response: a share of
        successes, of an ordered response the expected category, counted from 1, without residuals.

        Parameters
        ----------
        data : frame, optional
            By default the rows used, with all columns of the data. The data of the fit, also with
            further columns: all rows, null where one was dropped as something is missing. Any other
            rows: `fitted` and `fitted_population` are predictions, with random effects of zero for
            new levels, and there are no residuals.
        influence : bool
            Also `hat`, the leverage, and `cooks_distance`; see `influence`.

        Raises
        ------
        DataError
            If the data have a column of one of these names already or lack one of the model's, or
            influence is asked of other rows than those of the fit.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("dyestuff")
        >>> mm.lmm("Yield ~ 1 + (1 | Batch)", data).augment().head(2).round(1)
          Batch  Yield  fitted  fitted_population  resid  resid_standardized
        0     A   1545  1509.9             1527.5   35.1                 0.7
        1     A   1440  1509.9             1527.5  -69.9                -1.4
        """
        return rooms.augment(self.fit, data, influence=influence)

    def equation(
        self,
        *,
        numbers: bool = False,
        greek: bool = True,
        digits: int | None = None,
        terms_per_line: int = 4,
    ) -> Equation:
        r"""The model as a LaTeX equation; a notebook shows it typeset.

        The distribution of the response, its link and linear predictor for row i, the random
        effects of every grouping factor with their covariance matrix, and the residuals with their
        structure. Names are upright and escaped.

        Parameters
        ----------
        numbers : bool
            The estimates in the place of coefficients, covariances and variances.
        greek : bool
            Greek letters for parameters; False for Latin ones.
        digits : int, optional
            Decimals. By default two, or as many as the standard error needs to show two digits.
        terms_per_line : int
            Of the linear predictor. More than twelve coefficients are x'beta, and covariances of
            more than four columns a Sigma.

        Returns
        -------
        Equation
            `latex(environment="aligned")`, and its `lines`.

        Raises
        ------
        DataError
            If an option is not what it may be.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> print(model.equation(numbers=True))
        \begin{aligned}
          \mathrm{Yield}_{i} & = 1527.50 + b_{\mathrm{Batch}[i]} + \varepsilon_{i} \\
          b_{\mathrm{Batch}} & \sim \mathcal{N}\left(0,\, 1764.05\right) \\
          \varepsilon_{i} & \sim \mathcal{N}\left(0,\, 2451.25\right)
        \end{aligned}
        """
        return rooms.equation(
            self.fit, numbers=numbers, greek=greek, digits=digits, terms_per_line=terms_per_line
        )

    def standardize(
        self, by: float = 2.0, *, response: bool = False, exclude: Sequence[str] = ()
    ) -> Self:
        """The model refitted with inputs on a common scale, so that coefficients can be compared.

        Numeric columns are centred and divided by two standard deviations, columns of two values or
        levels centred with their values one apart (Gelman 2008), before interactions are made of
        them; ``I(x**2)`` is the square of the rescaled x, and other calculations, such as
        ``np.log(x)``, are rescaled as a whole. Factors of more levels, ``poly``, splines and what
        has a scale of its own stay. The formula says so, ``rescale(x)``, and the data are as they
        were: predictions, means and trends take values in their own units.

        Parameters
        ----------
        by : float
            Standard deviations to divide by; two, so that a step of one is about that from low to
            high, as between the values of a binary input.
        response : bool
            Rescale the response of a linear model too.
        exclude : sequence of str
            Columns to leave as they are.

        Returns
        -------
        MixedModel
            Of the same kind. By maximum likelihood its log-likelihood is the same, as it is the
            same model in other coordinates; that of REML differs by a constant.

        Raises
        ------
        DataError
            If an option is not what it may be, or the rows are not kept.

        Warns
        -----
        ChangedModelWarning
            Where the model is another after centring: terms without intercept, interactions
            without their main effects, independent random slopes.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("orthodont")
        >>> model = mm.lmm("distance ~ age * Sex + (age | Subject)", data, reml=False)
        >>> scaled = model.standardize()
        >>> scaled.params.round(2).iloc[:2].to_dict()
        {'Intercept': 24.02, 'rescale(age)': 2.97}
        >>> abs(scaled.llf - model.llf) < 1e-5
        True
        """
        return type(self)(
            standardizing.standardized(self.fit, by, response=response, exclude=exclude)
        )

    def refit(self, y: str | ArrayLike) -> Self:
        """The same model for another response.

        Parameters
        ----------
        y : str or array
            A column of the data, or one number per row used (or per row of the data). A pandas
            Series goes by its labels.
        """
        return type(self)(change.refit(self.fit, y))

    def step(
        self,
        *,
        reduce_random: bool = True,
        reduce_fixed: bool = True,
        alpha_random: float = 0.1,
        alpha_fixed: float = 0.05,
        ddf: DegreesOfFreedom | None = None,
        keep: str | Sequence[str] = (),
    ) -> BackwardElimination[Self]:
        """Backward elimination: random terms by likelihood ratios, then fixed ones by F tests.

        As lmerTest's `step` (Kuznetsova, Brockhoff & Christensen 2017): the term with the largest
        p-value goes if that is above alpha, and the model is fitted again. Fixed terms respect
        marginality. The tests are those of `ranova` and ``drop1("f")``; in a generalised model both
        are likelihood ratios. What is left was chosen by its p-values, and these are not those of
        a test any more: the result says so.

        Parameters
        ----------
        reduce_random, reduce_fixed : bool
            Which part to reduce; the other one is tested at most.
        alpha_random, alpha_fixed : float
            A term goes if its p-value is above. The p-value of a variance is too large, about
            double, hence 0.1.
        ddf : str, optional
            Denominator degrees of freedom of F tests, as in `coef_table`.
        keep : str or sequence of str
            Terms that stay, by their names in the tables, as ``"recipe:temp"`` or
            ``"(1 | Subject)"``.

        Returns
        -------
        BackwardElimination
            Prints; tables `random` and `fixed` in order of elimination, `model` the last model.
            All models use the rows of this one.

        Raises
        ------
        DataError
            If `keep` names no term, an option is not possible, or a random part with held
            parameters or ``by=`` is to be reduced.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("yield ~ Variety * nitro + (nitro | Block/Variety)",
        ...                mm.datasets.load("oats"))
        >>> found = model.step()
        >>> found.model.formula
        'yield ~ nitro + (1 | Block) + (1 | Block:Variety)'
        >>> found.fixed[["eliminated", "term", "num_df", "statistic", "p_value"]].round(3)
           eliminated           term  num_df  statistic  p_value
        0           1  Variety:nitro       2      0.499    0.610
        1           2        Variety       2      1.485    0.272
        2           0          nitro       1    118.003    0.000
        """
        return rooms.step(
            self.fit,
            type(self),
            reduce_random=reduce_random,
            reduce_fixed=reduce_fixed,
            alpha_random=alpha_random,
            alpha_fixed=alpha_fixed,
            ddf=ddf_of(self.fit, ddf),
            keep=keep,
        )

    def cross_validate(
        self,
        by: str | ArrayLike | None = None,
        *,
        theta: ThetaStep = "fixed",
        sigma: LeftOutSigma = "estimated",
        level: float = 0.95,
    ) -> CrossValidation:
        """Predict rows, levels of a group, or folds from the other rows, without refits.

        The predictive distribution of the rows left out is normal: its mean and covariance are
        those given the other rows, with coefficients estimated from these and their uncertainty
        included, at the relative covariances of the fit. Single rows are predicted with the other
        rows of their levels. Of a level that is left out nothing is known: its rows are predicted
        jointly from the fixed effects, and from other factors' effects.

        Parameters
        ----------
        by : str or array, optional
            A grouping factor, any column, or one fold label per row; by default single rows.
        theta : {"fixed", "one-step"}
            Keep the relative covariances of the fit: the result is then exactly that of refits at
            these. Or let them move by one Newton step of the criterion without each fold.
        sigma : {"estimated", "held"}
            The residual standard deviation of the other rows, or that of all rows.
        level : float
            Of the prediction intervals whose coverage is reported.

        Returns
        -------
        CrossValidation
            With `elpd`, `elpd_se`, `rmse`, `mae`, `coverage`, `table()`, `rows()`, and `compare()`
            for other models.

        Warns
        -----
        NotEstimableWarning
            If the other rows do not determine some of those left out: these are nan.

        Raises
        ------
        DataError
            For generalised models, whose rows are not normal, and for iterative fits.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.cross_validate("Subject")
        Cross-validation of 18 levels of Subject, theta fixed, sigma estimated
          elpd           -885.38   (se 27.73)
          RMSE            49.604
          MAE             37.848
          coverage         0.956   of 95% prediction intervals
          n                  180
        """
        return rooms.cross_validate(self.fit, by, theta=theta, sigma=sigma, level=level)

    def update_random_effects(self, new_rows: object) -> Self:
        """The model with the random effects of old and new levels given new rows, without a fit.

        Fixed effects and variances stay as they are. Levels that the fit has seen combine what its
        rows and the new ones tell, as if all of them had been there; others are added. Of a linear
        model the modes are exactly those at these parameters given all rows; of a generalised one
        too, where the rows of the fit are kept; of one that was loaded without rows, or was updated
        before, what earlier rows tell enters by its normal approximation at the modes.

        Tables of fixed effects and variances, criteria and `nobs` stay those of the fit. An update
        of the result adds further rows: of a linear model, one after the other is the same as all
        at once.

        Parameters
        ----------
        new_rows : frame
            With the columns that the formula uses: the response, covariates, groups, weights.

        Returns
        -------
        model of the same class
            Without rows, whose `random_effects`, `ranef_table` and `predict` know all levels.

        Raises
        ------
        DataError
            If a row misses a value, or has a response that the family cannot have; if new rows are
            correlated with rows of the fit or of an earlier update (`residual=`); if levels are new
            of which relations to the others must be known; if the model was fitted iteratively or
            to data read in batches.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("sleepstudy")
        >>> first = data[data["Subject"] != "308"]
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", first)
        >>> updated = model.update_random_effects(data[data["Subject"] == "308"].head(4))
        >>> updated.random_effects["Subject"].loc["308"].round(2).to_dict()
        {'Intercept': 0.19, 'Days': 2.32}
        """
        return type(self)(rooms.update_random_effects(self.fit, new_rows))

    def save(self, path: Target, *, rows: bool = False) -> None:
        """Write the model to one file of plain data, to be read by `mixedmodels.load`.

        The file holds JSON and arrays (docs/saving.md says which), the versions of its format and
        of the package, and digests of its members and of the data. It has no code: functions of
        `context` are held by name alone, and `load` takes them anew.

        Parameters
        ----------
        path : path or binary file
            An existing file is replaced at once, after all was written.
        rows : bool
            Also the columns of the data that the model uses. Without them the file has the names
            of these columns, levels of factors and groups, means and ranges of covariates, and
            sums over the rows of every level; the model that is loaded has the same estimates,
            tables, tests, means and predictions, and whatever needs rows (residuals, diagnostics,
            refits, profiles, averages over the data) raises one error.

        Raises
        ------
        SavedModelError
            If the model holds what plain data cannot, such as levels that are objects.
        DataError
            If the file cannot be written, or rows are asked of a model that has none.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(Path(folder) / "dyestuff.model")
        ...     mm.load(Path(folder) / "dyestuff.model").params.round(1).to_dict()
        {'Intercept': 1527.5}
        """
        return rooms.save(self.fit, path, rows=rows)

    def caic(self) -> ConditionalAIC:
        """Conditional AIC: for predicting new rows of the same groups, random effects included.

        `aic` is for new groups: it counts the parameters of the distribution of random effects. The
        conditional one takes the likelihood of the rows given the random effects, and counts these
        by what they shrink: the effective parameters are the derivatives of the fitted values in
        the response, of which one part is the leverages (Vaida & Blanchard 2005), the other that
        the variances are estimated too (Greven & Kneib 2010), and one for sigma.

        Returns
        -------
        ConditionalAIC
            With `caic`, `log_likelihood`, `df`, and `df_known` of known variances.

        Raises
        ------
        DataError
            For generalised and iterative fits, and residuals with a structure of their own.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.caic()
        Conditional AIC 1711.52
          conditional log-likelihood -824.51
          effective parameters 31.25 (30.02 at known variances)
        """
        return rooms.caic(self.fit)

    def draws(self, n: int = 1000, *, seed: Seed = None) -> Draws:
        """Draws of coefficients, variance parameters and random effects, all uncertainty included.

        As Gelman and Hill's `sim`, with that of the variances as well. The variance parameters are
        drawn from their asymptotic normal distribution: logarithms of standard deviations, Fisher's
        z of (partial) correlations, other structures in their free coordinates. Given these,
        coefficients and random effects are drawn jointly, exactly as the data and a flat prior have
        them. In a generalised model all parameters are normal around their estimates, and the
        random effects around their modes given these (Laplace's approximation).

        A standard deviation of zero stays zero, and so do the correlations of a singular term:
        `held` names them. `bootstrap` has no such restriction.

        Parameters
        ----------
        n : int
            How many.
        seed : int or Generator, optional
            Draw i depends on this and on i alone.

        Returns
        -------
        Draws
            With `params`, `variance_parameters`, `random_effects`, `frame()`, `summary()`,
            `predict()` and `to_arviz()`.

        Raises
        ------
        DataError
            If the Hessian is not positive definite; for iterative fits, and data read in batches.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> draws = model.draws(200, seed=1)
        >>> draws
        <200 draws of 2 fixed effects, 4 variance parameters and 36 random effects>
        >>> share = (draws.random_effects["Subject"][("308", "Days")] > 0).mean()
        >>> bool(share > 0.99)
        True
        """
        return rooms.draws(self.fit, n, seed=seed)

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


introduction.connect()
