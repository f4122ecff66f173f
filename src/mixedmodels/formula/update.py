"""Change a formula with R's dots: ``update(old, ". ~ . + x - (1 | g)")``."""

from __future__ import annotations

from collections.abc import Sequence

from mixedmodels.errors import FormulaError
from mixedmodels.formula.bars import read_bar
from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.parse import join_addends, parse, split_terms
from mixedmodels.formula.syntax import Addend, split_sides
from mixedmodels.formula.tokens import Token, render, tokenize


def update(old: Formula, new: str) -> Formula:
    """The formula `new`, in which ``.`` stands for the part of `old` on the same side.

    Parameters
    ----------
    old
        The formula to start from.
    new
        ``response ~ terms`` or ``~ terms``, which keeps the response. On the right, ``.`` brings
        the fixed part and all bar terms; ``- x`` and ``- (1 | g)`` remove a term again.

    Returns
    -------
    Formula
        Parsed from its canonical text, so that positions refer to that text.

    Raises
    ------
    FormulaError
        If `new` cannot be read or removes a bar term that `old` does not have.

    Examples
    --------
    >>> old = parse("y ~ a + (1 | g) + (1 | h)")
    >>> str(update(old, ". ~ . + b - (1 | h)"))
    'y ~ a + b + (1 | g)'
    """
    if not isinstance(new, str):
        message = f"A formula is a string such as '. ~ . + x', not {type(new).__name__}."
        raise FormulaError(message, formula=old.text)
    left, right = split_sides(new, tokenize(new))
    response = _with_dots(left, old.response) if left else old.response
    keeps_old = any(token.is_operator(".") for token in right)
    split = split_terms(new, right)
    fixed = _updated_fixed(old, split.fixed)
    random = _updated_random(new, old.random if keeps_old else (), split.bars)
    return parse(" + ".join([f"{response} ~ {fixed}", *(str(term) for term in random)]))


def _updated_fixed(old: Formula, addends: Sequence[Addend]) -> str:
    """Old and new addends as one sum; subtracting an addend that is there removes it."""
    terms: list[str] = []
    for addend in addends:
        for term in _expanded(old, addend):
            positive = term.removeprefix("-")
            if term.startswith("-") and positive in terms:
                terms.remove(positive)
            elif term not in terms:
                terms.append(term)
    if not terms:
        return "1"
    return terms[0] + "".join(
        f" - {term[1:]}" if term.startswith("-") else f" + {term}" for term in terms[1:]
    )


def _expanded(old: Formula, addend: Addend) -> Sequence[str]:
    """The addend with its dots replaced; a bare dot gives the addends of the old fixed part."""
    if addend.sign == "+" and len(addend.tokens) == 1 and addend.tokens[0].is_operator("."):
        return old.fixed_terms
    sign = "-" if addend.sign == "-" else ""
    if any(token.is_operator(".") for token in addend.tokens):
        return (sign + _with_dots(addend.tokens, f"({old.fixed})"),)
    return (sign + join_addends([Addend("+", addend.tokens)]),)


def _with_dots(tokens: Sequence[Token], replacement: str) -> str:
    """The tokens as text, each dot that stands for the old part replaced."""
    return render(
        [
            Token("name", replacement, token.start, token.stop) if token.is_operator(".") else token
            for token in tokens
        ]
    )


def _updated_random(
    new: str, old: Sequence[RandomTerm], bars: Sequence[Addend]
) -> list[RandomTerm]:
    terms = list(old)
    for bar in bars:
        for term in read_bar(new, bar):
            present = next((kept for kept in terms if kept.same_as(term)), None)
            if bar.sign == "-":
                if present is None:
                    raise _nothing_to_remove(new, bar, term, terms)
                terms.remove(present)
            elif present is None:
                terms.append(term)
    return terms


def _nothing_to_remove(
    new: str, bar: Addend, term: RandomTerm, terms: Sequence[RandomTerm]
) -> FormulaError:
    known = ", ".join(str(kept) for kept in terms) or "none"
    message = f"There is no term {term} to remove. The formula has: {known}."
    return FormulaError(message, formula=new, position=bar.start, length=bar.stop - bar.start)
