"""Whatever a name holds, every format of a table shows it as it is and runs nothing of it."""

import re
from html.parser import HTMLParser

import docx
import pytest
from hypothesis import given, settings

import mixedmodels as mm
from mixedmodels.data import Backend
from mixedmodels.errors import DataError
from mixedmodels.report.publication import html as pages
from mixedmodels.report.publication import latex, plain, typst, word
from mixedmodels.report.publication import markdown as pipes
from mixedmodels.report.publication.content import Content, Part, Row, Run, Spanner, cell, line
from mixedmodels.report.publication.content import plain as text_of
from mixedmodels.report.publication.grid import grid_of
from mixedmodels.report.publication.table import Table
from mixedmodels.shortening import visible
from tests.report.test_escaping import NAMES, parsed, squeezed, typeset

SLEEP = mm.datasets.load("sleepstudy")

TAGS = frozenset({"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "em", "p"})

WORDS = frozenset(
    {
        "#block", "breakable", "true", "#show", "figure", "set", "#set", "caption", "position",
        "top", "#figure", "kind", "table", "columns", "align", "left", "right", "stroke", "none",
        "hline", "header", "cell", "colspan", "center", "em", "start", "end", "pt", "#emph", "#h",
        "#text", "size", "block", "#linebreak",
    }
)  # fmt: skip
"""What Typst is told beside texts."""


@pytest.fixture(scope="module")
def slope():
    return mm.lmm("Reaction ~ Days + (1 | Subject)", SLEEP, reml=False)


@pytest.fixture(scope="module")
def slopes():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", SLEEP)


def notes(table) -> list[str]:
    return [text_of(note) for note in table.content.notes]


def test_files(slopes, tmp_path):
    table = mm.table(slopes, style="apa", title="Sleep")
    for ending in ("docx", "html", "tex", "typ", "md", "txt"):
        path = table.save(tmp_path / f"table.{ending}")
        assert path.stat().st_size > 400
    page = (tmp_path / "table.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and "viewport" in page
    with pytest.raises(DataError, match="no kind of file"):
        table.save(tmp_path / "table.pdf")
    with pytest.raises(DataError, match="no folder"):
        table.save(tmp_path / "nowhere" / "table.txt")


def test_word_document(slopes, slope, tmp_path):
    table = mm.table(slope, slopes, style="apa", layout="columns", title="Sleep")
    document = docx.Document(table.save(tmp_path / "table.docx"))
    [found] = document.tables
    assert len(found.columns) == 1 + len(table.content.columns)
    heads = [c.text for c in found.rows[1].cells]
    assert heads == ["", *(text_of(head) for head in table.content.columns)]
    days = next(row for row in found.rows if row.cells[0].text == "Days")
    assert [c.text for c in days.cells][1:3] == ["10.47", "0.80"]
    assert found.rows[1].cells[1].paragraphs[0].runs[0].italic
    assert next(p.text for p in document.paragraphs if p.text) == "Sleep"
    assert document.paragraphs[-1].text in notes(table)
    ruled = [i for i, row in enumerate(found.rows) if "w:tcBorders" in row._tr.xml]
    assert ruled == [0, 1, len(found.rows) - 1]


def test_great_table(slopes, slope):
    page = mm.table(slopes, slope, style="apa", layout="columns").great_table().as_raw_html()
    assert "<em>SE</em>" in page and "Random effects" in page and "10.47" in page


def hostile(name: str) -> Table:
    """A table with a name in every place where text of the user's can be."""
    row = Row(line(name), (cell(name), cell("1.5")))
    spanning = Row((Run(name, italic=True),), (cell(name),), is_spanning=True)
    content = Content(
        title=name,
        stub="",
        spanners=(Spanner((line(name),), 2),),
        columns=(line(name), (Run(name, italic=True),)),
        parts=(Part("Fixed effects", (row,)), Part("Model", (spanning,))),
        notes=((Run("Note. ", italic=True), Run(name)),),
    )
    return Table(content, Backend.PANDAS)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert {key for key, _ in attrs} <= {"style", "scope", "colspan"}

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)


@given(NAMES)
def test_html_shows_every_name_and_nothing_else(name):
    reader = Reader()
    reader.feed(pages.render(hostile(name).content))
    reader.close()
    assert reader.tags <= TAGS
    assert reader.text.count(visible(name)) >= 7 or not name


CELLS = re.compile(r"(?<!\\) & ")


@given(NAMES.filter(bool))
def test_latex_keeps_the_columns_and_prints_every_name(name):
    source = latex.render(hostile(name).content)
    body = source.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [text.strip() for text in body.splitlines() if text.strip().endswith(r"\\")]
    assert len(lines) == 2 + 2 + 2
    label, first, _ = CELLS.split(lines[3].removesuffix(r" \\"))
    assert typeset(label.removeprefix(r"\quad ")) == visible(name) == typeset(first)
    spanning = re.fullmatch(r"\\quad (.*) & \\multicolumn\{2\}\{c\}\{(.*)\} \\\\", lines[5])
    assert typeset(spanning[2]) == visible(name)
    assert source.count(r"\begin{table}") == 1 == source.count(r"\end{table}")


STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


@given(NAMES)
def test_typst_holds_names_in_strings_alone(name):
    source = typst.render(hostile(name).content)
    shown = [re.sub(r"\\(.)", r"\1", text) for text in STRING.findall(source)]
    assert shown.count(visible(name)) == (9 if name else 2) or not name
    outside = STRING.sub("", source)
    assert set(re.findall(r"#?[a-z]+", outside)) <= WORDS
    assert not re.search(r"[$`@<>*_~]", outside)


@given(NAMES)
def test_markdown_shows_every_name_in_its_place(name):
    shown, _ = parsed(pipes.render(hostile(name).content))
    name = squeezed(name)
    assert name in shown or not name
    assert shown.count("1.5") == 1


@given(NAMES)
def test_text_keeps_rows_on_lines(name):
    lines = plain.render(hostile(name).content).splitlines()
    assert all(text.isprintable() or "‌" in text or "‍" in text for text in lines)
    assert grid_of(hostile(name).content)["term"].tolist() == [name, name]


@settings(max_examples=15)
@given(NAMES.filter(bool))
def test_word_holds_every_name(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("word") / "table.docx"
    word.save(hostile(name).content, path)
    [table] = docx.Document(path).tables
    assert table.rows[3].cells[0].text == visible(name)
