"""Predictions for new rows agree with lme4's, also for levels that the fit has not seen."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DroppedColumnsWarning, NotEstimableWarning, NotIdentifiedWarning
from tests.reference.load import models, reference

SEARCH = 1e-4  # of the sd of the response: where two searches end
NOT_ESTIMABLE = {"sleepstudy_collinear"}
"""Its new rows are off the line of its two aliased covariates."""

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


def predictions(model, rows, **options):
    """nan where the mean is not estimable: R gives the number of the coding that it kept there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotEstimableWarning)
        found = model.predict(rows, **options)
    assert bool(caught) == bool(np.isnan(np.asarray(found)).any())
    assert not caught or model.fit.spec.aliased
    return found


def close(found, expected, name):
    spread = float(np.std(fitted(name).fit.matrices.y))
    known = found.notna().to_numpy()
    assert known.all() == (name not in NOT_ESTIMABLE)
    expected = np.array(expected, dtype=float)[known]
    assert found[known].to_numpy() == pytest.approx(expected, abs=SEARCH * spread)


@pytest.mark.parametrize("name", cases("conditional"))
def test_new_rows(name):
    stored, model, rows = reference(name).raw["predict"], fitted(name), new_rows(name)
    close(predictions(model, rows), stored["conditional"], name)
    close(predictions(model, rows, re="none"), stored["population"], name)
    table = predictions(model, rows, interval="prediction")
    assert np.isfinite(table).all(axis=None) == (name not in NOT_ESTIMABLE)


@pytest.mark.parametrize("name", cases("new_level"))
def test_levels_that_the_fit_has_not_seen(name):
    stored = reference(name).raw["predict"]["new_level"]
    rows = new_rows(name).iloc[[row - 1 for row in stored["rows"]]]
    is_number = pd.api.types.is_numeric_dtype(reference(name).data()[stored["column"]])
    new = -1 if is_number else "a level of its own"
    rows = rows.assign(**{stored["column"]: new})
    close(predictions(fitted(name), rows), stored["conditional"], name)
