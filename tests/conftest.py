"""Fixtures that more than one room's tests use."""

import pandas as pd
import pytest

import mixedmodels as mm


@pytest.fixture
def sleepstudy() -> pd.DataFrame:
    """Reaction times of 18 subjects on ten days."""
    return mm.datasets.load("sleepstudy")
