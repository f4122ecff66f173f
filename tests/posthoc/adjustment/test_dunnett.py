"""Dunnett's distribution against closed forms and mvtnorm."""

import numpy as np
import pytest
from scipy import special

from mixedmodels.posthoc.adjustment.dunnett import dunnett_quantile, dunnett_tail

MVTNORM = 2e-6
"""What is left of the error of mvtnorm's own sampling."""

# mvtnorm 1.1.3, R 4.2.2; corr 1/2, k = 6, df = 17
# 1 - pmvt(rep(-Inf, 6), rep(t, 6), ...) and with rep(-abs(t), 6);
# algorithm = GenzBretz(maxpts = 5e6, abseps = 1e-7)
R = [
    (-0.5, 0.951297233946138, 0.990161753088308),
    (1.0, 0.455331224683555, 0.818227614734289),
    (2.0, 0.118377255340288, 0.235220657017601),
    (3.2, 0.0122798241986647, 0.0245493294369276),
]


@pytest.mark.parametrize(("t", "one_sided", "two_sided"), R)
def test_mvtnorm(t: float, one_sided: float, two_sided: float) -> None:
    at, df = np.array([t]), np.array([17.0])
    assert dunnett_tail(at, 6, df, one_sided=True)[0] == pytest.approx(one_sided, abs=MVTNORM)
    assert dunnett_tail(np.abs(at), 6, df)[0] == pytest.approx(two_sided, abs=MVTNORM)


@pytest.mark.parametrize("df", [0.8, 4.4, 60.0, 1e6, np.inf])
def test_one_comparison_is_student_t(df: float) -> None:
    t = np.array([-30.0, -4.0, -1.0, -0.01, 0.0, 0.5, 3.0, 9.0, 25.0])
    below = special.ndtr if np.isinf(df) else lambda x: special.stdtr(df, x)
    found = dunnett_tail(t, 1, np.full(9, df), one_sided=True)
    np.testing.assert_allclose(found, below(-t), rtol=1e-9)
    found = dunnett_tail(t[4:], 1, np.full(5, df))
    np.testing.assert_allclose(found, 2 * below(-t[4:]), rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2, 5, 300])
def test_signs_alone(k: int) -> None:
    # The control is the largest of k + 1 with probability 1 / (k + 1).
    tail = dunnett_tail(np.array([0.0]), k, np.array([3.3]), one_sided=True)
    assert tail[0] == pytest.approx(k / (k + 1), rel=1e-10)


def test_far_tails_are_those_of_single_comparisons() -> None:
    t = np.array([30.0])
    single = special.ndtr(-t)[0]
    assert dunnett_tail(t, 4, np.array([np.inf]))[0] == pytest.approx(8 * single, rel=1e-9)
    one_sided = dunnett_tail(t, 4, np.array([np.inf]), one_sided=True)[0]
    assert one_sided == pytest.approx(4 * single, rel=1e-9)


def test_many_values_at_once_are_those_of_each() -> None:
    t, df = np.linspace(-8, 12, 120), np.geomspace(0.7, 1e7, 120)
    for one_sided in (False, True):
        whole = dunnett_tail(t, 15, df, one_sided=one_sided)
        each = [
            dunnett_tail(t[i : i + 1], 15, df[i : i + 1], one_sided=one_sided)[0]
            for i in range(120)
        ]
        np.testing.assert_allclose(whole, each, rtol=1e-10)


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("probability", [0.2, 0.95, 0.9999])
def test_quantile_undoes_the_tail(probability: float, one_sided: bool) -> None:
    df = np.append(np.geomspace(0.6, 1e6, 60), np.inf)
    t = dunnett_quantile(probability, 7, df, one_sided=one_sided)
    tail = dunnett_tail(t, 7, df, one_sided=one_sided)
    np.testing.assert_allclose(tail, 1 - probability, rtol=1e-8)


def test_table_of_dunnett() -> None:
    # Dunnett (1955), tables 1a and 2a: 5 per cent, 20 degrees of freedom, 2 and 9 comparisons
    df = np.array([20.0])
    one = [dunnett_quantile(0.95, k, df, one_sided=True)[0] for k in (2, 9)]
    two = [dunnett_quantile(0.95, k, df)[0] for k in (2, 9)]
    np.testing.assert_allclose(one, [2.03, 2.60], atol=0.006)
    np.testing.assert_allclose(two, [2.38, 2.95], atol=0.006)
