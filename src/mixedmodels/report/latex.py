"""A report as LaTeX, its tables with the rules of the package booktabs."""

import re

from mixedmodels.report.document import Document, Section
from mixedmodels.shortening import visible

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "²": r"$^2$", "×": r"$\times$", "σ": r"$\sigma$", "−": "$-$", "–": "--", "…": r"\ldots{}",
}  # fmt: skip
"""What LaTeX does not print as it is. After a row's end, ``[`` and ``*`` would be its arguments."""

LIGATURE = re.compile(r"-(?=-)")
"""Hyphens that LaTeX would join to a dash."""


def render(document: Document) -> str:
    """Title and facts as comments, then one table per section."""
    facts = [_comment(f"{name}: {value}") for name, value in document.facts]
    notes = [_comment(line) for note in document.notes for line in f"Note: {note}".split("\n")]
    sections = [render_section(section) for section in document.sections]
    return "\n\n".join(["\n".join([_comment(document.title), *facts, *notes]), *sections])


def render_section(section: Section) -> str:
    """A floating table with a caption."""
    width = len(section.header)
    columns = "l" * section.n_text + "r" * (width - section.n_text)
    lines = [
        r"\begin{table}",
        rf"\caption{{{escaped(section.heading)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row(section.header),
        r"\midrule",
        *(_row(row) for row in section.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if section.footnote:
        lines.append(rf"\par\footnotesize {escaped(section.footnote)}")
    return "\n".join([*lines, r"\end{table}"])


def escaped(text: str) -> str:
    """Text on one line that LaTeX prints as it is."""
    apart = LIGATURE.sub("-\0", visible(text))  # visible leaves no NUL
    return "".join(SPECIAL.get(character, character) for character in apart).replace("\0", "{}")


def _comment(line: str) -> str:
    return f"% {visible(line)}"


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"
