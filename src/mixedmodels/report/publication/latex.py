r"""The table for LaTeX, with the rules of the package booktabs (``\usepackage{booktabs}``)."""

from mixedmodels.report.latex import escaped
from mixedmodels.report.publication.content import Cell, Content, Line, Part, Row

NEEDS = r"% needs \usepackage{booktabs}"


def render(content: Content) -> str:
    """A floating table with caption and notes."""
    columns = "l" + "r" * len(content.columns)
    caption = [rf"\caption{{{escaped(content.title)}}}"] if content.title else []
    lines = [
        NEEDS,
        r"\begin{table}[htbp]",
        r"\centering",
        *caption,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *_head(content),
        r"\midrule",
        *(text for part in content.parts for text in _part(content, part)),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if content.notes:
        notes = [rf"{_line(note)}\par" for note in content.notes]
        lines += ["", r"\medskip", r"\begin{minipage}{\linewidth}\footnotesize", *notes]
        lines.append(r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}", ""])


def _head(content: Content) -> list[str]:
    lines = []
    depth = max((len(spanner.head) for spanner in content.spanners), default=0)
    for level in range(depth):
        cells = [
            _spanning(
                spanner.columns, _line(spanner.head[level]) if level < len(spanner.head) else ""
            )
            for spanner in content.spanners
        ]
        lines.append(_joined(["", *cells]))
    if depth and content.has_heads:
        lines.append(_rules(content))
    if content.has_heads:
        lines.append(_joined([escaped(content.stub), *map(_line, content.columns)]))
    return lines


def _rules(content: Content) -> str:
    """A rule under the head of every model."""
    rules, first = [], 2
    for spanner in content.spanners:
        last = first + spanner.columns - 1
        rules.append(rf"\cmidrule(lr){{{first}-{last}}}")
        first = last + 1
    return " ".join(rules)


def _part(content: Content, part: Part) -> list[str]:
    lines, indent = [], ""
    if part.heading and len(content.parts) > 1:
        width = len(content.columns) + 1
        lines.append(rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escaped(part.heading)}}}}} \\")
        indent = r"\quad "
    for row in part.rows:
        lines += _row(content, row, indent)
    return lines


def _row(content: Content, row: Row, indent: str) -> list[str]:
    spans = content.widths(row)
    depth = max((len(cell) for cell in row.cells), default=0)
    lines = []
    for level in range(max(depth, 1)):
        label = f"{indent}{_line(row.label)}" if level == 0 else ""
        cells = [_spanning(span, _at(c, level)) for c, span in zip(row.cells, spans, strict=True)]
        lines.append(_joined([label, *cells]))
    return lines


def _at(cell: Cell, level: int) -> str:
    return _line(cell[level]) if level < len(cell) else ""


def _spanning(columns: int, text: str) -> str:
    return text if columns == 1 else rf"\multicolumn{{{columns}}}{{c}}{{{text}}}"


def _line(line: Line) -> str:
    return "".join(
        rf"\textit{{{escaped(run.text)}}}" if run.italic else escaped(run.text) for run in line
    )


def _joined(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
