"""`Pedigree`: the additive relationships of animals through the inverse of their matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Pedigree:
    """The inverse A^-1 of the numerator relationship matrix of animals.

    A holds 1 + F on its diagonal, F an animal's inbreeding, and twice the coefficients of
    coancestry elsewhere. It is a known covariance of the levels of a grouping factor, as in
    ``lmm("y ~ x + known(1 | animal, precision=A)", data, known={"A": pedigree})``.

    Attributes
    ----------
    labels
        The animals: those listed in order of their labels, then parents that are not listed.
    precision
        A^-1 in the order of `labels`, sparse columns with both triangles, at most nine entries per
        animal.
    log_det
        log|A^-1|, the logarithm of the determinant of `precision`.
    sires, dams
        int32, shape (animals,): index into `labels`, -1 for an unknown parent.
    inbreeding
        F by animal.
    n_added
        Parents that were not listed as animals.
    """

    labels: tuple[Any, ...]
    precision: sparse.csc_matrix
    log_det: float
    sires: NDArray[np.int32]
    dams: NDArray[np.int32]
    inbreeding: pd.Series
    n_added: int

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        n_known = (self.sires >= 0).astype(int) + (self.dams >= 0)
        F = self.inbreeding
        n_inbred = int((F > 0).sum())
        lines = [
            f"Pedigree of {len(self):,} animals",
            f"    founders          {np.count_nonzero(n_known == 0):>10,}",
            f"    one known parent  {np.count_nonzero(n_known == 1):>10,}",
            f"    both known        {np.count_nonzero(n_known == 2):>10,}",
            f"    added as parents  {self.n_added:>10,}",
            f"    inbred            {n_inbred:>10,}",
        ]
        n_both = len(np.intersect1d(self.sires[self.sires >= 0], self.dams[self.dams >= 0]))
        if n_both:
            lines.append(f"    sires and dams    {n_both:>10,}")
        if n_inbred:
            top = f"largest {F.max():.4g} ({F.idxmax()})"
            lines.append(f"    inbreeding: mean {F.mean():.4g}, {top}")
        return "\n".join(lines)
