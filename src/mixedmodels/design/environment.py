"""The functions and constants that a formula may use besides formulaic's own."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import numpy as np
from formulaic.transforms import TRANSFORMS, C

FUNCTIONS: Mapping[str, Any] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "cos": np.cos,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "factor": C,
    "floor": np.floor,
    "log1p": np.log1p,
    "pi": np.pi,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

KNOWN_NAMES = frozenset({*FUNCTIONS, *TRANSFORMS, *dir(builtins)})
"""Names that a formula can use although no column has them."""
