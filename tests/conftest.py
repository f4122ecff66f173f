"""Fixtures that more than one room's tests use."""

import pandas as pd
import pytest
from hypothesis import settings

import mixedmodels as mm

settings.register_profile("project", deadline=None)  # no test asserts a time
settings.load_profile("project")


@pytest.fixture
def sleepstudy() -> pd.DataFrame:
    """Reaction times of 18 subjects on ten days."""
    return mm.datasets.load("sleepstudy")
