"""Predictions for new rows agree with lme4's, also for levels that the fit has not seen."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DroppedColumnsWarning, NotIdentifiedWarning
from tests.reference.load import models, reference

SEARCH = 1e-4  # of the sd of the response: where two searches end
LARGE = {"fhch2010", "insteval", "insteval_fixed", "star_math", "verbagg"}


def cases(part):
    return [
        pytest.param(name, id=name, marks=[pytest.mark.large] if name in LARGE else [])
        for name in models()
        if part in reference(name).raw.get("predict", {})
    ]


@cache
def fitted(name):
    ref = reference(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedColumnsWarning)
        warnings.simplefilter("ignore", NotIdentifiedWarning)
        return mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())


def new_rows(name):
    columns = {k: v for k, v in reference(name).raw["predict"]["newdata"].items() if k != "_rows"}
    return pd.DataFrame(columns)


def close(found, expected, name):
    spread = float(np.std(fitted(name).fit.matrices.y))
    assert found.to_numpy() == pytest.approx(np.array(expected, dtype=float), abs=SEARCH * spread)


@pytest.mark.parametrize("name", cases("conditional"))
def test_new_rows(name):
    stored, model, rows = reference(name).raw["predict"], fitted(name), new_rows(name)
    close(model.predict(rows), stored["conditional"], name)
    close(model.predict(rows, re="none"), stored["population"], name)
    table = model.predict(rows, interval="prediction")
    assert np.isfinite(table).all(axis=None)


@pytest.mark.parametrize("name", cases("new_level"))
def test_levels_that_the_fit_has_not_seen(name):
    stored = reference(name).raw["predict"]["new_level"]
    rows = new_rows(name).iloc[[row - 1 for row in stored["rows"]]]
    rows = rows.assign(**{stored["column"]: "a level of its own"})
    close(fitted(name).predict(rows), stored["conditional"], name)
