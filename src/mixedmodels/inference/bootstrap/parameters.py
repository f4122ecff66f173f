"""The parameters of many fits of one model, with names: what the bootstrap looks at by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import Identification
from mixedmodels.engine.batch import Refits
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.route import AnyPlain, AnyProblem
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.fit.auxiliary_parameters import auxiliary_parameters
from mixedmodels.fit.covariance_parameters import parameters_at
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.inference.explained_variance import shares_known

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of r fits.

    Attributes
    ----------
    groups : tuple of str or None
        As in tables of intervals; ``"R2"`` and ``"ICC"`` for shares of variance.
    terms : tuple of str
        Names within the group.
    values : array (r, k)
        One column per parameter; a correlation with something that does not vary is nan.
    """

    groups: tuple[str | None, ...]
    terms: tuple[str, ...]
    values: Vector


def parameters_at_fit(fit: Fit) -> Parameters:
    """Those of one fit, r = 1."""
    one = (fit.theta[None], np.array([fit.sigma]), fit.beta[None], fit.delta[None])
    return _parameters(fit.problem, fit.identification, *one)


def parameters_of(problem: AnyProblem, known: Identification, refits: Refits) -> Parameters:
    """Standard deviations and correlations by term, sigma, coefficients, R2 and ICC; of a
    generalised model in place of sigma, R2 and ICC what it has beside its mean.

    nan for variance parameters that the data cannot tell from others.

    Parameters
    ----------
    problem : AnyProblem
        The model.
    known : Identification
        What the data can tell of its variance parameters.
    refits : Refits
        The fits.
    """
    found = (refits.theta, refits.sigma, refits.beta, refits.auxiliary)
    return _parameters(problem, known, *found)


def _parameters(
    problem: AnyProblem,
    known: Identification,
    theta: Vector,
    sigma: Vector,
    beta: Vector,
    delta: Vector,
) -> Parameters:
    if isinstance(problem, GeneralisedProblem):
        return _of_family(problem, theta, beta, delta)
    if isinstance(problem, StructuredProblem):
        return _of_structures(problem, known, theta, sigma, beta)
    covariances = _covariances(problem, theta, sigma)
    pairs = zip(problem.matrices.terms, covariances, strict=True)
    reported = [term.coordinates.reported_covariance(cov) for term, cov in pairs]
    entries = [
        term.coordinates.known(known.of_term(k, len(term.names)))
        for k, term in enumerate(problem.matrices.terms)
    ]
    visible = [np.where(told, cov, np.nan) for told, cov in zip(entries, reported, strict=True)]
    columns = _variances(problem, visible)
    columns["Residual", "sd"] = sigma if known.identified[-1] else np.full_like(sigma, np.nan)
    named = problem.matrices.coordinates.reported(beta)
    columns |= {(None, n): b for n, b in zip(problem.matrices.x_names, named.T, strict=True)}
    residual = sigma**2 * problem.matrices.mean_inverse_weight
    columns |= _shares(problem, known, covariances, residual, beta)
    groups, terms = zip(*columns, strict=True)
    return Parameters(groups, terms, np.column_stack(list(columns.values())))


def _of_structures(
    problem: StructuredProblem, known: Identification, theta: Vector, sigma: Vector, beta: Vector
) -> Parameters:
    """The same for covariances with structure, fit by fit; nan where there is no fit."""
    m = problem.matrices
    first = parameters_at(problem, problem.native.start, 1.0)
    values = np.full((len(sigma), len(first.names)), np.nan)
    covariances = [np.full((len(sigma), len(t.names), len(t.names)), np.nan) for t in m.terms]
    residual = np.full(len(sigma), np.nan)
    for i in np.flatnonzero(np.isfinite(sigma)).tolist():
        values[i] = parameters_at(problem, theta[i], sigma[i]).values
        for cov, T in zip(covariances, problem.templates(theta[i]), strict=True):
            cov[i] = sigma[i] ** 2 * T @ T.T
        residual[i] = sigma[i] ** 2 * np.mean(problem.row_sd(theta[i]) ** 2)
    keys: list[tuple[str | None, str]] = list(zip(first.groups, first.terms, strict=True))
    columns = dict(zip(keys, values.T, strict=True))
    named = m.coordinates.reported(beta)
    columns |= {(None, n): b for n, b in zip(m.x_names, named.T, strict=True)}
    columns |= _shares(problem, known, covariances, residual, beta)
    groups, terms = zip(*columns, strict=True)
    return Parameters(groups, terms, np.column_stack(list(columns.values())))


def _of_family(
    problem: GeneralisedProblem, theta: Vector, beta: Vector, delta: Vector
) -> Parameters:
    """The same of a generalised model, fit by fit; nan where there is no fit."""
    m = problem.matrices
    random = parameters_at(problem, problem.native.start[: problem.n_theta], 1.0)
    first = auxiliary_parameters(problem.family, m.auxiliary, np.zeros(delta.shape[1]))
    values = np.full((len(beta), len(random.names)), np.nan)
    others = np.full((len(beta), len(first.terms)), np.nan)
    for i in np.flatnonzero(
        np.isfinite(beta).all(axis=1) & np.isfinite(theta).all(axis=1)
    ).tolist():
        values[i] = parameters_at(problem, theta[i], 1.0).values
        others[i] = auxiliary_parameters(problem.family, m.auxiliary, delta[i]).values
    named = m.coordinates.reported(beta)
    return Parameters(
        (*random.groups, *first.groups, *(None for _ in m.x_names)),
        (*random.terms, *first.terms, *m.x_names),
        np.column_stack([values, others, named]),
    )


def _covariances(problem: AnyPlain, theta: Vector, sigma: Vector) -> list[Vector]:
    """Sigma_k of every fit for the columns of Z_k, (r, q_k, q_k)."""
    T = [np.zeros((len(sigma), len(t.names), len(t.names))) for t in problem.matrices.terms]
    for i, (k, row, column) in enumerate(problem.theta_index):
        T[k][:, row, column] = theta[:, i] * sigma
    return [t @ t.transpose(0, 2, 1) for t in T]


def _variances(
    problem: AnyPlain, covariances: list[Vector]
) -> dict[tuple[str | None, str], Vector]:
    labels, groups = column_labels(problem.matrices), group_names(problem.matrices)
    columns: dict[tuple[str | None, str], Vector] = {}
    for term, names, cov in zip(problem.matrices.terms, labels, covariances, strict=True):
        group = groups[term.group]
        sd = np.sqrt(np.einsum("rii->ri", cov))
        columns |= {(group, name): sd[:, i] for i, name in enumerate(names)}
        if term.is_independent:
            continue
        for i in range(len(names)):
            for j in range(i + 1, len(names)):
                with np.errstate(invalid="ignore", divide="ignore"):
                    corr = np.clip(cov[:, i, j] / (sd[:, i] * sd[:, j]), -1, 1)
                columns[group, f"cor({names[i]}, {names[j]})"] = corr
    return columns


def _shares(
    problem: AnyProblem,
    known: Identification,
    covariances: list[Vector],
    residual: Vector,
    beta: Vector,
) -> dict[tuple[str | None, str], Vector]:
    """R2 and ICC as `mixedmodels.inference.explained_variance` defines their parts."""
    m = problem.matrices
    X = m.X - m.X.mean(axis=0)
    S = X.T @ X / (len(X) - 1)
    fixed = np.einsum("ri,ij,rj->r", beta, S, beta)
    random = np.zeros(len(residual))
    for term, cov in zip(m.terms, covariances, strict=True):
        random += np.einsum("rij,ij->r", cov, term.Z.T @ term.Z) / len(X)
    parts = shares_known(m, known)
    total = fixed + random + residual if parts.total else np.full_like(residual, np.nan)
    random = random if parts.random else np.full_like(residual, np.nan)
    shares: dict[tuple[str | None, str], Vector] = {
        ("R2", "marginal"): fixed / total,
        ("R2", "conditional"): (fixed + random) / total,
    }
    if m.terms:
        residual = residual if parts.residual else np.full_like(residual, np.nan)
        shares["ICC", "adjusted"] = random / (random + residual)
        shares["ICC", "unadjusted"] = random / total
    return shares
