"""`MixedLMResults`: statsmodels' names over a fitted `LinearMixedModel`."""

from collections.abc import Hashable, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.compat.contrasts import ContrastError, ContrastResults, WaldResults
from mixedmodels.compat.naming import positions
from mixedmodels.compat.params import MixedLMParams
from mixedmodels.compat.summary import CompatSummary, summarised
from mixedmodels.errors import DataError
from mixedmodels.fit.fixed_effects import coefficients
from mixedmodels.fit.random_effects import EffectsWithin, covariance_within
from mixedmodels.fit.variance_components import known_covariances, known_residual
from mixedmodels.inference.hypothesis import read_hypothesis
from mixedmodels.inference.profile.profile import profile_at, profile_intervals
from mixedmodels.inference.variance_information import in_order_of_report, variance_parameters
from mixedmodels.model import LinearMixedModel
from mixedmodels.vocabulary import DegreesOfFreedom

if TYPE_CHECKING:
    from mixedmodels.compat.model import MixedLM

Vector = NDArray[np.float64]


PROFILED = 20_000
"""Rows up to which variances on their boundary get limits from the profile."""


class RandomEffects(dict[Hashable, Any]):
    """Effects by group, which can also be sliced: the first three groups are ``effects[:3]``."""

    def __getitem__(self, key: Any) -> Any:
        """One group, or the groups of a slice in their order."""
        if isinstance(key, slice):
            return RandomEffects(islice(self.items(), *key.indices(len(self))))
        return super().__getitem__(key)


class MixedLMResults:
    """A fit under statsmodels' names.

    Variances in `params`, `bse` and `conf_int` are on their own scale, not over the residual
    variance; standard errors of fixed effects are from (X'V^-1 X)^-1, p-values by Satterthwaite's
    method, information criteria finite under REML, too. A variance that the data cannot tell from
    others is nan, as are the effects that follow from it: `lmm.convergence.undetermined` says what
    is known of them.

    Attributes
    ----------
    lmm : LinearMixedModel
        Everything else: `check`, `anova`, `plot`, `predict` with intervals, `bootstrap`, …
    model : MixedLM
        What was fitted.
    method : str
        ``"REML"`` or ``"ML"``.
    """

    use_t = True

    def __init__(self, model: "MixedLM", lmm: LinearMixedModel, *, full_output: bool) -> None:
        self.model = model
        self.lmm = lmm
        self.reml = lmm.reml
        self.method = "REML" if lmm.reml else "ML"
        self.converged = lmm.convergence.converged
        self.nobs = lmm.nobs
        self.k_fe = len(lmm.fit.beta)
        self.k_re = len(model.re_names)
        self.k_re2 = self.k_re * (self.k_re + 1) // 2
        self.k_vc = len(lmm.fit.matrices.terms) - bool(model.re_names)
        self.scale = known_residual(lmm.fit)
        self.llf, self.aic, self.bic = lmm.llf, lmm.aic, lmm.bic
        self.df_modelwc = self.k_fe + self.k_re2 + self.k_vc
        self.df_resid = self.nobs - self.k_fe
        if full_output:
            self.hist = [{"method": "trust region", "n_evaluations": lmm.convergence.n_evaluations}]

    # Estimates ------------------------------------------------------------------------------

    @property
    def fe_params(self) -> Any:
        """Fixed effects (k_fe,)."""
        return self._series(self._coefficients, self.model.exog_names)

    @property
    def bse_fe(self) -> Any:
        """Their standard errors."""
        return self._series(self.lmm.bse.to_numpy(), self.model.exog_names)

    @property
    def cov_re(self) -> Any:
        """Covariance of the random columns of one group."""
        return self._square(self._cov_re, self.model.re_names)

    @property
    def cov_re_unscaled(self) -> Any:
        """The same over the residual variance."""
        return self._square(self._cov_re / self.scale, self.model.re_names)

    @property
    def vcomp(self) -> Vector:
        """Variance components (k_vc,)."""
        return self._variances[len(self._variances) - self.k_vc :]

    @property
    def params(self) -> Any:
        """Fixed effects, variances and covariances by rows, variance components."""
        return self._series(np.append(self._coefficients, self._variances), self._names)

    @property
    def bse(self) -> Any:
        """Standard errors; nan on a boundary."""
        return self._series(self._errors, self._names)

    @property
    def bse_re(self) -> Any:
        """Standard errors of the variance parameters."""
        return self._series(self._errors[self.k_fe :], self._names[self.k_fe :])

    @property
    def tvalues(self) -> Any:
        """Estimates over standard errors."""
        values = np.append(self._coefficients, self._variances)
        return self._series(values / self._errors, self._names)

    @property
    def pvalues(self) -> Any:
        """Of fixed effects, by t with Satterthwaite's df; nan for variances.

        A t test of a variance at the edge of its range has no distribution; see `lmm.ranova()`.
        """
        nothing = np.full(len(self._variances), np.nan)
        return self._series(np.append(self.lmm.pvalues.to_numpy(), nothing), self._names)

    def conf_int(self, alpha: float = 0.05) -> Any:
        """Limits: t for fixed effects; of variances from a normal log, never negative.

        A variance on its boundary has no standard error: its limits are from the profile of the
        likelihood (of fits of up to 20,000 rows). Covariances there have none, nor have parameters
        that the data cannot tell from others.
        """
        table = self.lmm.conf_int(1 - alpha)
        fixed = np.array(table[["conf_low", "conf_high"]])  # type: ignore[index]
        z = special.ndtri(1 - alpha / 2)
        estimate, error = self._variances, self._errors[self.k_fe :]
        is_variance = np.array([not name.endswith(" Cov") for name in self._names[self.k_fe :]])
        with np.errstate(all="ignore"):
            ratio = np.exp(z * error / estimate)
            low = np.where(is_variance, estimate / ratio, estimate - z * error)
            high = np.where(is_variance, estimate * ratio, estimate + z * error)
        on_boundary = is_variance & np.isnan(error) & np.isfinite(estimate)
        if on_boundary.any() and self.nobs <= PROFILED:
            profiled = profile_intervals(self.lmm.fit, level=1 - alpha, which="variance")
            order = [i for i, found in zip(self._order, on_boundary, strict=True) if found]
            places = [i for i in order if i is not None]
            low[on_boundary] = profiled.conf_low[places] ** 2
            high[on_boundary] = profiled.conf_high[places] ** 2
        limits = np.vstack([fixed, np.column_stack([low, high])])
        return pd.DataFrame(limits, index=self._names) if self._is_labelled else limits

    def cov_params(self) -> Any:
        """Covariance of all parameters; fixed effects and variances are uncorrelated."""
        found = variance_parameters(self.lmm.fit, "var")
        order = self._order
        k = self.k_fe
        whole = np.zeros((k + len(order), k + len(order)))
        whole[:k, :k] = self.lmm.cov_params().to_numpy()
        for a, i in enumerate(order):
            for b, j in enumerate(order):
                if i is not None and j is not None:
                    whole[k + a, k + b] = found.covariance[i, j]
        return self._square(whole, self._names)

    normalized_cov_params = property(cov_params)

    @property
    def params_object(self) -> MixedLMParams:
        """The parameters in one object, variances over the residual variance."""
        return MixedLMParams.from_components(
            fe_params=self._coefficients,
            cov_re=self._cov_re / self.scale,
            vcomp=self.vcomp / self.scale,
        )

    # Groups ---------------------------------------------------------------------------------

    @property
    def random_effects(self) -> RandomEffects:
        """Per group the conditional modes of its effects."""
        pairs = zip(self.model.group_labels, self._within, strict=True)
        return RandomEffects(
            {label: pd.Series(e.values, index=self._effect_names(e)) for label, e in pairs}
        )

    @property
    def random_effects_cov(self) -> RandomEffects:
        """Per group the covariance of its effects given the data, at known fixed effects."""
        out = RandomEffects()
        for label, effects in zip(self.model.group_labels, self._within, strict=True):
            names = self._effect_names(effects)
            out[label] = pd.DataFrame(effects.covariance, index=names, columns=names)
        return out

    def _effect_names(self, effects: EffectsWithin) -> list[str]:
        return [self.model.effect_name(*effect) for effect in effects.effects]

    @cached_property
    def _within(self) -> Sequence[EffectsWithin]:
        return covariance_within(self.lmm.fit, self.model.spec.group)

    # Rows -----------------------------------------------------------------------------------

    @property
    def fittedvalues(self) -> Any:
        """Fixed and random effects, aligned with the rows used."""
        return self._rows(self.lmm.fittedvalues)

    @property
    def resid(self) -> Any:
        """What they leave of the response."""
        return self._rows(self.lmm.resid)

    def predict(self, exog: Any = None, transform: bool = True) -> Any:
        """Fixed effects only, for the rows used or for new ones; `lmm.predict` does more."""
        del transform
        if exog is None:
            return self._rows(self.lmm.predict(re="none"))
        if self.model.spec.exog_names is None and not isinstance(exog, np.ndarray):
            return self.lmm.predict(exog, re="none")
        X = self.lmm.fit.matrices.coordinates.columns(np.asarray(exog, dtype=np.float64))
        return X @ self.lmm.fit.beta

    # Tests ----------------------------------------------------------------------------------

    def t_test(self, r_matrix: Any, use_t: bool | None = None) -> ContrastResults:
        """Every row of a matrix over the fixed effects, or text such as ``"x = 0"``.

        Raises
        ------
        DataError
            If the matrix has not as many columns as there are fixed effects.
        """
        ddf: DegreesOfFreedom = "normal" if use_t is False else "satterthwaite"
        table = pd.DataFrame(self.lmm.t_test(self._constraints(r_matrix), ddf=ddf))
        columns = ("estimate", "std_error", "statistic", "p_value", "df")
        return ContrastResults(*(table[name].to_numpy(dtype=np.float64) for name in columns))

    def wald_test(
        self, r_matrix: Any, use_f: bool | None = None, scalar: bool = True
    ) -> WaldResults:
        """The rows of a matrix over the fixed effects jointly, by F."""
        del scalar
        ddf: DegreesOfFreedom = "normal" if use_f is False else "satterthwaite"
        row = pd.DataFrame(self.lmm.wald_test(self._constraints(r_matrix), ddf=ddf)).iloc[0]
        return WaldResults(
            float(row["statistic"]), float(row["p_value"]), int(row["num_df"]), float(row["den_df"])
        )

    f_test = wald_test

    def _constraints(self, r_matrix: Any) -> Any:
        if isinstance(r_matrix, str):
            return read_hypothesis(self.lmm.fit, self.model.in_own_names(r_matrix)).L
        matrix = np.atleast_2d(np.asarray(r_matrix, dtype=np.float64))
        if matrix.shape[1] != self.k_fe:
            raise ContrastError(f"r_matrix for t-test should have {self.k_fe} columns")
        return matrix

    def profile_re(
        self,
        re_ix: int | str,
        vtype: str,
        num_low: int = 5,
        dist_low: float = 1.0,
        num_high: int = 5,
        dist_high: float = 1.0,
        **fit_kwargs: Any,
    ) -> Vector:
        """Variances around the estimate of one, and the best log-likelihood (ML) at each.

        `lmm.profile()` finds intervals, for all parameters.

        Raises
        ------
        DataError
            If there is no such variance, or the data cannot tell it from others.
        """
        del fit_kwargs
        if vtype not in ("re", "vc"):
            raise ContrastError(f'vtype = {vtype!r} is not known; write "re" or "vc"')
        names = [component.name for component in self.model.spec.components]
        if vtype == "re":
            term, column = 0, int(re_ix)
        else:
            place = names.index(re_ix) if isinstance(re_ix, str) else re_ix
            term, column = bool(self.model.re_names) + place, 0
        cov = float(self._term_covariances[term][column, column])
        if np.isnan(cov):
            raise DataError(
                f"The data cannot tell the variance {re_ix!r} from others, so it has no profile.\n"
                "Do:   see lmm.convergence.message for what is known of it."
            )
        low = np.linspace(max(cov - dist_low, 0.0), cov, num_low + 1)
        high = np.linspace(cov, cov + dist_high, num_high + 1)[1:]
        values = np.concatenate([low, high])
        return np.column_stack([values, profile_at(self.lmm.fit, term, column, np.sqrt(values))])

    # The rest -------------------------------------------------------------------------------

    def summary(
        self,
        yname: str | None = None,
        xname_fe: Sequence[str] | None = None,
        xname_re: Sequence[str] | None = None,
        title: str | None = None,
        alpha: float = 0.05,
    ) -> CompatSummary:
        """The fit as tables, with degrees of freedom and notes."""
        names = [*(xname_fe or self.model.exog_names), *(xname_re or self._names[self.k_fe :])]
        return summarised(self, names, yname or self.model.endog_names, title, alpha)

    def remove_data(self) -> None:
        """For statsmodels' sake: results share their arrays with the model, nothing is removed."""

    @property
    def _is_labelled(self) -> bool:
        return self.model.spec.is_pandas

    def _series(self, values: Vector, names: Sequence[str]) -> Any:
        return pd.Series(values, index=list(names)) if self._is_labelled else np.asarray(values)

    def _square(self, values: Vector, names: Sequence[str]) -> Any:
        if not self._is_labelled:
            return values
        return pd.DataFrame(values, index=list(names), columns=list(names))

    def _rows(self, values: Any) -> Any:
        return values if self._is_labelled else values.to_numpy()

    @cached_property
    def _names(self) -> list[str]:
        return self.model.data.param_names

    @property
    def _coefficients(self) -> Vector:
        return coefficients(self.lmm.fit)

    @cached_property
    def _term_covariances(self) -> Sequence[Vector]:
        return known_covariances(self.lmm.fit)

    @property
    def _cov_re(self) -> Vector:
        return self._term_covariances[0] if self.k_re else np.zeros((0, 0))

    @cached_property
    def _variances(self) -> Vector:
        entries = positions(self.lmm.fit, bool(self.k_re))
        return np.array(
            [0.0 if at is None else self._term_covariances[at[0]][at[1], at[2]] for at in entries]
        )

    @cached_property
    def _order(self) -> list[int | None]:
        """Place of every variance parameter among ours, which has variances before covariances."""
        ours = enumerate(in_order_of_report(self.lmm.fit))
        places = {(p.term, p.j, p.i): place for place, p in ours}
        entries = positions(self.lmm.fit, bool(self.k_re))
        return [None if at is None else places[at] for at in entries]

    @cached_property
    def _errors(self) -> Vector:
        found = variance_parameters(self.lmm.fit, "var")
        variances = np.diag(found.covariance)
        errors = [0.0 if i is None else float(np.sqrt(variances[i])) for i in self._order]
        return np.append(self.lmm.bse.to_numpy(), errors)
