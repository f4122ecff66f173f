"""Directions in which a likelihood never falls: beside every candidate direction of small cones."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from mixedmodels.fit.recession import Demands, Recession, recession
from mixedmodels.fit.separation import (
    IDLE,
    PEAKED,
    ends_of_counts,
    ends_of_shares,
    found_by_categories,
    found_by_ends,
    named,
)

Matrix = NDArray[np.float64]


def rays(rising: Matrix, peaked: Matrix) -> list[Matrix]:
    """The extreme rays of a pointed cone in up to three dimensions: each solves one demand less
    than there are dimensions with equality.
    """
    rows = np.vstack([rising, peaked])
    d = rows.shape[1]
    candidates = []
    for chosen in combinations(range(len(rows)), d - 1):
        [*_, last] = np.linalg.svd(rows[list(chosen)])
        candidates += [last[-1], -last[-1]]
    return [
        v for v in candidates if (rising @ v > -1e-9).all() and (np.abs(peaked @ v) < 1e-9).all()
    ]


def of(rising: Matrix, peaked: Matrix) -> Recession | None:
    return recession(Demands(rising, peaked), np.eye(rising.shape[1]))


def random_demands(d: int, seed: int) -> tuple[Matrix, Matrix]:
    """Small whole numbers, so that ties are frequent; of full rank."""
    random = np.random.default_rng(seed)
    while True:
        rising = random.integers(-1, 3, size=(random.integers(d, 8), d)).astype(float)
        peaked = random.integers(-1, 2, size=(random.integers(0, 2), d)).astype(float)
        if np.linalg.matrix_rank(np.vstack([rising, peaked])) == d:
            return rising, peaked


@pytest.mark.parametrize(("d", "seed"), list(product((2, 3), range(60))))
def test_directions_are_those_of_the_extreme_rays(d: int, seed: int) -> None:
    rising, peaked = random_demands(d, seed)
    expected, found = rays(rising, peaked), of(rising, peaked)
    if not expected or found is None:
        assert not expected and found is None
        return
    ends = np.array(expected)
    assert np.array_equal(found.low, (ends < -1e-9).any(axis=0))
    assert np.array_equal(found.high, (ends > 1e-9).any(axis=0))
    moved = (rising @ ends.T > 1e-9).any(axis=1)
    assert np.array_equal(found.moved, moved)
    assert found.is_complete == (moved.all() and not len(peaked))


def test_both_answers_occur_among_the_random_demands() -> None:
    found = [of(*random_demands(d, seed)) for d, seed in product((2, 3), range(60))]
    assert 20 < sum(one is None for one in found) < 100


def test_more_rows_than_one_program_takes() -> None:
    random = np.random.default_rng(3)
    n = 20_000
    X = np.column_stack([np.ones(n), random.normal(size=(n, 3)), np.arange(n) % 500 == 0])
    y = random.random(n) < 0.5
    y[X[:, -1] == 1] = True
    found = of(np.where(y, 1.0, -1.0)[:, None] * X, np.zeros((0, 5)))
    assert found is not None
    assert found.high.tolist() == [False, False, False, False, True]
    assert not found.low.any()
    assert np.array_equal(found.moved, X[:, -1] == 1)
    y[0] = False
    assert of(np.where(y, 1.0, -1.0)[:, None] * X, np.zeros((0, 5))) is None


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_units_of_the_columns_do_not_matter(unit: float) -> None:
    x = np.arange(12.0)
    X = np.column_stack([np.ones(12), unit * x])
    y = np.where(x > 5, 1.0, -1.0)
    found = of(y[:, None] * X, np.zeros((0, 2)))
    assert found is not None and found.is_complete
    y[2] = 1.0
    assert of(y[:, None] * X, np.zeros((0, 2))) is None


def test_ends_of_shares_and_counts() -> None:
    ends = ends_of_shares(np.array([0.0, 2.0, 3.0]), np.array([3.0, 3.0, 3.0]))
    assert ends.tolist() == [-1, PEAKED, 1]
    assert ends_of_counts(np.array([0.0, 1.0, 7.0])).tolist() == [-1, PEAKED, PEAKED]
    assert ends_of_counts(np.array([0.0, 1.0, 7.0]), 1).tolist() == [IDLE, -1, PEAKED]


def test_a_level_without_successes_is_named() -> None:
    arm = np.repeat([0, 1, 2], 6)
    X = np.column_stack([np.ones(18), arm == 1, arm == 2]).astype(float)
    y = np.tile([0.0, 1.0], 9)
    y[arm == 2] = 0.0
    found = found_by_ends(X, ends_of_shares(y, np.ones(18)), np.eye(3))
    assert found is not None
    assert named(found[0], ("Intercept", "B", "C")) == (("C",), (-1,))
    assert np.array_equal(found[1], arm == 2)
    y[arm == 2], y[arm == 0] = np.tile([0.0, 1.0], 3), 1.0  # now the reference
    found = found_by_ends(X, ends_of_shares(y, np.ones(18)), np.eye(3))
    assert found is not None
    assert named(found[0], ("Intercept", "B", "C")) == (("Intercept", "B", "C"), (1, -1, -1))


def test_counts_are_separated_by_zeros_alone() -> None:
    arm = np.repeat([0, 1, 2], 6)
    X = np.column_stack([np.ones(18), arm == 1, arm == 2]).astype(float)
    counts = np.tile([0.0, 1.0, 4.0], 6)
    assert found_by_ends(X, ends_of_counts(counts), np.eye(3)) is None
    counts[arm == 1] = 0.0
    found = found_by_ends(X, ends_of_counts(counts), np.eye(3))
    assert found is not None
    assert named(found[0], ("Intercept", "B", "C")) == (("B",), (-1,))
    assert not found[0].is_complete


@pytest.mark.parametrize("seed", range(20))
def test_two_categories_are_separated_as_shares_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.integers(0, 4, size=(9, 2)).astype(float)
    y = np.concatenate([[0.0, 1.0], random.integers(0, 2, 7)])
    if np.linalg.matrix_rank(np.column_stack([np.ones(9), x])) < 3:
        return
    two = found_by_ends(np.column_stack([x, -np.ones(9)]), ends_of_shares(y, np.ones(9)), np.eye(3))
    thresholds = np.array([[0.0, 0.0, 1.0]])
    found = found_by_categories(x, y, thresholds, np.eye(3))
    assert (found is None) == (two is None)
    if found is not None and two is not None:
        assert np.array_equal(found[0].low, two[0].low)
        assert np.array_equal(found[0].high, two[0].high)
        assert np.array_equal(found[1], two[1])


def test_three_categories_told_by_a_number() -> None:
    x = np.arange(9.0)[:, None]
    thresholds = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = found_by_categories(x, np.repeat([0.0, 1.0, 2.0], 3), thresholds, np.eye(3))
    assert found is not None and found[0].is_complete and found[0].high[0]
    mixed = np.array([0, 0, 1, 0, 1, 2, 1, 2, 2.0])
    assert found_by_categories(x, mixed, thresholds, np.eye(3)) is None
    # A group all of whose rows are of the lowest category, the others mixed.
    b = (np.arange(9) < 3).astype(float)[:, None]
    y = np.array([0, 0, 0, 0, 1, 2, 0, 1, 2.0])
    found = found_by_categories(b, y, thresholds, np.eye(3))
    assert found is not None
    assert named(found[0], ("b", "1", "2")) == (("b",), (-1,))
    # One all of whose rows are of the middle category goes nowhere: the others hold the thresholds.
    y = np.array([1, 1, 1, 0, 1, 2, 0, 1, 2.0])
    assert found_by_categories(b, y, thresholds, np.eye(3)) is None


def test_many_forms_are_found_without_their_signs() -> None:
    random = np.random.default_rng(5)
    n, d = 90, 60
    X = np.column_stack([np.ones(n), random.normal(size=(n, d - 1))])
    y = np.where(random.random(n) < 0.5, 1.0, -1.0)  # fewer rows than twice the columns
    found = of(y[:, None] * X, np.zeros((0, d)))
    assert found is not None and found.is_complete
    assert found.low.all() and found.high.all()
    # Columns that single rows hold in place go nowhere: their rows are there twice, both ways.
    held = np.vstack([y[:, None] * X, np.eye(d)[:5], -np.eye(d)[:5]])
    found = of(held, np.zeros((0, d)))
    if found is not None:
        assert not found.low[:5].any() and not found.high[:5].any()
