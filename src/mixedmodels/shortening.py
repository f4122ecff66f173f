"""Names made to fit a place without losing what tells them apart: for tables and pictures."""

import re
from collections import Counter
from collections.abc import Callable, Sequence, Sized
from dataclasses import fields, is_dataclass
from itertools import count
from textwrap import fill
from typing import Any

CUT = "…"
"""Stands where something was left out."""

JOINERS = "\u200c\u200d"
"""Zero-width joiners: invisible, but part of how Persian, Hindi and emoji are written."""


LINE, LONGEST, FEW = 100, 60, 6
"""Of an object in brief: characters of a line and of a value, values of a sequence."""

BETWEEN = " _.:-/"
"""Characters between words, also in names of columns."""

PARTS = re.compile(r"(:|\[(?:[A-Z]\.)?|\])")
"""What joins the parts of a term: colons, and brackets with the letter of a coding."""

Part = tuple[str, bool | None]
"""A part of a term and whether it is the name of a level; None for a term that fits as it is."""

SHORTEST = 3
"""Characters of a cut name: with fewer, nothing of it is told."""


def distinct_labels(
    names: Sequence[object], width: int, *, write: Callable[[str], str] | None = None
) -> list[str]:
    """One label per name, at most `width` characters long, distinct where the names are.

    A name that fits stays as it is. A longer one is cut in its middle, between words if that tells
    it apart. Otherwise what all long names begin or end with is left out, or what differs is kept
    between the ends. Where nothing of the kind helps, a number follows the cut.

    Parameters
    ----------
    names : sequence
        Anything with text; equal texts get equal labels, whatever their order.
    width : int
        Characters that there is room for. A label exceeds it only where no distinct ones fit: a
        number after a cut needs its digits.
    write : callable, optional
        How a text is written where it stands, by default `one_line`: what it makes alike is told
        apart as well.

    Returns
    -------
    list of str
        In the order of the names, each on one line (see `one_line`).

    Examples
    --------
    >>> distinct_labels(["Placebo plus optimized therapy", "Drug plus optimized therapy"], 16)
    ['Placebo…therapy', 'Drug…therapy']
    >>> distinct_labels([f"Therapist {i:02} of the clinic at Berlin" for i in (1, 2)], 20)
    ['Therapist 01…', 'Therapist 02…']
    """
    texts = [str(name) for name in names]
    lines = {text: (write or one_line)(text) for text in sorted(set(texts))}
    labels = _assigned(lines, max(width, 1))
    return [labels[text] for text in texts]


def distinct_terms(
    names: Sequence[str], width: int, *, write: Callable[[str], str] | None = None
) -> list[str]:
    """The same for terms and coefficients, whose parts are shortened one by one if that suffices.

    Of "name of a factor[name of a level]:name of a covariate" every part stays recognisable.

    Examples
    --------
    >>> distinct_terms(["treatment_arm[Placebo]:weeks_since_visit", "weeks_since_visit"], 34)
    ['treat…arm[Placebo]:weeks…visit', 'weeks_since_visit']
    """
    lines = [(write or one_line)(name) for name in names]
    split: list[list[Part]] = [
        [(line, None)] if len(line) <= width else _parts(line) for line in lines
    ]
    columns = sorted({part for parts in split for part, is_level in parts if is_level is False})
    levels = sorted({part for parts in split for part, is_level in parts if is_level})
    for room in range(max(map(len, [*columns, *levels]), default=0), SHORTEST, -1):
        rooms = ((False, columns, max(2 * room // 3, SHORTEST)), (True, levels, room))
        short: dict[Part, str] = {
            (part, is_level): label
            for is_level, pool, width_of_part in rooms
            for part, label in zip(pool, distinct_labels(pool, width_of_part), strict=True)
        }
        labels = ["".join(short.get((part, kind), part) for part, kind in parts) for parts in split]
        fits = max(map(len, labels), default=0) <= width
        if fits and len(set(labels)) == len({*names}):
            return labels
    return distinct_labels(names, width, write=write)


def _parts(line: str) -> list[Part]:
    """The parts of a term with what joins them, and whether each is the name of a level."""
    found: list[Part] = []
    is_level = False
    for part in PARTS.split(line):
        is_level = is_level and part != "]"
        if part:
            found.append((part, is_level))
        is_level = is_level or part.startswith("[")
    return found


def one_line(name: object) -> str:
    r"""A name as it can stand in a line, so that what is invisible is seen.

    As `visible`; an empty name and one with blanks at an end appear in quotation marks.
    """
    text = visible(str(name))
    return text if text and text == text.strip() else f"'{text}'"


def visible(text: str) -> str:
    r"""Text on one line: line breaks and characters that control something appear as escapes.

    A line break (`\n`) would end a row of a table or a comment, a control character colour a
    terminal, a mark of direction turn the rest of the line around.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in JOINERS else c.encode("unicode_escape").decode() for c in text
    )


def middle_cut(text: str, width: int, *, words: bool = True) -> str:
    """Beginning and end of a text that is too long, cut between words where that loses little."""
    if len(text) <= width:
        return text
    head = width // 2
    tail = width - 1 - head
    start, end = text[:head], text[len(text) - tail :]
    if words:
        start, end = _to_word(start), _to_word(end[::-1])[::-1]
    return f"{start}{CUT}{end}"


def brief(thing: Any) -> str:
    """An object with fields in a few lines, as its `__repr__`: what is long is told by its size.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Sample:
    ...     name: str
    ...     rows: tuple[int, ...]
    ...     __repr__ = brief
    >>> Sample("first", tuple(range(1000)))
    Sample(name='first', rows=<tuple of 1000>)
    """
    parts = [f"{field.name}={_value(getattr(thing, field.name))}" for field in fields(thing)]
    return fill(
        f"{type(thing).__name__}({', '.join(parts)})",
        width=LINE,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _value(value: Any) -> str:
    kind = type(value).__name__
    if getattr(value, "shape", ()):
        return f"<{kind} {' x '.join(map(str, value.shape))}>"
    if isinstance(value, (str, int, float, complex, type(None))):
        return middle_cut(repr(value), LONGEST, words=False)
    if isinstance(value, (tuple, list)) and len(value) <= FEW and not any(map(_has_parts, value)):
        return middle_cut(repr(value), LONGEST, words=False)
    return f"<{kind} of {len(value)}>" if isinstance(value, Sized) else f"<{kind}>"


def _has_parts(value: Any) -> bool:
    return is_dataclass(value) or (isinstance(value, Sized) and not isinstance(value, str))


def _to_word(piece: str) -> str:
    """A beginning up to its last whole word, if half of it stays."""
    ends = [j for j, c in enumerate(piece) if c in BETWEEN and 2 * j >= len(piece)]
    return piece[: ends[-1]].rstrip(BETWEEN) or piece if ends else piece


def _assigned(lines: dict[str, str], width: int) -> dict[str, str]:
    """Labels by name: from one manner of cutting if it tells all apart, else from several."""
    fitting = {name: name for name, line in lines.items() if line == name and len(name) <= width}
    long = [name for name in lines if name not in fitting]
    mixed = dict(fitting)
    for cut in (_at_words, _without_shared, _in_halves, _at_differences):
        alone = _told_apart(cut, long, lines, fitting, width)
        if len(alone) == len(long):
            return fitting | alone
        pending = [name for name in long if name not in mixed]
        mixed |= _told_apart(cut, pending, lines, mixed, width)
    rest = {name: lines[name] for name in long if name not in mixed}
    return mixed | _numbered(rest, mixed, width)


def _told_apart(
    cut: Callable[[list[str], int], list[str]],
    names: list[str],
    lines: dict[str, str],
    labels: dict[str, str],
    width: int,
) -> dict[str, str]:
    """The names that a manner of cutting tells from each other and from those with labels."""
    proposed = cut([lines[name] for name in names], width)
    seen = Counter([*proposed, *labels.values()])
    return {n: label for n, label in zip(names, proposed, strict=True) if seen[label] == 1}


def _at_words(lines: list[str], width: int) -> list[str]:
    return [middle_cut(line, width) for line in lines]


def _in_halves(lines: list[str], width: int) -> list[str]:
    return [middle_cut(line, width, words=False) for line in lines]


def _without_shared(lines: list[str], width: int) -> list[str]:
    """What all begin or end with is left out, in whole words, and the rest cut in its middle."""
    if not lines:
        return []
    first, last = _shared(lines)
    ending = lines[0][len(lines[0]) - last :]
    last = len(ending) - ending.find(" ") if " " in ending else 0
    longest = max(len(line) for line in lines) - last
    boundaries = [0, *(j + 1 for j in range(first) if lines[0][j] == " ")]
    fitting = [j for j in boundaries if longest - j + (j > 0) + (last > 0) <= width]
    first = fitting[0] if fitting else boundaries[-1]
    before, after = CUT if first else "", CUT if last else ""
    room = width - len(before) - len(after)
    if room < SHORTEST:
        return _in_halves(lines, width)
    middles = [middle_cut(line[first : len(line) - last], room) for line in lines]
    return [
        line if len(line) <= width else f"{before}{middle}{after}"
        for line, middle in zip(lines, middles, strict=True)
    ]


def _at_differences(lines: list[str], width: int) -> list[str]:
    """A quarter from each end, and between them what differs within those that share the ends."""
    ends = (width - 2) // 4
    if ends < 1 or width - 2 - 2 * ends < SHORTEST:
        return _in_halves(lines, width)
    groups: dict[tuple[str, str], list[str]] = {}
    for line in dict.fromkeys(lines):
        groups.setdefault((line[:ends], line[-ends:]), []).append(line)
    found: dict[str, str] = {}
    for (start, end), members in groups.items():
        if len(members) == 1:
            found[members[0]] = middle_cut(members[0], width)
            continue
        middles = _middles(members, ends, width - 2 - 2 * ends)
        for line, middle in zip(members, middles, strict=True):
            found[line] = line if len(line) <= width else f"{start}{CUT}{middle}{CUT}{end}"
    return [found[line] for line in lines]


def _middles(lines: list[str], ends: int, room: int) -> list[str]:
    """Of each line the part that differs, with as much around it as there is room for."""
    first, last = _shared(lines)
    spare = room - max(len(line) - last - first for line in lines)
    if spare < 0:
        return distinct_labels([line[first : len(line) - last] for line in lines], room)
    before = min(max(first - ends, 0), (spare + 1) // 2)
    return [line[first - before : len(line) - ends][:room] for line in lines]


def _shared(lines: list[str]) -> tuple[int, int]:
    """How many characters all lines begin and, of the rest, end with."""
    first = _beginning(lines)
    return first, _beginning([line[first:][::-1] for line in lines])


def _beginning(lines: list[str]) -> int:
    """How many characters all begin with: those of the first and last in the alphabet."""
    low, high = min(lines), max(lines)
    return next((j for j, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))


def _numbered(lines: dict[str, str], labels: dict[str, str], width: int) -> dict[str, str]:
    """Beginnings with a number, for what no cut tells apart."""
    taken, found = set(labels.values()), {}
    numbers = count(1)
    for name, line in lines.items():
        label = ""
        while not label or label in taken:
            ending = f"{CUT}{next(numbers)}"
            label = line[: max(width - len(ending), 0)] + ending
        taken.add(label)
        found[name] = label
    return found
