"""The reader of pages: which blocks are cells, and what their options are."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

PAGE = """# Title

```python
import math
```

Text, and what is shown only:

```python no-run
client = Client()
```

````markdown
```python
1 / 0
```
````

```python
#| fig-alt: A line that rises: slowly
#| tags: [hide-input]
draw()
```

```python
#| stderr: show
warn()
```

    indented
"""


@pytest.fixture(scope="module")
def cells(site):
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        import cells  # noqa: PLC0415 - it is beside the pages, not installed
    finally:
        sys.path.pop(0)
    return cells


def test_python_blocks_are_cells_and_nothing_else(cells):
    found = [cell.source for cell in cells.read(PAGE).cells if cell.cell_type == "code"]
    assert found == ["import math", "draw()", "warn()"]
    text = "\n".join(cell.source for cell in cells.read(PAGE).cells if cell.cell_type != "code")
    assert "client = Client()" in text
    assert "1 / 0" in text


def test_options_of_a_cell(cells):
    plain, drawn, warned = (c for c in cells.read(PAGE).cells if c.cell_type == "code")
    assert plain.metadata == {"tags": [], "mystnb": {}}
    assert drawn.metadata["mystnb"] == {"image": {"alt": "A line that rises: slowly"}}
    assert drawn.metadata["tags"] == ["hide-input"]
    assert warned.metadata["mystnb"] == {"output_stderr": "show"}


def test_a_misspelt_option_is_an_error(cells):
    with pytest.raises(ValueError, match="no option"):
        cells.read("```python\n#| fig_alt: x\ndraw()\n```")


def test_lines_stay_where_they_are(cells):
    assert len(cells.with_directives(PAGE).splitlines()) == len(PAGE.splitlines())
