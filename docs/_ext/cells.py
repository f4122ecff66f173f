"""Reads a page of plain Markdown as a notebook: every ```python block is a cell.

A page then reads well wherever Markdown is shown, and needs no header. Options of a cell stand in
its first lines, as in Quarto: ``#| fig-alt: …`` describes the picture, ``#| tags: [hide-input]``
and ``#| stderr: show`` are what they are in MyST-NB. A block that starts with
```` ```python no-run ```` is shown and not executed.
"""

import re
from pathlib import Path

import yaml
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode
from sphinx.application import Sphinx

FENCE = re.compile(r"(?P<marks>`{3,}|~{3,}|:{3,})(?P<info>.*)")
OPTION = re.compile(r"#\| *([\w-]+): *(.*)")


def with_directives(text: str) -> str:
    """The page with ```{code-cell} python where ```python stood, line by line the same."""
    lines, inside = [], ""
    for line in text.splitlines():
        fence = FENCE.match(line)
        if fence and inside and fence["marks"] == inside and not fence["info"].strip():
            inside = ""
        elif fence and not inside and not fence["marks"].startswith(":"):
            inside = fence["marks"]
            if fence["info"].strip() == "python":
                line = f"{inside}{{code-cell}} python"
        lines.append(line)
    return "\n".join(lines)


def read(text: str) -> NotebookNode:
    """The notebook of a page."""
    notebook = read_myst_markdown_notebook(with_directives(text), add_source_map=True)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _take_options(cell)
    return notebook


def _take_options(cell: NotebookNode) -> None:
    """Move the ``#|`` lines of a cell to where MyST-NB looks for options."""
    lines = cell.source.splitlines()
    n = next((i for i, line in enumerate(lines) if not OPTION.match(line)), len(lines))
    options = dict(found.groups() for line in lines[:n] if (found := OPTION.match(line)))
    unknown = set(options) - {"fig-alt", "tags", "stderr"}
    if unknown:
        raise ValueError(f"A cell has no option {sorted(unknown)}: fig-alt, tags or stderr.")
    shown = {"image": {"alt": options.get("fig-alt", "")}} if "fig-alt" in options else {}
    if "stderr" in options:
        shown["output_stderr"] = options["stderr"]
    cell.metadata.update({"tags": yaml.safe_load(options.get("tags", "[]")), "mystnb": shown})
    cell.source = "\n".join(lines[n:])


def pages_without(folder: Path) -> list[str]:
    """Pages without a cell, which need no kernel, by their path in the folder."""
    pages = [page for page in folder.rglob("*.md") if "_build" not in page.parts]
    return [
        f"{folder.name}/{page.relative_to(folder).as_posix()}"
        for page in pages
        if "{code-cell}" not in with_directives(page.read_text("utf-8"))
    ]


def make_cache(app: Sphinx) -> None:
    """Make the database of executed pages before several processes would at once."""
    folder = app.config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache"
    get_cache(folder).db  # noqa: B018 - asking for it makes the file


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this module an extension of Sphinx."""
    app.connect("builder-inited", make_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
