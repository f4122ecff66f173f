"""Failures of the native engine in the words of the model: columns, groups and levels by name."""

from collections.abc import Iterator
from contextlib import contextmanager

from mixedmodels._native import EngineError
from mixedmodels.design import ModelMatrices
from mixedmodels.errors import DataError, TimeLimitError

Place = tuple[int, int] | None
"""Where it happened: (column, 0), or (group, level)."""


@contextmanager
def engine_errors(matrices: ModelMatrices) -> Iterator[None]:
    """Raise a DataError for a failure of the engine on the data of `matrices`, or a
    TimeLimitError where the time allowed was over before there was anything to return.
    """
    try:
        yield
    except EngineError as error:
        kind, message, place = error.args
        if kind == "time":
            raise TimeLimitError(_TIME) from error
        raise DataError(describe(matrices, kind, message, place)) from error


def describe(matrices: ModelMatrices, kind: str, message: str, place: Place) -> str:
    """What, where, what to do and why, for the engine's `kind` of failure at `place`."""
    if place is not None and kind in _AT_A_PLACE:
        return _AT_A_PLACE[kind](matrices, place)
    return _AT_LARGE.get(kind, _unusable)(matrices, message)


def _rank(matrices: ModelMatrices, place: tuple[int, int]) -> str:
    return (
        f"Column {matrices.x_names[place[0]]!r} of the fixed part is, to the precision of the "
        "arithmetic, a combination of the columns before it.\n"
        "Do:   leave it out, or centre and rescale the columns."
    )


def _factorisation(matrices: ModelMatrices, place: tuple[int, int]) -> str:
    groups = matrices.groupings
    grouping = groups[place[0] if matrices.is_plain else matrices.terms[place[0]].group]
    return (
        f"The equations of level {grouping.levels[place[1]]!r} of {grouping.name} cannot be "
        "solved to the precision of the arithmetic.\n"
        "Do:   centre and rescale the covariates and the weights.\n"
        "Why:  their values are too far apart."
    )


def _perfect(_: ModelMatrices, __: str) -> str:
    return (
        "The model fits the response exactly: no residual variance is left.\n"
        "Do:   look for a column on the right side that repeats the response.\n"
        "Why:  the likelihood has no maximum when the residual variance is zero."
    )


def _memory(matrices: ModelMatrices, message: str) -> str:
    sizes = ", ".join(f"{g.name} ({len(g.levels):,} levels)" for g in matrices.groupings)
    return (
        f"The model needs more memory than there is: {message}.\n"
        f"      Grouping factors: {sizes}.\n"
        'Do:   method="iterative", which factorises nothing (mixedmodels.plan says what each\n'
        "      method needs); or leave out the grouping factor with the most levels, merge its\n"
        "      rarest ones, use fewer columns in the random part, or a machine with more memory.\n"
        "Why:  for crossed factors memory grows with the square of the levels of the second\n"
        "      largest, times the square of its columns."
    )


def _traces(_: ModelMatrices, message: str) -> str:
    return (
        f"The variances of the variance parameters need too much memory: {message}.\n"
        'Do:   use ddf="residual" or ddf="normal", which is good enough with this many '
        "levels.\n"
        "Why:  for crossed factors the work grows with the square of the levels of the smaller "
        "one, and 2 GiB are allowed."
    )


def _unsolved(_: ModelMatrices, message: str) -> str:
    return (
        f"The equations could not be solved: {message}.\n"
        'Do:   use method="exact" if it fits in memory; centre and rescale the covariates and the '
        "weights;\n"
        "      leave out levels that hang together with the others by a row or two.\n"
        "Why:  they are too close to singular for conjugate gradients, and a worse solution would "
        "be wrong."
    )


def _quadrature(_: ModelMatrices, message: str) -> str:
    reason = message.rpartition("quadrature: ")[2]
    return (
        f"Quadrature cannot integrate over these random effects: {reason}.\n"
        "Do:   leave nodes= and method= out, for Laplace's approximation; or use one term with few "
        "columns.\n"
        "Why:  the nodes of a level are multiplied by those of every other effect that its rows "
        "have."
    )


def _modes(_: ModelMatrices, __: str) -> str:
    return (
        "The modes of the random effects were not found: at some values of the parameters a mean\n"
        "is outside the range of the family.\n"
        "Do:   use a link that takes every linear predictor (logit of probabilities, log of\n"
        "      counts and positive responses); or begin near the solution, Control(start=...).\n"
        "Why:  with a link such as the log of a probability, or the identity of a positive mean,\n"
        "      a random effect of some size has no mean."
    )


def _unusable(_: ModelMatrices, message: str) -> str:
    return (
        f"The numbers cannot be used: {message}.\n"
        "Do:   rescale the response, the covariates or the weights.\n"
        "Why:  their squares overflow or vanish."
    )


def _residual(matrices: ModelMatrices, place: tuple[int, int]) -> str:
    found = matrices.residual
    part = "" if found is None or not found.parts[place[0]] else f" of {found.parts[place[0]]}"
    return (
        f"The residual covariance{part} is not positive definite at these parameters.\n"
        "Do:   start elsewhere, or choose a structure with fewer parameters."
    )


_TIME = (
    "The time allowed was over before one evaluation of the criterion was finished: there is no\n"
    "result.\n"
    "Do:   raise Control(time_limit=...); mixedmodels.plan says roughly how long a fit takes."
)

_AT_A_PLACE = {"rank": _rank, "factorisation": _factorisation, "residual": _residual}

_AT_LARGE = {
    "perfect": _perfect,
    "memory": _memory,
    "quadrature": _quadrature,
    "modes": _modes,
    "impossible": _modes,
    "traces": _traces,
    "unsolved": _unsolved,
}
