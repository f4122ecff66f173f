"""The report: complete, self-contained, and sound in a browser."""

import os
import re
import shutil
import subprocess
from pathlib import Path

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
    assert text.count("data:image/png;base64,") == 2
    assert f"mixedmodels {mm.__version__}" in text


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
