"""The columns of the parts of a generalised model beside its mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design.coordinates import ORIGINAL, Coordinates
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import AuxiliaryKind, Thresholds

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AuxiliaryMatrix:
    """The columns of one part beside the mean: its values in the rows are D delta.

    Attributes
    ----------
    kind
        ``"dispersion"`` (a logarithm), ``"shape"`` (a logarithm), ``"zero"`` (the logit of an
        excess of zeros, or of the hurdle), or ``"thresholds"``, which are no linear function of
        their parameters.
    names
        Of the parameters.
    D
        Shape (n, parameters), Fortran order, in working coordinates; (n, 0) for thresholds.
    coordinates
        From the formula's columns to those of `D`.
    thresholds
        ``"flexible"``: parameters are the first threshold and the logarithms of the distances;
        ``"equidistant"``: the first and the logarithm of the one distance; None for other parts.
    threshold_names
        Of the thresholds, as in ``low|high``.
    """

    kind: AuxiliaryKind
    names: tuple[str, ...]
    D: Matrix
    coordinates: Coordinates = ORIGINAL
    thresholds: Thresholds | None = None
    threshold_names: tuple[str, ...] = ()

    __repr__ = brief

    @property
    def n_thresholds(self) -> int:
        """How many thresholds there are: one less than categories."""
        return len(self.threshold_names)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> AuxiliaryMatrix:
        """The same on some of its rows, repeated ones too."""
        return replace(self, D=np.asfortranarray(self.D[rows]))
