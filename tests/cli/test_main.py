"""The command: output, exit status, one message on standard error."""

import json

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.cli.main import main

FORMULA = "y ~ x + (1 | g)"


@pytest.fixture
def frame():
    random = np.random.default_rng(2)
    g = np.repeat(["a", "b", "c", "d", "e"], 8)
    x = random.normal(size=40)
    y = x + np.repeat(random.normal(size=5), 8) + random.normal(size=40)
    return pd.DataFrame({"y": y, "x": x, "g": g})


@pytest.fixture
def csv(frame, tmp_path):
    path = tmp_path / "data.csv"
    frame.to_csv(path, index=False)
    return path


def test_fit_prints_the_summary(csv, frame, capsys):
    assert main(["fit", str(csv), FORMULA]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(lmm(FORMULA, pd.read_csv(csv)).summary())
    assert shown.err == ""


def test_parquet_and_maximum_likelihood(frame, tmp_path, capsys):
    path = tmp_path / "data.parquet"
    frame.to_parquet(path)
    assert main(["fit", str(path), FORMULA, "--ml"]) == 0
    assert "maximum likelihood" in capsys.readouterr().out


@pytest.mark.parametrize("ddf", ["kenward-roger", "normal"])
def test_degrees_of_freedom(csv, tmp_path, capsys, ddf):
    out = tmp_path / "out.json"
    assert main(["fit", str(csv), FORMULA, "--ddf", ddf, "--json", str(out)]) == 0
    model = lmm(FORMULA, pd.read_csv(csv))
    assert capsys.readouterr().out.strip() == str(model.summary(ddf))
    found, row = json.loads(out.read_text()), model.coef_table(ddf).iloc[1]
    assert found["ddf"] == ddf
    assert found["coefficients"][1]["p_value"] == row["p_value"]
    assert found["coefficients"][1]["df"] == (None if ddf == "normal" else row["df"])


def test_an_unknown_method_is_wrong_usage(csv):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(csv), FORMULA, "--ddf", "foo"])
    assert stopped.value.code == 2


def test_json(csv, tmp_path):
    out = tmp_path / "out.json"
    assert main(["fit", str(csv), FORMULA, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    model = lmm(FORMULA, pd.read_csv(csv))
    assert found["objective"] == model.objective
    assert found["coefficients"][1]["term"] == "x"
    assert found["coefficients"][1]["estimate"] == model.params["x"]
    assert found["variance_components"][-1] == {
        "group": "Residual", "term1": None, "term2": None,
        "vcov": model.scale, "sdcor": model.sigma,
    }  # fmt: skip
    assert found["convergence"]["converged"] is True


def test_json_of_a_singular_fit_is_valid(tmp_path):
    path, out = tmp_path / "flat.csv", tmp_path / "out.json"
    pd.DataFrame(
        {"y": [1.0, 2, 3, 4] * 3, "x": [0, 1, 3, 2] * 3, "g": np.repeat(["a", "b", "c"], 4)}
    ).to_csv(path, index=False)
    assert main(["fit", str(path), "y ~ x + (x | g)", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["is_singular"] is True
    assert [row["sdcor"] for row in found["variance_components"]][2] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nowhere.csv", FORMULA], "no file nowhere.csv"),
        (["fit", "DATA", "y ~ xx + (1 | g)"], "xx"),
        (["fit", "DATA", "y ~ x + (1 | g"], "y ~ x + (1 | g"),
        (["fit", "DATA", "g ~ x + (1 | g)"], "g"),
        (["fit", "DATA", FORMULA, "--json", "no/such/folder/out.json"], "cannot be written"),
    ],
)
def test_problems_of_data_and_formula(csv, capsys, arguments, message):
    assert main([str(csv) if a == "DATA" else a for a in arguments]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert "Traceback" not in shown.err


def test_an_unreadable_file(tmp_path, capsys):
    path = tmp_path / "empty.csv"
    path.write_text("")
    assert main(["fit", str(path), FORMULA]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fit"], ["nonsense"], ["fit", "a.csv", "f", "--mll"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_datasets_are_listed(capsys):
    assert main(["datasets"]) == 0
    shown = capsys.readouterr().out
    assert "sleepstudy" in shown
    assert "180" in shown
