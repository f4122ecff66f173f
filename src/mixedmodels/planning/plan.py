"""`Plan`: a model on a design, with numbers for everything that a fit would estimate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import ModelSpec
from mixedmodels.design.environment import checked_context
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import exact
from mixedmodels.engine.templates import working_template
from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.fit.fit import Fit, matrices_of
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.fit.request import Request, owned
from mixedmodels.formula import parse
from mixedmodels.options import require_count, require_option
from mixedmodels.planning.family import (
    Parameters,
    delta_of,
    distribution_of,
    thresholds_of,
)
from mixedmodels.planning.layout import Design
from mixedmodels.planning.planned import AnyPlanned, planned_problem, with_placeholder
from mixedmodels.prediction.parameters import (
    Correlations,
    Deviations,
    covariance_roots,
    finite,
    fixed_effects,
)
from mixedmodels.prediction.simulate import scaled
from mixedmodels.prediction.streams import Seed, key_of
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Context, Contrasts, FamilyName, LinkName, PowerMethod, Shape

Vector = NDArray[np.float64]

SEED = 0
"""Of the response that stands in for one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A model whose parameters are assumed, not estimated. It never changes.

    Attributes
    ----------
    request : Request
        The formula, the rows (with a placeholder as the response) and the codings.
    design : Design, optional
        Where the rows come from, if they are not somebody's own.
    spec : ModelSpec
        The recipe of the columns.
    problem : Problem or GeneralisedProblem
        The matrices, with the family of a generalised model.
    beta : array (p,)
        Fixed effects of the columns of ``problem.matrices.X``.
    roots : tuple of (q_k, q_k) arrays
        Lower-triangular roots of the covariances Sigma_k of the columns of Z_k, in the units of
        the response, or on the scale of the linear predictor.
    sigma : float
        Residual standard deviation of a row of weight 1; 1 in a generalised model.
    theta : array (m,)
        The covariance parameters that the roots follow from, relative to sigma.
    auxiliary : array (a,)
        delta of a generalised model; of a linear one there is none, a = 0.
    """

    request: Request
    design: Design | None
    spec: ModelSpec
    problem: AnyPlanned
    beta: Vector
    roots: tuple[Vector, ...]
    sigma: float
    theta: Vector
    auxiliary: Vector

    __repr__ = brief

    @property
    def params(self) -> pd.Series:
        """The assumed fixed effects by name; those not given are zero."""
        m = self.problem.matrices
        names = pd.Index(m.x_names, dtype=object)
        return pd.Series(m.coordinates.reported(self.beta), index=names, name="estimate")

    @property
    def psi(self) -> Vector:
        """Where the searches of replicates start: theta; of a generalised model all parameters."""
        if isinstance(self.problem, GeneralisedProblem):
            return np.concatenate([self.theta, self.beta, self.auxiliary])
        return self.theta

    def draws(self, seed: Seed, *, effects: Shape, residuals: Shape) -> Draws:
        """The distribution of the responses."""
        require_option("effects", effects, get_args(Shape))
        require_option("residuals", residuals, get_args(Shape))
        m = self.problem.matrices
        return Draws(
            mean=marginal_mean(m.X, self.beta, m.offset),
            roots=self.roots,
            sigma=self.sigma,
            key=key_of(seed),
            effects=effects,
            residuals=residuals,
            theta=self.theta,
            auxiliary=self.auxiliary,
        )

    def simulate(
        self,
        n: int = 1,
        *,
        seed: Seed = None,
        effects: Shape = "normal",
        residuals: Shape = "normal",
    ) -> Vector:
        """Responses (nobs, n) drawn from the plan; see `LinearMixedModel.simulate`."""
        require_count("n", n)
        draws = self.draws(seed, effects=effects, residuals=residuals)
        return self.problem.draw(draws, 0, n)


def plan(
    data: object,
    formula: str,
    *,
    fixed: Mapping[str, float],
    sd: Deviations | None = None,
    corr: Correlations | None = None,
    sigma: float | None = None,
    family: FamilyName | Family | None = None,
    link: LinkName | None = None,
    trials: str | None = None,
    parameters: Parameters | None = None,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
) -> Plan:
    """A model on a design, with effect sizes on the scale of the response, or of the linear
    predictor of a generalised model.

    Parameters
    ----------
    data : Design or frame
        From `mixedmodels.planning.design`, or rows of your own; a response is not needed.
    formula : str
        The model, the response a plain name: ``"y ~ cond + (1 + cond | subject)"``.
    fixed : mapping
        Fixed effects by the names of the coefficients; those left out are zero. With treatment
        coding ``cond[T.b]`` is the difference of level b from the first level.
    sd : mapping, optional
        Standard deviations of the random effects, all of them: ``{"subject": {"Intercept": 1,
        "cond[T.b]": 0.5}, "item": 0.3}``. A number will do where the group has one column.
    corr : mapping, optional
        Correlations of the random effects by group: a number for all pairs, ``{("Intercept",
        "cond[T.b]"): 0.3}``, or a matrix in the order of the columns. By default zero.
    sigma : float
        Residual standard deviation of a linear model.
    family, link : str, optional
        Of a generalised model, as in `mixedmodels.glmm`; without a family the model is linear.
    trials : str, optional
        The column of trials of every row, of which the response counts the successes.
    parameters : mapping, optional
        What the family has beside its mean, all of it, on the natural scale: ``{"dispersion": 2,
        "zero": 0.1}``; ``"dispersion"`` as in docs/generalised.md, ``"shape"``, the probability of
        an excess of zeros (``"zero"``) or of any (``"hurdle"``), ascending ``"thresholds"`` of an
        ordinal response.
    contrasts : mapping, optional
        Coding of categorical columns, as in `mixedmodels.lmm`.
    context : mapping, optional
        Functions and numbers that the formula may use, as in `mixedmodels.lmm`.

    Returns
    -------
    Plan
        For `simulate`, `power` and `power_curve`.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be made of these rows, a name does not exist, a standard deviation is
        missing or negative, or correlations are impossible.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> import numpy as np
    >>> study = mm.planning.design({"subject": 30, "item": 20}, within={"cond": ["a", "b"]})
    >>> plan = mm.planning.plan(
    ...     study,
    ...     "y ~ cond + (1 + cond | subject) + (1 | item)",
    ...     fixed={"cond[T.b]": 0.3},
    ...     sd={"subject": {"Intercept": 1, "cond[T.b]": 0.5}, "item": 0.5},
    ...     sigma=1,
    ... )
    >>> plan.params.to_dict()
    {'Intercept': 0.0, 'cond[T.b]': 0.3}
    >>> plan.simulate(2, seed=1).shape
    (1200, 2)

    Of counts, with a rate ratio of 1.5:

    >>> trial = mm.planning.design(
    ...     {"clinic": 20}, between={"clinic": {"arm": ["a", "b"]}}, repeats=8
    ... )
    >>> counts = mm.planning.plan(
    ...     trial,
    ...     "y ~ arm + (1 | clinic)",
    ...     fixed={"Intercept": 1, "arm[T.b]": np.log(1.5)},
    ...     sd={"clinic": 0.3},
    ...     family="negative_binomial",
    ...     parameters={"dispersion": 2},
    ... )
    >>> mm.power(counts, "arm", n=100, seed=1).method
    'normal'
    """
    frame = Frame.of(data.frame() if isinstance(data, Design) else data)
    request = Request(parse(formula), frame, contrasts=contrasts, context=checked_context(context))
    if family is None:
        sigma = _checked_sigma(sigma, {"link": link, "trials": trials, "parameters": parameters})
    else:
        _refuse_sigma(sigma)
        own = distribution_of(family, link, trials, parameters)
        request = replace(request, distribution=own, reml=False)
    request = owned(replace(request, frame=with_placeholder(request, _categories(parameters))))
    spec, matrices = matrices_of(request)
    given = covariance_roots(matrices, {} if sd is None else sd, {} if corr is None else corr)
    pairs = zip(matrices.terms, given, strict=True)
    roots = tuple(working_template(term.coordinates, root) for term, root in pairs)
    problem = planned_problem(request, matrices)
    scale = 1.0 if sigma is None else float(sigma)
    return Plan(
        request=request,
        design=data if isinstance(data, Design) else None,
        spec=spec,
        problem=problem,
        beta=matrices.coordinates.working(fixed_effects(fixed, matrices.x_names)),
        roots=roots,
        sigma=scale,
        theta=problem.theta_of(roots) / scale,
        auxiliary=delta_of(matrices.auxiliary, parameters if family is not None else None),
    )


def _checked_sigma(sigma: float | None, others: Mapping[str, object]) -> float:
    """The residual standard deviation of a linear plan, which has nothing of a family."""
    for name, value in others.items():
        if value is not None:
            raise DataError(f"{name}= belongs to a family.\nDo:   give family=, or leave it out.")
    if sigma is None or not finite("sigma", sigma) > 0:
        raise DataError(
            f"sigma = {sigma!r} is not a residual standard deviation.\n"
            "Do:   give a positive number, in the units of the response; a generalised model has "
            "family= in its place."
        )
    return float(sigma)


def _refuse_sigma(sigma: float | None) -> None:
    if sigma is not None:
        raise DataError(
            "sigma= is given, and so is a family.\n"
            "Do:   leave it out; what a family has beside its mean is in parameters."
        )


def _categories(parameters: Parameters | None) -> int:
    given = {} if parameters is None else parameters
    return len(thresholds_of(given["thresholds"])) + 1 if "thresholds" in given else 2


def plan_of(model: object) -> Plan:
    """The plan itself, or the plan that takes the estimates of a fitted model as the truth.

    Raises
    ------
    DataError
        If `model` is neither a plan nor a fitted model.
    """
    if isinstance(model, Plan):
        return model
    fit = model if isinstance(model, Fit) else getattr(model, "fit", None)
    if not isinstance(fit, Fit):
        raise DataError(
            f"A {type(model).__name__} has no effect sizes.\n"
            "Do:   give a fitted model, or a plan: mixedmodels.planning.plan(design, formula, …)."
        )
    return Plan(
        request=fit.request,
        design=None,
        spec=fit.spec,
        problem=_planned(fit),
        beta=fit.beta,
        roots=scaled(fit.T, fit.sigma),
        sigma=fit.sigma,
        theta=fit.theta,
        auxiliary=fit.delta,
    )


def _planned(fit: Fit) -> AnyPlanned:
    """The problem of a fit, if replicates of it can be fitted and tested."""
    if isinstance(fit.problem, GeneralisedProblem):
        return fit.problem
    return exact(
        fit.problem,
        "Planning",
        instead="draw responses with simulate() and fit them with refit(), or use terms such "
        "as (x | g) and (x || g)",
    )


def method_of(plan: Plan, method: PowerMethod | None) -> PowerMethod:
    """The method of a test, by default the usual one of the model.

    Raises
    ------
    DataError
        If the method has no meaning for a generalised model.
    """
    if not isinstance(plan.problem, GeneralisedProblem):
        return "satterthwaite" if method is None else method
    if method in ("satterthwaite", "kenward-roger"):
        raise DataError(
            f'method="{method}" is not available for generalised models.\n'
            'Do:   leave it out, for tests by z, or use method="lrt".\n'
            "Why:  degrees of freedom come from a residual variance that is estimated."
        )
    return "normal" if method is None else method


def one_response(plan: Plan) -> AnyPlanned:
    """The problem with a response that the plan draws, always the same one."""
    draws = plan.draws(SEED, effects="normal", residuals="normal")
    return plan.problem.with_response(np.ascontiguousarray(plan.problem.draw(draws, 0, 1)[:, 0]))
