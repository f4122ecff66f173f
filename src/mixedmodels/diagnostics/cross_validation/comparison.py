"""Models told apart by how well they predict the same folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.shortening import distinct_labels

if TYPE_CHECKING:
    from mixedmodels.diagnostics.cross_validation.result import CrossValidation

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CrossValidationComparison:
    """Models by their expected log predictive density, the best first.

    Attributes
    ----------
    fit : Fit
        Of the first model given, whose frame library tables go to.
    names : tuple of str
        The models.
    log_densities : array (models, folds)
        Of the folds that every model predicts.
    undetermined : int
        The number of folds that some model does not predict; they count for none.
    """

    fit: Fit
    names: tuple[str, ...]
    log_densities: Vector
    undetermined: int

    def table(self) -> object:
        """Table `model, elpd, std_error, difference, difference_se`.

        The difference is to the first row, its standard error from the differences within folds,
        which for models of the same data is far below those of the sums.
        """
        return self.fit.frame.table(self._columns())

    def __repr__(self) -> str:
        found = self._columns()
        width = max(len("model"), *(len(name) for name in self.names))
        head = ("elpd", "se", "difference", "se")
        lines = [
            f"Cross-validation of {len(self.names)} models on {self.log_densities.shape[1]} folds",
            "model".ljust(width) + "".join(f"{name:>12}" for name in head),
        ]
        for i, name in enumerate(found["model"]):
            numbers = [found[key][i] for key in list(found)[1:]]
            lines.append(str(name).ljust(width) + "".join(f"{x:12.2f}" for x in numbers))
        if self.undetermined:
            lines.append(f"without {self.undetermined} folds that not every model predicts")
        return "\n".join(lines)

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        sums = self.log_densities.sum(axis=1)
        order = np.argsort(-sums, kind="stable")
        own = self.log_densities[order]
        apart = own - own[0]
        return {
            "model": np.array(self.names, dtype=object)[order],
            "elpd": sums[order],
            "std_error": np.array([sum_error(row) for row in own]),
            "difference": apart.sum(axis=1),
            "difference_se": np.array([sum_error(row) for row in apart]),
        }


def compare_folds(
    results: Sequence[CrossValidation], names: Sequence[str] | None
) -> CrossValidationComparison:
    """See `CrossValidation.compare`."""
    if len(results) < 2:
        raise DataError("There is one model.\nDo:   give the results of others to compare with.")
    first = results[0]
    for other in results[1:]:
        if type(other) is not type(first):
            raise DataError(
                f"compare() was given an object of type {type(other).__name__}.\n"
                "Do:   give results of cross_validate(), of every model with the same `by`."
            )
        _require_same(first, other)
    densities = np.array([result.log_densities for result in results])
    told = ~np.isnan(densities).any(axis=0)
    given = [str(r.fit.spec.formula) for r in results] if names is None else list(names)
    if len(given) != len(results):
        raise DataError(
            f"There are {len(given)} names for {len(results)} models.\n"
            "Do:   give one name per model, the one that is asked first."
        )
    labels = tuple(distinct_labels(given, 50))
    return CrossValidationComparison(first.fit, labels, densities[:, told], int((~told).sum()))


def sum_error(values: Vector) -> float:
    """Standard error of a sum of independent terms."""
    return float(np.sqrt(len(values) * np.var(values, ddof=1))) if len(values) > 1 else np.nan


def _require_same(first: CrossValidation, other: CrossValidation) -> None:
    y, own = first.fit.matrices.y, other.fit.matrices.y
    if len(y) != len(own) or not np.allclose(y, own, rtol=1e-10, atol=0):
        raise DataError(
            f"The models are of different responses or rows: {len(y)} and {len(own)} rows used.\n"
            "Do:   fit them to the same rows and the same response on the same scale."
        )
    if not np.array_equal(first.folds.codes, other.folds.codes):
        raise DataError(
            "The folds differ.\nDo:   call cross_validate with the same `by` for every model."
        )
