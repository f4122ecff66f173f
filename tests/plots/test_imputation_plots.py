"""Pictures of imputations can be read, whatever the columns are."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.plots.legible import faults


@pytest.fixture(scope="module")
def imputed():
    random = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 6)
    name = "a score with a name that is long enough to be cut somewhere"
    data = pd.DataFrame({"g": g, name: random.normal(size=72) + g / 6})
    data["y"] = data[name] + random.normal(size=72)
    data["few"] = random.integers(3, size=72).astype(float)
    data["answer"] = np.where(random.uniform(size=72) < 0.4, "yes, always", "no, never")
    data.loc[::5, name] = np.nan
    data.loc[1::6, "answer"] = None
    data.loc[2, "few"] = np.nan
    formulas = {
        name: f"`{name}` ~ y + (1 | g)",
        "answer": "answer ~ y + (1 | g)",
        "few": "few ~ y",
    }
    return mm.impute(data, formulas, n=3, seed=1, burn_in=2, thin=1)


@pytest.mark.parametrize("kind", ["values", "trace"])
def test_legible(imputed, kind) -> None:
    figure = imputed.plot(kind)
    assert len(figure.axes) == (3 if kind == "values" else 6)
    assert faults(figure) == []


def test_shares_are_those_of_observed_and_imputed_rows(imputed) -> None:
    figure = imputed.plot()
    ax = next(ax for ax in figure.axes if ax.get_title(loc="left") == "answer")
    heights = [bar.get_height() for bar in ax.patches]
    known = imputed.original.native["answer"]
    share = (known.dropna() == "no, never").mean()
    assert heights[0] == pytest.approx(share)
    filled = np.mean([(f.loc[known.isna(), "answer"] == "no, never").mean() for f in imputed])
    assert heights[2] == pytest.approx(filled)


def test_numbers_that_are_not_among_the_observed_ones_are_no_levels(imputed) -> None:
    figure = imputed.plot()
    ax = next(ax for ax in figure.axes if ax.get_title(loc="left") == "few")
    assert not ax.patches
    assert ax.get_ylabel() == "Density"


def test_no_such_picture(imputed) -> None:
    with pytest.raises(DataError, match="kind"):
        imputed.plot("dots")
