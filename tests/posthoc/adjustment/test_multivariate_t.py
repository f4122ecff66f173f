"""The multivariate t against closed forms, exact distributions and mvtnorm."""

import numpy as np
import pytest
from scipy import special

from mixedmodels.errors import DataError
from mixedmodels.posthoc.adjustment.dunnett import dunnett_tail
from mixedmodels.posthoc.adjustment.multivariate_t import largest_t_quantile, largest_t_tail
from mixedmodels.posthoc.adjustment.studentized_range import range_tail

SAMPLED = 1e-4
"""The error that is aimed at, as three standard errors."""

MVTNORM = 2e-5
"""What is left of the error of mvtnorm's own sampling."""

EXACT = 1e-10

A = np.array(
    [
        [1, 0.6, -0.3, 0.2, 0],
        [0.6, 1, 0.1, -0.4, 0.3],
        [-0.3, 0.1, 1, 0.5, 0.2],
        [0.2, -0.4, 0.5, 1, -0.1],
        [0, 0.3, 0.2, -0.1, 1],
    ]
)
CORRELATIONS = 0.6 * A + 0.4 * np.eye(5)

# mvtnorm 1.1.3, R 4.2.2: 1 - pmvt(rep(-t, 5), rep(t, 5), df = 8, corr = CORRELATIONS,
# algorithm = GenzBretz(maxpts = 5e6, abseps = 1e-7)), and with rep(-Inf, 5)
R = [
    (1.5, 0.534543513539996, 0.322668398276074),
    (2.5, 0.144618909998133, 0.0791551718136126),
    (3.5, 0.034271974055311, 0.0181703524337929),
]


def pairwise(n: int, spread: np.ndarray | None = None) -> np.ndarray:
    i, j = np.triu_indices(n, 1)
    rows = np.zeros((len(i), n))
    rows[np.arange(len(i)), i], rows[np.arange(len(i)), j] = 1, -1
    rows = rows if spread is None else rows * spread
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_control(k: int) -> np.ndarray:
    return np.linalg.cholesky((np.ones((k, k)) + np.eye(k)) / 2)


def below(t: np.ndarray, df: float) -> np.ndarray:
    return special.ndtr(t) if np.isinf(df) else special.stdtr(df, t)


@pytest.mark.parametrize(("t", "two_sided", "one_sided"), R)
def test_mvtnorm(t: float, two_sided: float, one_sided: float) -> None:
    at, df, D = np.array([t]), np.array([8.0]), np.linalg.cholesky(CORRELATIONS)
    two, one = largest_t_tail(at, df, D), largest_t_tail(at, df, D, one_sided=True)
    assert two.p_value[0] == pytest.approx(two_sided, abs=two.error + MVTNORM)
    assert one.p_value[0] == pytest.approx(one_sided, abs=one.error + MVTNORM)
    assert max(two.error, one.error) < SAMPLED


def test_mvtnorm_normal_and_negative() -> None:
    D = np.linalg.cholesky(CORRELATIONS)
    normal = largest_t_tail(np.array([2.5]), np.array([np.inf]), D).p_value[0]
    assert normal == pytest.approx(0.0590692850743889, abs=SAMPLED)
    negative = largest_t_tail(np.array([-0.5]), np.array([8.0]), D, one_sided=True).p_value[0]
    assert negative == pytest.approx(0.992192308588241, abs=SAMPLED)


@pytest.mark.parametrize("df", [0.7, 3.0, 41.5, np.inf])
def test_one_dimension_is_student_t(df: float) -> None:
    t, nu = np.array([-2.0, 0.0, 0.3, 4.0, 40.0]), np.full(5, df)
    same = np.array([[1.0, 0.0], [1.0, 0.0]])
    opposite = np.array([[0.0, 1.0], [0.0, -1.0]])
    one = largest_t_tail(t, nu, same, one_sided=True)
    np.testing.assert_allclose(one.p_value, below(-t, df), rtol=1e-9)
    assert one.error == 0
    two = largest_t_tail(np.abs(t), nu, same).p_value
    np.testing.assert_allclose(two, 2 * below(-np.abs(t), df), rtol=1e-9)
    either = largest_t_tail(t, nu, opposite, one_sided=True).p_value
    np.testing.assert_allclose(either, np.minimum(2 * below(-t, df), 1), rtol=1e-9)


@pytest.mark.parametrize("df", [0.7, 5.0, 100.0, np.inf])
def test_two_dimensions_are_exact(df: float) -> None:
    t = np.array([0.01, 0.5, 2.0, 4.0, 9.0])
    nu = np.full(5, df)
    found = largest_t_tail(t, nu, pairwise(3))
    np.testing.assert_allclose(found.p_value, range_tail(np.sqrt(2) * t, 3, nu), rtol=1e-8)
    assert found.error == 0
    signed = np.append(-t, t)
    one = largest_t_tail(signed, np.tile(nu, 2), with_control(2), one_sided=True).p_value
    judge = dunnett_tail(signed, 2, np.tile(nu, 2), one_sided=True)
    np.testing.assert_allclose(one, judge, rtol=0, atol=EXACT)


def test_nearly_collinear_directions() -> None:
    angle = 1e-7
    D = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    t, df = np.array([1e-3, 1.0, 3.0]), np.full(3, 6.0)
    found = largest_t_tail(t, df, D).p_value
    np.testing.assert_allclose(found, 2 * below(-t, 6.0), rtol=0, atol=1e-7)


@pytest.mark.parametrize("m", [3, 8, 30])
def test_independent_normals(m: int) -> None:
    t = np.array([-1.0, 0.0, 0.2, 1.0, 2.5, 4.0])
    df, D = np.full(6, np.inf), np.eye(m)
    one = largest_t_tail(t, df, D, one_sided=True)
    np.testing.assert_allclose(one.p_value, -np.expm1(m * special.log_ndtr(t)), atol=SAMPLED)
    inside = np.clip(special.ndtr(t) - special.ndtr(-t), 0, 1)
    two = largest_t_tail(np.maximum(t, 0), df, D)
    np.testing.assert_allclose(two.p_value, 1 - inside**m, atol=SAMPLED)


@pytest.mark.parametrize(("n", "df"), [(4, 10.0), (8, 3.3), (20, 30.0)])
def test_all_pairs_of_equal_means_are_the_studentised_range(n: int, df: float) -> None:
    t = np.array([1.0, 2.0, 2.7, 3.5, 5.0, 8.0])
    nu = np.full(6, df)
    found = largest_t_tail(t, nu, pairwise(n))
    judge = range_tail(np.sqrt(2) * t, n, nu)
    np.testing.assert_allclose(found.p_value, judge, rtol=0, atol=SAMPLED)
    assert found.p_value[-1] == pytest.approx(judge[-1], rel=0.02)


@pytest.mark.parametrize("one_sided", [False, True])
def test_comparisons_with_a_control(one_sided: bool) -> None:
    t, df = np.array([-3.0, 0.0, 0.01, 1.0, 2.2, 3.5]), np.array([2.2, 4, 9, 44.4, 1e5, np.inf])
    t = t if one_sided else np.abs(t)
    found = largest_t_tail(t, df, with_control(9), one_sided=one_sided)
    judge = dunnett_tail(t, 9, df, one_sided=one_sided)
    np.testing.assert_allclose(found.p_value, judge, rtol=0, atol=SAMPLED)


def test_error_is_about_the_error() -> None:
    t, df = np.linspace(0.5, 4, 8), np.full(8, 12.0)
    judge = range_tail(np.sqrt(2) * t, 6, df)
    ratios = []
    for seed in range(6):
        found = largest_t_tail(t, df, pairwise(6), seed=seed)
        ratios.append(np.abs(found.p_value - judge).max() / found.error)
    assert max(ratios) < 1.5
    assert np.median(ratios) > 0.05


def test_same_seed_same_value_and_no_seed_is_zero() -> None:
    t, df, D = np.array([2.0]), np.array([9.0]), pairwise(5)
    first = largest_t_tail(t, df, D)
    assert largest_t_tail(t, df, D).p_value == first.p_value
    assert largest_t_tail(t, df, D, seed=0).p_value == first.p_value
    assert largest_t_tail(t, df, D, seed=1).p_value != first.p_value
    one, other = (np.random.default_rng(5) for _ in range(2))
    generated = largest_t_tail(t, df, D, seed=one).p_value
    assert largest_t_tail(t, df, D, seed=other).p_value == generated
    with pytest.raises(DataError, match="seed"):
        largest_t_tail(t, df, D, seed=-1)


def test_values_do_not_depend_on_those_asked_with_them() -> None:
    spread = np.exp(np.random.default_rng(2).normal(size=6))
    t, df, D = np.linspace(1.5, 5, 5), np.linspace(3, 60, 5), pairwise(6, spread)
    whole = largest_t_tail(t, df, D)
    each = [largest_t_tail(t[i : i + 1], df[i : i + 1], D).p_value[0] for i in range(5)]
    np.testing.assert_allclose(whole.p_value, each, rtol=0, atol=SAMPLED)


def test_turning_and_padding_the_directions_changes_nothing_but_the_sample() -> None:
    D = pairwise(5)
    turned = (
        np.hstack([D, np.zeros((10, 3))])
        @ np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    )
    t, df = np.array([1.0, 2.5, 3.0]), np.full(3, 20.0)
    np.testing.assert_allclose(
        largest_t_tail(t, df, D).p_value, largest_t_tail(t, df, turned).p_value, atol=SAMPLED
    )


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("n", [3, 5])
def test_quantile(n: int, one_sided: bool) -> None:
    df = np.array([2.5, 10.0, np.inf, np.nan])
    D = with_control(n)
    found = largest_t_quantile(0.95, df, D, one_sided=one_sided)
    judge = dunnett_tail(found.value, n, df, one_sided=one_sided)
    np.testing.assert_allclose(judge[:3], 0.05, atol=SAMPLED)
    assert np.isnan(found.value[3])


def test_quantile_of_mvtnorm() -> None:
    # qmvt(.95, df = 8, corr = CORRELATIONS, tail = "both.tails",
    #      algorithm = GenzBretz(maxpts = 1e6, abseps = 1e-6))$quantile
    D = np.linalg.cholesky(CORRELATIONS)
    found = largest_t_quantile(0.95, np.array([8.0]), D).value[0]
    assert found == pytest.approx(3.23526428441017, abs=3e-3)
