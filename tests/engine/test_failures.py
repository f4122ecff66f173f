"""Failures of the engine are told in the words of the model."""

import numpy as np
import pandas as pd
import pytest

from mixedmodels._native import EngineError
from mixedmodels.api.models import lmm
from mixedmodels.data import Frame
from mixedmodels.design import build
from mixedmodels.engine.failures import describe, engine_errors
from mixedmodels.errors import DataError
from mixedmodels.formula import parse


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {"y": random.normal(size=24), "x": random.normal(size=24), "g": np.repeat(list("abc"), 8)}
    )


@pytest.mark.parametrize(
    ("kind", "place", "words"),
    [
        ("perfect", None, "fits the response exactly"),
        ("rank", (1, 0), "Column 'x'"),
        ("factorisation", (0, 2), "level 'c' of g"),
        ("input", None, "what happened"),
        ("modes", None, "use a link that takes every linear predictor"),
        ("quadrature", None, "cannot integrate over these random effects: what happened"),
    ],
)
def test_places_have_names(frame, kind, place, words):
    _, matrices = build(parse("y ~ x + (1 | g)"), Frame.of(frame))
    assert words in describe(matrices, kind, "what happened", place)
    with pytest.raises(DataError, match="Do: "), engine_errors(matrices):
        raise EngineError(kind, "what happened", place)


@pytest.mark.parametrize("unit", [1e200, 1e-200])
def test_extreme_numbers_are_fitted_or_refused(frame, unit):
    """Units are the user's business: either the right fit or one clear error, never a nan."""
    try:
        model = lmm("y ~ x + (x | g)", frame.assign(x=frame["x"] * unit))
    except DataError:
        return
    expected = lmm("y ~ x + (x | g)", frame, reml=False)
    assert model.update(reml=False).objective == pytest.approx(expected.objective, abs=1e-6)
    assert np.isfinite(model.params).all() and np.isfinite(model.bse).all()


def test_columns_of_a_row_major_table(frame):
    """pandas columns may be strided views."""
    values = pd.DataFrame(np.ascontiguousarray(frame[["y", "x"]]), columns=["y", "x"])
    strided = values.assign(g=frame["g"], w=1.0)
    found = lmm("y ~ x + (x | g)", strided, weights="w", offset="x")
    expected = lmm("y ~ x + (x | g)", frame, offset="x")
    assert found.objective == pytest.approx(expected.objective, abs=1e-9)
