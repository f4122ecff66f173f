"""Refusing responses that a family cannot have: which row, which value, what to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.vocabulary import FamilyName, ResponseKind, ZeroKind

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]


def check_response(
    y: Vector,
    size: Vector | None,
    text: str,
    *,
    name: FamilyName,
    response: ResponseKind,
    zero: ZeroKind,
) -> None:
    """See `Family.check_response`.

    Raises
    ------
    DataError
        If the response is none of the family.
    """
    check_values(y, size, text, name=name, response=response, zero=zero)
    match response:
        case "trials":
            if size is not None or not are_proportions(y, name, zero):
                _require_both(y, size, text)
        case "count":
            _require_counts(y, text, name, zero)
        case "positive" | "unit":
            _check_behind(y, text, zero)
        case "ordered":
            _require_variation(y, text, "categories")
        case "real":
            _require_variation(y, text, "values")


def check_values(
    y: Vector,
    size: Vector | None,
    text: str,
    *,
    name: FamilyName,
    response: ResponseKind,
    zero: ZeroKind,
) -> None:
    """See `Family.check_values`: of each row by itself.

    Raises
    ------
    DataError
        If a value is none that the family can have.
    """
    _refuse(~np.isfinite(y), y, text, "is infinite or missing", "correct or drop the row")
    match response:
        case "trials":
            if size is not None or not are_proportions(y, name, zero):
                _check_trials(y, size, text)
        case "count":
            _check_counts(y, text)
        case "positive":
            _check_positive(y, text, name, zero)
        case "unit":
            _check_unit(y, text, zero)
        case "ordered":
            _refuse((y < 0) | (y % 1 != 0), y, text, "is no category", "number them from 0 on")


def are_proportions(y: Vector, name: FamilyName, zero: ZeroKind) -> bool:
    """Whether a response without trials is fractions from 0 to 1, each taken as one trial.

    The log-likelihood is then a quasi-likelihood (Papke & Wooldridge 1996).
    """
    fractions = bool(((y >= 0) & (y <= 1)).all() and (y % 1 != 0).any())
    return fractions and name == "binomial" and zero == "none"


def _check_trials(y: Vector, size: Vector | None, text: str) -> None:
    if size is None and ((y < 0) | (y > 1) | (y % 1 != 0)).any():
        _refuse_untold_trials(y, text)
    _refuse(y < 0, y, text, "is negative, and counts successes", "correct the row")
    trials = np.ones(len(y)) if size is None else size
    _refuse(
        y % 1 != 0,
        y,
        text,
        "is no whole number of successes",
        "give successes, of a proportion the proportion times the trials, and trials=",
    )
    many = y > trials
    if many.any():
        row = int(np.flatnonzero(many)[0])
        raise DataError(
            f"The response {text!r} has more successes than trials in {_rows(many)}; the first is "
            f"{y[row]:g} of {trials[row]:g} trials in {_place(row)}.\n"
            "Do:   correct the rows, or swap what are successes and what are trials."
        )


def _require_both(y: Vector, size: Vector | None, text: str) -> None:
    """Some successes and some failures."""
    trials = np.ones(len(y)) if size is None else size
    for all_of, what in ((y == 0, "failures"), (y == trials, "successes")):
        if all_of.all():
            raise DataError(
                f"The response {text!r} has {what} alone: one category only.\n"
                "Do:   check the column or the rows that are used.\n"
                "Why:  the estimates would be infinite; there is nothing to explain."
            )


def _refuse_untold_trials(y: Vector, text: str) -> None:
    """Counts or proportions without trials."""
    if ((y >= 0) & (y <= 1)).all():
        row = int(np.flatnonzero(y % 1 != 0)[0])
        raise DataError(
            f"The response {text!r} holds proportions ({y[row]:g} in {_place(row)}), and the "
            "number of trials is not known.\n"
            "Do:   give successes as the response, with trials=; or use "
            'family="beta" for proportions that are of no trials.\n'
            "Why:  3 of 10 and 300 of 1000 are the same proportion and not the same information."
        )
    row = int(np.flatnonzero((y < 0) | (y > 1))[0])
    raise DataError(
        f"The response {text!r} is neither 0 nor 1 in {_place(row)}: {y[row]:g}.\n"
        "Do:   name the number of trials with trials=, or give a response of two categories."
    )


def _check_counts(y: Vector, text: str) -> None:
    _refuse(
        y < 0,
        y,
        text,
        "is negative, and a count is not",
        'correct the row, or use family="gaussian"',
    )
    _refuse(
        y % 1 != 0,
        y,
        text,
        "is no whole number, and a count is one",
        "give counts, with exposure= for what they are counted over; or use "
        'family="gamma" for amounts',
    )


def _require_counts(y: Vector, text: str, name: FamilyName, zero: ZeroKind) -> None:
    """Counts above zero, and those that zeros have beside them."""
    if not y.any():
        raise DataError(
            f"The response {text!r} is 0 in every row.\n"
            "Do:   check the column or the rows that are used.\n"
            "Why:  the estimates would be infinite; there is nothing to explain."
        )
    _require_zeros(y, text, zero)
    if zero == "hurdle" and y.max() == 1:
        raise DataError(
            f"The response {text!r} has no count above 1.\n"
            'Do:   use family="binomial".\n'
            f"Why:  behind the hurdle all counts are 1, and the mean of the {name} family would "
            "tend to zero."
        )


def _check_positive(y: Vector, text: str, name: FamilyName, zero: ZeroKind) -> None:
    _refuse(
        y < 0,
        y,
        text,
        f"is negative, and a response of the family {name} is positive",
        'correct the row, or use family="gaussian"',
    )
    if zero != "hurdle":
        _refuse(
            y == 0,
            y,
            text,
            f"is zero, and a response of the family {name} is positive",
            'give hurdle="~ 1", which has a probability of zeros, or drop the rows',
        )


def _check_unit(y: Vector, text: str, zero: ZeroKind) -> None:
    _refuse(
        (y < 0) | (y > 1),
        y,
        text,
        "is outside 0 to 1",
        "divide percentages by 100; a beta response is a proportion",
    )
    _refuse(
        (y == 1) | ((y == 0) & (zero != "hurdle")),
        y,
        text,
        "is an end of the range, and a beta response lies between 0 and 1",
        'give hurdle="~ 1" for zeros; for ones model 1 - y in this way; or, where they are '
        "proportions of trials,\n"
        '      use family="beta_binomial" with trials=',
    )


def _check_behind(y: Vector, text: str, zero: ZeroKind) -> None:
    """Of a continuous response, that it varies, also behind a hurdle, which has some zeros."""
    _require_zeros(y, text, zero)
    behind = y[y > 0] if zero == "hurdle" else y
    _require_variation(behind, text, "values other than zero" if zero == "hurdle" else "values")


def _require_zeros(y: Vector, text: str, zero: ZeroKind) -> None:
    if zero == "none" or not y.all():
        return
    argument, what = ("zero", "zero inflation") if zero == "inflated" else ("hurdle", "a hurdle")
    raise DataError(
        f"The response {text!r} has no zero.\n"
        f"Do:   leave {argument}= out.\n"
        f"Why:  the probability of zeros that {what} has would be estimated as exactly 0."
    )


def _require_variation(y: Vector, text: str, what: str) -> None:
    if len(y) == 0 or (y == y[0]).all():
        found = f": all are {y[0]:g}" if len(y) else ""
        raise DataError(
            f"The response {text!r} has no different {what}{found}.\n"
            "Do:   check the column or the rows that are used.\n"
            "Why:  a constant response has nothing to explain."
        )


def _refuse(wrong: Mask, y: Vector, text: str, what: str, do: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"The response {text!r} {what} in {_rows(wrong)}; the first is {y[row]:g} in "
            f"{_place(row)}.\n"
            f"Do:   {do}."
        )


def _rows(wrong: Mask) -> str:
    count = int(np.count_nonzero(wrong))
    return f"{count} row{'' if count == 1 else 's'}"


def _place(row: int) -> str:
    """By position among the rows used, which may be fewer than those of the data."""
    return f"row {row + 1} of the rows used"
