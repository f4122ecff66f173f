"""Tables and times as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def seconds(value: float | None) -> str:
    """A time with three digits and the unit that fits."""
    if value is None:
        return ""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1.0:
            return f"{value * factor:.3g} {unit}" if value * factor < 1000 else f"{value:,.0f} s"
    return f"{value * 1e6:.3g} µs"


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is text, the others are numbers."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (header, rule, *lines)]
    return ["| " + " | ".join(line) + " |" for line in escaped]
