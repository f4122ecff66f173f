"""Averages over rows of what a generalised model predicts on the scale of the response.

A mean over rows of h(eta_i, a_i) is a smooth function of psi = (theta | beta | delta) and of the
random effects. Its linear approximation at the estimates, made row by row, has the tests of every
other row of L beta: derivatives in beta are its L, the others stand beside it (`Beside`). Random
effects that take part are uncertain at known psi too: the joint covariance of what rows have of
them enters by a root of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame, label
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.posthoc.counterfactuals import Comparison
from mixedmodels.posthoc.data_rows import GroupedRows
from mixedmodels.posthoc.grid_variables import GridVariable, fixed_variables, rows_of
from mixedmodels.posthoc.joint import divided
from mixedmodels.posthoc.linear_functions import Kind, LinearFunctions, Testing
from mixedmodels.prediction.auxiliary import auxiliary_of
from mixedmodels.prediction.joint_errors import (
    conditional_covariance,
    effect_columns,
    eta_gradient,
)
from mixedmodels.prediction.links import Link
from mixedmodels.prediction.predict import Predicted, predicted_rows
from mixedmodels.prediction.quantities import quantities
from mixedmodels.prediction.responses import psi_gradient, response
from mixedmodels.prediction.rows import Rows, groups_with_own_levels, new_rows
from mixedmodels.prediction.selection import chosen_effects
from mixedmodels.prediction.structured_errors import has_unseen
from mixedmodels.vocabulary import PredictionType

Vector = NDArray[np.float64]
Changes = Mapping[str, NDArray[Any]]

MOST = 100_000_000
"""Numbers in the derivatives of averages in random effects, at most."""

MOST_GROUPS = 5_000
"""Averages with random effects whose joint covariance is made."""

STEP = 1e-3
"""Step of the differences along a covariate, in its standard deviations."""

STENCIL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
"""Weights of a first derivative by steps from a value, exact for polynomials of degree four."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What is averaged of a row.

    Attributes
    ----------
    type : str
        As of `predict`.
    re : "all", "none" or list
        The random effects that it includes.
    marginal : bool
        Whether it is a mean over the others.
    """

    type: PredictionType = "response"
    re: str | Sequence[str] = "none"
    marginal: bool = False

    @property
    def note(self) -> str:
        """Of what the averages are."""
        what = "" if self.type == "response" else f" ({self.type})"
        if self.marginal:
            return f"on the scale of the response{what}, integrated over the random effects"
        with_them = "of zero" if self.re == "none" else "of the rows"
        return f"on the scale of the response{what}, at random effects {with_them}"


@dataclass(frozen=True, slots=True)
class Averages:
    """Average quantities in k groups of rows, to first order; combinations of them are averages.

    Attributes
    ----------
    value : array (k,)
        The averages.
    gradient : array (k, len(psi))
        Their derivatives in psi.
    effects : array (k, effects)
        Those in the random effects at known psi, if any take part; else (k, 0).
    """

    value: Vector
    gradient: Vector
    effects: Vector

    def combined(self, C: Vector) -> "Averages":
        """C times these."""
        return Averages(C @ self.value, C @ self.gradient, C @ self.effects)

    @staticmethod
    def stacked(parts: Sequence["Averages"]) -> "Averages":
        """Below each other."""
        return Averages(
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.gradient for part in parts]),
            np.concatenate([part.effects for part in parts]),
        )


def averages_of(fit: Fit, rows: GroupedRows, changes: Changes, scale: Scale) -> dict[str, Averages]:
    """Per quantity, by the name of its category, its averages in the groups of rows of which some
    columns are changed.
    """
    made = _changed(fit, rows, changes, scale)
    chosen = chosen_effects(fit, scale.re)
    of = predicted_rows(fit, made, chosen)
    if not scale.marginal:
        _require_seen(of)
    auxiliary = auxiliary_of(fit, made)
    slopes = eta_gradient(fit, of)
    columns = effect_columns(fit, of) if of.has_known_levels else None
    names = [label(value) for value in fit.spec.response_levels]
    found = {}
    for one in quantities(fit, auxiliary, scale.type, categories=names):
        at = response(fit, of, one, marginal=scale.marginal)
        effects = np.zeros((rows.n_groups, 0))
        if columns is not None:
            _require_size(rows.n_groups, columns.shape[1])
            effects = rows.means(columns.multiply(at.slope[:, None]))
        gradient = rows.means(psi_gradient(fit, of, at, slopes, auxiliary))
        found[one.name] = Averages(rows.means(at.value), gradient, effects)
    return found


def _require_seen(of: Predicted) -> None:
    """Refuse effects of levels that the fit has not seen, which it knows nothing of."""
    for term, Z in zip(of.rows.terms, of.included, strict=True):
        unseen = has_unseen(term) & Z.any(axis=1)
        if unseen.any():
            raise DataError(
                f"{np.count_nonzero(unseen)} of the rows to average over have a level of a group "
                "that the fit has not seen, or none.\n"
                'Do:   write re="none", or marginal=True for the mean over levels.'
            )


def _require_size(groups: int, effects: int) -> None:
    if groups * effects > MOST or groups > MOST_GROUPS:
        raise DataError(
            f"The averages of {groups:,} groups depend on {effects:,} random effects: too many to "
            "tell their errors together.\n"
            'Do:   write re="none" or marginal=True, average over fewer groups, or ask for rows '
            "one by one with predict()."
        )


def _changed(fit: Fit, rows: GroupedRows, changes: Changes, scale: Scale) -> Rows:
    """The rows with their columns changed."""
    frame = rows.frame.rows(np.flatnonzero(rows.complete))
    for name, values in changes.items():
        frame = frame.with_column(name, values.tolist())
    groups = set(range(len(fit.matrices.groupings)))
    needed = groups if scale.re != "none" else groups_with_own_levels(fit) & groups
    made = new_rows(
        fit,
        frame.native,
        needed if scale.marginal or scale.re != "none" else (),
        left_out=scale.marginal,
        auxiliary=fit.family.zero != "none",
        offset=rows.offset,
    )
    return replace(made, frame=frame)


def linear_functions(
    fit: Fit,
    kind: Kind,
    labels: Mapping[str, NDArray[Any]],
    of: Averages,
    testing: Testing,
    *,
    bounds: Link | None,
    notes: Sequence[str],
) -> LinearFunctions:
    """Averages as rows that are tested like all others."""
    has_effects = bool(of.effects.shape[1])
    root = _root(fit, of.effects) if has_effects else None
    beta, beside = divided(fit, of.gradient, root)
    completed = fit.spec.columns.completed
    return LinearFunctions(
        fit=fit,
        kind=kind,
        labels=labels,
        by=(),
        L=np.array([completed(row) for row in beta]),
        constant=of.value - beta @ fit.beta,
        testing=testing,
        n_means=np.zeros(len(of.value), dtype=np.int64),
        is_approximate=True,
        beside=beside,
        bounds=bounds,
        notes=tuple(notes),
    )


def _root(fit: Fit, effects: Vector) -> Vector:
    """R (k, r) with R R' the covariance, which may be singular, of combinations (k, q_total) of the
    random effects at known psi; nan in rows that are.
    """
    there = np.isfinite(effects).all(axis=1)
    values, vectors = np.linalg.eigh(conditional_covariance(fit, effects[there].T))
    root = np.full((len(effects), int(there.sum())), np.nan)
    root[there] = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def compared_values(
    fit: Fit, rows: GroupedRows, comparison: Comparison
) -> tuple[list[NDArray[Any]], Vector]:
    """The values (n,) of a column that are compared, and the contrasts of these."""
    variable, n = comparison.variable, len(rows.group)
    if comparison.shifts:
        own = own_values(fit, rows, variable)
        return [own + shift for shift in comparison.shifts], comparison.C
    return [set_to(variable, s, n) for s in range(len(variable.values))], comparison.C


def slope_values(fit: Fit, rows: GroupedRows, name: str) -> tuple[list[NDArray[Any]], Vector]:
    """Values (n,) near those that the rows have of a covariate, and the derivative in terms of
    what is found there.
    """
    own = own_values(fit, rows, fixed_variables(fit)[name])
    data = np.asarray(rows_of(fit, name), dtype=np.float64)
    step = STEP * (float(data.std()) or 1.0)
    values = [own + step * i for i in STENCIL]
    return values, np.array([[weight / step for weight in STENCIL.values()]])


def own_values(fit: Fit, rows: GroupedRows, variable: GridVariable) -> Vector:
    """The values (n,) that the rows have of a covariate."""
    return _numbers(rows.frame, variable.name)[rows.complete]


def _numbers(frame: Frame, name: str) -> Vector:
    return frame.column(name).floats()


def set_to(variable: GridVariable, place: int, n: int) -> NDArray[Any]:
    """A column (n,) of one of the values of a variable."""
    return np.full(n, variable.values[place], dtype=object)
