"""Whatever a name holds, every format shows it as it is and runs nothing of it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import mixedmodels as mm
from mixedmodels.report import html, latex, markdown, text
from mixedmodels.report.document import Document, Section
from mixedmodels.shortening import JOINERS, visible

HOSTILE = [
    "<img src=x onerror=alert(1)>", "a|b", "a*b*c", "_x_ __y__", "`code`", "~~gone~~", "$x^2$",
    "\\", "a\\|b", "[link](http://x)", "![i](x)", "# head #", "&lt;", "1. item", "- item", "+",
    "===", "---", "> quote", "a\nb", "a\r\n\r\nb", "{%x}", "100 %", "^sup^", "[x]", "* star",
    "--", "\x1b[31mred", "\u202eturned", "\u2028", "``` fence", "<!-- -->", "\\end{table}", "'\"",
    "https://example.org", "|", "", "  ", "\t|\t", "&", "<", "x ~ y", "a:b", "?`!`", "\ud800",
]  # fmt: skip

NAMES = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="\\`*_{}[]<>()#+-.!|~$&%^'\"=: \n\t1ax", max_size=12),
    st.sampled_from(HOSTILE),
)

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def document(name: str) -> Document:
    section = Section(name, ("Term", name), ((name, "1.5"), ("x", name)), n_text=1, footnote=name)
    return Document(name, (("Formula", name),), (section,), (f"{name}\n    {name}",))


def squeezed(shown: str) -> str:
    return " ".join(visible(shown).split())


def parsed(source: str) -> tuple[list[str], set[str]]:
    """The text of each block of a Markdown page, and the kinds of everything in it."""
    shown, kinds = [], set()
    for token in MARKDOWN.parse(source):
        kinds.add(token.type)
        if token.type == "inline":
            children = token.children or []
            kinds |= {child.type for child in children}
            shown.append("".join(c.content or " " * (c.type == "hardbreak") for c in children))
    return [squeezed(one) for one in shown], kinds


ALLOWED = {
    "text", "text_special", "strong_open", "strong_close", "hardbreak", "inline",
    *(f"{kind}_{end}" for end in ("open", "close")
      for kind in ("heading", "paragraph", "bullet_list", "list_item", "blockquote",
                   "table", "thead", "tbody", "tr", "th", "td")),
}  # fmt: skip


@given(NAMES)
@example("===")
@example("1. item")
def test_markdown_shows_every_name_and_nothing_else(name):
    shown, kinds = parsed(markdown.render(document(name)))
    assert kinds <= ALLOWED
    note = [squeezed(line) for line in f"{name}\n{name}".split("\n")]
    name = squeezed(name)
    expected = [
        name, squeezed(f"Formula: {name}"), name, "Term", name, name, "1.5", "x", name, name,
        squeezed(" ".join(note)),
    ]  # fmt: skip
    # Without a footnote or a note there is no paragraph for it.
    assert [s for s in shown if s] == [e for e in expected if e]


@given(NAMES)
def test_no_markup_of_a_page_in_markdown(name):
    assert not re.search(r"<[a-zA-Z/!]", markdown.render(document(name)))


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.cells = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert {key for key, _ in attrs} <= {"style", "scope"}
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data

    def handle_comment(self, data):
        raise AssertionError(data)


@given(NAMES)
def test_a_page_shows_every_name_and_nothing_else(name):
    reader = Reader()
    reader.feed(html.render_section(document(name).sections[0]).split("<p>")[0])
    reader.close()
    allowed = {"table", "caption", "strong", "thead", "tbody", "tr", "th", "td"}
    assert reader.tags <= allowed
    assert reader.cells == ["Term", visible(name), visible(name), "1.5", "x", visible(name)]


PRINTED = re.compile(
    r"\\(?P<command>text[a-z]+|ldots)\{\}|\\(?P<escaped>[&%$#_{}])|\{(?P<group>[\[\]*])\}"
    r"|\$(?P<math>\^2|\\times|\\sigma|-)\$|(?P<dash>--)|(?P<apart>\{\})"
    r"|(?P<plain>[^\\&%$#_{}~^<>|`'\"\[\]*²×σ−–…\n])"
)
COMMANDS = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<",
    "textgreater": ">", "textbar": "|", "textasciigrave": "`", "textquotesingle": "'",
    "textquotedbl": '"', "ldots": "…", "^2": "²", "\\times": "×", "\\sigma": "σ", "-": "−",
}  # fmt: skip


def typeset(source: str) -> str:
    """What LaTeX prints, if `source` is made of nothing but what prints one character."""
    shown, place = "", 0
    while place < len(source):
        match = PRINTED.match(source, place)
        assert match, source[place:]
        kind, found = match.lastgroup, match[match.lastgroup]
        direct = {"escaped": found, "group": found, "plain": found, "apart": "", "dash": "–"}
        shown += direct.get(kind, COMMANDS.get(found, ""))
        place = match.end()
    return shown


@given(NAMES)
def test_latex_prints_every_name_as_it_is(name):
    source = latex.escaped(name)
    assert "\n" not in source
    assert typeset(source) == visible(name)


@given(NAMES)
def test_comments_of_latex_end_where_they_should(name):
    head = latex.render(document(name)).split(r"\begin{table}")[0]
    assert all(line.startswith("%") or not line for line in re.split(r"[\n\r\x0b\x0c\x85]", head))


@given(NAMES)
def test_text_keeps_one_row_on_one_line(name):
    rows = text.render_section(replace(document(name).sections[0], footnote="")).splitlines()
    assert len(rows) == 4
    assert all(c.isprintable() or c in JOINERS for row in rows for c in row)


@pytest.fixture(scope="module", params=[n for n in HOSTILE if n.strip() and n.isprintable()])
def model(request):
    """A fit whose columns and levels carry the name."""
    name = request.param.replace("`", "'") + "."
    random = np.random.default_rng(0)
    data = pd.DataFrame({"y": random.normal(size=60), "g": np.arange(60) % 12})
    data[f"x{name}"] = random.normal(size=60)
    data["f"] = pd.Categorical([name, "other", "third"] * 20)
    return mm.lmm(f"y ~ f + `x{name}` + (1 | g)", data)


def test_names_of_a_fit_arrive_in_every_format(model):
    columns = [squeezed(name) for name in model.params.index]
    summary = model.summary()
    shown, kinds = parsed(summary.to_markdown())
    assert kinds <= ALLOWED
    assert set(columns) <= set(shown)
    reader = Reader()
    reader.feed(html.render_section(summary.document.sections[-1]))
    assert set(columns) <= {squeezed(cell) for cell in reader.cells}
    table = summary.to_latex().split(r"\caption{Fixed effects}")[1].split(r"\midrule")[1]
    first = [line.split(" & ")[0] for line in table.splitlines() if line.endswith(r" \\")]
    assert [squeezed(typeset(cell)) for cell in first] == columns
