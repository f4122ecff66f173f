"""The user's data: frames of any library, columns as plain arrays, missing values."""

from mixedmodels.data.columns import (
    Codes,
    Column,
    as_pandas,
    encode,
    interaction,
    label,
    renumber_levels,
)
from mixedmodels.data.frame import Backend, Frame, table
from mixedmodels.data.missing import Completeness, completeness

__all__ = [
    "Backend",
    "Codes",
    "Column",
    "Completeness",
    "Frame",
    "as_pandas",
    "completeness",
    "encode",
    "interaction",
    "label",
    "renumber_levels",
    "table",
]
