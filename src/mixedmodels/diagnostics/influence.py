"""Influence: what the estimates become without a row, or without all rows of a level.

At the estimated theta the result is exact and needs no refit; of a generalised model it is that of
its working model, to first order. A table goes back to the user's
frame library; the arrays stay here.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.diagnostics.deletion import without_levels, without_rows
from mixedmodels.diagnostics.left_out import each_left_out, whole_fit
from mixedmodels.diagnostics.leverage import leverage, structured_leverage
from mixedmodels.diagnostics.one_step import generalised_one_step, without_levels_one_step
from mixedmodels.diagnostics.working import working
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import standard_errors
from mixedmodels.fit.labels import group_names
from mixedmodels.options import require_option
from mixedmodels.vocabulary import ThetaStep

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Influence:
    """Deletion diagnostics of rows (`by` is None) or of the levels of a group.

    Attributes
    ----------
    fit : Fit
        The fit of all rows.
    by : str or None
        What was left out.
    theta : {"fixed", "one-step"}
        Whether the covariance parameters stayed, or moved by one Newton step.
    labels : Index
        Row labels, or levels.
    without : array (labels, p)
        Coefficients of the columns of X without the row or level; nan where they cannot be
        estimated without it.
    leverage : array or None
        Of rows alone.
    cooks : array (labels,)
        See `cooks_distance`.
    """

    fit: Fit
    by: str | None
    theta: ThetaStep
    labels: pd.Index
    without: Vector
    leverage: Vector | None
    cooks: Vector

    @property
    def params_without(self) -> pd.DataFrame:
        """The coefficients without each row or level."""
        return self._frame(self._reported(self.without))

    @property
    def dfbeta(self) -> pd.DataFrame:
        """Estimate of all rows minus that without each row or level."""
        return self._frame(self._reported(self.fit.beta - self.without))

    @property
    def dfbetas(self) -> pd.DataFrame:
        """`dfbeta` in standard errors of the fit of all rows."""
        return self._frame(self._reported(self.fit.beta - self.without) / self._errors())

    @property
    def cooks_distance(self) -> pd.Series:
        """How far the estimates move, squared and per coefficient.

        By level: of the fixed effects, dfbeta' Cov^-1 dfbeta / p. By row: of fixed and random
        effects together, e^2 h / ((1 - h)^2 sigma^2 p) with Pearson residual e and leverage h,
        as lme4 reports; where covariances have structure as by level.
        """
        return pd.Series(self.cooks, index=self.labels, name="cooks_distance")

    def table(self) -> object:
        """A row per row or level, in the frame library of the data.

        Columns `group, level` (by level) or `row, leverage` (by row), `cooks_distance`,
        `largest_dfbetas` and its `term`, then DFBETAS of every coefficient by its name.
        """
        scaled = self.dfbetas.to_numpy()
        term, size = largest(scaled)
        names = np.array([*self.fit.matrices.x_names, None], dtype=object)
        head: dict[str, object] = (
            {"row": np.asarray(self.labels), "leverage": self.leverage}
            if self.by is None
            else {
                "group": np.full(len(self.labels), self.by, dtype=object),
                "level": np.array([str(label) for label in self.labels], dtype=object),
            }
        )
        head |= {"cooks_distance": self.cooks, "largest_dfbetas": size, "term": names[term]}
        taken = {name: f"dfbetas {name}" for name in self.fit.matrices.x_names if name in head}
        columns = {
            taken.get(name, name): scaled[:, j] for j, name in enumerate(self.fit.matrices.x_names)
        }
        return self.fit.frame.table(head | columns)

    def __repr__(self) -> str:
        what = "rows" if self.by is None else f"levels of {self.by}"
        return f"<Influence of {len(self.labels)} {what}, theta {self.theta}>"

    def _errors(self) -> Vector:
        return standard_errors(self.fit)

    def _reported(self, beta: Vector) -> Vector:
        return self.fit.matrices.coordinates.reported(beta)

    def _frame(self, values: Vector) -> pd.DataFrame:
        names = pd.Index(self.fit.matrices.x_names, dtype=object)
        return pd.DataFrame(values, index=self.labels, columns=names)


def influence(fit: Fit, by: str | None = None, *, theta: ThetaStep = "fixed") -> Influence:
    """What the fixed effects become without each row, or without each level of a group.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    by : str, optional
        A grouping factor of the model; by default single rows.
    theta : {"fixed", "one-step"}
        Keep the covariance parameters of the fit: the coefficients are then exact. Or let them
        move too, by one Newton step of the criterion without the level (by group alone): one
        gradient per level.

    Raises
    ------
    DataError
        For an unknown group or option, or factors too large for this; see `equations`.
    """
    _require_known(theta)
    _require_fixed_effects(fit)
    if fit.generalised is not None:
        return _of_working_model(fit, by, theta)
    if by is None:
        if theta != "fixed":
            raise DataError(
                'theta="one-step" is for the levels of a group, not for single rows.\n'
                "Do:   name a group in `by`, or leave `theta` out."
            )
        if not fit.matrices.is_plain:
            return _structured_rows(fit)
        found = leverage(fit)
        without, cooks = without_rows(fit, found)
        return Influence(fit, None, theta, fit.matrices.index, without, found.values, cooks)
    group = _group_index(fit, by)
    one = theta == "one-step"
    without = without_levels_one_step(fit, group) if one else without_levels(fit, group).copy()
    index = pd.Index(fit.matrices.groupings[group].levels, name=by)
    return Influence(fit, by, theta, index, without, None, _distance(fit, without))


def _of_working_model(fit: Fit, by: str | None, theta: ThetaStep) -> Influence:
    """Of a generalised model: that of its working model, to first order; with theta moved, one
    Newton step of all its parameters.
    """
    if theta == "one-step" and by is not None:
        group = _group_index(fit, by)
        without = generalised_one_step(fit, group)
        index = pd.Index(fit.matrices.groupings[group].levels, name=by)
        return Influence(fit, by, theta, index, without, None, _distance(fit, without))
    found = influence(working(fit), by, theta=theta)
    cooks = found.cooks if by is None else _distance(fit, found.without)
    return replace(found, fit=fit, cooks=cooks)


def _structured_rows(fit: Fit) -> Influence:
    """By row, where covariances have structure: Cook's distance is that of the fixed effects."""
    without = fit.beta - each_left_out(whole_fit(fit)).change
    values = structured_leverage(fit)[0]
    return Influence(
        fit, None, "fixed", fit.matrices.index, without, values, _distance(fit, without)
    )


def largest(scaled: Vector) -> tuple[NDArray[np.int64], Vector]:
    """Per row of DFBETAS, the position of the largest in size and its value; -1 and nan if nan."""
    bad = np.asarray(np.isnan(scaled).any(axis=1))
    position = np.argmax(np.abs(np.where(bad[:, None], 0.0, scaled)), axis=1)
    value = scaled[np.arange(len(scaled)), position]
    return np.where(bad, -1, position), np.where(bad, np.nan, value)


def _distance(fit: Fit, without: Vector) -> Vector:
    change = (fit.beta - without) / fit.sigma
    information = np.linalg.inv(fit.cov_beta_unscaled)
    squares = np.einsum("ia,ab,ib->i", change, information, change)
    return np.asarray(squares / len(fit.beta))


def _group_index(fit: Fit, by: str) -> int:
    names = group_names(fit.matrices)
    if isinstance(by, str) and by in names:
        return names.index(by)
    near = get_close_matches(str(by), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"by = {by!r} is not a grouping factor of the model.{hint}\n"
        f"Do:   choose from {', '.join(names) or 'none: the model has no random effects'}, "
        "or leave it out for single rows."
    )


def _require_known(theta: str) -> None:
    require_option("theta", theta, ("fixed", "one-step"))


def _require_fixed_effects(fit: Fit) -> None:
    if not len(fit.beta):
        raise DataError(
            "The model has no fixed effects, so nothing can change without a row.\n"
            "Do:   use `hat_values()` and residuals to look at single rows."
        )
