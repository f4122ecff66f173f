"""What a generalised model has beside means and random effects, by name on its natural scale.

delta holds unbounded coordinates: logarithms of a dispersion or shape, logits of a probability of
excess zeros, the first threshold and logarithms of the distances. A part that is a constant is
reported as the number itself, thresholds as they are; of a part with a formula the coefficients
are, on the scale of delta.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.engine.auxiliary import split, thresholds
from mixedmodels.families import Family
from mixedmodels.fit.covariance_parameters import RESIDUAL
from mixedmodels.vocabulary import QuantityKind

Vector = NDArray[np.float64]

CONSTANT = ("Intercept",)
"""The names of a part that is one number."""


@dataclass(frozen=True, slots=True)
class AuxiliaryParameters:
    """The auxiliary parameters, r of them.

    Attributes
    ----------
    groups, terms : tuple of str
        The part, and what the number is.
    kinds : tuple of str
        What kind of number, which says on which scale it has no bounds.
    values : array (r,)
        On the natural scale.
    jacobian : array (r, a)
        Derivatives in delta.
    """

    groups: tuple[str, ...]
    terms: tuple[str, ...]
    kinds: tuple[QuantityKind, ...]
    values: Vector
    jacobian: Vector


def auxiliary_parameters(
    family: Family, parts: Sequence[AuxiliaryMatrix], delta: Vector
) -> AuxiliaryParameters:
    """The parameters of all parts at `delta` (a,)."""
    groups: list[str] = []
    terms: list[str] = []
    kinds: list[QuantityKind] = []
    values, jacobian = [np.empty(0)], [np.empty((0, len(delta)))]
    first = 0
    for part, own in zip(parts, split(parts, delta), strict=True):
        numbers, slopes = _natural(part, own)
        whole = np.zeros((len(numbers), len(delta)))
        whole[:, first : first + len(own)] = slopes
        first += len(own)
        values.append(numbers)
        jacobian.append(whole)
        groups += [_group(family, part)] * len(numbers)
        terms += _terms(family, part)
        kinds += [_kind(part)] * len(numbers)
    return AuxiliaryParameters(
        tuple(groups), tuple(terms), tuple(kinds), np.concatenate(values), np.vstack(jacobian)
    )


def _natural(part: AuxiliaryMatrix, delta: Vector) -> tuple[Vector, Vector]:
    """The reported numbers of a part and their derivatives in its own delta."""
    if part.thresholds is not None:
        return thresholds(part, delta)
    if part.names != CONSTANT:
        return part.coordinates.reported(delta.copy()), part.coordinates.columns(np.eye(len(delta)))
    if part.kind == "zero":
        p = np.exp(-np.logaddexp(0.0, -delta))
        return p, np.diag(p * (1 - p))
    return np.exp(delta), np.diag(np.exp(delta))


def _group(family: Family, part: AuxiliaryMatrix) -> str:
    if part.kind == "zero":
        return "Hurdle" if family.zero == "hurdle" else "Zero inflation"
    if part.kind == "dispersion" and family.name == "gaussian":
        return RESIDUAL
    return part.kind.capitalize()


def _terms(family: Family, part: AuxiliaryMatrix) -> tuple[str, ...]:
    """What the number is: of a formula, coefficients of a logarithm or logit."""
    if part.thresholds is not None:
        return part.threshold_names
    word = "sd" if _group(family, part) == RESIDUAL else part.kind
    if part.names == CONSTANT:
        return ("probability",) if part.kind == "zero" else (word,)
    scale = "logit probability" if part.kind == "zero" else f"log {word}"
    return tuple(f"{scale}({name})" for name in part.names)


def _kind(part: AuxiliaryMatrix) -> QuantityKind:
    if part.thresholds is not None:
        return "threshold"
    if part.names != CONSTANT:
        return "coefficient"
    return "probability" if part.kind == "zero" else "dispersion"
