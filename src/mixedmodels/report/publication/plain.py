"""The table as plain text, three rules wide."""

import textwrap
from collections.abc import Sequence

from mixedmodels.report.publication.content import Cell, Content, Line, Row, plain
from mixedmodels.shortening import distinct_labels, visible

GAP = "  "
LABEL = 48
"""Characters of a label, if it does not fit."""

WIDTH = 88
"""Of notes, at least."""

RULE = "─"


def render(content: Content) -> str:
    """Title, table and notes."""
    labels = _labels(content)
    stub = max(map(len, [content.stub, *labels]), default=0)
    widths = _widths(content)
    blocks = [_block(content, widths, stub, part.rows, labels) for part in content.parts]
    full = stub + sum(len(GAP) + width for width in widths)
    rule = RULE * full
    lines = [visible(content.title)] if content.title else []
    lines.append(rule)
    head = _head(content, widths, stub)
    lines += [*head, rule] if head else []
    for part, block in zip(content.parts, blocks, strict=True):
        lines += [part.heading] if part.heading and len(content.parts) > 1 else []
        lines += block
    lines.append(rule)
    for note in content.notes:
        lines += textwrap.wrap(visible(plain(note)), width=max(full, WIDTH)) or [""]
    return "\n".join(lines)


def _labels(content: Content) -> list[str]:
    """The labels of all rows, cut where they are too long."""
    rows = [row for part in content.parts for row in part.rows]
    indent = "  " if len(content.parts) > 1 else ""
    return [indent + label for label in distinct_labels([_text(r.label) for r in rows], LABEL)]


def _text(line: Line) -> str:
    return visible(plain(line))


def _widths(content: Content) -> list[int]:
    """Characters of every column: of its cells, and of what spans it."""
    widths = [len(_text(head)) for head in content.columns]
    spanning: list[tuple[int, int, int]] = []
    for row in (row for part in content.parts for row in part.rows):
        first = 0
        for cell, span in zip(row.cells, content.widths(row), strict=True):
            size = max((len(_text(line)) for line in cell), default=0)
            if span == 1:
                widths[first] = max(widths[first], size)
            else:
                spanning.append((first, span, size))
            first += span
    first = 0
    for spanner in content.spanners:
        size = max((len(_text(line)) for line in spanner.head), default=0)
        spanning.append((first, spanner.columns, size))
        first += spanner.columns
    for first, span, size in spanning:
        room = sum(widths[first : first + span]) + len(GAP) * (span - 1)
        widths[first + span - 1] += max(size - room, 0)
    return widths


def _head(content: Content, widths: list[int], stub: int) -> list[str]:
    lines: list[str] = []
    depth = max((len(spanner.head) for spanner in content.spanners), default=0)
    spans = tuple(spanner.columns for spanner in content.spanners)
    for level in range(depth):
        texts = [_text(s.head[level]) if level < len(s.head) else "" for s in content.spanners]
        lines.append(_line("", texts, spans, widths, stub, centre=max(spans) > 1))
    if content.has_heads:
        texts = [_text(head) for head in content.columns]
        lines.append(_line(content.stub, texts, (1,) * len(texts), widths, stub))
    return lines


def _block(
    content: Content, widths: list[int], stub: int, rows: Sequence[Row], labels: list[str]
) -> list[str]:
    lines = []
    for row in rows:
        label = labels.pop(0)
        spans = content.widths(row)
        depth = max((len(cell) for cell in row.cells), default=0)
        for level in range(max(depth, 1)):
            texts = [_at(cell, level) for cell in row.cells]
            lines.append(_line(label if level == 0 else "", texts, spans, widths, stub))
    return lines


def _at(cell: Cell, level: int) -> str:
    return _text(cell[level]) if level < len(cell) else ""


def _line(
    label: str,
    texts: Sequence[str],
    spans: Sequence[int],
    widths: list[int],
    stub: int,
    *,
    centre: bool = False,
) -> str:
    pieces, first = [label.ljust(stub)], 0
    for text, span in zip(texts, spans, strict=True):
        room = sum(widths[first : first + span]) + len(GAP) * (span - 1)
        pieces.append(text.center(room) if centre or span > 1 else text.rjust(room))
        first += span
    return GAP.join(pieces).rstrip()
