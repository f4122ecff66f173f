"""Coordinates of all parameters of a generalised model in which one of them is easily held.

A standard deviation is a coordinate of its own where its effect comes first in its term; so is a
correlation once the first two rows of the term's root are written as lengths and an angle. Terms
are therefore rebuilt with the effects in question first, which changes their columns, not the
model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.templates import lower_triangle
from mixedmodels.inference.profile.constrained import PARALLEL, first

Vector = NDArray[np.float64]


class Chart(Protocol):
    """From coordinates phi (P,) to psi (P,)."""

    def coordinates(self, psi: Vector) -> Vector:
        """The phi of `psi`."""

    def point(self, phi: Vector) -> Vector:
        """The psi at `phi`."""

    def pulled(self, phi: Vector, slope: Vector) -> Vector:
        """The gradient in phi of what has the gradient `slope` in psi."""


@dataclass(frozen=True, slots=True)
class Itself:
    """phi = psi."""

    def coordinates(self, psi: Vector) -> Vector:
        """The same."""
        return psi

    def point(self, phi: Vector) -> Vector:
        """The same."""
        return phi

    def pulled(self, phi: Vector, slope: Vector) -> Vector:
        """The same."""
        return slope


@dataclass(frozen=True, slots=True)
class Angle:
    """The entries T_00, T_10, T_11 of a term's root, at three `places` of psi, as the logarithm of
    the first, the correlation of the first two effects, and the logarithm of the second's length.
    """

    places: tuple[int, int, int]

    def coordinates(self, psi: Vector) -> Vector:
        """The phi of `psi`, whose standard deviations are positive."""
        a, b, c = self.places
        phi = psi.copy()
        length = float(np.hypot(psi[b], psi[c]))
        phi[a] = np.log(abs(psi[a]))
        phi[b] = float(np.clip(np.sign(psi[a]) * psi[b] / length, -1.0, 1.0))
        phi[c] = np.log(length)
        return phi

    def point(self, phi: Vector) -> Vector:
        """The psi at `phi`."""
        a, b, c = self.places
        psi = phi.copy()
        length = float(np.exp(phi[c]))
        psi[a] = np.exp(phi[a])
        psi[b], psi[c] = length * phi[b], length * self._sine(phi[b])
        return psi

    def pulled(self, phi: Vector, slope: Vector) -> Vector:
        """The gradient in phi; where the correlation is one, without the change of T_11, whose sign
        does not matter.
        """
        a, b, c = self.places
        out = slope.copy()
        length, sine = float(np.exp(phi[c])), self._sine(phi[b])
        turn = slope[c] * phi[b] / sine if sine > 0 else 0.0
        out[a] = slope[a] * np.exp(phi[a])
        out[b] = length * (slope[b] - turn)
        out[c] = length * (slope[b] * phi[b] + slope[c] * sine)
        return out

    @staticmethod
    def _sine(correlation: float) -> float:
        return float(np.sqrt(max(1.0 - correlation**2, 0.0)))


def with_effects_first(
    problem: GeneralisedProblem, psi: Vector, term: int, effects: Sequence[int]
) -> tuple[GeneralisedProblem, Vector, Vector]:
    """The same model with some effects of the formula first among the columns of a plain term none
    of whose parameters is held; see `are_parallel`.

    Returns
    -------
    problem : GeneralisedProblem
        The model with other columns of Z_k.
    psi : array (P,)
        Of this problem.
    lengths : array (q,)
        By which the effects are longer than those of the first columns of Z_k.
    """
    m, T = problem.matrices, problem.templates(psi[: problem.n_theta])
    old = m.terms[term]
    whole = old.coordinates.reported(np.eye(len(old.names))).T
    lengths = np.linalg.norm(whole[list(effects)], axis=1)
    matrix = first(whole, effects)
    if np.array_equal(matrix, np.eye(len(matrix))):
        return problem, psi, lengths
    Z = np.asfortranarray(old.Z @ np.linalg.inv(matrix))
    terms = [*m.terms]
    terms[term] = replace(old, Z=Z, coordinates=ORIGINAL)
    changed = replace(problem, matrices=m.with_terms(terms))
    root = lower_triangle(matrix @ T[term])
    moved, places = psi.copy(), places_of(problem, term)
    if places is None:
        raise ValueError("a parameter of the term is held")
    rows, columns = np.tril_indices(len(root))
    order = np.lexsort((rows, columns))
    moved[places] = root[rows[order], columns[order]]
    return changed, moved, lengths


def are_parallel(problem: GeneralisedProblem, term: int, effects: Sequence[int]) -> bool:
    """Whether effects of the formula are one but for rounding error, as that at an origin very far
    from the data and a slope are.
    """
    own = problem.matrices.terms[term]
    whole = own.coordinates.reported(np.eye(len(own.names))).T
    return float(np.linalg.cond(first(whole, effects))) > PARALLEL


def places_of(problem: GeneralisedProblem, term: int) -> NDArray[np.intp] | None:
    """The places in psi of the parameters of a term; None if one of them is held or tied."""
    ends, values = problem.structures.term_ends, problem.structures.values
    own = [j for _, j in values[0 if term == 0 else ends[term - 1] : ends[term]]]
    used = [j for _, j in values]
    free = [j for j in own if j is not None and used.count(j) == 1]
    return np.array(free, dtype=np.intp) if len(free) == len(own) else None
