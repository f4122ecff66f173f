"""Multivariate t per group, by maximum likelihood (Pinheiro, Liu & Wu 2001).

All rows of a level i of the outermost group, and all random effects within it, share one weight:

    y_i = X_i beta + Z_i b_i + e_i,   b_i ~ N(0, Psi / w_i),   e_i ~ N(0, sigma^2 / w_i),
    w_i ~ Gamma(df / 2, df / 2),      so that   y_i ~ t_df(X_i beta, V_i),

V_i = Z_i Psi Z_i' + sigma^2 W_i^-1, of which Psi and sigma^2 are scales: variances are
df / (df - 2) times as large. Given the data E[w_i] = (df + n_i) / (df + d_i), with
d_i = (y_i - X_i beta)' V_i^-1 (y_i - X_i beta).
At given w the expected log-likelihood is that of a normal linear mixed model of the rows times
sqrt(w_i), so that every M step is an exact ML fit of the engine; df then maximises the likelihood
itself (ECME). No step decreases it. Without random terms every row is a group of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from mixedmodels.design import ORIGINAL, ModelMatrices, ModelSpec
from mixedmodels.engine.arrays import without_offset
from mixedmodels.engine.convergence import Convergence
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.search import optimum
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit, term_facts
from mixedmodels.fit.notices import announce
from mixedmodels.fit.request import Request
from mixedmodels.robust_fit.iteration import least_absolute
from mixedmodels.robust_fit.result import GroupWeights, RobustFit

Vector = NDArray[np.float64]
Int = NDArray[np.int64]

LEAST_DF, MOST_DF = 0.2, 1e4

MOST_STEPS, TOLERANCE = 2000, 1e-11


@dataclass(frozen=True, slots=True)
class Units:
    """What shares a weight.

    Attributes
    ----------
    group : int, optional
        The grouping factor; None where every row is a unit.
    codes : array (n,)
        Unit of each row.
    sizes : array (units,)
        Rows of each.
    """

    group: int | None
    codes: Int
    sizes: Vector


@dataclass(frozen=True, slots=True)
class Step:
    """Estimates after an M step, and the log-likelihood there.

    Attributes
    ----------
    theta, beta, sigma
        Estimates.
    distance : array (units,)
        d_i.
    log_det : float
        log|V| over sigma^2, all units together.
    converged : bool
        Whether the search of the M step converged.
    """

    theta: Vector
    beta: Vector
    sigma: float
    distance: Vector
    log_det: float
    converged: bool


def fit_student(request: Request, spec: ModelSpec, m: ModelMatrices, df: float | None) -> RobustFit:
    """Fit by ECME from the normal fit.

    Raises
    ------
    DataError
        If `df` is no positive number, or the groups are crossed.
    """
    _require_df(df)
    units = _units(m)
    w = _first_weights(m, units)
    nu = 4.0 if df is None else float(df)
    trace: list[float] = []
    step = _m_step(request, spec, m, units, w, None)
    converged = False
    while len(trace) < MOST_STEPS:
        if df is None:
            nu = _best_df(units, step, m)
        trace.append(log_likelihood(units, step, nu, m))
        if len(trace) > 1 and trace[-1] - trace[-2] < TOLERANCE * (1 + abs(trace[-1])):
            converged = step.converged
            break
        w = (nu + units.sizes) / (nu + step.distance)
        step = _m_step(request, spec, m, units, w, step.theta)
    return _result(request, spec, m, units, step, nu, df is None, trace, converged)


def log_likelihood(units: Units, step: Step, df: float, m: ModelMatrices) -> float:
    """Log-density of all units."""
    n = units.sizes
    log_det = step.log_det + 2 * float(n.sum()) * np.log(step.sigma)
    terms = (
        special.gammaln((df + n) / 2)
        - special.gammaln(df / 2)
        - n / 2 * np.log(df * np.pi)
        - (df + n) / 2 * np.log1p(step.distance / df)
    )
    return float(terms.sum() - log_det / 2)


def _first_weights(m: ModelMatrices, units: Units) -> Vector:
    """Full weight, but for units whose rows are much farther from the others than is usual."""
    y = without_offset(m, m.y)
    left = y - m.X @ least_absolute(m.X, y)
    square = np.bincount(units.codes, left**2, minlength=len(units.sizes)) / units.sizes
    usual = float(np.median(square))
    return np.asarray(np.minimum(1.0, 10 * usual / np.maximum(square, 1e-300)))


def _m_step(
    request: Request,
    spec: ModelSpec,
    m: ModelMatrices,
    units: Units,
    w: Vector,
    theta: Vector | None,
) -> Step:
    """The ML fit of the rows times sqrt(w), and the distances at its estimates."""
    root = np.sqrt(w)[units.codes]
    y = without_offset(m, m.y)
    weighted = replace(
        m, y=y * root, X=np.asfortranarray(m.X * root[:, None]), offset=None, coordinates=ORIGINAL,
        x_names=tuple(f"column {j}" for j in range(m.X.shape[1])),
    )  # fmt: skip
    start = None if theta is None or not len(theta) else theta.tolist()
    control = replace(request.control, start=start)
    problem = Problem(weighted)
    facts = term_facts(spec, weighted)
    found, convergence = optimum(problem, spec.identification, facts, reml=False, control=control)
    left = y - m.X @ found.beta
    pull = Problem(m).marginal_inverse(found.theta).times(left[:, None])[:, 0]
    distance = np.bincount(units.codes, left * pull, minlength=len(units.sizes)) / found.sigma**2
    n = len(y)
    log_det = found.deviance - n * (1 + np.log(2 * np.pi * found.sigma**2))
    return Step(
        found.theta, found.beta, found.sigma, np.maximum(distance, 0.0), float(log_det),
        convergence.converged,
    )  # fmt: skip


def _best_df(units: Units, step: Step, m: ModelMatrices) -> float:
    """Degrees of freedom that maximise the likelihood at the other estimates."""
    found = optimize.minimize_scalar(
        lambda log_df: -log_likelihood(units, step, float(np.exp(log_df)), m),
        bounds=(np.log(LEAST_DF), np.log(MOST_DF)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(np.exp(found.x))


def _units(m: ModelMatrices) -> Units:
    if not m.terms:
        n = len(m.y)
        return Units(None, np.arange(n), np.ones(n))
    used = [m.groupings[term.group] for term in m.terms]
    for g, outer in enumerate(m.groupings):
        if all(grouping.is_within(outer) for grouping in used):
            codes = outer.codes.astype(np.int64)
            return Units(g, codes, np.bincount(codes, minlength=len(outer.levels)).astype(float))
    raise DataError(
        f"The groups {', '.join(g.name for g in m.groupings)} are crossed, and t distributions "
        "need one group that holds all others.\n"
        'Do:   use psi="smoothed_huber"; or glmm(family="student_t"), with t residuals and normal '
        "random effects.\n"
        "Why:  all that a level of the outermost group has shares one weight."
    )


def _require_df(df: float | None) -> None:
    if df is None:
        return
    is_number = isinstance(df, (int, float, np.number)) and not isinstance(df, bool)
    if not is_number or not 0 < df < np.inf:
        raise DataError(
            f"df = {df!r} is no number of degrees of freedom.\n"
            "Do:   give a positive number, as 4, or None to estimate it."
        )


def _result(
    request: Request,
    spec: ModelSpec,
    m: ModelMatrices,
    units: Units,
    step: Step,
    df: float,
    is_estimated: bool,
    trace: list[float],
    converged: bool,
) -> RobustFit:
    problem = Problem(m)
    inverse = problem.marginal_inverse(step.theta)
    y = without_offset(m, m.y)
    pull = inverse.times((y - m.X @ step.beta)[:, None])[:, 0]
    share = ((df + units.sizes) / (df + units.sizes + 2))[units.codes]
    information = (
        (m.X * share[:, None]).T @ inverse.times(m.X) if m.X.shape[1] else np.empty((0, 0))
    )
    weights = (df + units.sizes) / (df + step.distance)
    convergence = _convergence(len(trace), converged)
    announce(convergence, spec.aliased, on_failure=request.control.on_failure)
    fit = Fit(
        request=replace(request, reml=False),
        spec=spec,
        problem=problem,
        reml=False,
        theta=step.theta,
        beta=step.beta,
        sigma=step.sigma,
        objective=-2 * trace[-1],
        b=_modes(problem, step.theta, pull),
        cov_beta_unscaled=np.asarray(np.linalg.inv(information), dtype=np.float64),
        convergence=convergence,
    )
    own = () if units.group is None else (GroupWeights(units.group, None, (), weights),)
    return RobustFit(
        fit=fit,
        psi="t",
        efficiency=float("nan"),
        tuning=(),
        df=df,
        is_df_estimated=is_estimated,
        row_weights=weights[units.codes],
        group_weights=own,
        trace=tuple(trace),
    )


def _modes(problem: Problem, theta: Vector, pull: Vector) -> tuple[Vector, ...]:
    """Psi Z'V^-1 (y - X beta) of every term: what the weights cancel from."""
    m = problem.matrices
    out = []
    for term, T in zip(m.terms, problem.templates(theta), strict=True):
        grouping = m.groupings[term.group]
        sums = np.column_stack(
            [np.bincount(grouping.codes, term.Z[:, j] * pull, minlength=len(grouping.levels))
             for j in range(term.Z.shape[1])]
        )  # fmt: skip
        out.append(sums @ T @ T.T)
    return tuple(out)


def _convergence(steps: int, converged: bool) -> Convergence:
    words = f"{steps} steps of the EM algorithm."
    search = (
        f"Converged in {words}"
        if converged
        else f"Not converged in {words}\nDo:   give df, as df=4, or a simpler random part."
    )
    return Convergence(
        converged=converged,
        status="converged" if converged else "max_evaluations",
        search=search,
        n_evaluations=steps,
        gradient_norm=float("nan"),
        singular=(),
        trace=(),
    )
