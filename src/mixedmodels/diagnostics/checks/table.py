"""One check, and the table of all."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any, Literal

from mixedmodels.shortening import visible

Grade = Literal["good", "look", "problem", "unclear"]
"""How a check came out: no sign of trouble, worth a look, change something, cannot be told."""

MARKS = {"good": "+", "look": "?", "problem": "!", "unclear": "-"}

WIDTH = 88


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    check : str
        What was checked.
    about : str
        The column, group, level or row that it is about.
    effect : str
        Name of the size.
    value : float
        The size, nan where it cannot be told.
    grade : {"good", "look", "problem", "unclear"}
        How it came out.
    verdict : str
        The same in words.
    advice : str
        What to do.
    """

    check: str
    about: str
    effect: str
    value: float
    grade: Grade
    verdict: str
    advice: str

    @property
    def title(self) -> str:
        """What was checked, and about what."""
        return f"{self.check} ({self.about})" if self.about else self.check

    @property
    def size(self) -> str:
        """The size with its name."""
        return f"{self.effect} {_number(self.value)}"


@dataclass(frozen=True, slots=True, repr=False)
class Checks:
    """All checks of one fit; prints as text, shows as HTML in a notebook.

    Attributes
    ----------
    rows : tuple of Check
        In the order of the table.
    """

    rows: tuple[Check, ...]
    _table: Callable[[dict[str, Any]], Any]

    def table(self) -> Any:
        """Columns `check, about, effect, value, grade, verdict, advice`, in the frame library of
        the data.
        """
        names = ("check", "about", "effect", "value", "grade", "verdict", "advice")
        return self._table({name: [getattr(row, name) for row in self.rows] for name in names})

    @property
    def concerns(self) -> tuple[Check, ...]:
        """The checks that ask for a look or a change, problems first."""
        found = [row for row in self.rows if row.grade in ("look", "problem")]
        return tuple(sorted(found, key=lambda row: row.grade != "problem"))

    def __str__(self) -> str:
        lines = [self.headline, ""]
        for row in self.rows:
            lines.append(f"{MARKS[row.grade]} {visible(row.title)}: {row.size}")
            lines += [f"    {line}" for line in wrap(visible(row.verdict), WIDTH - 4)]
            if row.grade != "good":
                lines += [
                    f"    Do: {line}" if not i else f"        {line}"
                    for i, line in enumerate(wrap(visible(row.advice), WIDTH - 8))
                ]
        return "\n".join([*lines, "", "+ good   ? worth a look   ! a problem   - cannot be told"])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def shown(text: str) -> str:
            return escape(visible(text))

        head = "".join(f"<th>{name}</th>" for name in ("check", "size", "verdict", "what to do"))
        body = "".join(
            f"<tr><td>{MARKS[row.grade]} {shown(row.check)}<br>{shown(row.about)}</td>"
            f"<td>{shown(row.size)}</td><td>{shown(row.verdict)}</td>"
            f"<td>{shown(row.advice if row.grade != 'good' else '')}</td></tr>"
            for row in self.rows
        )
        return f"<p>{escape(self.headline)}</p><table><tr>{head}</tr>{body}</table>"

    @property
    def headline(self) -> str:
        """How many checks found what."""
        problems = sum(row.grade == "problem" for row in self.rows)
        looks = sum(row.grade == "look" for row in self.rows)
        if not problems and not looks:
            return f"{len(self.rows)} checks, none of which found anything of concern."
        counts = [f"{problems} found a problem"] if problems else []
        counts += [f"{looks} {'is' if looks == 1 else 'are'} worth a look"] if looks else []
        return f"{len(self.rows)} checks: {', '.join(counts)}."


def graded(size: float, *, look: float, problem: float, noise: float = 0.0) -> Grade:
    """The grade of a size; below `noise`, what chance gives, it is good whatever it is."""
    if size < look or size <= noise:
        return "good"
    return "look" if size < problem else "problem"


def _number(value: float) -> str:
    return "not available" if value != value else f"{value:.3g}"
