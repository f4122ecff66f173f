"""What the side of a test means: which statistics speak for it, its limits, its margin."""

from typing import Final

from mixedmodels.vocabulary import Side

LEFT: Final[tuple[Side, ...]] = ("less", "equivalence", "nonsuperiority")
"""Sides that small statistics speak for; for the other one-sided ones large statistics do."""

NO_UPPER_LIMIT: Final[tuple[Side, ...]] = ("greater", "noninferiority", "superiority")
"""Sides whose intervals are open above."""

NO_LOWER_LIMIT: Final[tuple[Side, ...]] = ("less", "nonsuperiority")
"""Sides whose intervals are open below; that of an equivalence is closed."""

NEED_MARGIN: Final[tuple[Side, ...]] = ("equivalence", "noninferiority", "nonsuperiority")
"""Sides that mean nothing without a margin; "superiority" may have one."""
