"""Columns beside the formula that a result needs: none may be missing in a row that was used."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit


def require_complete(fit: Fit, missing: NDArray[np.bool_], name: str, *, do: str) -> None:
    """Refuse what is missing in some of the rows used, `missing` (n,); `do` says what helps.

    Raises
    ------
    DataError
        With the number of these rows and the label of the first.
    """
    if missing.any():
        label = fit.matrices.index[int(np.argmax(missing))]
        raise DataError(
            f"{name} is missing in {int(missing.sum())} of the rows used; the first is row label "
            f"{label!r}.\nDo:   {do}."
        )
