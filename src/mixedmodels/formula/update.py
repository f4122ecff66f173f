"""Change a formula with R's dots: ``update(old, ". ~ . + x - (1 | g)")``."""

from __future__ import annotations

from collections.abc import Sequence

from formulaic.parser.types import Factor, Term

from mixedmodels.errors import FormulaError
from mixedmodels.formula.bars import read_bar
from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.parse import join_addends, parse, split_terms
from mixedmodels.formula.syntax import Addend, split_sides
from mixedmodels.formula.terms import read_sum
from mixedmodels.formula.tokens import Token, quote, render, tokenize


def update(old: Formula, new: str) -> Formula:
    """The formula `new`, in which ``.`` stands for the part of `old` on the same side.

    Parameters
    ----------
    old
        The formula to start from.
    new
        ``response ~ terms`` or ``~ terms``, which keeps the response. On the right, ``.`` brings
        the fixed part and all bar terms; ``- x`` and ``- (1 | g)`` remove a term again, also
        ``- (0 + x | g)`` from ``(x || g)``, which is ``(1 | g) + (0 + x | g)``.

    Returns
    -------
    Formula
        Parsed from its canonical text, so that positions refer to that text.

    Raises
    ------
    FormulaError
        If `new` cannot be read or removes a term that is not there.

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
    _check_removed(new, old, split.fixed)
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


def _check_removed(new: str, old: Formula, addends: Sequence[Addend]) -> None:
    """Refuse to take away what neither the old fixed part nor the new one has."""
    plain = [a for a in addends if not any(token.is_operator(".") for token in a.tokens)]
    present = set(old.fixed_sum) if len(plain) < len(addends) else set()
    for addend in plain:
        terms = {term for term in read_sum(new, addend.tokens) if str(term) != "1"}
        if addend.sign == "+":
            present |= terms
        elif terms and not terms & present:
            known = ", ".join(written_term(term) for term in old.fixed_sum)
            what = render(addend.tokens)
            message = f"There is no term {what} to remove. The fixed part has: {known}."
            length = addend.stop - addend.start
            raise FormulaError(message, formula=new, position=addend.start, length=length)


def _updated_random(
    new: str, old: Sequence[RandomTerm], bars: Sequence[Addend]
) -> list[RandomTerm]:
    terms = list(old)
    for bar in bars:
        for term in read_bar(new, bar):
            place = next((i for i, kept in enumerate(terms) if _holds(kept, term)), None)
            if bar.sign == "-":
                if place is None:
                    raise _nothing_to_remove(new, bar, term, terms)
                terms[place : place + 1] = _rest(terms[place], term)
            elif place is None:
                terms.append(term)
    return terms


def _holds(kept: RandomTerm, term: RandomTerm) -> bool:
    """Whether a term is another one, or one of the independent parts that `||` makes of it."""
    if kept.same_as(term):
        return True
    is_part = term.structure.is_plain and (term.structure.is_independent or len(term.sum) == 1)
    inside = kept.group == term.group and set(term.sum) < set(kept.sum)
    return is_part and inside and kept.structure.is_independent


def _rest(kept: RandomTerm, removed: RandomTerm) -> list[RandomTerm]:
    """What is left of a term without one of its independent parts."""
    terms = [term for term in kept.sum if term not in set(removed.sum)]
    if not terms:
        return []
    has_intercept = any(str(term) == "1" for term in terms)
    left = " + ".join([*([] if has_intercept else ["0"]), *map(written_term, terms)])
    group = ":".join(map(quote, kept.group))
    return list(parse(f"y ~ ({left} {'|' if left == '1' else '||'} {group})").random)


def written_term(term: Term) -> str:
    """A term as it is written in a formula."""
    return ":".join(
        quote(factor.expr) if factor.eval_method is Factor.EvalMethod.LOOKUP else factor.expr
        for factor in term.factors
    )


def _nothing_to_remove(
    new: str, bar: Addend, term: RandomTerm, terms: Sequence[RandomTerm]
) -> FormulaError:
    known = ", ".join(str(kept) for kept in terms) or "none"
    message = f"There is no term {term} to remove. The formula has: {known}."
    return FormulaError(message, formula=new, position=bar.start, length=bar.stop - bar.start)
