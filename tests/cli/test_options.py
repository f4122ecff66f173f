"""What the options do, and that no file that is read is ever written."""

import json
import os

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.cli.main import main

FORMULA = "y ~ x * f + (1 | g)"


@pytest.fixture
def csv(tmp_path, monkeypatch):
    random = np.random.default_rng(6)
    g = np.arange(80) % 10
    frame = pd.DataFrame({"x": random.normal(size=80), "g": g, "w": random.uniform(1, 2, 80)})
    frame["f"] = np.array(["a", "b"])[random.integers(2, size=80)]
    frame["y"] = random.normal(size=10)[g] + random.normal(size=80)
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    monkeypatch.chdir(tmp_path)
    return path


def run(csv, *options):
    assert main(["fit", str(csv), FORMULA, *options, "--json", "out.json"]) == 0
    with open("out.json", encoding="utf-8") as file:
        return json.load(file)


def test_weights_offset_and_contrasts(csv):
    found = run(csv, "--weights", "w", "--offset", "x", "--contrasts", "f=sum")
    model = mm.lmm(FORMULA, pd.read_csv(csv), weights="w", offset="x", contrasts={"f": "sum"})
    assert found["objective"] == model.objective
    assert [row["term"] for row in found["coefficients"]] == list(model.params.index)


@pytest.mark.parametrize(("option", "kind"), [((), 3), (("1",), 1), (("2",), 2)])
def test_analysis_of_variance(csv, capsys, option, kind):
    found = run(csv, "--anova", *option)
    table = mm.lmm(FORMULA, pd.read_csv(csv)).anova(kind)
    assert [row["statistic"] for row in found["anova"]] == table["statistic"].tolist()
    assert f"Analysis of variance (type {kind})" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "method"), [((), "wald"), (("profile",), "profile")])
def test_intervals(csv, capsys, option, method):
    found = run(csv, "--conf-int", *option)
    table = mm.lmm(FORMULA, pd.read_csv(csv)).conf_int(method=method, which="all")
    assert [row["conf_low"] for row in found["conf_int"]] == table["conf_low"].tolist()
    shown = capsys.readouterr().out.split("Intervals of all parameters:")[1]
    assert "Fixed effects  Intercept" in shown


def test_what_was_decided_is_in_the_json(csv, capsys):
    csv.write_text(csv.read_text().replace(",", ";").replace(".", ","))
    assert run(csv)["notes"] == ["Decimal commas, and semicolons between columns."]
    assert "mixedmodels: note: Decimal commas" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"mixedmodels {mm.__version__}\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--contrasts", "f"], ["--contrasts", "f=foo"], ["--sep", "ab"], ["--sep", ""],
        ["--decimal", ";"], ["--anova", "4"], ["--conf-int", "exact"],
    ],
)  # fmt: skip
def test_wrong_usage(csv, options):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(csv), FORMULA, *options])
    assert stopped.value.code == 2


@pytest.mark.parametrize("option", ["--weights", "--offset", "--factor"])
def test_columns_that_are_not_there(csv, capsys, option):
    assert main(["fit", str(csv), FORMULA, option, "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def alias(csv, kind):
    other = csv.with_name(f"{kind}.html" if kind.startswith("page") else f"{kind}.json")
    if kind.endswith("link"):
        os.symlink(csv, other)
    elif kind.endswith("twin"):
        os.link(csv, other)
    else:
        return {"same": csv, "relative": csv.name, "dots": f"./../{csv.parent.name}/data.csv"}[kind]
    return other


@pytest.mark.parametrize("kind", ["same", "relative", "dots", "link", "twin", "page link"])
def test_the_data_are_never_replaced(csv, capsys, kind):
    before = csv.read_bytes()
    option = "--report" if kind.startswith("page") else "--json"
    assert main(["fit", str(csv), FORMULA, option, str(alias(csv, kind))]) == 1
    shown = capsys.readouterr()
    assert "the file of the data" in shown.err
    assert shown.out == ""
    assert csv.read_bytes() == before


def test_other_data_are_not_replaced_by_json(csv, capsys):
    other = csv.with_name("other.csv")
    other.write_text("a,b\n1,2\n")
    assert main(["fit", str(csv), FORMULA, "--json", str(other)]) == 1
    assert "exists and is not JSON" in capsys.readouterr().err
    assert other.read_text() == "a,b\n1,2\n"


def test_results_replace_results(csv):
    assert run(csv)["nobs"] == run(csv, "--ml")["nobs"] == 80


def test_two_results_in_one_file(csv, capsys):
    arguments = ["fit", str(csv), FORMULA, "--json", "a.html", "--report", "./a.html"]
    assert main(arguments) == 1
    assert "file of --json" in capsys.readouterr().err


def test_means_and_their_pairs(csv, capsys):
    found = run(csv, "--means", "f", "--means", "1", "--ddf", "kenward-roger")["means"]
    model = mm.lmm(FORMULA, pd.read_csv(csv))
    means = model.emmeans("f", ddf="kenward-roger")
    assert [part["specs"] for part in found] == ["f", "1"]
    for kind, table in (("means", means.table()), ("pairs", means.pairs().table())):
        assert [row["df"] for row in found[0][kind]] == table["df"].tolist()
        assert [row["estimate"] for row in found[0][kind]] == table["estimate"].tolist()
    assert found[1]["pairs"] == []
    shown = capsys.readouterr().out
    assert str(means) in shown
    assert str(means.pairs()) in shown
    assert "means" not in run(csv)


def test_means_are_handed_to_the_report(csv):
    run(csv, "--means", "f", "--report", "page.html")
    with open("page.html", encoding="utf-8") as file:
        assert "Marginal means of y: f" in file.read()


def test_unknown_means_write_nothing(csv, capsys):
    options = ["--means", "F", "--json", "out.json", "--report", "page.html"]
    assert main(["fit", str(csv), FORMULA, *options]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mixedmodels: 'F' is not a column")
    assert captured.err.count("Do:") == 1
    assert sorted(os.listdir()) == ["data.csv"]
