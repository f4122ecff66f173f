"""llms.txt at the root of the site: its pages as plain Markdown, for programs (llmstxt.org).

``llms.txt`` lists the pages, ``llms-full.txt`` holds them one after the other. Links lead to the
sources that Sphinx copies.
"""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

ABOUT = (
    "Linear and generalised linear mixed models in Python, exact and fast: one call from an lme4 "
    "formula and a data frame to the fit, with tests, means, checks, pictures, power and a report."
)


def write(app: Sphinx, failure: Exception | None) -> None:
    """Write both files into the built site."""
    if failure is not None or app.builder.name != "html":
        return
    lines, pages = [f"# {app.config.project}", "", f"> {ABOUT}", ""], []
    for section in _children(app, app.config.root_doc):
        lines += [f"## {_title(app, section)}", ""]
        for page in [section, *_below(app, section)]:
            source = Path(app.env.doc2path(page))
            if source.suffix == ".md":
                lines.append(f"- [{_title(app, page)}](_sources/{page}.md.txt){_says(app, page)}")
                pages.append(source.read_text("utf-8"))
        lines.append("")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines), "utf-8")
    home = Path(app.env.doc2path(app.config.root_doc)).read_text("utf-8")
    Path(app.outdir, "llms-full.txt").write_text("\n\n---\n\n".join([home, *pages]), "utf-8")


def _children(app: Sphinx, page: str) -> list[str]:
    """The pages that the tables of contents of a page list, in order."""
    trees = app.env.get_doctree(page).findall(addnodes.toctree)
    return [name for tree in trees for name in tree["includefiles"]]


def _below(app: Sphinx, page: str) -> list[str]:
    return [name for child in _children(app, page) for name in (child, *_below(app, child))]


def _title(app: Sphinx, page: str) -> str:
    return app.env.titles[page].astext()


def _says(app: Sphinx, page: str) -> str:
    """The first sentence of a page, as a note to its link."""
    for found in app.env.get_doctree(page).findall(nodes.paragraph):
        if isinstance(found.parent, nodes.section):
            text = " ".join(found.astext().split())
            return f": {text.split('. ')[0].rstrip('.:')}"
    return ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this module an extension of Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
