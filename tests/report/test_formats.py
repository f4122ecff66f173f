"""The summary as Markdown and LaTeX, and what maketables asks for."""

import subprocess
import sys

import pytest

import mixedmodels as mm
from mixedmodels.report.latex import escaped


@pytest.fixture(scope="module")
def model():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


def test_markdown_tables_are_regular(model):
    text = model.summary().to_markdown()
    assert text.startswith("## Linear mixed model fitted by REML")
    assert "| Intercept | 251.405 |" in text
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) <= 1


def test_latex_tables_are_whole(model):
    text = model.summary().to_latex()
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 4
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 4
    assert r"Intercept & 251.405" in text
    body = text.split(r"\caption{Fixed effects}")[1].split(r"\end{tabular}")[0]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {row.count("&") for row in rows} == {7}


def test_latex_escapes():
    assert escaped("a_b & 5% {x} <0.001") == r"a\_b \& 5\% \{x\} \textless{}0.001"


def test_maketables_attributes(model):
    table = model.__maketables_coef_table__
    assert list(table.columns) == ["b", "se", "t", "p", "ci95l", "ci95u"]
    assert table.index.name == "Coefficient"
    assert table["b"].tolist() == model.params.tolist()
    assert table["ci95l"].tolist() == model.coef_table()["conf_low"].tolist()
    assert model.__maketables_depvar__ == "Reaction"
    assert model.__maketables_stat__("N") == 180
    assert model.__maketables_stat__("r2_marginal") == pytest.approx(model.r2()["marginal"])
    assert model.__maketables_stat__("no such number") is None


def test_the_table_of_maketables_shows_response_groups_and_shares(model):
    maketables = pytest.importorskip("maketables")
    simple = mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"))
    least = mm.lmm("Reaction ~ Days", mm.datasets.load("sleepstudy"))
    shown = maketables.ETable([simple, model, least]).df
    assert [column[0] for column in shown.columns] == ["Reaction"] * 3
    assert shown.index.get_level_values(1).tolist() == [
        "Days", "Intercept", "Observations", "Levels of Subject", "R² marginal", "R² conditional",
    ]  # fmt: skip
    rows = shown.droplevel(0)
    assert rows.loc["Levels of Subject"].tolist() == ["18", "18", "-"]
    assert rows.loc["R² marginal"].tolist()[1] == f"{model.r2()['marginal']:.3f}"
    assert rows.loc["Days"].iloc[1].startswith("10.467")
    html = str(maketables.ETable([model]).make("html"))
    for text in (
        "Reaction",
        "Levels of Subject",
        "conditional",
    ):
        assert text in html


def test_maketables_may_be_imported_after_the_fit():
    pytest.importorskip("maketables")
    code = (
        "import mixedmodels as mm\n"
        "model = mm.lmm('Yield ~ 1 + (1 | Batch)', mm.datasets.load('dyestuff'))\n"
        "import maketables\n"
        "print(maketables.ETable([model]).df.to_string())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Yield" in done.stdout
    assert "Levels of Batch" in done.stdout
