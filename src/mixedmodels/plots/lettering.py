"""Names in pictures: as they are, no longer than there is room for, in fonts that have them.

matplotlib reads text between dollar signs as mathematics, and warns of letters that its font lacks.
Names come from data, so neither may happen: texts are drawn literally, a letter comes from any
installed font that has it, and one that no font has appears as its escape.
"""

from collections.abc import Sequence
from functools import cache

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from mixedmodels.shortening import distinct_labels, distinct_terms, middle_cut, one_line

PLACEHOLDERS = ("Last Resort", "LastResort", "Color Emoji", "Fallback")
"""Parts of the names of fonts that only claim to have a letter, or have it as a bitmap."""

LONGEST = 120
"""Characters of a name that stands alone."""

WIDTHS = (60, 48, 40, 34, 28, 24, 20, 17, 14, 11, 8, 6)
"""Characters of a label, from the longest on, of which the first that fits is taken."""

BREAKS = " /:_.,;-*+×|("
"""A line may end after one of these."""


def names(values: Sequence[object], width: int) -> list[str]:
    """Labels of levels or columns, distinct where they are, at most `width` characters long."""
    return distinct_labels(values, width, write=written)


def name(value: object, width: int = LONGEST) -> str:
    """One name, cut in its middle if it is long."""
    return middle_cut(written(str(value)), width)


def terms(values: Sequence[str], width: int) -> list[str]:
    """Labels of terms and columns of formulas, whose names are quoted by backticks there."""
    return distinct_terms([value.replace("`", "") for value in values], width, write=written)


def term(value: str, width: int = LONGEST) -> str:
    """One term or column of a formula."""
    return name(value.replace("`", ""), width)


def written(text: str) -> str:
    """A text on one line, with escapes for the letters that no font has."""
    line = one_line(text)
    if line.isascii():
        return line
    return "".join(c if _font_with(c) else c.encode("unicode_escape").decode() for c in line)


def literal(text: Text) -> None:
    """Have a text drawn as it is, in fonts that have its letters."""
    text.set_parse_math(False)
    content = text.get_text()
    if content.isascii():
        return
    usual = tuple(text.get_fontfamily())
    others = dict.fromkeys(
        found
        for c in content
        if not c.isspace() and (found := _font_with(c)) and found not in usual
    )
    if others:
        text.set_fontfamily([*usual, *others])


def width_of(text: str, size: float) -> float:
    """The width of a line of text, in points, without what kerning saves."""
    families = tuple(mpl.rcParams["font.family"])
    return size * sum(_advance(character, families) for character in text)


def fitting(
    values: Sequence[str] | Sequence[object],
    room: float,
    size: float,
    *,
    of_terms: bool = False,
) -> list[str]:
    """The longest distinct labels no wider than `room` points; the shortest ones if none are."""
    labels: list[str] = []
    for width in WIDTHS:
        labels = terms([str(v) for v in values], width) if of_terms else names(values, width)
        if max((width_of(label, size) for label in labels), default=0.0) <= room:
            break
    return labels


def stacked(values: Sequence[object], room: float, size: float, *, most: int = 3) -> list[str]:
    """Distinct labels in lines no wider than `room` points, broken between words; [] for none."""
    for width in WIDTHS:
        labels = [_lines(label, room, size, whole=True) for label in names(values, width)]
        if all(0 < len(lines) <= most for lines in labels):
            return ["\n".join(lines) for lines in labels]
    return []


def wrapped(text: str, room: float, size: float, *, most: int = 3) -> str:
    """A text in lines no wider than `room` points, at most so many; more is cut in the middle."""
    found = _lines(text, room, size)
    kept = sum(len(line) for line in found[:most])
    while len(found) > most and kept > most:
        found = _lines(middle_cut(text, kept), room, size)
        kept -= 2
    return "\n".join(found)


def _lines(text: str, room: float, size: float, *, whole: bool = False) -> list[str]:
    """Greedy: as many pieces in every line as fit; a piece that is wider than a line is cut.

    With `whole` it is not: then there are no lines.
    """
    found = [""]
    for piece in _pieces(text):
        if width_of((found[-1] + piece).rstrip(), size) <= room:
            found[-1] += piece
            continue
        if found[-1]:
            found.append("")
        while width_of(piece.rstrip(), size) > room and len(piece) > 1:
            if whole:
                return []
            fits = _fitting(piece, room, size)
            found[-1] = piece[:fits]
            found.append("")
            piece = piece[fits:]
        found[-1] = piece
    return [line.strip() for line in found if line.strip()] or [""]


def _pieces(text: str) -> list[str]:
    """The text between places where a line may end."""
    pieces = [""]
    for before, c in zip(" " + text, text, strict=False):
        if before in BREAKS and c not in BREAKS and pieces[-1]:
            pieces.append("")
        pieces[-1] += c
    return pieces


def _fitting(piece: str, room: float, size: float) -> int:
    """How many characters of a piece fit in a line, at least one."""
    low, high = 1, len(piece)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width_of(piece[:middle], size) <= room else (low, middle - 1)
    return low


@cache
def _advance(character: str, families: tuple[str, ...]) -> float:
    """The width of a character, for a font of size one."""
    usable = [*families, *([] if character.isascii() else [_font_with(character)])]
    properties = FontProperties(family=[family for family in usable if family], size=100)
    return float(text_to_path.get_text_width_height_descent(character, properties, False)[0]) / 100


def _font_with(character: str) -> str:
    """The family of a font that has a character: one in use, else an installed one; else ""."""
    return _searched(character, tuple(mpl.rcParams["font.family"]), len(fontManager.ttflist))


@cache
def _searched(character: str, families: tuple[str, ...], _installed: int) -> str:
    for family in families:
        if ord(character) in _letters(findfont(FontProperties(family=[family]))):
            return family
    for entry in fontManager.ttflist:
        upright = entry.style == "normal" and entry.weight in (400, "normal", "regular")
        is_real = upright and not any(part in entry.name for part in PLACEHOLDERS)
        if is_real and ord(character) in _letters(entry.fname):
            return str(entry.name)
    return ""


@cache
def _letters(path: str) -> frozenset[int]:
    """The code points of a font; none if it cannot be opened."""
    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
