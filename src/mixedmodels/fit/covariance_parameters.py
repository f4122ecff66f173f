"""Every variance parameter by name, on its natural scale, with derivatives in (theta, sigma)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import parameter_name, term_name
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.report import Report, Reported
from mixedmodels.engine.route import AnyProblem
from mixedmodels.fit.labels import column_labels, group_names

Vector = NDArray[np.float64]

RESIDUAL = "Residual"
"""The group of the residual's parameters in every table."""


@dataclass(frozen=True, slots=True)
class CovarianceParameters:
    """The variance parameters of a model, r of them.

    Attributes
    ----------
    names
        In full, as `fixed` and `tied` take them: ``sd(Subject:Days)``, ``cor(Residual)``.
    groups, terms
        The same for tables: grouping factor or ``Residual``, and what the number is.
    entries
        Whose number it is, and what; None for a residual standard deviation that is sigma.
    values
        Shape (r,): standard deviations in the units of the response, correlations, ranges, ….
    jacobian
        Shape (r, m + 1): derivatives in (theta, sigma).
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    terms: tuple[str, ...]
    entries: tuple[Reported | None, ...]
    values: Vector
    jacobian: Vector


def parameters_at(problem: AnyProblem, theta: Vector, sigma: float) -> CovarianceParameters:
    """The variance parameters at a given (theta, sigma)."""
    report = problem.report(theta)
    m = problem.matrices
    has_own = any(entry.owner == "part" for entry in report.entries)
    named = [_name(m, entry) for entry in report.entries]
    values, jacobian = _absolute(report, sigma)
    entries: tuple[Reported | None, ...] = report.entries
    if not has_own and m.known_sigma is None:
        named.append((RESIDUAL, "sd", f"sd({RESIDUAL})"))
        values = np.append(values, sigma)
        jacobian = np.vstack([jacobian, np.append(np.zeros(len(theta)), 1.0)])
        entries = (*entries, None)
    groups, terms, names = zip(*named, strict=True) if named else ((), (), ())
    return CovarianceParameters(names, groups, terms, entries, values, jacobian)


def _absolute(report: Report, sigma: float) -> tuple[Vector, Vector]:
    is_sd = np.array([entry.is_sd for entry in report.entries], dtype=np.bool_)
    scale = np.where(is_sd, sigma, 1.0)
    by_sigma = np.where(is_sd, report.values, 0.0)
    jacobian = np.column_stack([scale[:, None] * report.jacobian, by_sigma])
    return scale * report.values, jacobian


def _name(m: ModelMatrices, entry: Reported) -> tuple[str, str, str]:
    """Group, term and name in full."""
    if entry.owner == "spread":
        term = _spread_terms(m)[entry.index][entry.position]
        return RESIDUAL, term, term
    labels: Sequence[str]
    if entry.owner == "term":
        own = m.terms[entry.index]
        group, part = group_names(m)[own.group], own.part
        labels = column_labels(m)[entry.index]
    else:
        residual = m.residual
        if residual is None:
            raise ValueError("a residual parameter without a residual structure")
        group, part = RESIDUAL, residual.parts[entry.index]
        labels = residual.occasions
    quantity = entry.quantity
    if quantity is None:
        raise ValueError("a parameter of a structure that is no quantity")
    whole = f"{group} | {part}" if part else group
    return whole, term_name(quantity, labels), parameter_name(whole, quantity, labels)


def _spread_terms(m: ModelMatrices) -> list[tuple[str, ...]]:
    """Of every part of the residual's standard deviation the names of its parameters."""
    scale = None if m.residual is None else m.residual.scale
    if scale is None:
        return []
    out: list[tuple[str, ...]] = [(f"log sd({name})",) for name in scale.names]
    for power in scale.powers:
        inside = f"{power.name} | {power.part}" if power.part else power.name
        constant = (f"log const({inside})",) if power.kind == "constpower" else ()
        out.append((*constant, f"power({inside})"))
    return out
