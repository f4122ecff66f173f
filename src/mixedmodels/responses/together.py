"""Fits of plain models, all responses of a block in one native call."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import CONVERGED, FAILED, MAX_EVALUATIONS, RefitPlan, Refits
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.singularity import NEGLIGIBLE
from mixedmodels.engine.templates import reported_template
from mixedmodels.fit.fit import EXACT, spread
from mixedmodels.inference.replication.t_statistics import rows_in
from mixedmodels.responses.design import Design
from mixedmodels.responses.entries import entries_of, values_of
from mixedmodels.responses.estimates import Estimates, empty
from mixedmodels.vocabulary import DegreesOfFreedom

Vector = NDArray[np.float64]

PIECES: dict[DegreesOfFreedom, Literal["wald", "satterthwaite", "kenward-roger"]] = {
    "satterthwaite": "satterthwaite",
    "kenward-roger": "kenward-roger",
    "residual": "wald",
    "normal": "wald",
}
"""What the engine brings for a method; the others are computed from single fits."""

NO_RESIDUAL = "the model fits the response exactly: no residual variance is left"


def is_together(design: Design) -> bool:
    """Whether the responses of this design can be fitted together."""
    return design.is_plain and design.asked.ddf in PIECES


def fits_together(design: Design, problem: Problem, Y: Vector) -> Estimates:
    """Fit columns of `Y` (n, r) that are finite and vary."""
    asked, m = design.asked, problem.matrices
    control = asked.request.control
    p = len(m.x_names)
    plan = RefitPlan(
        reml=asked.request.reml,
        start=None if control.start is None else np.asarray(control.start, dtype=np.float64),
        L=m.coordinates.columns(np.eye(p)),
        pieces=PIECES[asked.ddf],
        max_evaluations=control.max_evaluations,
        tolerance=control.tolerance,
    )
    refits = problem.refit(Y, plan)
    out = _read(design, problem, refits, plan)
    exact = ~(refits.sigma > EXACT * spread(Y, m.weights)) | ~np.isfinite(refits.deviance)
    _lose(out, exact)
    return out


def _read(design: Design, problem: Problem, refits: Refits, plan: RefitPlan) -> Estimates:
    m = problem.matrices
    df = float(len(m.y) - len(m.x_names)) if design.asked.ddf == "residual" else np.inf
    L = plan.L if plan.L is not None else np.eye(len(m.x_names))
    found = rows_in(refits, L, design.rows, df)
    T = _templates(problem, refits.theta)
    sigma2 = refits.sigma[:, None, None] ** 2
    covariances = [
        term.coordinates.reported_covariance(sigma2 * (T_k @ T_k.swapaxes(1, 2)))
        for term, T_k in zip(m.terms, T, strict=True)
    ]
    entries = entries_of(m)
    out = empty(design, len(refits))
    out.nobs[:] = len(m.y)
    out.status[:] = _words(refits)
    out.estimate[:] = found.estimate - design.rhs
    out.std_error[:], out.df[:] = found.std_error, found.df
    out.covariances[:] = values_of(entries, covariances)
    out.sigma[:], out.criterion[:] = refits.sigma, refits.deviance
    out.theta[:] = _reported_theta(problem, refits.theta, T)
    out.singular[:] = _are_singular(problem, T, len(refits))
    out.n_evaluations[:] = refits.n_evaluations
    return out


def _words(refits: Refits) -> list[str]:
    words = {CONVERGED: "converged", MAX_EVALUATIONS: "max_evaluations", FAILED: "failed"}
    return [words.get(int(status), "stalled") for status in refits.status]


def _lose(out: Estimates, exact: NDArray[np.bool_]) -> None:
    """Nothing is reported of a response that is reproduced, or of one whose search failed."""
    for name in ("estimate", "std_error", "df", "covariances", "sigma", "criterion", "theta"):
        getattr(out, name)[exact] = np.nan
    out.singular[exact] = False
    out.lose(exact, "exact", NO_RESIDUAL)


def _templates(problem: Problem, theta: Vector) -> list[Vector]:
    """T_k (r, q_k, q_k) of every term."""
    T = [np.zeros((len(theta), len(t.names), len(t.names))) for t in problem.matrices.terms]
    for j, (k, row, column) in enumerate(problem.theta_index):
        T[k][:, row, column] = theta[:, j]
    return T


def _reported_theta(problem: Problem, theta: Vector, T: list[Vector]) -> Vector:
    """Theta (r, m) of the columns of the formula."""
    terms = problem.matrices.terms
    if not any(term.coordinates.steps for term in terms):
        return theta
    out = np.full_like(theta, np.nan)
    for i in np.flatnonzero(np.isfinite(theta).all(axis=1)):
        pairs = zip(terms, T, strict=True)
        out[i] = problem.theta_of([reported_template(t.coordinates, T_k[i]) for t, T_k in pairs])
    return out


def _are_singular(problem: Problem, T: list[Vector], r: int) -> NDArray[np.bool_]:
    """Whether a direction of a term has no variance, as `engine.singularity` judges it."""
    out = np.zeros(r, dtype=np.bool_)
    for scale, T_k in zip(problem.column_scales, T, strict=True):
        known = np.isfinite(T_k).all(axis=(1, 2))
        values = np.linalg.svd(scale[:, None] * T_k[known], compute_uv=False)
        out[known] |= (values < NEGLIGIBLE).any(axis=1)
    return out
