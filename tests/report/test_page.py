"""The report: complete, self-contained, and sound in a browser."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.cli.main import main
from mixedmodels.errors import DataError

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    data = mm.datasets.load("cake")
    data.loc[3, "angle"] = None
    model = mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", data)
    return model.report(tmp_path_factory.mktemp("report") / "cake.html", ddf="kenward-roger")


def test_it_has_every_part(page):
    text = page.read_text("utf-8")
    for heading in (
        "The model", "The data", "Fixed effects", "Random effects", "Analysis of variance",
        "Explained variance", "Checks of the assumptions", "To put into a paper",
        "How this was made",
    ):  # fmt: skip
        assert heading in text, heading
    assert "The mean of angle depends on recipe, temp and recipe:temp." in text
    assert "269 rows are used, 1 are left out" in text
    assert "the method of Kenward and Roger" in text
    assert "restricted maximum likelihood" in text
    # Nine checks, the effects for a wide and for a narrow screen, and the levels.
    assert text.count("data:image/png;base64,") == 12
    assert text.count('<source media="(max-width: 40rem)"') == 1
    assert "The random effects" in text
    assert text.count("<details") == 1
    assert "45 levels with 95 % intervals" in text
    assert f"mixedmodels {mm.__version__}" in text


def test_it_has_every_random_effect_and_every_limit(page):
    text = page.read_text("utf-8")
    data = mm.datasets.load("cake")
    data.loc[3, "angle"] = None
    model = mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", data)
    shown = Tables.of(text)
    levels = {row[0]: row[1:] for row in shown if len(row) == 4 and row[0][1:2] == ":"}
    assert len(levels) == 45
    for row in model.ranef_table().itertuples():
        cells = [float(cell) for cell in levels[row.level]]
        assert cells == pytest.approx([row.estimate, row.conf_low, row.conf_high], abs=0.006)
    fixed = {row[0]: row[1:] for row in shown if len(row) == 8}
    table = model.coef_table("kenward-roger").set_index("term")
    for term, row in table.iterrows():
        limits = [float(cell) for cell in fixed[term][-2:]]
        assert limits == pytest.approx([row["conf_low"], row["conf_high"]], abs=1e-4)


class Tables(HTMLParser):
    """The rows of all tables of a page."""

    def __init__(self):
        super().__init__()
        self.rows, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")
        if self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data

    @classmethod
    def of(cls, text):
        reader = cls()
        reader.feed(text)
        return reader.rows


def test_limits_of_a_singular_fit_are_from_the_profile(tmp_path):
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff2"))
    text = model.report(tmp_path / "page.html").read_text("utf-8")
    [row] = [r for r in Tables.of(text) if r[:2] == ["Batch", "Intercept"] and len(r) == 5]
    profiled = model.conf_int(method="profile", which="variance")
    assert float(row[4]) == pytest.approx(profiled["conf_high"][0], rel=1e-3)
    assert "from the profile of the likelihood (ML)" in text


def test_many_levels_are_folded(tmp_path):
    random = np.random.default_rng(2)
    data = pd.DataFrame({"g": random.integers(450, size=1500), "y": random.normal(size=1500)})
    data["y"] += random.normal(size=450)[data["g"]]
    model = mm.lmm("y ~ 1 + (1 | g)", data)
    text = model.report(tmp_path / "page.html").read_text("utf-8")
    levels = [row for row in Tables.of(text) if len(row) == 4 and row[0].isdigit()]
    assert len(levels) == model.ngroups["g"]
    assert "<details open" not in text
    assert "A check of the assumptions" in text
    assert "Random effects with 95 % intervals" not in text  # too many to draw
    assert "<source" not in text  # no effects beside the mean


def test_it_needs_no_network(page):
    text = page.read_text("utf-8")
    assert "<script" not in text
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert "@import" not in text
    assert "url(" not in text


@pytest.mark.parametrize(
    ("formula", "dataset", "said"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy", "intercept and a slope of Days, corr"),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", "is the same for all rows"),
        ("Yield ~ 1 + (1 | Batch)", "dyestuff2", "The variance"),
        ("Reaction ~ Days", "sleepstudy", "There are no random effects"),
    ],
)
def test_other_models(tmp_path, formula, dataset, said):
    model = mm.lmm(formula, mm.datasets.load(dataset))
    assert said in model.report(tmp_path / "page.html").read_text("utf-8")


def test_text_of_the_user_is_escaped(tmp_path):
    data = mm.datasets.load("dyestuff").rename(columns={"Yield": "<b>y</b>"})
    model = mm.lmm("`<b>y</b>` ~ 1 + (1 | Batch)", data)
    text = model.report(tmp_path / "page.html").read_text("utf-8")
    assert "<b>y" not in text
    assert "&lt;b&gt;y" in text


def test_names_of_columns_stay_as_they_are(tmp_path):
    data = mm.datasets.load("sleepstudy").rename(columns={"Days": "data x"})
    model = mm.lmm("Reaction ~ `data x` + (`data x` | Subject)", data)
    text = model.report(tmp_path / "page.html").read_text("utf-8")
    assert "intercept and slope of data x, correlated by Subject" in text


def test_polars_data(tmp_path):
    data = mm.datasets.load("sleepstudy", backend="polars")
    model = mm.lmm("Reaction ~ Days + (1 | Subject)", data)
    assert model.report(tmp_path / "page.html").exists()


def test_bad_targets(tmp_path, page):
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
    with pytest.raises(DataError, match="no name of a web page"):
        model.report(tmp_path / "page.pdf")
    with pytest.raises(DataError, match="There is no folder"):
        model.report(tmp_path / "nowhere" / "page.html")


def test_the_command_writes_it(tmp_path, capsys):
    data = tmp_path / "data.csv"
    mm.datasets.load("dyestuff").to_csv(data, index=False)
    target = tmp_path / "out.html"
    assert main(["fit", str(data), "Yield ~ 1 + (1 | Batch)", "--report", str(target)]) == 0
    assert target.exists()


def browse(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@needs_browser
@pytest.mark.parametrize("width", [390, 1200])
def test_it_renders_without_complaint_and_fits_the_width(page, tmp_path, width):
    text = page.read_text("utf-8")
    probe = "<script>document.title = [document.documentElement.scrollWidth, innerWidth]</script>"
    copy = tmp_path / "probe.html"
    copy.write_text(text.replace("</body>", f"{probe}</body>"), "utf-8")
    done = browse(
        "--enable-logging=stderr", "--dump-dom", f"--window-size={width},900", copy.as_uri()
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    [(content, window)] = re.findall(r"<title>(\d+),(\d+)</title>", done.stdout)
    assert int(content) <= int(window)


@needs_browser
def test_it_prints(page, tmp_path):
    target = tmp_path / "page.pdf"
    browse("--no-pdf-header-footer", f"--print-to-pdf={target}", page.as_uri())
    content = target.read_bytes()
    assert content.startswith(b"%PDF")
    assert os.path.getsize(target) > 50_000
