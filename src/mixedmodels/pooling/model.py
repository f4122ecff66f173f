"""`PooledModel`: one model of several imputations, a façade of one-line methods over its fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from mixedmodels.fit.fit import Fit
from mixedmodels.pooling import agreement, coefficients, comparison, document, variances
from mixedmodels.pooling.agreement import Lost
from mixedmodels.pooling.complete import CompleteDf, coefficient_pool
from mixedmodels.pooling.fitting import Fitted
from mixedmodels.pooling.means import PooledMeans, pooled_means
from mixedmodels.posthoc import emmeans, trends
from mixedmodels.posthoc.emmeans import StatedNesting, Weights
from mixedmodels.posthoc.reference_grid import CovReduce
from mixedmodels.vocabulary import PooledStatistic, PooledUse, Which


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PooledModel:
    """Fits of one model to several imputations, pooled by Rubin's rules. It never changes.

    `mixedmodels.pool` returns it, and `lmm`, `glmm` and `mmrm` where they are given several
    tables. Estimates are means over the imputations; standard errors are from the variance within
    imputations and that between them; degrees of freedom are Barnard and Rubin's (1999), with those
    that complete data would give by each model's own method (the mean over the imputations).

    Attributes
    ----------
    models : tuple
        The fitted models, one per imputation.
    lost : tuple of Lost
        Imputations without a fit: their numbers, and why.
    remarks : tuple of str
        What is to be said of how the imputations were found.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> frames = [data.assign(Reaction=data["Reaction"].where(data.index % 7 > 0, 300 + shift))
    ...           for shift in (-30, -10, 0, 10, 30)]
    >>> pooled = mm.lmm("Reaction ~ Days + (1 | Subject)", frames)
    >>> pooled.coef_table()[["term", "estimate", "std_error", "df", "fmi"]].round(2)
            term  estimate  std_error      df   fmi
    0  Intercept    258.96       9.47   18.42  0.23
    1       Days      8.62       0.86  158.79  0.01
    """

    models: tuple[Fitted, ...]
    lost: tuple[Lost, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def fits(self) -> tuple[Fit, ...]:
        """The fits of the models."""
        return tuple(model.fit for model in self.models)

    @property
    def m(self) -> int:
        """Imputations that are pooled."""
        return len(self.models)

    @property
    def formula(self) -> str:
        """The formula in canonical form."""
        return str(self.fits[0].spec.formula)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is unusual: imputations without a fit, singular ones, other rows or levels."""
        return (*self.remarks, *agreement.notes_on(self.fits, self.lost))

    @property
    def nobs(self) -> int:
        """Rows used, of the first imputation."""
        return len(self.fits[0].matrices.y)

    @property
    def ngroups(self) -> dict[str, int]:
        """Per grouping factor the number of its levels, of the first imputation."""
        return {g.name: len(g.levels) for g in self.fits[0].matrices.groupings}

    @property
    def table_notes(self) -> tuple[str, ...]:
        """What `mixedmodels.table` says below a table of this result."""
        return (f"Pooled over {self.m} imputations by Rubin’s rules.", *self.notes)

    @property
    def failures(self) -> object:
        """Table `imputation, reason` of the imputations without a fit."""
        return agreement.failures(self.fits[0], self.lost)

    @property
    def params(self) -> pd.Series:
        """Fixed effects by name, means over the imputations."""
        return coefficients.series(self.fits, coefficient_pool(self.fits).estimate, "estimate")

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects."""
        return coefficients.series(self.fits, coefficient_pool(self.fits).std_error, "std_error")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values of the fixed effects."""
        return coefficients.series(self.fits, coefficient_pool(self.fits).p_value, "p_value")

    def cov_params(self, ddf: CompleteDf = None) -> pd.DataFrame:
        """Covariance of the pooled fixed effects: U + (1 + 1/m) B.

        Parameters
        ----------
        ddf : str, float or None
            A method that changes the covariance within imputations (Kenward and Roger's) does so.
        """
        return coefficients.cov_params(self.fits, ddf)

    def coef_table(self, ddf: CompleteDf = None, *, level: float = 0.95) -> Any:
        """Table `term, estimate, std_error, df, statistic, p_value, conf_low, conf_high, riv,
        lambda, fmi`.

        `riv` is the relative increase of variance due to what is missing, `lambda` its share of the
        variance, `fmi` the fraction of missing information.

        Parameters
        ----------
        ddf : str, float or None
            Degrees of freedom of complete data: a method (by default each model's own,
            Satterthwaite's of linear ones), or a number for all coefficients. ``"normal"`` gives
            Rubin's own degrees of freedom of 1987, which may exceed the number of rows.
        level : float
            Coverage of the limits.

        Raises
        ------
        DataError
            If `level` is no probability, or the method cannot be used with these fits.
        """
        return coefficients.coef_table(self.fits, ddf, level=level)

    def conf_int(
        self, level: float = 0.95, *, which: Which = "fixed", ddf: CompleteDf = None
    ) -> Any:
        """Table `group, term, estimate, conf_low, conf_high`.

        Parameters
        ----------
        level : float
            Coverage.
        which : {"fixed", "variance", "all"}
            Variance parameters are pooled on the log scale of standard deviations and on Fisher's
            z of correlations, and taken back; null where one is on its boundary in an imputation.
        ddf : str, float or None
            As of `coef_table`.
        """
        return coefficients.conf_int(self.fits, level, which=which, ddf=ddf)

    @property
    def variance_components(self) -> Any:
        """Table `group, term1, term2, vcov, sdcor`: means of variances and covariances over the
        imputations, and the standard deviations and correlations of these means.
        """
        return variances.variance_components(self.fits)

    def covariance_parameters(self, level: float = 0.95) -> Any:
        """Table `group, term, parameter, estimate, conf_low, conf_high, riv, fmi`.

        Every variance parameter on its natural scale, pooled by Rubin's rules on the scale on which
        it is nearly normal and taken back: the estimate of a standard deviation is a geometric
        mean, which is a little less than that of `variance_components`.

        Parameters
        ----------
        level : float
            Coverage.
        """
        return variances.covariance_parameters(self.fits, level)

    def icc(self, *, of_group: str | None = None) -> dict[str, float]:
        """Intraclass correlations, means over the imputations; see `LinearMixedModel.icc`."""
        return variances.pooled_icc(self.fits, of_group=of_group)

    def t_test(
        self, h: str | Sequence[str] | ArrayLike, *, ddf: CompleteDf = None, level: float = 0.95
    ) -> Any:
        """Test every row of a hypothesis on its own, as ``"Days = 10"``.

        Table `contrast`, then the columns of `coef_table`.
        """
        return coefficients.t_test(self.fits, h, ddf=ddf, level=level)

    def wald_test(
        self,
        h: str | Sequence[str] | ArrayLike,
        *,
        method: PooledStatistic = "D1",
        ddf: CompleteDf = None,
    ) -> Any:
        """Test all rows of a hypothesis jointly.

        Parameters
        ----------
        h
            As of `LinearMixedModel.wald_test`.
        method : {"D1", "D2"}
            From pooled estimates and covariances; or from the statistics of the imputations, which
            has less power.
        ddf : str, float or None
            Degrees of freedom of complete data, as of `coef_table`.

        Returns
        -------
        table
            `contrast, method, num_df, den_df, statistic, p_value, riv`.
        """
        return comparison.wald_test(self.fits, h, method=method, ddf=ddf)

    def compare(
        self,
        other: PooledModel,
        *,
        method: PooledStatistic = "D3",
        use: PooledUse = "likelihood",
        ddf: CompleteDf = None,
    ) -> Any:
        """Test one of two models against the other, of which it is a special case.

        Both have to be of the same imputations. REML fits are refitted by maximum likelihood where
        likelihoods are compared.

        Parameters
        ----------
        other : PooledModel
            The other model, larger or smaller.
        method : {"D1", "D2", "D3", "D4"}
            D1: Wald test of the coefficients that the smaller model lacks (Li, Raghunathan & Rubin
            1991; Reiter 2007). D2: from the statistics of the imputations (Li, Meng, Raghunathan &
            Rubin 1991). D3: likelihoods at the averages of the parameters (Meng & Rubin 1992), also
            of variance parameters. D4: likelihoods of all imputations stacked (Chan & Meng 2022),
            which does not depend on the scale of the parameters.
        use : {"likelihood", "wald"}
            Which statistics D2 takes.
        ddf : str, float or None
            Degrees of freedom of complete data, of Wald tests.

        Returns
        -------
        table
            `model, against, method, num_df, den_df, statistic, p_value, riv, note`.

        Raises
        ------
        DataError
            If neither contains the other, they are of other data, or the method cannot test what
            one of them lacks.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("sleepstudy")
        >>> frames = [data.assign(Reaction=data["Reaction"].where(data.index % 7 > 0, 300 + shift))
        ...           for shift in (-30, -10, 0, 10, 30)]
        >>> slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", frames)
        >>> same = mm.lmm("Reaction ~ Days + (1 | Subject)", frames)
        >>> slopes.compare(same)[["method", "num_df", "den_df", "statistic", "riv"]].round(2)
          method  num_df  den_df  statistic   riv
        0     D3       2   78.71      10.49  0.23
        """
        return comparison.compare(
            self.fits, comparison.fits_of(other), method=method, use=use, ddf=ddf
        )

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
        ddf: CompleteDf = None,
        level: float = 0.95,
    ) -> PooledMeans:
        """Estimated marginal means of every imputation, pooled row by row.

        Arguments are those of `LinearMixedModel.emmeans`, `ddf` that of `coef_table`. Covariates
        are taken at their averages in each imputation unless `at` says where.
        """
        return pooled_means(
            self.fits,
            ddf,
            lambda fit, word: emmeans.emmeans(
                fit,
                specs,
                by,
                at=at,
                cov_reduce=cov_reduce,
                weights=weights,
                nuisance=nuisance,
                nesting=nesting,
                ddf=word,
                level=level,
            ),
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
        ddf: CompleteDf = None,
        level: float = 0.95,
    ) -> PooledMeans:
        """Slopes of every imputation, pooled; arguments as of `LinearMixedModel.emtrends`."""
        return pooled_means(
            self.fits,
            ddf,
            lambda fit, word: trends.emtrends(
                fit,
                specs,
                var,
                by,
                at=at,
                cov_reduce=cov_reduce,
                weights=weights,
                ddf=word,
                level=level,
            ),
        )

    def __str__(self) -> str:
        return document.model_text(self.fits, self.notes)

    def __repr__(self) -> str:
        return document.model_text(self.fits, self.notes)

    def _repr_html_(self) -> str:
        return document.model_html(self.fits, self.notes)
