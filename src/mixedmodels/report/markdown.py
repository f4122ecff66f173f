"""A report as Markdown, with pipe tables."""

from mixedmodels.report.document import Document, Section


def render(document: Document) -> str:
    """The whole document."""
    facts = "\n".join(f"- **{name}**: {value}" for name, value in document.facts)
    sections = [render_section(section) for section in document.sections]
    notes = [f"> {note}".replace("\n", "\n> ") for note in document.notes]
    return "\n\n".join([f"## {document.title}", facts, *sections, *notes])


def render_section(section: Section) -> str:
    """A heading and a table."""
    sides = ["---" if j < section.n_text else "---:" for j in range(len(section.header))]
    rows = [section.header, tuple(sides), *section.rows]
    table = "\n".join(
        "| " + " | ".join(cell if i == 1 else _escaped(cell) for cell in row) + " |"
        for i, row in enumerate(rows)
    )
    parts = [f"### {section.heading}", table]
    return "\n\n".join([*parts, section.footnote] if section.footnote else parts)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
