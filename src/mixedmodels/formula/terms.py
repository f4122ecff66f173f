"""The algebra of terms: from ``(a + b)^2 - a`` to the products that it stands for.

A term is a set of factors, so that products are unions: ``(a + b + c)^20`` has seven terms, found
without the 3^20 products. The operators and their order are those of Wilkinson & Rogers (1973,
*Applied Statistics* 22, 392), as R and formulaic read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from formulaic import SimpleFormula
from formulaic.parser.types import Factor, Term

from mixedmodels.errors import FormulaError
from mixedmodels.formula.expression import read_expression
from mixedmodels.formula.tokens import Token, closing

MOST_TERMS = 10_000
"""Terms of one sum: more than any fit can use, and made in a tenth of a second."""

MOST_PRODUCTS = 1_000_000
"""Products that are formed on the way to the terms."""

PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%in%": 2, ":": 3, "^": 4, "**": 4}

INTERCEPT = "1"
"""The term of the intercept, by which formulaic knows it."""

_NAMED_ONE = "A column called 1 cannot be a term, since 1 is the intercept: rename it."

Product = tuple[int, ...]
"""A term: the numbers of its factors, in the order of the formula."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms by the sets of their factors, written as bits.

    `intercept` tells whether the sum asks for one, takes it away, or does not say; `number` is the
    value of a sum that is one number.
    """

    terms: dict[int, Product]
    intercept: bool | None = None
    number: str | None = None

    @property
    def factors(self) -> Mapping[int, Product]:
        """The terms, with that of no factor where an intercept is asked for."""
        return {0: (), **self.terms} if self.intercept else self.terms


@dataclass(slots=True)
class _Reader:
    """Reads one sum: operands and waiting operators on two stacks, so that nothing recurses."""

    text: str
    factors: list[Factor] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    operands: list[Sum] = field(default_factory=list)
    waiting: list[Token] = field(default_factory=list)

    def read(self, tokens: Sequence[Token]) -> Sum:
        index, expects_operand = 0, True
        while index < len(tokens):
            token = tokens[index]
            if expects_operand and token.text == "(":
                self.waiting.append(token)
                index += 1
            elif expects_operand and token.is_operator("+", "-"):
                index += self.sign(tokens, index)
            elif expects_operand:
                index = self.operand(tokens, index)
                expects_operand = False
            elif token.text == ")":
                self.close()
                index += 1
            else:
                self.operator(token)
                index, expects_operand = index + 1, True
        if expects_operand:
            last = tokens[-1]
            raise self.problem(last, f"A term is missing beside this {last.text!r}.")
        while self.waiting:
            self.apply(self.waiting.pop())
        (result,) = self.operands
        return result

    def sign(self, tokens: Sequence[Token], index: int) -> int:
        """A sign before an operand, which begins a sum: nothing plus or minus what follows."""
        before = tokens[index - 1] if index else None
        if before is not None and before.kind == "operator" and before.text not in "+-":
            raise self.problem(tokens[index], f"A term must follow this {before.text!r}.")
        if before is not None and before.kind == "operator":
            if tokens[index].text == "-":
                turned = self.waiting.pop()
                sign = "-" if turned.text == "+" else "+"
                self.waiting.append(Token("operator", sign, turned.start, turned.stop))
            return 1
        self.operands.append(Sum({}))
        self.waiting.append(tokens[index])
        return 1

    def operator(self, token: Token) -> None:
        level = PRECEDENCE.get(token.text) if token.kind == "operator" else None
        if level is None:
            raise self.problem(token, _misplaced(token))
        while self.waiting and self.waiting[-1].text != "(":
            above = PRECEDENCE[self.waiting[-1].text]
            if above < level or (above == level == PRECEDENCE["^"]):
                break
            self.apply(self.waiting.pop())
        self.waiting.append(token)

    def close(self) -> None:
        while self.waiting[-1].text != "(":
            self.apply(self.waiting.pop())
        self.waiting.pop()

    def operand(self, tokens: Sequence[Token], index: int) -> int:
        """A column, an expression or a number; gives the index behind it."""
        token = tokens[index]
        stop = index + 1
        if token.kind == "number":
            self.operands.append(self.number(token))
            return stop
        if token.text == "{":
            stop = closing(tokens, index) + 1
            self.operands.append(self.expression(tokens[index + 1 : stop - 1], tokens[index:stop]))
            return stop
        if token.kind == "string":
            raise self.problem(token, "String literals are no terms: name a column.")
        if not token.is_name:
            raise self.problem(token, _misplaced(token))
        while stop < len(tokens) and tokens[stop].text in ("(", "["):
            stop = closing(tokens, stop) + 1
        if stop == index + 1:
            if token.name == INTERCEPT:
                raise self.problem(token, _NAMED_ONE)
            self.operands.append(self.factor(token.name, "lookup", tokens[index:stop]))
        else:
            self.operands.append(self.expression(tokens[index:stop], tokens[index:stop]))
        return stop

    def number(self, token: Token) -> Sum:
        if token.text in ("0", "1"):
            return Sum({}, intercept=token.text == "1", number=token.text)
        found = self.factor(token.text, "literal", (token,))
        return Sum(found.terms, number=token.text)

    def expression(self, tokens: Sequence[Token], whole: Sequence[Token]) -> Sum:
        if not tokens:
            raise self.problem(whole[0], "Nothing stands within these brackets.")
        return self.factor(read_expression(self.text, tokens).text, "python", whole)

    def factor(self, name: str, method: str, tokens: Sequence[Token]) -> Sum:
        number = self.numbers.setdefault(name, len(self.factors))
        if number == len(self.factors):
            place = {"start": tokens[0].start, "stop": tokens[-1].stop, "formula": self.text}
            self.factors.append(Factor(name, eval_method=method, metadata=place))
        elif self.factors[number].eval_method.value != method:
            raise self.problem(
                tokens[0], f"{name!r} is both a column and an expression: rename it."
            )
        return Sum({1 << number: (number,)})

    def apply(self, token: Token) -> None:
        right, left = self.operands.pop(), self.operands.pop()
        result = self.combined(token, left, right)
        if len(result.terms) > MOST_TERMS:
            raise self.too_many(token)
        self.operands.append(result)

    def combined(self, token: Token, left: Sum, right: Sum) -> Sum:
        if token.text == "+":
            intercept = left.intercept if right.intercept is None else right.intercept
            left.terms.update(_new(right.terms, left.terms))
            return Sum(left.terms, intercept)
        if token.text == "-":
            intercept = left.intercept if right.intercept is None else not right.intercept
            for bits in right.terms:
                left.terms.pop(bits, None)
            return Sum(left.terms, intercept)
        if token.text in ("^", "**"):
            return self.power(token, left, right)
        return self.product(token, left, right)

    def product(self, token: Token, left: Sum, right: Sum) -> Sum:
        if False in (left.intercept, right.intercept):
            intercept: bool | None = False
        else:
            intercept = True if left.intercept and right.intercept else None
        if token.text == "*":
            made = {**left.factors, **_new(right.factors, left.factors)}
            made.update(_new(self.products(token, left.factors, right.factors), made))
        elif token.text == ":":
            made = self.products(token, left.factors, right.factors)
        else:
            outer, inner = (left, right) if token.text == "/" else (right, left)
            together = {_bits(outer.factors): _union(outer.factors.values())}
            made = {**outer.factors}
            made.update(_new(self.products(token, together, inner.factors), made))
        made.pop(0, None)
        return Sum(made, intercept)

    def power(self, token: Token, base: Sum, exponent: Sum) -> Sum:
        if exponent.number is None or not exponent.number.isdecimal() or exponent.number == "0":
            raise self.problem(
                token, "The power of a sum of terms is a whole number, as in (a + b)^2."
            )
        once = base.factors
        made = dict(once)
        for _ in range(min(int(exponent.number[:6]), len(self.factors) + 1) - 1):
            more = self.products(token, once, made)
            if list(more.items()) == list(made.items()):
                break
            made = more
        made.pop(0, None)
        return Sum(made, base.intercept)

    def products(
        self, token: Token, left: Mapping[int, Product], right: Mapping[int, Product]
    ) -> dict[int, Product]:
        if len(left) * len(right) > MOST_PRODUCTS:
            raise self.too_many(token)
        made: dict[int, Product] = {}
        for a, first in left.items():
            for b, second in right.items():
                if a | b not in made:
                    made[a | b] = first if b | a == a else _union((first, second))
        return made

    def too_many(self, token: Token) -> FormulaError:
        message = (
            f"The formula stands for more than {MOST_TERMS:,} terms: leave out some, or "
            "interactions of high order, as (a + b + c)^2 does."
        )
        return self.problem(token, message)

    def problem(self, token: Token, message: str) -> FormulaError:
        length = token.stop - token.start
        return FormulaError(message, formula=self.text, position=token.start, length=length)


def read_sum(text: str, tokens: Sequence[Token]) -> SimpleFormula:
    """The terms of a sum that implies an intercept, in order of their degree.

    The factors know their place in `text`, in their `metadata`.

    Raises
    ------
    FormulaError
        With a caret, if the sum cannot be read or has more than `MOST_TERMS` terms.
    """
    reader = _Reader(text)
    found = reader.read(tokens) if tokens else Sum({})
    terms = [] if found.intercept is False else [Term([Factor(INTERCEPT, eval_method="literal")])]
    for product in found.terms.values():
        factors = [reader.factors[number] for number in product]
        if all(factor.eval_method is Factor.EvalMethod.LITERAL for factor in factors):
            place = factors[0].metadata
            message = "Numeric literals are no terms: 1 is the intercept, 2:x is twice x."
            raise FormulaError(message, formula=text, position=place["start"])
        terms.append(Term(factors))
    return SimpleFormula(terms)


def _new(terms: Mapping[int, Product], known: Mapping[int, Product]) -> dict[int, Product]:
    return {bits: term for bits, term in terms.items() if bits not in known}


def _bits(terms: Mapping[int, Product]) -> int:
    together = 0
    for bits in terms:
        together |= bits
    return together


def _union(terms: Iterable[Product]) -> Product:
    return tuple(dict.fromkeys(number for term in terms for number in term))


def _misplaced(token: Token) -> str:
    if token.kind in ("name", "quoted", "number", "string", "open"):
        return f"An operator such as '+' is missing before {token.text!r}."
    return (
        f"{token.text!r} has no meaning between terms: write a calculation within I(), as I(a < b)."
    )
