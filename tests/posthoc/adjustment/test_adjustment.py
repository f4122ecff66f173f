"""Adjusted p-values and critical values against R, closed forms and one another."""

from typing import get_args

import numpy as np
import pytest
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.posthoc.adjustment import PROCEDURES, Family, adjusted, multipliers
from mixedmodels.vocabulary import Adjustment, Side

FOUR_DIGITS = 6e-5
"""What emmeans prints."""

SAMPLED = 5e-4
"""What emmeans' own sampling of the multivariate t leaves uncertain."""

TENSION = (
    np.array([10 / 3.960189, 14.72222 / 3.960189, 4.722222 / 3.960189]),
    np.full(3, 51.0),
)
"""t and df of the pairwise differences of warpbreaks."""

# emmeans 1.8.4.1, R 4.2.2: em <- emmeans(lm(breaks ~ tension, warpbreaks), ~ tension)
# test(pairs(em), side = side, adjust = adjust)
EMMEANS = [
    ("two-sided", "tukey", "tukey", (0.0385, 0.0014, 0.4631)),
    ("two-sided", "dunnettx", "dunnettx", (0.0401, 0.0015, 0.4949)),
    ("two-sided", "scheffe", "scheffe", (0.0496, 0.0022, 0.4960)),
    ("two-sided", "sidak", "sidak", (0.0435, 0.0015, 0.5586)),
    ("two-sided", "bonferroni", "bonferroni", (0.0442, 0.0015, 0.7158)),
    ("two-sided", "holm", "holm", (0.0294, 0.0015, 0.2386)),
    ("two-sided", "mvt", "mvt", (0.0385, 0.0014, 0.4631)),
    ("less", "tukey", "sidak", (1.0000, 1.0000, 0.9983)),
    ("less", "dunnettx", "sidak", (1.0000, 1.0000, 0.9983)),
    ("less", "scheffe", "sidak", (1.0000, 1.0000, 0.9983)),
    ("less", "holm", "holm", (1.0000, 1.0000, 1.0000)),
    ("less", "mvt", "mvt", (1.0000, 1.0000, 0.9984)),
    ("greater", "tukey", "sidak", (0.0219, 0.0008, 0.3169)),
    ("greater", "bonferroni", "bonferroni", (0.0221, 0.0008, 0.3579)),
    ("greater", "holm", "holm", (0.0147, 0.0008, 0.1193)),
    ("greater", "mvt", "mvt", (0.0202, 0.0007, 0.2739)),
]


SINGLE_STEP = [a for a in get_args(Adjustment) if a not in PROCEDURES]
"""Adjustments that compare every statistic with one value."""


def pairwise(n: int) -> Family:
    i, j = np.triu_indices(n, 1)
    rows = np.zeros((len(i), n))
    rows[np.arange(len(i)), i], rows[np.arange(len(i)), j] = 1, -1
    return Family(n, n - 1, rows / np.sqrt(2))


def with_control(k: int) -> Family:
    return Family(None, k, np.linalg.cholesky((np.ones((k, k)) + np.eye(k)) / 2))


def student(t: np.ndarray, df: np.ndarray, side: str) -> np.ndarray:
    """Unadjusted p-values."""
    below = np.where(np.isinf(df), special.ndtr(t), special.stdtr(np.minimum(df, 1e300), t))
    above = np.where(np.isinf(df), special.ndtr(-t), special.stdtr(np.minimum(df, 1e300), -t))
    if side == "two-sided":
        return 2 * np.minimum(below, above)
    return below if side in ("less", "equivalence", "nonsuperiority") else above


@pytest.mark.parametrize(("side", "adjust", "used", "values"), EMMEANS)
def test_emmeans(side: Side, adjust: Adjustment, used: str, values: tuple[float, ...]) -> None:
    t, df = TENSION
    found = adjusted(student(t, df, side), t, df, adjust, pairwise(3), side=side)
    assert found.adjust == used
    atol = SAMPLED if adjust == "mvt" else FOUR_DIGITS
    np.testing.assert_allclose(found.p_value, values, rtol=0, atol=atol)


# summary(contrast(em, "trt.vs.ctrl1"), side = "<", adjust = adjust, infer = c(TRUE, TRUE))
@pytest.mark.parametrize(
    ("side", "adjust", "values", "limits"),
    [
        ("less", "mvt", (0.0138, 0.0005), (-2.24, -6.97)),
        ("less", "dunnett", (0.0138, 0.0005), (-2.24, -6.97)),
        ("less", "sidak", (0.0147, 0.0005), (-2.07, -6.79)),
        ("less", "bonferroni", (0.0147, 0.0005), (-2.05, -6.77)),
        ("less", "none", (0.0074, 0.0003), (-3.37, -8.09)),
        ("two-sided", "mvt", (0.0275, 0.0010), (-0.991, -5.713)),
        ("two-sided", "dunnett", (0.0275, 0.0010), (-0.991, -5.713)),
        ("two-sided", "dunnettx", (0.0282, 0.0010), (-0.945, -5.667)),
        ("two-sided", "scheffe", (0.0496, 0.0022), (-0.0147, -4.7369)),
        ("two-sided", "tukey", (0.0292, 0.0010), (-0.875, -5.597)),
        ("two-sided", "holm", (0.0147, 0.0010), (-0.854, -5.576)),
    ],
)
def test_emmeans_with_control(
    side: Side, adjust: Adjustment, values: tuple[float, ...], limits: tuple[float, ...]
) -> None:
    t, df, family = -TENSION[0][:2], TENSION[1][:2], with_control(2)
    found = adjusted(student(t, df, side), t, df, adjust, family, side=side)
    np.testing.assert_allclose(found.p_value, values, rtol=0, atol=FOUR_DIGITS)
    c = multipliers(df, 0.95, adjust, family, side=side)
    upper = np.array([-10, -14.72222]) + c * 3.960189
    np.testing.assert_allclose(upper, limits, rtol=0, atol=6e-3 if side == "less" else 6e-4)


@pytest.mark.parametrize("adjust", ["holm", "hochberg", "hommel", "fdr", "by"])
def test_step_procedures_have_the_limits_of_bonferroni(adjust: Adjustment) -> None:
    df = np.array([3.3, 20.0, np.inf])
    np.testing.assert_array_equal(
        multipliers(df, 0.9, adjust, pairwise(3)), multipliers(df, 0.9, "bonferroni", pairwise(3))
    )


@pytest.mark.parametrize("side", get_args(Side))
@pytest.mark.parametrize("adjust", SINGLE_STEP)
def test_limits_and_tests_agree(adjust: Adjustment, side: Side) -> None:
    family, df = pairwise(4), np.array([4.2, 9.0, 31.5, 80.0, 1e4, np.inf])
    c = multipliers(df, 0.9, adjust, family, side=side)
    t = -c if side in ("less", "equivalence", "nonsuperiority") else c
    found = adjusted(student(t, df, side), t, df, adjust, family, side=side)
    # Both sample the multivariate t, and may stop at another number of points.
    atol = 1e-4 if adjust == "mvt" else 1e-8
    np.testing.assert_allclose(found.p_value, 0.1, rtol=0, atol=atol)


@pytest.mark.parametrize("adjust", get_args(Adjustment))
def test_missing_tests_do_not_count(adjust: Adjustment) -> None:
    t, df, family = np.array([2.2, -3.1, 0.4]), np.full(3, 14.0), with_control(3)
    p = student(t, df, "two-sided")
    gap = np.array([0, 1, 1, 2])
    keep = np.array([True, False, True, True])
    wide = Family(None, 3, np.where(keep[:, None], family.directions[gap], np.nan))
    short = adjusted(p, t, df, adjust, family)
    long = adjusted(
        np.where(keep, p[gap], np.nan), np.where(keep, t[gap], np.nan), df[gap], adjust, wide
    )
    assert np.isnan(long.p_value[1])
    np.testing.assert_array_equal(long.p_value[keep], short.p_value)
    c = multipliers(np.where(keep, 14.0, np.nan), 0.95, adjust, wide)
    assert np.isnan(c[1])
    np.testing.assert_array_equal(c[keep], multipliers(df, 0.95, adjust, family))


@pytest.mark.parametrize("adjust", get_args(Adjustment))
def test_nothing_to_test(adjust: Adjustment) -> None:
    none = np.full(2, np.nan)
    family = Family(None, 0, np.full((2, 2), np.nan))
    assert np.isnan(adjusted(none, none, none, adjust, family).p_value).all()
    assert np.isnan(multipliers(none, 0.95, adjust, family)).all()


@pytest.mark.parametrize("adjust", get_args(Adjustment))
def test_one_test_alone_is_not_adjusted(adjust: Adjustment) -> None:
    t, df = np.array([2.2]), np.array([11.5])
    p = student(t, df, "two-sided")
    found = adjusted(p, t, df, adjust, pairwise(2))
    np.testing.assert_allclose(found.p_value, p, rtol=1e-12)
    c = multipliers(df, 0.95, adjust, pairwise(2))
    np.testing.assert_allclose(c, -special.stdtrit(11.5, 0.025), rtol=1e-12)


@pytest.mark.parametrize("adjust", get_args(Adjustment))
@pytest.mark.parametrize("side", get_args(Side))
def test_never_easier_than_unadjusted_and_never_above_one(adjust: Adjustment, side: Side) -> None:
    t = np.array([-60.0, -8.0, -1.0, 0.0, 0.7, 20.0])
    df = np.array([2.5, 8.0, 8.0, 100.0, np.inf, 40.0])
    p = student(t, df, side)
    found = adjusted(p, t, df, adjust, pairwise(4), side=side).p_value
    assert (found >= p).all()
    assert (found <= 1).all()
    assert (found > 0).all()


def test_mvt_is_exact_for_three_means_and_says_its_error_for_more() -> None:
    t, df = TENSION
    p = student(t, df, "two-sided")
    exact = adjusted(p, t, df, "mvt", pairwise(3))
    assert exact.error == 0
    tukey = adjusted(p, t, df, "tukey", pairwise(3))
    assert tukey.error is None
    np.testing.assert_allclose(exact.p_value, tukey.p_value, rtol=1e-9)
    four = adjusted(np.tile(p, 2), np.tile(t, 2), np.tile(df, 2), "mvt", pairwise(4))
    assert 0 < (four.error or 0) < 1e-4


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("BH", "fdr"),
        ("BY", "by"),
        ("Tukey", "tukey"),
        ("bonf", "bonferroni"),
        ("scheffé", "scheffe"),
        ("sidack", "sidak"),
        ("HSD", "tukey"),
    ],
)
def test_another_name_is_refused_with_the_one_meant(written: str, meant: str) -> None:
    family, one = pairwise(2), np.ones(1)
    with pytest.raises(DataError, match=f"Did you mean '{meant}'"):
        adjusted(one, one, one, written, family)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"Did you mean '{meant}'"):
        multipliers(one, 0.95, written, family)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["qqqqqq", 3, None, ["tukey"], True])
def test_no_adjustment_at_all_is_refused(bad: object) -> None:
    one = np.ones(1)
    with pytest.raises(DataError, match="adjust"):
        adjusted(one, one, one, bad, pairwise(2))  # type: ignore[arg-type]


def test_side_that_is_none_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(DataError, match="side"):
        adjusted(one, one, one, "none", pairwise(2), side="<")  # type: ignore[arg-type]
