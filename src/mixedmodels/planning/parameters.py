"""Effect sizes: a model on a design, with numbers for everything that a fit would estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, ModelSpec, build
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.fit.fitted import marginal_mean
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.formula import parse
from mixedmodels.planning.layout import Design
from mixedmodels.prediction.simulate import Simulator, require_count, require_shape
from mixedmodels.prediction.streams import Seed, key_of
from mixedmodels.vocabulary import Shape

Vector = NDArray[np.float64]

Deviations = Mapping[str, float | Mapping[str, float]]
"""Standard deviations of the random effects: by group, then by column."""

Correlations = Mapping[str, float | Mapping[tuple[str, str], float] | ArrayLike]
"""Correlations by group: one number for all pairs, some pairs by name, or the matrix."""

NEGATIVE = 1e-9
"""Most negative eigenvalue of a correlation matrix that is taken for rounding."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was planned, in words, so that it can be planned again for other rows."""

    data: object
    formula: str
    fixed: Mapping[str, float]
    sd: Deviations
    corr: Correlations
    sigma: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A model whose parameters are assumed, not estimated. It never changes.

    Attributes
    ----------
    request : Request
        What was asked for.
    spec : ModelSpec
        The recipe of the columns.
    frame : Frame
        The rows, with a placeholder as the response.
    problem : Problem
        The matrices.
    beta : array (p,)
        Fixed effects, in the order of ``problem.matrices.x_names``.
    roots : tuple of (q_k, q_k) arrays
        Lower-triangular roots of the covariances Sigma_k, in the units of the response.
    sigma : float
        Residual standard deviation.
    """

    request: Request
    spec: ModelSpec
    frame: Frame
    problem: Problem
    beta: Vector
    roots: tuple[Vector, ...]
    sigma: float

    @property
    def params(self) -> pd.Series:
        """The assumed fixed effects by name; those not given are zero."""
        names = pd.Index(self.problem.matrices.x_names, dtype=object)
        return pd.Series(self.beta, index=names, name="estimate")

    @property
    def theta(self) -> Vector:
        """The relative covariance parameters (m,)."""
        index = self.problem.theta_index
        return np.array([self.roots[k][row, column] for k, row, column in index]) / self.sigma

    def simulator(self, seed: Seed, *, effects: Shape, residuals: Shape) -> Simulator:
        """The distribution of the responses."""
        require_shape("effects", effects)
        require_shape("residuals", residuals)
        m = self.problem.matrices
        return Simulator(
            matrices=m,
            mean=marginal_mean(m.X, self.beta, None),
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
        return self.simulator(seed, effects=effects, residuals=residuals).responses(range(n))


def plan(
    data: object,
    formula: str,
    *,
    fixed: Mapping[str, float],
    sd: Deviations | None = None,
    corr: Correlations | None = None,
    sigma: float,
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
    request = Request(data, formula, fixed, sd or {}, corr or {}, sigma)
    if not _finite("sigma", sigma) > 0:
        raise DataError(
            f"sigma = {sigma!r} is not a residual standard deviation.\n"
            "Do:   give a positive number, in the units of the response."
        )
    parsed = parse(formula)
    frame = _with_response(data, parsed.response)
    spec, matrices = build(parsed, frame)
    _require_names("fixed", fixed, matrices.x_names, "coefficient")
    beta = np.array([_finite(f"fixed[{x!r}]", fixed.get(x, 0.0)) for x in matrices.x_names])
    covariances = _covariances(matrices, request)
    return Plan(
        request=request,
        spec=spec,
        frame=frame,
        problem=Problem(matrices),
        beta=beta,
        roots=tuple(_root(covariance) for covariance in covariances),
        sigma=float(sigma),
    )


def replan(plan_: Plan, data: object) -> Plan:
    """The same formula and effect sizes for other rows."""
    r = plan_.request
    return plan(data, r.formula, fixed=r.fixed, sd=r.sd, corr=r.corr, sigma=r.sigma)


def _with_response(data: object, response: str) -> Frame:
    """The rows with a placeholder, as the matrices do not depend on the response."""
    if not response.isidentifier():
        raise DataError(
            f"The response of a plan is {response!r}.\n"
            "Do:   write a plain name, as y; effect sizes are on the scale of what is modelled."
        )
    table = data.frame() if isinstance(data, Design) else data
    frame = Frame.of(table)
    placeholder = np.random.default_rng(0).standard_normal(frame.nrows)
    return frame.with_column(response, placeholder)


def _covariances(matrices: ModelMatrices, request: Request) -> list[Vector]:
    """Sigma_k of every term, formula order."""
    groups = group_names(matrices)
    _require_names("sd", request.sd, groups, "group")
    _require_names("corr", request.corr, groups, "group")
    labels = column_labels(matrices)
    out: list[Vector] = [np.zeros((0, 0))] * len(matrices.terms)
    for g, group in enumerate(groups):
        terms = terms_of_group(matrices, g)
        names = [name for k in terms for name in labels[k]]
        free = np.zeros((len(names), len(names)), dtype=np.bool_)
        places, start = {}, 0
        for k in terms:
            stop = start + len(labels[k])
            free[start:stop, start:stop] = matrices.terms[k].structure != "diagonal"
            places[k] = slice(start, stop)
            start = stop
        sd = _deviations(group, names, request.sd.get(group, {}))
        R = _correlation(group, names, request.corr.get(group, 0.0), free)
        for k, at in places.items():
            out[k] = (R * np.outer(sd, sd))[at, at]
    return out


def _deviations(group: str, names: Sequence[str], given: float | Mapping[str, float]) -> Vector:
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise DataError(
                f"sd of {group} is one number, but the group has the columns {', '.join(names)}.\n"
                f'Do:   give one per column, as {{"{names[0]}": {given}, …}}.'
            )
        given = {names[0]: given}
    _require_names(f"sd of {group}", given, names, "column")
    absent = [name for name in names if name not in given]
    if absent:
        raise DataError(
            f"sd of {group} has no number for {', '.join(absent)}.\n"
            "Do:   give the standard deviation of every random effect; zero is allowed.\n"
            "Why:  it decides the power, so that none is assumed."
        )
    sd = np.array([_finite(f"sd of {name} in {group}", given[name]) for name in names])
    if np.any(sd < 0):
        name = names[int(np.argmin(sd))]
        raise DataError(f"sd of {name} in {group} is {sd.min():g}: it cannot be negative.")
    return sd


def _correlation(
    group: str,
    names: Sequence[str],
    given: float | Mapping[tuple[str, str], float] | ArrayLike,
    free: NDArray[np.bool_],
) -> Vector:
    q = len(names)
    R = np.eye(q)
    if isinstance(given, Mapping):
        for pair, value in given.items():
            _require_names(f"corr of {group}", pair, names, "column")
            i, j = (names.index(name) for name in pair)
            R[i, j] = R[j, i] = _finite(f"corr of {pair} in {group}", value)
    elif np.ndim(given) == 0:
        R[free & ~np.eye(q, dtype=np.bool_)] = _finite(f"corr of {group}", given)
    else:
        R = np.array(given, dtype=np.float64)
        if R.shape != (q, q) or not np.allclose(R, R.T) or not np.allclose(np.diag(R), 1):
            raise DataError(
                f"corr of {group} must be symmetric, {q} x {q}, with ones on its diagonal, in the "
                f"order {', '.join(names)}."
            )
    _check_correlation(group, names, R, free)
    return R


def _check_correlation(
    group: str, names: Sequence[str], R: Vector, free: NDArray[np.bool_]
) -> None:
    fixed = np.argwhere((R != 0) & ~free & ~np.eye(len(R), dtype=np.bool_))
    if len(fixed):
        i, j = fixed[0]
        raise DataError(
            f"corr of {group}: {names[i]} and {names[j]} are independent in the formula.\n"
            f"Do:   write them in one term with a single bar, or leave this correlation out."
        )
    lowest = float(np.linalg.eigvalsh(R)[0])
    if not lowest > -NEGATIVE:
        raise DataError(
            f"corr of {group} is impossible: the matrix over {', '.join(names)} has the eigenvalue "
            f"{lowest:.3g}.\n"
            "Do:   choose correlations between -1 and 1 that can hold together.\n"
            "Why:  some combination of these effects would have a negative variance."
        )


def _root(cov: Vector) -> Vector:
    """Lower-triangular T with T T' = cov, its diagonal not negative; cov may be singular."""
    values, vectors = np.linalg.eigh(cov)
    half = vectors * np.sqrt(np.maximum(values, 0.0))
    T = np.asarray(np.linalg.qr(half.T, mode="r")).T
    return np.asarray(T * np.where(np.diag(T) < 0, -1.0, 1.0))


def _require_names(
    what: str, given: Sequence[str] | Mapping[str, object], known: Sequence[str], kind: str
) -> None:
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(known) or "none"
            raise DataError(
                f"{what} names the {kind} {name!r}, which the model does not have.{hint}\n"
                f"Do:   choose from {listed}."
            )


def _finite(what: str, value: object) -> float:
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf" or not np.isfinite(number):
        raise DataError(f"{what} is {value!r}.\nDo:   give a finite number.")
    return float(number)
