"""Arguments of the wrong kind, and options that would have no effect, are refused in words."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def model() -> mm.LinearMixedModel:
    rng = np.random.default_rng(2)
    n = 80
    data = pd.DataFrame(
        {"a": rng.choice(list("pqr"), n), "b": rng.choice(list("uv"), n), "x": rng.normal(size=n)}
    )
    data = data.assign(g=rng.integers(0, 8, n), y=rng.normal(size=n))
    return mm.lmm("y ~ a * b + x + (1 | g)", data)


def _fails(x: object) -> float:
    raise ZeroDivisionError("nothing")


@pytest.mark.parametrize(
    "arguments",
    [
        {"nuisance": 3},
        {"nuisance": None},
        {"nuisance": ["b", "b"]},
        {"nesting": 3},
        {"nesting": "a in b"},
        {"nesting": {"a": 3}},
        {"nesting": {"a": ["b", "b"]}},
        {"cov_reduce": _fails},
        {"cov_reduce": {"x": _fails}},
        {"cov_reduce": {"b": "mean"}},
    ],
)
def test_means_refuse(model: mm.LinearMixedModel, arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"Do:   "):
        model.emmeans("a", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"by": 3},
        {"by": ["b", "b"]},
        {"by": [1]},
        {"method": "trt.vs.ctrl", "interaction": True, "ref": "p"},
        {"interaction": "poly", "max_degree": 1},
        {"interaction": "consec", "cross_adjust": "holm"},
    ],
)
def test_contrasts_refuse(model: mm.LinearMixedModel, arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"Do:   "):
        model.emmeans(["a", "b"]).contrast(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"side": "less"},
        {"delta": 1.0},
        {"adjust": "holm"},
        {"null": "zero"},
        {"null": np.nan},
        {"null": [0, 1]},
    ],
)
def test_joint_tests_refuse(model: mm.LinearMixedModel, arguments: dict[str, Any]) -> None:
    pairs = model.emmeans("a").pairs()
    with pytest.raises(DataError, match=r"Do:   "):
        pairs.test(joint=True, **arguments)


def test_effect_sizes_are_tested_together_against_zero_alone(model: mm.LinearMixedModel) -> None:
    """Whether they are zero does not depend on the divisor; other values do."""
    pairs = model.emmeans("a").pairs()
    pd.testing.assert_frame_equal(
        pairs.effect_size().test(joint=True), pairs.test(joint=True), rtol=1e-9
    )
    with pytest.raises(DataError, match="against zero"):
        pairs.effect_size().test(joint=True, null=0.2)


def test_more_pairs_than_there_is_room_for_are_refused() -> None:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"f": [f"l{i % 900}" for i in range(1800)], "g": rng.integers(0, 9, 1800)})
    model = mm.lmm("y ~ f + (1 | g)", data.assign(y=rng.normal(size=1800)))
    means = model.emmeans("f")
    for make in (means.pairs, means.letters, means.effect_size):
        with pytest.raises(DataError, match="too many to hold"):
            make()
    assert len(means.contrast("eff").grid) == 900
