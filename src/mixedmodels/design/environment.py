"""What a formula may use besides columns: a closed list of functions and constants.

None of them reads or writes anything outside of its arguments, so that a formula from a stranger
can do no more than calculate. What is not here comes by `context`, from the caller.
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from formulaic.transforms import TRANSFORMS
from formulaic.transforms.contrasts import Contrasts as Coding
from formulaic.transforms.contrasts import ContrastsRegistry

from mixedmodels.design.rescale import rescale
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import Context


@dataclass(frozen=True, slots=True)
class Elementwise:
    """A function of `least` to `most` columns or numbers, row by row.

    Its arguments are floats, or what they are in the data if `is_raw`, as for comparisons.
    """

    call: Callable[..., Any]
    least: int
    most: int
    is_raw: bool = False


@dataclass(frozen=True, slots=True)
class Transform:
    """A function that learns from the rows of the fit and keeps what it learned for others.

    `options` are the arguments after the first, in order.
    """

    call: Callable[..., Any]
    options: tuple[str, ...] = ()


_ONE = (
    "abs absolute fabs sign sqrt cbrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin "
    "cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg degrees "
    "radians floor ceil trunc rint negative positive sinc isnan isfinite isinf"
)
_TWO = (
    "add subtract multiply divide true_divide floor_divide mod remainder fmod power float_power "
    "maximum minimum fmax fmin hypot arctan2 heaviside logaddexp logaddexp2 copysign"
)
_TWO_RAW = (
    "equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor isin"
)
_SHORT = "abs ceil cos exp exp2 expm1 floor log log10 log1p log2 sin sqrt tan tanh"
_SPLINE = ("df", "knots", "lower_bound", "upper_bound", "constraints", "extrapolation")


def _exp10(x: Any) -> Any:
    return np.power(10.0, x)


_NUMPY: Mapping[str, Elementwise] = {
    **{name: Elementwise(getattr(np, name), 1, 1) for name in _ONE.split()},
    **{name: Elementwise(getattr(np, name), 2, 2) for name in _TWO.split()},
    **{name: Elementwise(getattr(np, name), 2, 2, is_raw=True) for name in _TWO_RAW.split()},
    "logical_not": Elementwise(np.logical_not, 1, 1, is_raw=True),
    "where": Elementwise(np.where, 3, 3, is_raw=True),
    "clip": Elementwise(np.clip, 3, 3),
    "round": Elementwise(np.round, 1, 2),
    "around": Elementwise(np.round, 1, 2),
}

ELEMENTWISE: Mapping[str, Elementwise] = {
    **{f"np.{name}": function for name, function in _NUMPY.items()},
    **{name: _NUMPY[name] for name in _SHORT.split()},
    "exp10": Elementwise(_exp10, 1, 1),
    "pow": _NUMPY["power"],
    "round": _NUMPY["round"],
}

SPLINES = ("bs", "cr", "cs", "cc")

STATEFUL: Mapping[str, Transform] = {
    "bs": Transform(
        TRANSFORMS["bs"],
        ("df", "knots", "degree", "include_intercept", *_SPLINE[2:4], "extrapolation"),
    ),
    "cr": Transform(TRANSFORMS["cr"], _SPLINE),
    "cs": Transform(TRANSFORMS["cs"], _SPLINE),
    "cc": Transform(TRANSFORMS["cc"], _SPLINE),
    "poly": Transform(TRANSFORMS["poly"], ("degree", "raw")),
    "center": Transform(TRANSFORMS["center"]),
    "scale": Transform(TRANSFORMS["scale"], ("center", "scale", "ddof")),
    "rescale": Transform(rescale, ("by",)),
    "standardize": Transform(TRANSFORMS["standardize"], ("center", "rescale", "ddof")),
}

CATEGORICAL: Mapping[str, tuple[str, ...]] = {
    "C": ("contrasts", "levels", "spans_intercept"),
    "factor": ("contrasts", "levels", "spans_intercept"),
    "hashed": ("levels", "contrasts", "spans_intercept"),
}
"""Functions that make a factor of a column, with their other arguments."""

CODINGS: Mapping[str, type[Coding] | Callable[..., Coding]] = {
    **{
        f"contr.{name}": getattr(ContrastsRegistry, name)
        for name in ("treatment", "SAS", "sum", "helmert", "diff", "poly", "custom")
    },
    **{name: TRANSFORMS[name] for name in ("Treatment", "Sum", "Helmert", "Diff", "Poly")},
}

IDENTITY = "I"

CONSTANTS: Mapping[str, float] = {
    "pi": np.pi,
    "np.pi": np.pi,
    "np.e": np.e,
    "np.inf": np.inf,
}

FUNCTION_NAMES = frozenset({IDENTITY, *ELEMENTWISE, *STATEFUL, *CATEGORICAL, *CODINGS})
"""Functions that every formula can call."""

VALUE_NAMES = frozenset({*CONSTANTS, *CODINGS})
"""Names that stand for a value although no column has them."""

INSTEAD: Mapping[str, str] = {
    "lag": "A row before another one is a matter of groups: make the column before the fit.",
    "Q": "Write a name that is no plain word in backticks: `my column`.",
    "offset": "An offset is an argument: offset='column'.",
    "np.mean": "Write center(x), which also keeps the mean for predictions.",
    "np.std": "Write scale(x), which also keeps the standard deviation for predictions.",
}
"""What to write for functions that are often looked for."""


def checked_context(context: Context | None) -> dict[str, Any]:
    """The caller's functions and numbers by name.

    Raises
    ------
    DataError
        If a name is no word or has a meaning already, or a value is neither a function nor a
        number.
    """
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise DataError(
            f"context is of type {type(context).__name__}.\n"
            "Do:   give a mapping of names to functions, as context={'f': f}."
        )
    for name, value in context.items():
        _check_own(name, value)
    return {name: _owned(name, value) for name, value in context.items()}


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A function of the caller's, under its name in formulas."""

    name: str
    call: Callable[..., Any]

    def __call__(self, *args: Any, **options: Any) -> Any:
        """What the caller's function gives."""
        return self.call(*args, **options)

    def __reduce__(self) -> tuple[object, ...]:
        """For pickle, which stores a function as the place where it is defined."""
        home: Any = sys.modules.get(getattr(self.call, "__module__", None) or "")
        path = getattr(self.call, "__qualname__", None)
        if path is not None and home is not None:
            try:
                attrgetter(path)(home)
            except AttributeError:
                raise DataError(
                    f"The function {self.name!r} of context cannot be stored with the model: it "
                    f"is defined within another function or as a lambda ({path}).\n"
                    "Do:   define it with def at the top of a module."
                ) from None
        return OwnFunction, (self.name, self.call)


def _owned(name: str, value: Any) -> Any:
    if isinstance(value, OwnFunction) or not callable(value):
        return value
    return OwnFunction(name, value)


def _check_own(name: object, value: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise DataError(
            f"context names {name!r}, which no formula can write.\n"
            "Do:   use a plain word, as context={'f': f}."
        )
    if name in FUNCTION_NAMES | VALUE_NAMES | {"np", "contr"}:
        raise DataError(
            f"context names {name!r}, which has a meaning in formulas already.\n"
            "Do:   give the function another name."
        )
    if getattr(value, "__is_stateful_transform__", False):
        raise DataError(
            f"The function {name!r} of context keeps state of its own.\n"
            "Do:   make the column before the fit, or give a function of each row's values."
        )
    if not callable(value) and not isinstance(value, (int, float, np.number)):
        raise DataError(
            f"{name!r} of context is of type {type(value).__name__}.\n"
            "Do:   give functions of arrays, or numbers; columns belong in the data."
        )
