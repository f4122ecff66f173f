r"""Names and numbers within mathematics, so that LaTeX, MathJax and KaTeX show them as they are.

Names are upright letters; what is no letter is written with commands of mathematics, as ``\text``
does not read ``\_`` in MathJax.
"""

import math
from dataclasses import dataclass

from mixedmodels.report.publication.style import LEAST_DECIMALS
from mixedmodels.shortening import visible

SPECIAL = {
    " ": r"\ ", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{",
    "}": r"\}", "\\": r"\backslash{}", "^": r"{\wedge}", "~": r"{\sim}", "-": r"\text{-}",
    "'": r"\text{'}", '"': r"\text{''}", "`": r"\text{`}", "*": "{*}", ":": "{:}",
    "<": "{<}", ">": "{>}", "=": "{=}", "+": "{+}", ",": "{,}", "/": "{/}", "|": r"\vert{}",
    "×": r"{\times}", "²": "^{2}",
}  # fmt: skip
"""What is more than a letter between letters of mathematics."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of the parameters: Greek ones, or Latin ones for readers who want them so."""

    coefficient: str
    sd: str
    residual_sd: str
    correlation: str
    effect: str
    error: str


GREEK = Letters(r"\beta", r"\tau", r"\sigma", r"\rho", "b", r"\varepsilon")
LATIN = Letters("b", "t", "s", "r", "u", "e")


def name(text: str) -> str:
    """A name in upright letters."""
    out, run = [], ""
    for character in visible(text):
        if character.isascii() and character not in SPECIAL:
            run += character
            continue
        out.append(_upright(run))
        out.append(SPECIAL.get(character, rf"\text{{{character}}}"))
        run = ""
    return "".join([*out, _upright(run)])


def of_row(text: str) -> str:
    """The value of row i of a column or an expression, in brackets where it is a calculation."""
    depth, is_simple = 0, True
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        is_simple = is_simple and not (depth == 0 and character in " +-*/^")
    return f"{name(text)}_{{i}}" if is_simple else rf"({name(text)})_{{i}}"


def _upright(run: str) -> str:
    return rf"\mathrm{{{run}}}" if run else ""


def number(value: float, digits: int | None, error: float = math.nan) -> str:
    """A number with the decimals asked for, or with those that two digits of its error need."""
    if not math.isfinite(value):
        return r"\text{?}" if math.isnan(value) else r"\infty"
    size = error if math.isfinite(error) and error > 0 else abs(value)
    decimals = digits
    if decimals is None:
        needed = 1 - math.floor(math.log10(size)) if size > 0 else LEAST_DECIMALS
        decimals = max(LEAST_DECIMALS, needed)
    if decimals > 6 or abs(value) >= 1e9:
        mantissa, power = f"{value:.2e}".split("e")
        return rf"{mantissa} \times 10^{{{int(power)}}}"
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def matrix(rows: list[list[str]]) -> str:
    """A matrix in round brackets."""
    body = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def subscript(*parts: str) -> str:
    """Indices, those that are empty left out."""
    inside = ",".join(part for part in parts if part)
    return f"_{{{inside}}}" if inside else ""
