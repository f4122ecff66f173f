"""The studentised range against closed forms, scipy's quadrature and R."""

import numpy as np
import pytest
from scipy import special, stats

from mixedmodels.posthoc.adjustment.studentized_range import range_quantile, range_tail

ABSOLUTE = 1e-11
RELATIVE = 1e-10
PTUKEY = 2e-8
"""R's ptukey is 8e-9 from scipy's quadrature for 200 means (and 6e-6 for fewer than 3 df)."""

# R 4.2.2: ptukey(q, k, df, lower.tail = FALSE)
R = [
    (3.5, 3, 20, 0.0558918490820594),
    (4.1, 6, 7.3, 0.144620536683349),
    (2, 20, np.inf, 0.997664251551206),
    (6, 200, 55.5, 0.267712481006365),
    (25, 3, 12, 1.7696774046172e-09),
]


def student(t: np.ndarray, df: float) -> np.ndarray:
    return 2 * (special.ndtr(-t) if np.isinf(df) else special.stdtr(df, -t))


@pytest.mark.parametrize(("q", "k", "df", "tail"), R)
def test_r(q: float, k: int, df: float, tail: float) -> None:
    found = range_tail(np.array([q]), k, np.array([df]))
    np.testing.assert_allclose(found, tail, rtol=0, atol=PTUKEY)


@pytest.mark.parametrize("df", [0.5, 1.0, 2.7, 20.0, 999.0, 1001.0, 1e5, 1e9, 1e11, np.inf])
def test_two_means_are_student_t_far_into_the_tail(df: float) -> None:
    t = np.array([0.0, 0.01, 0.5, 2.0, 5.0, 12.0, 30.0])
    found = range_tail(np.sqrt(2) * t, 2, np.full(7, df))
    np.testing.assert_allclose(found, student(t, df), rtol=RELATIVE, atol=1e-290)


@pytest.mark.parametrize("k", [3, 7, 40, 500])
@pytest.mark.parametrize("df", [1.0, 2.5, 5.5, 42.0, 3000.0, np.inf])
def test_scipy(k: int, df: float) -> None:
    q = np.array([0.3, 2.0, 4.0, 7.0])
    judge = stats.studentized_range.sf(q, k, df)
    np.testing.assert_allclose(range_tail(q, k, np.full(4, df)), judge, rtol=0, atol=1e-8)


@pytest.mark.parametrize("k", [3, 30, 3000])
def test_many_values_at_once_are_those_of_each(k: int) -> None:
    q, df = np.linspace(0.1, 60, 150), np.geomspace(0.7, 1e7, 150)
    whole = range_tail(q, k, df)
    each = [range_tail(q[i : i + 1], k, df[i : i + 1])[0] for i in range(150)]
    np.testing.assert_allclose(whole, each, rtol=1e-11, atol=1e-300)
    assert (whole > 0).all()


def test_known_scale_is_the_limit_of_many_degrees_of_freedom() -> None:
    q = np.array([2.0, 3.5, 6.0])
    limit = range_tail(q, 5, np.full(3, np.inf))
    near = range_tail(q, 5, np.full(3, 1e11))
    np.testing.assert_allclose(near, limit, rtol=1e-8)


def test_three_normal_means() -> None:
    # The integral of the tail is the mean of the range of three: 3 / √π.
    w = np.linspace(0, 30, 6001)
    tail = range_tail(w, 3, np.full(w.size, np.inf))
    assert np.trapezoid(tail, w) == pytest.approx(3 / np.sqrt(np.pi), abs=1e-6)


def test_range_falls_and_grows_with_the_number_of_means() -> None:
    q, df = np.linspace(0, 20, 300), np.full(300, 9.3)
    tails = np.array([range_tail(q, k, df) for k in (2, 3, 10, 100, 2000)])
    assert (np.diff(tails, axis=1) <= ABSOLUTE).all()
    assert (np.diff(tails[:, 1:], axis=0) >= -ABSOLUTE).all()
    np.testing.assert_allclose(tails[:, 0], 1, rtol=1e-12)


def test_missing_and_infinite_values() -> None:
    q = np.array([np.nan, 3.0, np.inf, 3.0])
    df = np.array([5.0, np.nan, 5.0, 0.0])
    np.testing.assert_array_equal(range_tail(q, 3, df), [np.nan, np.nan, 0.0, np.nan])


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.95, 0.9999, 1 - 1e-12])
def test_quantile_undoes_the_tail(probability: float) -> None:
    df = np.append(np.geomspace(0.6, 1e6, 80), np.inf)
    q = range_quantile(probability, 12, df)
    np.testing.assert_allclose(range_tail(q, 12, df), 1 - probability, rtol=1e-6)


def test_quantile_of_r() -> None:
    # R 4.2.2: qtukey(0.95, 3, 42) and qtukey(0.95, 6, 210), printed to four digits in tables
    found = range_quantile(0.95, 3, np.array([42.0, np.nan]))
    assert found[0] == pytest.approx(3.43582302, abs=1e-6)
    assert np.isnan(found[1])
