"""Fixtures that more than one room's tests use."""

import sys
from collections.abc import Iterator

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


@pytest.fixture(autouse=True)
def _no_picture_stays_open() -> Iterator[None]:
    """Matplotlib keeps every figure until it is closed, and warns of many: which they are depends
    on the order of the tests.
    """
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
