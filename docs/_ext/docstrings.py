"""Docstrings on the site: a page that they name as a file becomes a link to it."""

import re

from sphinx.application import Sphinx

PAGE = re.compile(r"`*\bdocs/([\w/-]+)\.md\b`*")


def link_pages(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put links where the lines of one docstring say ``docs/page.md``."""
    lines[:] = [PAGE.sub(r":doc:`/\1`", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this module an extension of Sphinx."""
    app.connect("autodoc-process-docstring", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
