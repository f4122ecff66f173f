"""Responses on one design, on disk: one file of float64, response after response."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import storage

FILE = "responses.bin"


def write(frame: pd.DataFrame, responses: NDArray[np.float64], folder: Path) -> None:
    """Write the design and the responses, of shape (rows, responses)."""
    np.asfortranarray(responses).T.tofile(folder / FILE)
    storage.write(frame, folder)


def read(folder: Path) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The design, and the responses as columns."""
    frame = storage.read(folder)
    return frame, np.fromfile(folder / FILE).reshape(-1, len(frame)).T
