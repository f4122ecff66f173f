"""The command with a family."""

import json
from pathlib import Path

import pytest

import mixedmodels as mm
from mixedmodels.cli.main import main

FORMULA = "incidence ~ period + (1 | herd)"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "cbpp.csv"
    mm.datasets.load("cbpp").to_csv(path, index=False)
    return path


def test_family_link_and_trials(csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = csv.parent / "out.json"
    options = ["--family", "binomial", "--link", "probit", "--trials", "size", "--json", str(out)]
    assert main(["fit", str(csv), FORMULA, "--factor", "period", *options]) == 0
    model = mm.glmm(FORMULA, mm.datasets.load("cbpp"), link="probit", trials="size")
    assert "probit link" in capsys.readouterr().out
    found = json.loads(out.read_text())
    assert (found["family"], found["link"], found["nodes"]) == ("binomial", "probit", 1)
    assert found["llf"] == pytest.approx(model.llf)
    assert found["ddf"] == "normal"
    assert found["coefficients"][1]["estimate"] == pytest.approx(model.params.iloc[1])
    assert "sigma" not in found


def test_trials_of_the_formula_and_nodes(csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formula = "incidence / size ~ period + (1 | herd)"
    assert main(["fit", str(csv), formula, "--family", "binomial", "--nodes", "9"]) == 0
    assert "9 nodes" in capsys.readouterr().out


def test_columns_of_other_parts_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "owls.csv"
    mm.datasets.load("owls").to_csv(path, index=False)
    formula = "SiblingNegotiation ~ 1 + (1 | Nest)"
    options = ["--family", "poisson", "--zero", "~ FoodTreatment", "--exposure", "BroodSize"]
    assert main(["fit", str(path), formula, *options]) == 0
    shown = capsys.readouterr().out
    assert "FoodTreatment[T.Satiated]" in shown
    assert "Exposure:" in shown


@pytest.mark.parametrize(
    "options",
    [
        ["--trials", "size"],
        ["--link", "logit"],
        ["--family", "binomial", "--ml"],
        ["--family", "binomail"],
    ],
)
def test_options_that_say_nothing_are_wrong_usage(csv: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(csv), FORMULA, *options])
    assert stopped.value.code == 2


def test_a_response_out_of_range_is_one_message(
    csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(csv), "size ~ period + (1 | herd)", "--family", "binomial"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("mixedmodels: ")
    assert "Traceback" not in shown.err
