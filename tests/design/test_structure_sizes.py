"""Structures that the columns of a term, or the occasions of the residuals, do not carry."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import FormulaError


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    rows = [(g, t) for g in range(12) for t in range(4)]
    frame = pd.DataFrame(rows, columns=["g", "t"])
    return frame.assign(x=rng.normal(size=48), one=1, y=rng.normal(size=48))


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("ar1(1 | g)", r"ar1\(\) describes how several columns"),
        ("cs(0 + x | g)", r"there is one\.\nDo:   write diag"),
        ("rr(1 + x | g, rank=3)", "has .* parameters, but a covariance matrix of 2"),
        ("fa(1 + x | g)", "has 4 parameters, but a covariance matrix of 2"),
        ("toep(1 + x | g, band=3)", "band=3 counts more diagonals"),
    ],
)
def test_terms_are_refused_at_their_word(data, term, message):
    with pytest.raises(FormulaError, match=message) as caught:
        mm.lmm(f"y ~ x + {term}", data)
    assert caught.value.position == len("y ~ x + ")


@pytest.mark.parametrize(
    ("residual", "message"),
    [
        ("ar1(one | x)", r"ar1\(\) describes how several"),
        ("arma(t | g, p=4)", "needs more than 4 occasions, but there are 4"),
        ("toep(t | g, band=5)", "band=5 counts more diagonals"),
    ],
)
def test_residuals_are_refused_at_their_word(data, residual, message):
    with pytest.raises(FormulaError, match=message) as caught:
        mm.lmm("y ~ x", data, residual=residual)
    assert caught.value.position == 0
