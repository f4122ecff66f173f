"""`RobustMixedModel`: what a robust fit answers, a façade of one-line methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike

from mixedmodels.engine.convergence import Convergence
from mixedmodels.fit import criteria, fitted, fixed_effects, labels, random_effects
from mixedmodels.fit import variance_components as variances
from mixedmodels.inference import coefficients, tests_of_coefficients
from mixedmodels.inference.predicted import predict
from mixedmodels.report import html, text
from mixedmodels.report.summary import Summary
from mixedmodels.robust_fit import result
from mixedmodels.robust_fit.document import document
from mixedmodels.robust_fit.result import RobustFit
from mixedmodels.vocabulary import NewLevels


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class RobustMixedModel:
    """A linear mixed model in which outlying rows and groups count less. It never changes.

    Made by `mixedmodels.rlmm`. Tests are z tests: degrees of freedom, likelihood ratios, profiles
    and information criteria are those of normal likelihoods, and not here. With ``psi="t"`` there
    is a likelihood.

    Attributes
    ----------
    found : RobustFit
        The estimates and the weights.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.rlmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    >>> model.group_weights["Subject"].iloc[:, 0].nsmallest(2).round(2).to_dict()
    {'309': 0.7, '335': 0.76}
    """

    found: RobustFit

    @property
    def formula(self) -> str:
        """The formula in canonical form."""
        return str(self.found.fit.spec.formula)

    @property
    def params(self) -> pd.Series:
        """Fixed effects by name."""
        return fixed_effects.params(self.found.fit)

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects."""
        return fixed_effects.bse(self.found.fit)

    @property
    def tvalues(self) -> pd.Series:
        """Fixed effects over their standard errors: z statistics."""
        return fixed_effects.tvalues(self.found.fit)

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values of the fixed effects, from the normal distribution."""
        return coefficients.pvalues(self.found.fit, "normal")

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the fixed effects' estimates."""
        return fixed_effects.cov_params(self.found.fit)

    def coef_table(self, *, level: float = 0.95) -> object:
        """Table `term, estimate, std_error, df, statistic, p_value, conf_low, conf_high`; z tests.

        Parameters
        ----------
        level : float
            Coverage of the limits.
        """
        return coefficients.coef_table(self.found.fit, "normal", level=level)

    def t_test(self, hypothesis: str | Sequence[str] | ArrayLike, *, level: float = 0.95) -> object:
        """Tests (z) of single hypotheses, as `LinearMixedModel.t_test` takes them."""
        return tests_of_coefficients.t_test(self.found.fit, hypothesis, ddf="normal", level=level)

    @property
    def sigma(self) -> float:
        """Residual standard deviation; with ``psi="t"`` the scale of the t distribution."""
        return self.found.fit.sigma

    @property
    def scale(self) -> float:
        """The square of `sigma`."""
        return self.found.fit.sigma**2

    @property
    def theta(self) -> pd.Series:
        """Relative covariance parameters: T_k, where Sigma_k = sigma^2 T_k T_k'."""
        return variances.theta(self.found.fit)

    @property
    def variance_components(self) -> object:
        """Table `group, term1, term2, vcov, sdcor`, as of `LinearMixedModel`."""
        return variances.variance_components(self.found.fit)

    @property
    def cov_re(self) -> dict[str, pd.DataFrame]:
        """Per group, the covariance of its random effects."""
        return variances.cov_re(self.found.fit)

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Per group, the predicted random effects (levels x columns)."""
        return random_effects.random_effects(self.found.fit)

    @property
    def row_weights(self) -> pd.Series:
        """How much every row counts, on the index of the rows used: 1 in full."""
        return result.row_weights(self.found)

    @property
    def group_weights(self) -> dict[str, pd.DataFrame]:
        """Per group how much its levels count: a column per set of effects that share a weight."""
        return result.group_weights(self.found)

    def weights_table(self) -> object:
        """Table `group, level, term, weight` of all levels and rows; the group of a row is null."""
        return result.weights_table(self.found)

    @property
    def df(self) -> float:
        """Degrees of freedom with ``psi="t"``, else nan."""
        return self.found.df

    @property
    def tuning(self) -> tuple[float, ...]:
        """Tuning constants: of the residuals, then of each part of the random effects."""
        return self.found.tuning

    @property
    def groups(self) -> tuple[str, ...]:
        """The grouping factors."""
        return labels.group_names(self.found.fit.matrices)

    @property
    def ngroups(self) -> dict[str, int]:
        """Per grouping factor, the number of its levels."""
        return {g.name: len(g.levels) for g in self.found.fit.matrices.groupings}

    @property
    def nobs(self) -> int:
        """Rows used."""
        return criteria.n_rows(self.found.fit)

    @property
    def n_missing(self) -> int:
        """Rows dropped because of a missing value."""
        return self.found.fit.matrices.n_missing

    @property
    def aliased(self) -> tuple[str, ...]:
        """Fixed-effects columns dropped because earlier ones determine them."""
        return self.found.fit.spec.aliased

    @property
    def convergence(self) -> Convergence:
        """How the iteration ended."""
        return self.found.fit.convergence

    @property
    def is_singular(self) -> bool:
        """Whether a covariance of random effects is singular."""
        return bool(self.found.fit.convergence.singular)

    @property
    def fittedvalues(self) -> pd.Series:
        """X beta + Z b + offset, on the index of the rows used."""
        return fitted.fitted_values(self.found.fit)

    @property
    def resid(self) -> pd.Series:
        """Response minus fitted value, on the index of the rows used."""
        return fitted.residuals(self.found.fit, "response")

    @property
    def llf(self) -> float:
        """Log-likelihood of ``psi="t"``.

        Raises
        ------
        DataError
            Of estimating equations, which have none.
        """
        return result.log_likelihood(self.found, "llf")

    @property
    def aic(self) -> float:
        """Akaike's criterion of ``psi="t"``, as `llf`; degrees of freedom count if estimated."""
        return result.information_criterion(self.found, "aic", 2.0)

    @property
    def bic(self) -> float:
        """Schwarz's criterion of ``psi="t"``, as `aic`."""
        return result.information_criterion(self.found, "bic", math.log(self.nobs))

    def predict(
        self,
        newdata: object = None,
        *,
        re: str | Sequence[str] = "all",
        new_levels: NewLevels = "population",
    ) -> pd.Series:
        """Predicted means of new rows, or of those used.

        Parameters
        ----------
        newdata, re, new_levels
            As of `LinearMixedModel.predict`; ``new_levels="sampled"`` draws normal effects.
        """
        return predict(self.found.fit, newdata, re=re, new_levels=new_levels)

    def summary(self) -> Summary:
        """Estimates and weights; prints as text and shows as HTML."""
        return Summary(document(self.found))

    def __str__(self) -> str:
        return text.render(document(self.found))

    def __repr__(self) -> str:
        return f"<RobustMixedModel {self.formula}: {self.found.psi}, n = {self.nobs}>"

    def _repr_html_(self) -> str:
        return html.render(document(self.found))
