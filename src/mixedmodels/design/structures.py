"""Which covariance structure a word of the formula and its options stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from mixedmodels.covariance import DIAGONAL, UNSTRUCTURED, WORDS, Structure, Word
from mixedmodels.design.names import near_matches
from mixedmodels.errors import FormulaError, StructureError
from mixedmodels.formula.structure import Option, StructureCall
from mixedmodels.vocabulary import StructureWord

DATA_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "known": ("cov", "precision"),
    "mm": ("weights", "cov", "precision"),
}
"""Options that name columns or matrices, by word; ``by`` goes with all of them."""

RANKS = {"fa": 1, "rr": 2}
"""Ranks where none is given: one common factor; glmmTMB's default for reduced rank."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the value of an option has to be."""

    holds: Callable[[Any], bool]
    words: str


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_FLAG = _Kind(lambda value: isinstance(value, bool), "True or False")
_COUNT = _Kind(lambda value: _is_whole(value, 1), "a whole number from 1")
_ORDER = _Kind(lambda value: _is_whole(value, 0), "a whole number from 0")
_POSITIVE = _Kind(
    lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0,
    "a positive number",
)
_NAMES = _Kind(lambda value: isinstance(value, str), "a name")

VALUES: Mapping[str, _Kind] = {
    "hom": _FLAG,
    "nugget": _FLAG,
    "band": _COUNT,
    "rank": _COUNT,
    "d": _COUNT,
    "p": _ORDER,
    "q": _ORDER,
    "nu": _POSITIVE,
    "by": _NAMES,
    "cov": _NAMES,
    "precision": _NAMES,
    "weights": _NAMES,
}


def structure_of_term(call: StructureCall, text: str) -> Structure:
    """The structure of a random term of the formula `text`.

    Raises
    ------
    FormulaError
        With a caret under a word that random terms do not have, an option that the word does not
        have, or a value that the option cannot have.
    """
    if call.is_plain:
        return DIAGONAL if call.is_independent else UNSTRUCTURED
    word = _word(call)
    if not word.for_terms:
        message = (
            f"{call.word}() is a covariance of residuals: write it in residual=, or use another "
            "structure here, such as ar1(0 + visit | g)."
        )
        raise _misplaced(call, text, message)
    return _resolved(call, word, text)


def structure_of_residual(call: StructureCall, text: str) -> Structure:
    """The structure of the argument ``residual=`` with this text; errors as for a term."""
    word = _word(call)
    if not word.for_residuals:
        known = ", ".join(name for name, word in WORDS.items() if word.for_residuals)
        instead = (
            'write sigma="~ visit" for variances of their own'
            if word.kind == "diag"
            else f"residuals have {known}"
        )
        raise _misplaced(call, text, f"{call.word}() is no covariance of residuals: {instead}.")
    structure = _resolved(call, word, text)
    if structure.kind == "arma" and structure.order == (0, 0):
        message = "arma needs an order: write arma(1 | subject, p=1, q=1), or leave residual= out."
        raise _misplaced(call, text, message)
    return structure


def require_positions(structure: Structure, q: int, call: StructureCall, text: str) -> None:
    """Refuse a structure that there is not over `q` columns or occasions.

    Raises
    ------
    FormulaError
        With a caret under the word.
    """
    try:
        structure.require_positions(q)
    except StructureError as error:
        raise _misplaced(call, text, str(error)) from None


def _word(call: StructureCall) -> Word:
    return WORDS[cast(StructureWord, call.word)]


def _resolved(call: StructureCall, word: Word, text: str) -> Structure:
    for option in call.options:
        _check_option(call, word, option, text)
    value = {option.name: option.value for option in call.options}
    rank = value.get("rank", value.get("d", RANKS.get(word.kind)))
    is_arma = word.kind == "arma"
    return Structure(
        word.kind,
        hom=bool(value.get("hom", word.hom)),
        band=value.get("band"),  # type: ignore[arg-type]  # checked by VALUES
        rank=rank,  # type: ignore[arg-type]
        order=(value.get("p", 0), value.get("q", 0)) if is_arma else None,  # type: ignore[arg-type]
        nu=float(value["nu"]) if "nu" in value else None,
        nugget=bool(value.get("nugget", False)),
    )


def _check_option(call: StructureCall, word: Word, option: Option, text: str) -> None:
    allowed = (*word.options, *DATA_OPTIONS.get(call.word, ()), "by")
    length = option.stop - option.start
    if option.name not in allowed:
        near = near_matches(option.name, allowed)
        listed = ", ".join(allowed)
        message = f"{call.word}() has no option {option.name!r}.{near} It has: {listed}."
        raise FormulaError(message, formula=text, position=option.start, length=length)
    kind = VALUES[option.name]
    if not kind.holds(option.value):
        message = f"{option.name} is {kind.words}, not {option.text}."
        raise FormulaError(message, formula=text, position=option.start, length=length)
    if option.name == "d" and call.option("rank") is not None:
        message = "d and rank are the same: keep one."
        raise FormulaError(message, formula=text, position=option.start, length=length)


def _misplaced(call: StructureCall, text: str, message: str) -> FormulaError:
    length = call.stop - call.start
    return FormulaError(message, formula=text, position=call.start, length=length)
