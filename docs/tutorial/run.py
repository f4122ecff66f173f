"""Runs the tutorial from top to bottom: every block of code, and what it prints.

python docs/tutorial/run.py            compare with what the text says
python docs/tutorial/run.py --write    put what was printed into the text, pictures beside it
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import warnings
from difflib import unified_diff
from pathlib import Path

import matplotlib as mpl

TEXT = Path(__file__).with_name("README.md")

BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<said>.*?)```\n)?", re.S)


def printed(text: str) -> list[str]:
    """What each block prints, one namespace for all of them."""
    space: dict[str, object] = {"__name__": "tutorial"}
    out = []
    for block in BLOCK.finditer(text):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            exec(compile(block["code"], str(TEXT), "exec"), space)
        lines = [f"note: {note.message}" for note in notes]
        out.append("\n".join([*lines, said.getvalue()]).strip("\n").rstrip())
    return out


def expected(text: str) -> list[str]:
    """What the text says each block prints."""
    return [(block["said"] or "").rstrip() for block in BLOCK.finditer(text)]


def rewritten(text: str) -> str:
    """The text with what was printed."""
    said = iter(printed(text))

    def fill(block: re.Match[str]) -> str:
        shown = next(said)
        code = f"```python\n{block['code']}```\n"
        return f"{code}\n```text\n{shown}\n```\n" if shown else code

    return BLOCK.sub(fill, text)


def main() -> int:
    """Compare, or write."""
    mpl.use("Agg")
    text = TEXT.read_text("utf-8")
    if "--write" in sys.argv:
        os.chdir(TEXT.parent)
        TEXT.write_text(rewritten(text), "utf-8")
        return 0
    os.chdir(tempfile.mkdtemp())
    Path("images").mkdir()
    found, wanted = "\n".join(printed(text)), "\n".join(expected(text))
    sys.stdout.writelines(unified_diff(wanted.splitlines(True), found.splitlines(True)))
    return int(found != wanted)


if __name__ == "__main__":
    sys.exit(main())
