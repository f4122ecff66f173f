"""A model that is loaded gives what the model gave that was saved."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.model import MixedModel
from tests.saving.models import FORMULAS, LINEAR, QUESTIONS, asked, means_of, model, table

NEW_ERRORS = 1e-9
"""Relative error of standard errors with random effects, which are solved for anew."""

NEW_DF = 1e-6
"""Of their degrees of freedom, from differences where covariances have structure."""


def loaded(m: MixedModel, *, rows: bool = False) -> MixedModel:
    file = io.BytesIO()
    m.save(file, rows=rows)
    return mm.load(file.getvalue())


def require_same(a: Any, b: Any) -> None:
    if isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            require_same(one, other)
    elif isinstance(a, pd.DataFrame | pd.Series):
        assert a.equals(b)
        assert list(a.index) == list(b.index)
    elif hasattr(a, "equals"):
        assert a.equals(b)
    else:
        assert a == b or (a != a and b != b)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("kind", FORMULAS)
def test_every_table_is_the_same_to_the_bit(kind: str, rows: bool) -> None:
    before = model(kind)
    after = loaded(before, rows=rows)
    names = {name for name in before.fit.spec.variables if name in before.formula}
    means = [means_of(name) for name in sorted(names)]
    for question in [*QUESTIONS.values(), *(q for of in means for q in of.values())]:
        require_same(asked(before, question), asked(after, question))


@pytest.mark.parametrize("kind", FORMULAS)
def test_predictions_of_new_rows_are_the_same(kind: str) -> None:
    before = model(kind)
    after = loaded(before)
    new = table().head(6).assign(g="group 99")
    for options in ({}, {"re": "none"}):
        require_same(before.predict(new, **options), after.predict(new, **options))
    if kind == "residual" or kind == "unstructured":
        return
    seen = table().head(6)
    require_same(before.predict(seen), after.predict(seen))
    require_close(before.predict(seen, se=True), after.predict(seen, se=True), NEW_ERRORS)
    if kind in LINEAR and kind != "sigma":
        for interval in ("confidence", "prediction"):
            found = [m.predict(seen, interval=interval) for m in (before, after)]
            require_close(*found, NEW_DF)


def require_close(a: Any, b: Any, tolerance: float) -> None:
    assert list(a.columns) == list(b.columns)
    a, b = a.select_dtypes("number"), b.select_dtypes("number")
    np.testing.assert_allclose(a.to_numpy(float), b.to_numpy(float), rtol=tolerance)
