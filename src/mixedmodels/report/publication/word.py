"""The table as a Word document, by python-docx: real cells, three rules, italics."""

from importlib import import_module
from pathlib import Path
from typing import Any

from mixedmodels.errors import DataError
from mixedmodels.report.publication.content import Cell, Content, Line, Row, Run, line
from mixedmodels.shortening import visible

THICK, THIN = "12", "6"
"""Rules in eighths of a point."""

FONT, SIZE, NOTE_SIZE = "Times New Roman", 11, 9


def save(content: Content, path: Path) -> None:
    """Write a document that holds the table.

    Raises
    ------
    DataError
        If python-docx is not installed.
    """
    try:
        docx: Any = import_module("docx")
    except ModuleNotFoundError as error:
        raise DataError(
            "A Word document needs the package python-docx, which is not installed.\n"
            "Do:   pip install 'mixedmodels[tables]', or save as .html, which Word opens."
        ) from error
    document = docx.Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, docx.shared.Pt(SIZE)
    if content.title:
        paragraph = document.add_paragraph()
        _write(paragraph, (Run(content.title, italic=True),))
        paragraph.paragraph_format.keep_with_next = True
    _table(docx, document, content)
    for note in content.notes:
        paragraph = document.add_paragraph()
        _write(paragraph, note)
        paragraph.paragraph_format.space_after = docx.shared.Pt(2)
        for run in paragraph.runs:
            run.font.size = docx.shared.Pt(NOTE_SIZE)
    document.save(str(path))


def _table(docx: Any, document: Any, content: Content) -> None:
    width = len(content.columns) + 1
    table = document.add_table(rows=0, cols=width)
    table.autofit = True
    heads = _heads(docx, table, content)
    for part in content.parts:
        is_headed = bool(part.heading) and len(content.parts) > 1
        if is_headed:
            cells = table.add_row().cells
            _fill(docx, cells[0].merge(cells[-1]), (Run(part.heading, italic=True),), "left")
        for row in part.rows:
            _row(docx, table, content, row, indent=is_headed)
    rows = table.rows
    _rule(docx, rows[0], "top", THICK)
    if heads:
        _rule(docx, rows[heads - 1], "bottom", THIN)
    _rule(docx, rows[-1], "bottom", THICK)


def _heads(docx: Any, table: Any, content: Content) -> int:
    """The rows of the head, repeated on every page; how many there are."""
    made = 0
    if content.has_spanners:
        row, first = table.add_row(), 1
        for spanner in content.spanners:
            last = first + spanner.columns - 1
            merged = row.cells[first].merge(row.cells[last])
            _lines(docx, merged, spanner.head, "center")
            if spanner.columns > 1 and content.has_heads:
                _border(docx, merged, "bottom", THIN)
            first = last + 1
        _repeat(docx, row)
        made += 1
    if content.has_heads:
        row = table.add_row()
        _fill(docx, row.cells[0], line(content.stub), "left")
        for head, cell in zip(content.columns, row.cells[1:], strict=True):
            _fill(docx, cell, head, "right")
        _repeat(docx, row)
        made += 1
    return made


def _row(docx: Any, table: Any, content: Content, row: Row, *, indent: bool) -> None:
    cells = table.add_row().cells
    _fill(docx, cells[0], row.label, "left")
    if indent:
        cells[0].paragraphs[0].paragraph_format.left_indent = docx.shared.Pt(12)
    first = 1
    for cell, span in zip(row.cells, content.widths(row), strict=True):
        merged = cells[first] if span == 1 else cells[first].merge(cells[first + span - 1])
        _lines(docx, merged, cell, "right" if span == 1 else "center")
        first += span


def _fill(docx: Any, cell: Any, text: Line, side: str) -> None:
    _lines(docx, cell, (text,), side)


def _lines(docx: Any, cell: Any, lines: Cell, side: str) -> None:
    """The lines of a cell, a paragraph for each."""
    paragraph = cell.paragraphs[0]
    for number, text in enumerate(lines or ((),)):
        paragraph = paragraph if number == 0 else cell.add_paragraph()
        paragraph.alignment = getattr(docx.enum.text.WD_ALIGN_PARAGRAPH, side.upper())
        paragraph.paragraph_format.space_after = docx.shared.Pt(0)
        _write(paragraph, text)


def _write(paragraph: Any, text: Line) -> None:
    for run in text:
        paragraph.add_run(visible(run.text)).italic = run.italic


def _rule(docx: Any, row: Any, edge: str, size: str) -> None:
    for cell in row.cells:
        _border(docx, cell, edge, size)


def _border(docx: Any, cell: Any, edge: str, size: str) -> None:
    properties = cell._tc.get_or_add_tcPr()
    borders = properties.find(docx.oxml.ns.qn("w:tcBorders"))
    if borders is None:
        borders = docx.oxml.OxmlElement("w:tcBorders")
        properties.append(borders)
    name = docx.oxml.ns.qn(f"w:{edge}")
    element = borders.find(name)
    if element is None:
        element = docx.oxml.OxmlElement(f"w:{edge}")
        borders.append(element)
    for key, value in (("val", "single"), ("sz", size), ("space", "0"), ("color", "auto")):
        element.set(docx.oxml.ns.qn(f"w:{key}"), value)


def _repeat(docx: Any, row: Any) -> None:
    """A row of the head, which Word shows again on the next page."""
    properties = row._tr.get_or_add_trPr()
    properties.append(docx.oxml.OxmlElement("w:tblHeader"))
