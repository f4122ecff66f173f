"""How a journal writes numbers and heads: one preset per style."""

import math
from dataclasses import dataclass

from mixedmodels.errors import DataError
from mixedmodels.report.numbers import decimals_for, fixed
from mixedmodels.report.publication.content import Line, Run, italic, line
from mixedmodels.vocabulary import Shown

MINUS = "−"

LEAST_DECIMALS = 2
"""Decimals of estimates, if the digits of their standard errors do not ask for more."""

MOST_DECIMALS = 6
"""Decimals beyond which a number is written with a power of ten."""

ERROR_DIGITS = 2
"""Significant digits that a standard error has at least."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Style:
    """A way to write a table.

    Attributes
    ----------
    name
        As users write it.
    zero
        Whether p-values, correlations and shares have a zero before the point.
    p
        The letter of a p-value.
    italics
        Whether the letters of statistics are in italics.
    between
        What stands between the limits of an interval.
    brackets
        Around them.
    short
        Whether heads are letters (SE, SD) rather than words.
    spaced
        Whether ``p = .012`` has spaces around its sign.
    note
        What begins the notes.
    columns, stacked
        The statistics that a table shows, with a column for each or below each other.
    """

    name: str
    zero: bool
    p: str
    italics: bool
    between: str
    brackets: tuple[str, str]
    short: bool
    spaced: bool
    note: str
    columns: tuple[Shown, ...]
    stacked: tuple[Shown, ...]

    def letter(self, text: str) -> Line:
        """The letter of a statistic."""
        return italic(text) if self.italics else line(text)

    def head(self, statistic: Shown, *, level: float, estimate: str, test: str) -> Line:
        """The head of a column."""
        heads: dict[Shown, Line] = {
            "estimate": self.letter("b")
            if self.short and estimate == "Estimate"
            else line(estimate),
            "std_error": self.letter("SE") if self.short else line("Std. error"),
            "conf_int": line(f"{100 * level:g}% CI"),
            "statistic": self.letter(test),
            "df": self.letter("df"),
            "p_value": self.letter(self.p),
        }
        return heads[statistic]

    def number(self, value: float, decimals: int) -> str:
        """An estimate; blank if it is not a number."""
        return number(value, decimals)

    def share(self, value: float, decimals: int = LEAST_DECIMALS) -> str:
        """A number that cannot exceed one, as a correlation."""
        return number(value, decimals) if self.zero else without_zero(number(value, decimals))

    def interval(self, low: float, high: float, decimals: int) -> str:
        """Limits; blank if there are none."""
        if math.isnan(low) and math.isnan(high):
            return ""
        ends = [number(end, decimals) or "–" for end in (low, high)]
        return f"{self.brackets[0]}{self.between.join(ends)}{self.brackets[1]}"

    def p_value(self, value: float) -> str:
        """Three decimals; below 0.001 that it is so."""
        if math.isnan(value):
            return ""
        small = value < 0.001
        text = "0.001" if small else fixed(value, decimals=3)
        text = text if self.zero else without_zero(text)
        gap = " " if self.spaced else ""
        return f"<{gap}{text}" if small else text

    def p_phrase(self, value: float) -> Line:
        """``p = 0.012``, or ``p < 0.001``."""
        text = self.p_value(value)
        if not text:
            return ()
        gap = " " if self.spaced else ""
        joined = f"{gap}{text}" if text.startswith("<") else f"{gap}={gap}{text}"
        return (*self.letter(self.p), Run(joined))


def number(value: float, decimals: int) -> str:
    """A number with fixed decimals and a true minus sign, or with a power of ten."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if decimals > MOST_DECIMALS or abs(value) >= 1e9:
        return scientific(value)
    return fixed(value, decimals=decimals).replace("-", MINUS)


def scientific(value: float) -> str:
    """Three digits and a power of ten."""
    if value == 0:
        return "0"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits.replace('-', MINUS)} × 10{str(int(power)).translate(RAISED)}"


def without_zero(text: str) -> str:
    """A number below one without the zero before its point."""
    return text.replace("0.", ".", 1) if text.lstrip(MINUS).startswith("0.") else text


def decimals_of(errors: list[float], digits: int | None) -> int:
    """Decimals of the numbers of one row: as asked, or as many as its standard errors need."""
    if digits is not None:
        return digits
    sizes = [abs(error) for error in errors if math.isfinite(error) and error != 0]
    return (
        max(LEAST_DECIMALS, decimals_for(sizes, digits=ERROR_DIGITS)) if sizes else LEAST_DECIMALS
    )


COLUMNS: tuple[Shown, ...] = ("estimate", "std_error", "conf_int", "p_value")

STACKED: tuple[Shown, ...] = ("estimate", "std_error", "p_value")

STYLES = {
    "default": Style(
        "default", zero=True, p="p", italics=False, between=", ", brackets=("[", "]"), short=False,
        spaced=True, note="Note: ", columns=COLUMNS, stacked=STACKED,
    ),
    "apa": Style(
        "apa", zero=False, p="p", italics=True, between=", ", brackets=("[", "]"), short=True,
        spaced=True, note="Note. ",
        columns=("estimate", "std_error", "conf_int", "statistic", "df", "p_value"),
        stacked=STACKED,
    ),
    "ama": Style(
        "ama", zero=False, p="P", italics=True, between=" to ", brackets=("", ""), short=False,
        spaced=False, note="", columns=("estimate", "conf_int", "p_value"),
        stacked=("estimate", "conf_int", "p_value"),
    ),
}  # fmt: skip
"""``apa``: Publication Manual of the American Psychological Association, 7th ed., chapters 6 and 7.
``ama``: AMA Manual of Style, 11th ed., chapter 19."""


def style_of(name: object) -> Style:
    """The preset of a name.

    Raises
    ------
    DataError
        If there is none.
    """
    found = STYLES.get(name) if isinstance(name, str) else None
    if found is None:
        raise DataError(f"style = {name!r} is not known.\nDo:   give one of {', '.join(STYLES)}.")
    return found
