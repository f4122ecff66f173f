"""The summary as Markdown and LaTeX, and what maketables asks for."""

import pandas as pd
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
    assert list(table.columns) == ["b", "se", "t", "p"]
    assert table.index.name == "Coefficient"
    assert table["b"].tolist() == model.params.tolist()
    assert model.__maketables_depvar__ == "Reaction"
    assert model.__maketables_stat__("N") == 180
    assert model.__maketables_stat__("r2_marginal") == pytest.approx(model.r2()["marginal"])
    assert model.__maketables_stat__("no such number") is None


def test_maketables_builds_a_table(model):
    maketables = pytest.importorskip("maketables")
    simple = mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy"))
    built = maketables.ETable([simple, model])
    assert isinstance(built.df, pd.DataFrame)
    assert "Days" in str(built.df.index.tolist())
