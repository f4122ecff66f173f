"""The user's data: frames of any library, columns as plain arrays, missing values."""

from mixedmodels.data.alignment import by_name, by_row, is_unlabelled
from mixedmodels.data.columns import (
    Codes,
    Column,
    Combinations,
    as_pandas,
    encode,
    interaction,
    renumber,
)
from mixedmodels.data.frame import Backend, Frame, stacked, table
from mixedmodels.data.levels import (
    joined_labels,
    label,
    match_levels,
    require_distinct_labels,
)
from mixedmodels.data.missing import Completeness, completeness
from mixedmodels.data.reading import read_values

__all__ = [
    "Backend",
    "Codes",
    "Column",
    "Combinations",
    "Completeness",
    "Frame",
    "as_pandas",
    "by_name",
    "by_row",
    "completeness",
    "encode",
    "interaction",
    "is_unlabelled",
    "joined_labels",
    "label",
    "match_levels",
    "read_values",
    "renumber",
    "require_distinct_labels",
    "stacked",
    "table",
]
