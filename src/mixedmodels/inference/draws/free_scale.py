"""The scale on which the variance parameters are drawn from a normal distribution.

Of every plain term the logarithms of the standard deviations, and of the partial correlations
(between effects i and j given those before j) their Fisher z: any values of these are a covariance,
and for two effects they are the correlation's own. Log sigma. Of structures with parameters of
their own the free coordinates of the search, and of generalised models beta and delta as they are.
With v = (theta, sigma) or psi, and H^+ as in `information`, the covariance is J (2 H^+) J' with
J = d phi / dv.

Near the ends of their ranges these scales would give what nobody believes. A standard deviation
that is small beside its error would become very large on the scale of logarithms, and is drawn as
it is, reflected at zero. A z whose error is large would be a correlation of one or minus one, and
has at most the error that it has where all correlations are as likely. A standard deviation of zero
stays zero, the correlations of a singular term stay as they are, and so do coordinates of
structures on which the criterion does not depend, at a correlation of one and the like.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.singularity import NEGLIGIBLE
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.engine.templates import reported_template, working_template
from mixedmodels.errors import DataError
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.information import information
from mixedmodels.inference.structured_parameters import known_parameters

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEP = 1e-6
"""Of central differences, relative to the size of a parameter."""

POOR = 0.5
"""Error of the logarithm of a standard deviation above which it is drawn as it is."""

UNIFORM_Z = float(np.pi / np.sqrt(12))
"""Standard deviation of Fisher's z of a correlation with a uniform distribution."""

IDLE = 10.0
"""Error of a coordinate, in its unit, above which it is held."""

NEGATIVE = 1e-6
"""Negative variance, relative to the largest at unit diagonal, from which a covariance is none."""


@dataclass(frozen=True, slots=True)
class TermScale:
    """How a plain term is drawn.

    Attributes
    ----------
    term : int
        Which.
    places : sequence of (int, int, int)
        Place in theta, row and column of the entries of its template.
    is_free : bool array (q,)
        Which standard deviations are not zero.
    unit : array (q, q)
        Rows of the reported template over their length: a root of the correlations.
    is_correlated : bool
        Whether these are drawn, too.
    is_log : bool array (free,)
        Which of the free standard deviations are drawn as logarithms.
    """

    term: int
    places: Sequence[tuple[int, int, int]]
    is_free: Mask
    unit: Vector
    is_correlated: bool
    is_log: Mask

    def of(self, T: Vector, sigma: float) -> Vector:
        """Standard deviations on their scales, and z, from the reported template (q, q)."""
        length = np.sqrt((T**2).sum(axis=1))
        sd = sigma * length[self.is_free]
        values = np.where(self.is_log, np.log(sd), sd)
        if not self.is_correlated:
            return np.asarray(values)
        return np.concatenate([values, _partial_z(T / length[:, None])])

    def back(self, phi: Vector, sigma: float) -> Vector:
        """The reported template (q, q)."""
        count = int(self.is_free.sum())
        length = np.zeros(len(self.unit))
        sd, logs = np.abs(phi[:count]), np.where(self.is_log, phi[:count], 0.0)
        length[self.is_free] = np.where(self.is_log, np.exp(logs), sd) / sigma
        unit = _root_of(phi[count:], len(self.unit)) if self.is_correlated else self.unit
        return np.asarray(length[:, None] * unit)

    @property
    def size(self) -> int:
        """How many numbers are drawn."""
        q = len(self.unit)
        return int(self.is_free.sum()) + (q * (q - 1) // 2 if self.is_correlated else 0)


@dataclass(frozen=True, slots=True)
class FreeScale:
    """All that is drawn, f numbers.

    Attributes
    ----------
    fit : Fit
        The estimates.
    terms : tuple of TermScale
        Plain terms whose parameters are all free.
    rest : array of int
        The other elements of psi, which are drawn as they are.
    has_sigma : bool
        Whether sigma is estimated.
    estimate, root : array (f,), (f, f)
        The estimates, and a root of their covariance.
    held : tuple of str
        Variance parameters that every draw has at their estimates.
    """

    fit: Fit
    terms: tuple[TermScale, ...]
    rest: NDArray[np.int64]
    has_sigma: bool
    estimate: Vector
    root: Vector
    held: tuple[str, ...]

    def at(self, phi: Vector) -> Fit:
        """The fit with other parameters; its coefficients and random effects, if they follow from
        these, are still the old ones.
        """
        fit, psi = self.fit, self.fit.psi.copy()
        sigma = float(np.exp(phi[-1])) if self.has_sigma else fit.sigma
        place = 0
        for part in self.terms:
            T = part.back(phi[place : place + part.size], sigma)
            place += part.size
            T = working_template(fit.matrices.terms[part.term].coordinates, T)
            for j, row, column in part.places:
                psi[j] = T[row, column]
        psi[self.rest] = phi[place : place + len(self.rest)]
        return _with_parameters(fit, psi, sigma)


def free_scale(fit: Fit) -> FreeScale:
    """The scale of a fit, and what is known on it.

    Raises
    ------
    DataError
        If the Hessian is not positive definite.
    """
    terms = tuple(filter(None, (_term_scale(fit, k) for k in range(len(fit.matrices.terms)))))
    taken = [j for part in terms for j, _, _ in part.places]
    rest = np.setdiff1d(np.arange(len(fit.psi)), taken)
    has_sigma = fit.generalised is None and fit.matrices.known_sigma is None
    scale = FreeScale(fit, terms, rest, has_sigma, np.empty(0), np.empty((0, 0)), ())
    scale = replace(scale, terms=_with_logarithms(scale, _errors(_covariance(scale))))
    covariance = _covariance(scale)
    errors = _errors(covariance)
    idle = _are_idle(scale, errors)
    shrink = np.where(idle, 0.0, 1.0)
    shrink[_are_z(scale)] = np.minimum(1.0, UNIFORM_Z / errors[_are_z(scale)])
    root = _root(covariance * np.outer(shrink, shrink))
    estimate = _phi(scale, np.append(fit.psi, fit.sigma))
    return replace(scale, estimate=estimate, root=root, held=_held(scale, idle))


def _with_logarithms(scale: FreeScale, errors: Vector) -> tuple[TermScale, ...]:
    """The terms, of whose standard deviations those that are told well are logarithms."""
    terms, place = [], 0
    for part in scale.terms:
        own = errors[place : place + len(part.is_log)]
        terms.append(replace(part, is_log=np.asarray(own <= POOR)))
        place += part.size
    return tuple(terms)


def _are_z(scale: FreeScale) -> Mask:
    parts = [np.arange(part.size) >= len(part.is_log) for part in scale.terms]
    others = np.zeros(len(scale.rest) + int(scale.has_sigma), dtype=np.bool_)
    return np.concatenate([*parts, others])


def _are_idle(scale: FreeScale, errors: Vector) -> Mask:
    """Coordinates of structures that are held (f,)."""
    fit, mask = scale.fit, np.zeros(len(errors), dtype=np.bool_)
    if not isinstance(fit.problem, StructuredTerms) or not (scale.rest < len(fit.theta)).any():
        return mask
    known = known_parameters(fit)
    depends = known.parameters.jacobian != 0
    first = sum(part.size for part in scale.terms)
    for place, j in enumerate(scale.rest.tolist()):
        if j < len(fit.theta):
            is_flat = errors[first + place] > IDLE * fit.problem.units[j]
            mask[first + place] = is_flat or known.on_boundary[depends[:, j]].all()
    return mask


def _held(scale: FreeScale, idle: Mask) -> tuple[str, ...]:
    """Names of the variance parameters that every draw has at their estimates."""
    found, parts = parameters_of(scale.fit), {part.term: part for part in scale.terms}
    first = sum(part.size for part in scale.terms)
    places = scale.rest[idle[first : first + len(scale.rest)]]
    is_held = np.any(found.jacobian[:, places] != 0, axis=1)
    for i, entry in enumerate(found.entries):
        if entry is None or entry.owner != "term" or entry.index not in parts:
            continue
        part, quantity = parts[entry.index], entry.quantity
        if entry.is_sd and quantity is not None:
            is_held[i] = not part.is_free[quantity.first]
        else:
            is_held[i] = not part.is_correlated
    return tuple(name for name, own in zip(found.names, is_held, strict=True) if own)


def _term_scale(fit: Fit, k: int) -> TermScale | None:
    term, places = fit.matrices.terms[k], fit.problem.places(k)
    q = len(term.names)
    free = {j for j, _, _ in places}
    if len(free) != (q if term.is_independent else q * (q + 1) // 2) or not term.structure.is_plain:
        return None
    T = reported_template(term.coordinates, fit.T[k])
    length = np.sqrt((T**2).sum(axis=1))
    is_singular = any(found.term == k for found in fit.convergence.singular)
    least = NEGLIGIBLE * _typical(fit) if is_singular else 0.0
    is_free = np.asarray(length * fit.problem.column_scales[k] > least)
    unit = np.where(is_free[:, None], T / np.where(is_free, length, 1.0)[:, None], 0.0)
    is_correlated = not term.is_independent and q > 1 and not is_singular
    is_log = np.ones(int(is_free.sum()), dtype=np.bool_)
    return TermScale(k, places, is_free, unit, is_correlated, is_log)


def _typical(fit: Fit) -> float:
    at = fit.psi if fit.generalised is not None else fit.theta
    return fit.problem.typical_scale(at)


def _phi(scale: FreeScale, v: Vector) -> Vector:
    fit, sigma = scale.fit, float(v[-1])
    T = fit.problem.templates(v[: len(fit.theta)])
    parts = [
        part.of(reported_template(fit.matrices.terms[part.term].coordinates, T[part.term]), sigma)
        for part in scale.terms
    ]
    last = [np.log(v[-1:])] if scale.has_sigma else []
    return np.concatenate([*parts, v[scale.rest], *last])


def _jacobian(scale: FreeScale, v: Vector) -> Vector:
    """D phi / dv (f, v) by central differences."""
    fit = scale.fit
    sizes = np.ones(len(v))
    sizes[: len(fit.theta)] = fit.problem.units
    sizes[-1] = v[-1]  # sigma, in the unit of the response
    steps = STEP * np.maximum(np.abs(v), sizes)
    ends = [[_phi(scale, v + sign * step) for sign in (1, -1)] for step in np.diag(steps)]
    slopes = [(up - down) / (2 * h) for (up, down), h in zip(ends, steps, strict=True)]
    return np.array(slopes).T


def _covariance(scale: FreeScale) -> Vector:
    """Of the estimates of phi; zero where something counts as known."""
    fit, v = scale.fit, np.append(scale.fit.psi, scale.fit.sigma)
    given = information(fit).covariance if fit.generalised is None else fit.generalised.covariance
    of_v = np.zeros((len(v), len(v)))
    of_v[: len(given), : len(given)] = given
    J = _jacobian(scale, v)
    return np.asarray(J @ of_v @ J.T)


def _errors(covariance: Vector) -> Vector:
    return np.sqrt(np.maximum(np.diag(covariance), 0.0))


def _root(covariance: Vector) -> Vector:
    unit = np.sqrt(np.abs(np.diag(covariance)))
    unit = np.where(unit > 0, unit, 1.0)
    scaled = covariance / np.outer(unit, unit)
    if np.isfinite(scaled).all():
        values, vectors = np.linalg.eigh((scaled + scaled.T) / 2)
        if not len(values) or values[0] > -NEGATIVE * max(values[-1], 1.0):
            return np.asarray(unit[:, None] * vectors * np.sqrt(np.maximum(values, 0.0)))
    raise DataError(
        "The parameters have no normal distribution to draw from: the Hessian is not positive "
        "definite.\n"
        "Do:   look at model.convergence.message; fit a simpler model, or use bootstrap()."
    )


def _with_parameters(fit: Fit, psi: Vector, sigma: float) -> Fit:
    m, p = len(fit.theta), len(fit.beta)
    if fit.generalised is None or not isinstance(fit.problem, GeneralisedProblem):
        return replace(fit, theta=psi, sigma=sigma)
    generalised = replace(fit.generalised, auxiliary=psi[m + p :])
    return replace(fit, theta=psi[:m], beta=psi[m : m + p], generalised=generalised)


def _partial_z(L: Vector) -> Vector:
    """Fisher's z of the partial correlations, from a lower root (q, q) with rows of length one."""
    left = np.sqrt(np.maximum(1 - np.cumsum(L**2, axis=1) + L**2, 0.0))
    rows, columns = np.tril_indices(len(L), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.arctanh(L[rows, columns] / left[rows, columns])


def _root_of(z: Vector, q: int) -> Vector:
    """The lower root (q, q) whose partial correlations have these z."""
    partial = np.zeros((q, q))
    partial[np.tril_indices(q, -1)] = np.tanh(z)
    np.fill_diagonal(partial, 1.0)
    left = np.cumprod(np.sqrt(1 - np.tril(partial, -1) ** 2), axis=1)
    return np.asarray(partial * np.column_stack([np.ones(q), left[:, :-1]]))
