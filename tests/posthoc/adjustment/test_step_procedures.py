"""Adjustments from p-values alone, against R and against closed testing from its definition."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mixedmodels.posthoc.adjustment.step_procedures import PROCEDURES, hochberg, holm, hommel

FIRST = [0.001, 0.011, 0.012, 0.02, 0.03, 0.04, 0.25, 0.6, 0.61, 0.9]
SECOND = [
    0.0187, 0.0515, 0.188, 0.7491, 0.0082, 0.7251, 0.843, 0.2885, 0.249, 2e-04, 0.0087, 0.0055,
]  # fmt: skip

# R 4.2.2: p.adjust(p, method)
R = {
    "holm": (
        [0.01, 0.099, 0.099, 0.14, 0.18, 0.2, 1, 1, 1, 1],
        [0.1496, 0.3605, 1, 1, 0.082, 1, 1, 1, 1, 0.0024, 0.082, 0.0605],
    ),
    "hochberg": (
        [0.01, 0.096, 0.096, 0.14, 0.18, 0.2, 0.9, 0.9, 0.9, 0.9],
        [0.1496, 0.3605, 0.843, 0.843, 0.0783, 0.843, 0.843, 0.843, 0.843, 0.0024, 0.0783, 0.0605],
    ),
    "hommel": (
        [0.01, 0.08, 0.084, 0.12, 0.15, 0.2, 0.813333333333, 0.9, 0.9, 0.9],
        [0.1496, 0.3605, 0.752, 0.843, 0.0738, 0.843, 0.843, 0.843, 0.843, 0.0024, 0.0783, 0.0495],
    ),
    "fdr": (
        [
            0.01, 0.04, 0.04, 0.05, 0.06, 0.0666666666667, 0.357142857143, 0.677777777778,
            0.677777777778, 0.9,
        ],
        [
            0.04488, 0.103, 0.322285714286, 0.8172, 0.0261, 0.8172, 0.843, 0.384666666667, 0.3735,
            0.0024, 0.0261, 0.0261,
        ],
    ),
    "by": (
        [
            0.0292896825397, 0.117158730159, 0.117158730159, 0.146448412698, 0.175738095238,
            0.195264550265, 1, 1, 1, 1,
        ],
        [
            0.139272095238, 0.319630699856, 1, 1, 0.0809937987013, 1, 1, 1, 1, 0.00744770562771,
            0.0809937987013, 0.0809937987013,
        ],
    ),
}  # fmt: skip

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=7).map(np.array)


def closed(p: np.ndarray, of_set: object) -> np.ndarray:
    """The largest p-value of the sets that hold each hypothesis."""
    adjusted = np.zeros(len(p))
    for size in range(1, len(p) + 1):
        for members in combinations(range(len(p)), size):
            value = of_set(np.sort(p[list(members)]))  # type: ignore[operator]
            for i in members:
                adjusted[i] = max(adjusted[i], value)
    return adjusted


@pytest.mark.parametrize("name", list(PROCEDURES))
def test_r(name: str) -> None:
    for p, expected in zip((FIRST, SECOND), R[name], strict=True):
        np.testing.assert_allclose(PROCEDURES[name](np.array(p)), expected, rtol=1e-11)


@given(probabilities)
def test_hommel_is_the_closure_of_simes(p: np.ndarray) -> None:
    simes = closed(p, lambda s: np.min(s * len(s) / np.arange(1, len(s) + 1)))
    np.testing.assert_allclose(hommel(p), simes, rtol=1e-12, atol=0)


@given(probabilities)
def test_holm_is_the_closure_of_bonferroni(p: np.ndarray) -> None:
    bonferroni = closed(p, lambda s: min(1.0, s[0] * len(s)))
    np.testing.assert_allclose(holm(p), bonferroni, rtol=1e-12, atol=0)


@given(probabilities)
def test_each_is_stricter_than_the_next(p: np.ndarray) -> None:
    slack = 1e-12
    assert (holm(p) + slack >= hochberg(p)).all()
    assert (hochberg(p) + slack >= hommel(p)).all()
    assert (hommel(p) + slack >= PROCEDURES["fdr"](p)).all()
    assert (PROCEDURES["by"](p) + slack >= PROCEDURES["fdr"](p)).all()


@pytest.mark.parametrize(("name", "method"), [("fdr", "bh"), ("by", "by")])
def test_scipy(name: str, method: str) -> None:
    p = np.random.default_rng(3).random(500) ** 3
    expected = stats.false_discovery_control(p, method=method)
    np.testing.assert_allclose(PROCEDURES[name](p), expected, rtol=1e-12)


@pytest.mark.parametrize("name", list(PROCEDURES))
def test_order_does_not_matter(name: str) -> None:
    random = np.random.default_rng(8)
    p, order = random.random(40) ** 2, random.permutation(40)
    np.testing.assert_array_equal(PROCEDURES[name](p)[order], PROCEDURES[name](p[order]))
