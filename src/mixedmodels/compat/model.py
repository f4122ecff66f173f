"""`MixedLM` and `mixedlm`: statsmodels' model, before it is fitted."""

import sys
import warnings
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from mixedmodels.api.models import lmm
from mixedmodels.compat.naming import re_names_full
from mixedmodels.compat.params import MixedLMParams
from mixedmodels.compat.reading import read_arrays, read_formulas
from mixedmodels.compat.results import MixedLMResults
from mixedmodels.compat.specification import Specification, rows_by_group
from mixedmodels.data import Frame, encode
from mixedmodels.design import ModelMatrices, build
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import CompatibilityWarning, DataError
from mixedmodels.formula import parse

METHODS = (
    "bfgs", "lbfgs", "cg", "ncg", "newton", "nm", "powell", "basinhopping", "minimize",
)  # fmt: skip
"""Searches of statsmodels, all of which mean our own here: its result is the optimum."""

IGNORED = ("maxiter", "gtol", "ftol", "xtol", "tol", "disp", "callback", "retall")
"""Settings of those searches."""

UNUSED = ("cov_type", "cov_kwds", "use_t")
"""Arguments that statsmodels takes and does not use, either."""


class MixedLM:
    """A linear mixed model in statsmodels' terms.

    Parameters
    ----------
    endog : array (n,)
        Response.
    exog : array or DataFrame (n, k_fe)
        Fixed-effects columns. Text and categorical columns of a DataFrame are coded, a column of
        ones is the intercept.
    groups : array (n,)
        Group of every row.
    exog_re : array or DataFrame (n, k_re), optional
        Columns with random coefficients per group, correlated; by default a random intercept.
        Indicators of the groups are read as one.
    exog_vc : dict, optional
        Variance components: name to group to matrix, whose effects are independent with one
        variance.
    use_sqrt : bool
        For statsmodels' sake; the search needs no square roots.
    missing : {"drop", "none", "raise"}
        Rows with missing values are dropped with a note, or are an error.

    Raises
    ------
    DataError
        If the arrays do not fit each other, or cannot be used.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> model = mm.mixedlm("Reaction ~ Days", data, groups="Subject", re_formula="~Days")
    >>> results = model.fit()
    >>> results.cov_re.round(2)
             Subject   Days
    Subject   612.09   9.60
    Days        9.60  35.07
    """

    def __init__(
        self,
        endog: Any,
        exog: Any,
        groups: Any = None,
        exog_re: Any = None,
        exog_vc: Any = None,
        use_sqrt: bool = True,
        missing: str = "drop",
        **kwargs: Any,
    ) -> None:
        del use_sqrt
        _require_known(kwargs, ())
        if groups is None:
            raise DataError("groups is missing.\nDo:   give the group of every row.")
        if isinstance(exog_vc, Mapping):
            warnings.warn(
                "Using deprecated variance components format: name the components in a formula, or "
                "write (1 | group:part) in mixedmodels.lmm.",
                FutureWarning,
                stacklevel=2,
            )
        self._set(
            read_arrays(
                endog, exog, groups=groups, exog_re=exog_re, exog_vc=exog_vc, missing=missing
            )
        )

    @classmethod
    def from_formula(
        cls,
        formula: str,
        data: Any,
        re_formula: str | None = None,
        vc_formula: Mapping[str, str] | None = None,
        subset: Any = None,
        use_sparse: bool = False,
        missing: str = "drop",
        *,
        groups: Any = None,
        eval_env: int = 0,
        use_sqrt: bool = True,
        **kwargs: Any,
    ) -> "MixedLM":
        """The model of formulas.

        Parameters
        ----------
        formula : str
            Response and fixed effects.
        data : DataFrame
            Its rows.
        re_formula : str, optional
            Columns with random coefficients per group; by default an intercept, or nothing if there
            are variance components. ``"~1|item"`` is read as a crossed factor, with a note.
        vc_formula : dict, optional
            Variance components: name to formula, as ``{"classroom": "0 + C(classroom)"}``.
        subset : optional
            Rows, as ``data.loc`` takes them.
        use_sparse, use_sqrt
            For statsmodels' sake.
        missing : {"drop", "none", "raise"}
            Rows with missing values are dropped with a note, or are an error.
        groups : str or array (n,)
            Column of the groups, or the group of every row.
        eval_env : int
            How many frames above the caller functions of the formula are looked up: those that
            are defined there or in the same module, and no others. -1 for none.
        """
        del use_sparse, use_sqrt
        _require_known(kwargs, ())
        caller = None if eval_env < 0 else sys._getframe(1 + eval_env)
        model = cls.__new__(cls)
        model._set(
            read_formulas(
                formula,
                data,
                groups=groups,
                re_formula=re_formula,
                vc_formula=vc_formula,
                subset=subset,
                missing=missing,
                names={} if caller is None else {**caller.f_globals, **caller.f_locals},
            )
        )
        return model

    def _set(self, spec: Specification) -> None:
        self.spec = spec
        self.notes = spec.notes
        if spec.n_dropped:
            n = len(spec.frame)
            self.notes += (
                f"{spec.n_dropped} of {n + spec.n_dropped} rows have missing values and are left "
                f"out: {n} are used.",
            )
        for note in self.notes:
            warnings.warn(note, CompatibilityWarning, stacklevel=3)
        codes = encode(Frame.of(spec.frame).column(spec.group))
        self.group_codes = codes.codes
        self.group_labels: list[Hashable] = list(codes.values)
        self.n_groups = len(self.group_labels)
        self.row_indices = rows_by_group(codes.codes.astype(np.int64), self.group_labels)

    def fit(
        self,
        start_params: Any = None,
        reml: bool = True,
        niter_sa: int = 0,
        do_cg: bool = True,
        fe_pen: Any = None,
        cov_pen: Any = None,
        free: MixedLMParams | None = None,
        full_output: bool = False,
        method: str | list[str] | None = None,
        **fit_kwargs: Any,
    ) -> MixedLMResults:
        """Fit the model.

        Parameters
        ----------
        reml : bool
            Restricted maximum likelihood, or maximum likelihood.
        free : MixedLMParams, optional
            Whose `cov_re` is the identity, to leave out the covariances of the random columns.
        method : str or list of str, optional
            One of statsmodels' searches; all of them mean our own.
        full_output : bool
            Whether results have `hist`.
        start_params, niter_sa, do_cg, **fit_kwargs
            Settings of statsmodels' searches, which are not needed.

        Raises
        ------
        DataError
            If `method` or a keyword is not known, or penalties are asked for.
        """
        del start_params, niter_sa, do_cg
        if fe_pen is not None or cov_pen is not None:
            raise DataError("Penalised fits (fe_pen, cov_pen) are not available.")
        for name in [method] if isinstance(method, str) else method or []:
            if name not in METHODS:
                raise DataError(
                    f"method = {name!r} is not known.\n"
                    f"Do:   leave it out; known are {', '.join(METHODS)}, which all find the same."
                )
        for name in UNUSED:
            if name in fit_kwargs:
                warnings.warn(
                    f"Argument {name} not used by MixedLM.fit", FutureWarning, stacklevel=2
                )
        _require_known(fit_kwargs, (*IGNORED, *UNUSED))
        self.reml = reml
        formula = self.spec.formula(independent=free is not None and free.is_independent)
        fitted = lmm(formula, self.spec.table(), reml=reml, context=self.spec.context)
        return MixedLMResults(self, fitted, full_output=full_output)

    def loglike(self, params: MixedLMParams, profile_fe: bool = True) -> float:
        """The log-likelihood (of the last fit's kind) at some variances, the rest at its best."""
        del profile_fe
        roots, problem = params.roots, Problem(self._matrices)
        theta = problem.working(problem.theta_of(roots))
        return -problem.deviance(theta, reml=self.reml) / 2

    def predict(self, params: Any, exog: Any = None) -> Any:
        """Fixed effects only, at `params`: an array that starts with them, or the object."""
        X = self.exog if exog is None else np.asarray(exog, dtype=np.float64)
        given = params.fe_params if isinstance(params, MixedLMParams) else np.asarray(params)
        return X @ given[: X.shape[1]]

    # Names ----------------------------------------------------------------------------------

    @cached_property
    def _matrices(self) -> ModelMatrices:
        """The matrices, without a search."""
        frame = Frame.of(self.spec.table())
        return build(parse(self.spec.formula()), frame, context=self.spec.context)[1]

    @property
    def exog_names(self) -> list[str]:
        """Names of the fixed effects."""
        names = list(self._matrices.x_names)
        if self.spec.exog_names is None:
            return names
        ones = self.spec.exog_names[0]
        return [ones if n == "Intercept" else n.removeprefix("fixed ") for n in names]

    @property
    def re_names(self) -> list[str]:
        """Names of the random columns."""
        if not self.spec.random:
            return []
        names = list(self._matrices.terms[0].names)
        if self.spec.re_names is not None:
            first = self.spec.re_names[0]
            return [first if n == "Intercept" else n.removeprefix("random ") for n in names]
        return [self.spec.group_name if n == "Intercept" else n for n in names]

    @property
    def endog_names(self) -> str:
        """Name of the response."""
        return self.spec.fixed.split("~")[0].strip()

    @property
    def exog(self) -> Any:
        """Fixed-effects matrix of the rows used."""
        return self._matrices.coordinates.original(self._matrices.X)

    @property
    def endog(self) -> Any:
        """Response of the rows used."""
        return self._matrices.y

    @property
    def k_fe(self) -> int:
        """Number of fixed effects."""
        return len(self.exog_names)

    @property
    def k_re(self) -> int:
        """Number of random columns."""
        return len(self.re_names)

    @property
    def k_vc(self) -> int:
        """Number of variance components."""
        return len(self.spec.components)

    @property
    def data(self) -> "ModelNames":
        """Names as statsmodels keeps them."""
        return ModelNames(self)

    def in_own_names(self, text: str) -> str:
        """A hypothesis about these names in those of the formula."""
        pairs = zip(self.exog_names, self._matrices.x_names, strict=True)
        for theirs, ours in sorted(pairs, key=lambda pair: -len(pair[0])):
            if theirs != ours:
                text = text.replace(theirs, ours)
        return text

    def effect_name(self, term: int, column: int, label: str) -> str:
        """What an effect of a group is called."""
        if term == 0 and self.spec.random:
            return self.re_names[column]
        component = self.spec.components[term - bool(self.spec.random)]
        return f"{component.name}[{label}]" if label else component.name


class ModelNames:
    """Names of the columns, as ``model.data`` of statsmodels has them."""

    def __init__(self, model: MixedLM) -> None:
        self.xnames = model.exog_names
        self.ynames = model.endog_names
        self.exog_re_names = model.re_names
        self.exog_re_names_full = re_names_full(model.re_names)
        components = [f"{component.name} Var" for component in model.spec.components]
        self.param_names = [*self.xnames, *self.exog_re_names_full, *components]


def mixedlm(
    formula: str,
    data: Any,
    re_formula: str | None = None,
    vc_formula: Mapping[str, str] | None = None,
    subset: Any = None,
    use_sparse: bool = False,
    missing: str = "drop",
    *,
    groups: Any = None,
    eval_env: int = 0,
    **kwargs: Any,
) -> MixedLM:
    """A mixed linear model from a formula, as ``statsmodels.formula.api.mixedlm`` makes it.

    See `MixedLM.from_formula` for the parameters. `lmm` takes the random part within the formula,
    and does everything in one call.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> results = mm.mixedlm("Reaction ~ Days", data, groups="Subject").fit()
    >>> results.fe_params.round(3).to_dict()
    {'Intercept': 251.405, 'Days': 10.467}
    """
    return MixedLM.from_formula(
        formula,
        data,
        re_formula,
        vc_formula,
        subset,
        use_sparse,
        missing,
        groups=groups,
        eval_env=eval_env if eval_env < 0 else 1 + eval_env,
        **kwargs,
    )


def _require_known(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise DataError(
                f"The argument {name!r} is not known.\n"
                f"Do:   leave it out{'; known are ' + ', '.join(known) if known else ''}."
            )
