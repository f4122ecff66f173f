"""The table as an object of the package great_tables, whose users go on from there."""

from html import escape
from importlib import import_module
from typing import Any

import pandas as pd

from mixedmodels.errors import DataError
from mixedmodels.report.publication.content import Content, Line
from mixedmodels.report.publication.grid import grid_of
from mixedmodels.shortening import visible


def made(content: Content) -> Any:
    """A `GT` with the parts as groups of rows, heads over the models, title and notes.

    Raises
    ------
    DataError
        If the package is not installed.
    """
    try:
        great: Any = import_module("great_tables")
    except ModuleNotFoundError as error:
        raise DataError(
            "This needs the package great_tables, which is not installed.\n"
            "Do:   pip install 'mixedmodels[tables]', or use html()."
        ) from error
    columns = {
        name: [visible(value or "") for value in values]
        for name, values in grid_of(content).items()
    }
    table = great.GT(pd.DataFrame(columns), rowname_col="term", groupname_col="part")
    names = list(columns)[2:]
    table = table.cols_align("right", names)
    heads = zip(names, content.columns, strict=True)
    table = table.cols_label(
        {name: great.html(_line(head) or escape(visible(name))) for name, head in heads}
    )
    first = 0
    for number, spanner in enumerate(content.spanners):
        own = names[first : first + spanner.columns]
        first += spanner.columns
        if spanner.head and content.has_heads:
            label = great.html("<br>".join(map(_line, spanner.head)))
            table = table.tab_spanner(label=label, columns=own, id=f"model {number}")
    if content.title:
        table = table.tab_header(great.html(escape(visible(content.title))))
    for note in content.notes:
        table = table.tab_source_note(great.html(_line(note)))
    return table


def _line(line: Line) -> str:
    return "".join(
        f"<em>{escape(visible(run.text))}</em>" if run.italic else escape(visible(run.text))
        for run in line
    )
