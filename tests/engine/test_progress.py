"""Long fits show what they do; short ones, and those whose output goes to a file, say nothing."""

import numpy as np
import pandas as pd
import pytest
import tqdm

import mixedmodels as mm
from mixedmodels.engine import progress
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def crossed() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 40_000
    data = pd.DataFrame({"a": rng.integers(0, 2500, n), "b": rng.integers(0, 2500, n)})
    return data.assign(y=rng.normal(size=n) + rng.normal(size=2500)[data["a"]])


FORMULA = "y ~ 1 + (1 | a) + (1 | b)"


def test_nothing_is_printed_by_default(crossed, capsys):
    mm.lmm(FORMULA, crossed)
    assert capsys.readouterr() == ("", "")


def test_a_bar_names_the_search_when_it_is_asked_for(crossed, capsys):
    mm.lmm(FORMULA, crossed, control=Control(progress=True))
    shown = capsys.readouterr().err
    assert "search" in shown
    assert "evaluations" in shown


def test_a_terminal_sees_a_bar_once_it_takes_a_while(crossed, capsys, monkeypatch):
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    monkeypatch.setattr("mixedmodels.engine.watching.is_watched", lambda: True)
    mm.lmm("y ~ 1 + (1 | a)", crossed)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("mixedmodels.engine.watching.PATIENCE", 0.0)
    mm.lmm(FORMULA, crossed)
    assert "search" in capsys.readouterr().err
    mm.lmm(FORMULA, crossed, control=Control(progress=False))
    assert capsys.readouterr().err == ""


def test_stages_follow_each_other(capsys):
    bar = progress.StageBar(patience=0.0)
    bar.report("summing", 0, 0, float("nan"))
    bar.report("refitting", 3, 10, float("nan"))
    bar.close()
    shown = capsys.readouterr().err
    assert "cross-products" in shown
    assert "3/10" in shown


@pytest.mark.parametrize("word", ["yes", 1])
def test_progress_is_a_flag(word):
    with pytest.raises(DataError, match="progress"):
        Control(progress=word)


@pytest.mark.parametrize(("spec", "module"), [(None, "tqdm"), (object(), "tqdm.auto")])
def test_a_notebook_without_widgets_has_plain_bars(monkeypatch, spec, module):
    asked = []
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: spec)
    monkeypatch.setattr(progress, "import_module", lambda name: asked.append(name) or tqdm)
    progress.progress(10, "fits", " fits", shows=True).close()
    assert asked == [module]
