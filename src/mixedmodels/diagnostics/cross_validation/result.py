"""`CrossValidation`: what was predicted without its own rows, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.diagnostics.cross_validation.comparison import (
    CrossValidationComparison,
    compare_folds,
    sum_error,
)
from mixedmodels.diagnostics.cross_validation.folds import Folds
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import LOG_2PI
from mixedmodels.shortening import middle_cut
from mixedmodels.vocabulary import LeftOutSigma, ThetaStep

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CrossValidation:
    """How well a model predicts rows that it has not seen, as `model.cross_validate()` returns it.

    Rows that the others do not determine, as the only ones with a level of a fixed factor, are nan,
    and no part of any total; `undetermined` names them.

    Attributes
    ----------
    fit : Fit
        The fit of all rows.
    folds : Folds
        What was left out: `labels` of the folds, and `codes` of the rows.
    theta : {"fixed", "one-step"}
        Whether the relative covariances stayed, or moved by one Newton step.
    residual_sd : {"estimated", "held"}
        Whether sigma is that of the other rows, or that of all rows.
    level : float
        Of the prediction intervals.
    log_densities : array (folds,)
        Log predictive density of the rows of each fold, jointly.
    predictions, sds : array (n,)
        Of every row given the rows of other folds: mean and standard deviation.
    """

    fit: Fit
    folds: Folds
    theta: ThetaStep
    residual_sd: LeftOutSigma
    level: float
    log_densities: Vector
    predictions: Vector
    sds: Vector

    @property
    def elpd(self) -> float:
        """The sum of the folds' log predictive densities: expected for as many new folds."""
        told = self.log_densities[~np.isnan(self.log_densities)]
        return float(told.sum()) if len(told) else float("nan")

    @property
    def elpd_se(self) -> float:
        """Standard error of `elpd`, from the spread between folds."""
        return sum_error(self.log_densities[~np.isnan(self.log_densities)])

    @property
    def errors(self) -> pd.Series:
        """Observed less predicted, on the index of the rows used."""
        m = self.fit.matrices
        return pd.Series(m.y - self.predictions, index=m.index.view(), name="error")

    @property
    def rmse(self) -> float:
        """Root of the mean square of the errors."""
        return float(np.sqrt(np.mean(self._told_errors() ** 2))) if self.n else float("nan")

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return float(np.mean(np.abs(self._told_errors()))) if self.n else float("nan")

    @property
    def coverage(self) -> float:
        """Share of the rows whose prediction interval of `level` holds them."""
        inside = self._are_inside()
        return float(inside[np.isfinite(self.sds)].mean()) if self.n else float("nan")

    @property
    def n(self) -> int:
        """The number of rows that are predicted."""
        return int(np.isfinite(self.sds).sum())

    @property
    def undetermined(self) -> pd.Index:
        """Labels of the folds that the others do not determine."""
        return self.folds.labels[np.isnan(self.log_densities)]

    def table(self) -> object:
        """A row per fold, in the frame library of the data.

        By row `row, prediction, sd, error, log_density`; otherwise `group, level, nobs,
        log_density, rmse, mae, coverage`, with the joint log density of the rows of the level.
        """
        if self.folds.by is None:
            return self._frame(np.asarray(self.folds.labels), self.log_densities)
        codes, counts = self.folds.codes, self.folds.counts
        errors = self.errors.to_numpy()

        def mean(values: Vector) -> Vector:
            return np.asarray(np.bincount(codes, values, minlength=len(counts)) / counts)

        return self.fit.frame.table(
            {
                "group": np.full(len(counts), self.folds.by, dtype=object),
                "level": np.array([str(label) for label in self.folds.labels], dtype=object),
                "nobs": counts,
                "log_density": self.log_densities,
                "rmse": np.sqrt(mean(errors**2)),
                "mae": mean(np.abs(errors)),
                "coverage": mean(np.where(np.isnan(self.sds), np.nan, self._are_inside())),
            }
        )

    def compare(
        self, *others: CrossValidation, names: Sequence[str] | None = None
    ) -> CrossValidationComparison:
        """Which of several models predicts the same folds best.

        Parameters
        ----------
        others : CrossValidation
            Of other models of the same response, with the same folds; fixed effects may differ.
        names : sequence of str, optional
            What the models are called, this one first; by default their formulas.

        Raises
        ------
        DataError
            If responses or folds differ, or another object is given.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("sleepstudy")
        >>> slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
        >>> levels = mm.lmm("Reaction ~ Days + (1 | Subject)", data)
        >>> found = slopes.cross_validate("Subject").compare(levels.cross_validate("Subject"))
        >>> found.table()[["elpd", "difference", "difference_se"]].round(1)
            elpd  difference  difference_se
        0 -885.4         0.0            0.0
        1 -905.1       -19.7           13.8
        """
        return compare_folds((self, *others), names)

    def rows(self) -> object:
        """A row per row used: `row, prediction, sd, error, log_density`, with the density of the
        row by itself given the rows of other folds.
        """
        z = self.errors.to_numpy() / self.sds
        return self._frame(
            np.asarray(self.fit.matrices.index), -(LOG_2PI + z**2) / 2 - np.log(self.sds)
        )

    def __repr__(self) -> str:
        of = "rows" if self.folds.by is None else f"levels of {middle_cut(self.folds.by, 50)}"
        lost = len(self.undetermined)
        lines = [
            f"Cross-validation of {len(self.folds.labels)} {of}, theta {self.theta}, "
            f"sigma {self.residual_sd}",
            f"  elpd      {self.elpd:12.2f}   (se {self.elpd_se:.2f})",
            f"  RMSE      {self.rmse:12.5g}",
            f"  MAE       {self.mae:12.5g}",
            f"  coverage  {self.coverage:12.3f}   of {self.level:.0%} prediction intervals",
            f"  n         {self.n:12d}",
        ]
        if lost:
            lines.append(f"  without {lost} that the others do not determine: see .undetermined")
        return "\n".join(lines)

    def _told_errors(self) -> Vector:
        return np.asarray(self.errors.to_numpy()[np.isfinite(self.sds)])

    def _are_inside(self) -> NDArray[np.bool_]:
        half = float(special.ndtri(0.5 + self.level / 2)) * self.sds
        return np.asarray(np.abs(self.errors.to_numpy()) <= half)

    def _frame(self, labels: NDArray[np.generic], log_density: Vector) -> object:
        return self.fit.frame.table(
            {
                "row": labels,
                "prediction": self.predictions,
                "sd": self.sds,
                "error": self.errors.to_numpy(),
                "log_density": log_density,
            }
        )
