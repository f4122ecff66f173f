"""`Plan`: a model on a design, with numbers for everything that a fit would estimate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, ModelSpec, build, rebuild
from mixedmodels.design.environment import checked_context
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.route import exact
from mixedmodels.engine.templates import working_template
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.fit.request import Request, owned
from mixedmodels.formula import parse
from mixedmodels.options import require_count, require_option
from mixedmodels.planning.layout import Design
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
from mixedmodels.vocabulary import Context, Contrasts, Shape

Vector = NDArray[np.float64]


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
    problem : Problem
        The matrices.
    beta : array (p,)
        Fixed effects of the columns of ``problem.matrices.X``.
    roots : tuple of (q_k, q_k) arrays
        Lower-triangular roots of the covariances Sigma_k of the columns of Z_k, in the units of
        the response.
    sigma : float
        Residual standard deviation of a row of weight 1.
    """

    request: Request
    design: Design | None
    spec: ModelSpec
    problem: Problem
    beta: Vector
    roots: tuple[Vector, ...]
    sigma: float

    __repr__ = brief

    @property
    def params(self) -> pd.Series:
        """The assumed fixed effects by name; those not given are zero."""
        m = self.problem.matrices
        names = pd.Index(m.x_names, dtype=object)
        return pd.Series(m.coordinates.reported(self.beta), index=names, name="estimate")

    @property
    def theta(self) -> Vector:
        """The relative covariance parameters (m,)."""
        return self.problem.theta_of(self.roots) / self.sigma

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
    sigma: float,
    contrasts: Contrasts | None = None,
    context: Context | None = None,
) -> Plan:
    """A model on a design, with effect sizes on the scale of the response.

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
        Residual standard deviation.
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
    """
    if not finite("sigma", sigma) > 0:
        raise DataError(
            f"sigma = {sigma!r} is not a residual standard deviation.\n"
            "Do:   give a positive number, in the units of the response."
        )
    parsed = parse(formula)
    frame = Frame.of(data.frame() if isinstance(data, Design) else data)
    rows, own = _with_response(frame, parsed.response), checked_context(context)
    request = owned(Request(parsed, rows, contrasts=contrasts, context=own))
    spec, matrices = build(parsed, request.frame, contrasts=request.contrasts, context=own)
    roots = covariance_roots(matrices, {} if sd is None else sd, {} if corr is None else corr)
    return Plan(
        request=request,
        design=data if isinstance(data, Design) else None,
        spec=spec,
        problem=Problem(matrices),
        beta=matrices.coordinates.working(fixed_effects(fixed, matrices.x_names)),
        roots=tuple(
            working_template(term.coordinates, root)
            for term, root in zip(matrices.terms, roots, strict=True)
        ),
        sigma=float(sigma),
    )


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
        problem=exact(
            fit.problem,
            "Planning",
            instead="draw responses with simulate() and fit them with refit(), or use terms such "
            "as (x | g) and (x || g)",
        ),
        beta=fit.beta,
        roots=scaled(fit.T, fit.sigma),
        sigma=fit.sigma,
    )


def replan(old: Plan, frame: Frame, design: Design | None = None) -> Plan:
    """The same model and parameters for other rows.

    Transforms and codings keep the state that they have in `old`, so that the parameters mean
    the same.

    Raises
    ------
    DataError
        If the rows cannot identify the coefficients of `old`, or the weights or the offset were
        given as an array.
    """
    request = old.request
    if not isinstance(request.weights, str | None) or not isinstance(request.offset, str | None):
        raise DataError(
            "The model was fitted with weights or an offset given as an array, which other rows "
            "do not have.\nDo:   put them into a column of the data and fit with its name."
        )
    if request.formula.response.isidentifier():
        frame = _with_response(frame, request.formula.response)
    spec, matrices = build(
        request.formula,
        frame,
        weights=request.weights,
        offset=request.offset,
        contrasts=request.contrasts,
        context=request.context,
        missing=request.missing,
    )
    if spec.x_names != old.spec.x_names:
        lost = sorted({*old.spec.x_names} ^ {*spec.x_names})
        raise DataError(
            f"With these rows the model has other coefficients: {', '.join(lost)}.\n"
            "Do:   choose sizes with which every cell of the design has rows."
        )
    return replace(
        old,
        request=replace(request, frame=frame),
        design=design,
        problem=Problem(_recoded(old, matrices, frame)),
    )


def _recoded(old: Plan, matrices: ModelMatrices, frame: Frame) -> ModelMatrices:
    """The matrices with the columns of the old recipe: `poly` and the like keep their state."""
    kept = matrices.kept
    made = rebuild(old.spec, frame, groups=())
    if not made.estimable.all():
        raise DataError(
            "Some of these rows need coefficients that the model has dropped: "
            f"{', '.join(old.spec.aliased)}.\n"
            "Do:   choose rows of the kinds that the model was made from, or leave out the terms "
            "that repeat others there."
        )
    terms = tuple(
        replace(term, Z=np.asfortranarray(new.Z[kept]), coordinates=recipe.coordinates)
        for term, new, recipe in zip(matrices.terms, made.terms, old.spec.terms, strict=True)
    )
    X = np.asfortranarray(made.X[kept])
    return replace(matrices, X=X, terms=terms, coordinates=old.spec.coordinates)


def _with_response(frame: Frame, response: str) -> Frame:
    """The rows with a placeholder, as the matrices do not depend on the response."""
    if not response.isidentifier():
        raise DataError(
            f"The response of a plan is {response!r}.\n"
            "Do:   write a plain name, as y; effect sizes are on the scale of what is modelled."
        )
    return frame.with_column(response, np.random.default_rng(0).standard_normal(frame.nrows))
