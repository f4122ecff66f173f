"""Links out of docs/ lead into the repository, which a page of the site cannot.

With the address of the repository in ``REPOSITORY_URL`` they become links to it; without one the
text stays, with the path of the file beside it.
"""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

LINK = re.compile(r"\[(?P<text>[^\]\n]+)\]\((?P<target>\.\./[^)#\s]+)\)")


def lead_out(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rewrite the links of one page that leave the folder of the pages."""
    folder, root = app.env.doc2path(docname).parent, Path(app.srcdir)

    def link(found: re.Match[str]) -> str:
        target = (folder / found["target"]).resolve()
        if target.is_relative_to(root.resolve()) or not target.exists():
            return found.group()  # Sphinx follows it, or says that it leads nowhere
        path = target.relative_to(root.resolve().parent).as_posix()
        address = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        if address:
            return f"[{found['text']}]({address}/blob/main/{path})"
        return found["text"] if found["text"].strip("`") in path else f"{found['text']} (`{path}`)"

    source[0] = LINK.sub(link, source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this module an extension of Sphinx."""
    app.connect("source-read", lead_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
