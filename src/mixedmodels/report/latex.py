"""A report as LaTeX, its tables with the rules of the package booktabs."""

from mixedmodels.report.document import Document, Section

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "²": r"$^2$", "×": r"$\times$",
    "σ": r"$\sigma$", "−": "$-$", "–": "--", "…": r"\ldots{}",
}  # fmt: skip


def render(document: Document) -> str:
    """Title and facts as comments, then one table per section."""
    facts = [f"% {name}: {value}" for name, value in document.facts]
    notes = [f"% Note: {note}".replace("\n", "\n% ") for note in document.notes]
    sections = [render_section(section) for section in document.sections]
    return "\n\n".join(["\n".join([f"% {document.title}", *facts, *notes]), *sections])


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
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"
