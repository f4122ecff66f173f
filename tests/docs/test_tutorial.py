"""The tutorial runs from top to bottom and prints what it says."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tutorial_prints_what_it_says() -> None:
    command = [sys.executable, str(DOCS / "tutorial" / "run.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_of_the_documentation_lead_somewhere() -> None:
    pages = [*DOCS.glob("**/*.md"), *DOCS.parent.glob("*.md")]
    assert len(pages) > 8
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            if not target.startswith(("http", "mailto:")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
