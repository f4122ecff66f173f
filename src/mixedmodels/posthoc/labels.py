"""Values that name rows, as arrays that hold them as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_labels(values: Sequence[Any]) -> NDArray[np.object_]:
    """Values of any type, one per row: numpy neither converts them nor looks into them."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out
