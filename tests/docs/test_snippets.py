"""Every piece of Python in the documentation runs as it stands, imports included."""

import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).parents[2] / "docs"

SNIPPET = re.compile(r"(<!-- needs a cluster -->\n\n)?```python\n(.*?)```", re.DOTALL)


def _snippets() -> list[tuple[str, int, str]]:
    found = []
    for page in sorted(DOCS.glob("*.md")):
        pieces = SNIPPET.findall(page.read_text("utf-8"))
        found += [(page.name, i, code) for i, (skip, code) in enumerate(pieces) if not skip]
    return found


def test_there_are_snippets() -> None:
    assert len({page for page, _, _ in _snippets()}) > 3


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize(
    ("page", "i", "code"), [pytest.param(*s, id=f"{s[0]}-{s[1]}") for s in _snippets()]
)
def test_a_snippet_runs_alone(page: str, i: int, code: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    exec(compile(code, f"{page}, snippet {i + 1}", "exec"), {"__name__": "snippet"})
    plt.close("all")
