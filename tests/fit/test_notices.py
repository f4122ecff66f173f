"""Warnings come from wherever a model is fitted."""

import threading
import types
import warnings

import pytest

from mixedmodels.errors import DroppedColumnsWarning

CODE = """
import numpy as np, mixedmodels as mm
x = np.random.default_rng(1).normal(size=(2, 20))
data = {"y": x[0], "x": x[1], "x2": 2 * x[1], "g": np.repeat(np.arange(4), 5)}
fit = lambda: mm.lmm("y ~ x + x2", data)
fit()
"""
SPACES = [
    {},
    {"__name__": 3},
    {"__name__": ""},
    {"__name__": "mixedmodels_extra"},
    {"__name__": "__main__", "__builtins__": __builtins__},
    vars(types.ModuleType("notebook")),
]


@pytest.mark.parametrize("space", SPACES)
def test_a_warning_from_code_that_is_executed(space):
    with pytest.warns(DroppedColumnsWarning) as caught:
        exec(compile(CODE, "<cell>", "exec"), dict(space))  # as notebooks and servers run code
    assert [warning.filename for warning in caught] == ["<cell>"]


def test_a_warning_from_a_thread():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=exec, args=(compile(CODE, "<cell>", "exec"), {}))
        thread.start()
        thread.join()
    assert [warning.category for warning in caught] == [DroppedColumnsWarning]
