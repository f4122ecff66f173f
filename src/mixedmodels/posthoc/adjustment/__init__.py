"""p-values and critical values of families of tests, and the distributions they come from."""

from mixedmodels.posthoc.adjustment.adjustment import (
    Family,
    adjusted,
    adjusted_rows,
    applicable,
    multipliers,
    require_adjustment,
)
from mixedmodels.posthoc.adjustment.step_procedures import PROCEDURES

__all__ = [
    "PROCEDURES",
    "Family",
    "adjusted",
    "adjusted_rows",
    "applicable",
    "multipliers",
    "require_adjustment",
]
