"""Settings of the search are checked when they are made."""

import pytest

from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError


@pytest.mark.parametrize(
    "setting",
    [
        {"max_evaluations": 0},
        {"tolerance": 0.0},
        {"tolerance": float("nan")},
        {"on_failure": "ignore"},
    ],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(DataError, match=next(iter(setting))):
        Control(**setting)


def test_settings_do_not_change():
    with pytest.raises(AttributeError):
        Control().tolerance = 1.0
