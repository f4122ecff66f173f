"""Working columns span the same space, lose no digit, and are well apart."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.design.coordinates import ORIGINAL, Coordinates, Step, coordinates_of

RANDOM = np.random.default_rng(3)
ONES = np.ones(60)
U = RANDOM.uniform(0, 1, 60)
CODES = RANDOM.integers(0, 3, 60)
CELLS = np.column_stack([j == CODES for j in range(3)]).astype(float)


def condition(X):
    return np.linalg.cond(X / np.linalg.norm(X, axis=0))


@pytest.mark.parametrize(
    "X",
    [
        np.column_stack([ONES, U]),
        np.column_stack([ONES, U - 0.5, U**2]),
        np.column_stack([CELLS, U]),
        np.column_stack([ONES + U]),
        np.column_stack([ONES, np.arange(60.0)]),
    ],
)
def test_columns_near_zero_stay_as_they_are(X):
    assert coordinates_of(X) is ORIGINAL
    assert ORIGINAL.columns(X) is X and ORIGINAL.original(X) is X


@settings(max_examples=60, deadline=None)
@given(
    st.integers(10, 43).map(lambda e: 2.0**e),
    st.floats(1.0, 2.0),
    st.sampled_from(["slope", "cells", "cells last", "by factor"]),
)
def test_a_far_origin_goes_without_a_rounding_error(size, factor, shape):
    x = np.round(size * factor) + U
    X = {
        "slope": np.column_stack([ONES, x]),
        "cells": np.column_stack([CELLS, x]),
        "cells last": np.column_stack([x, CELLS]),
        "by factor": np.column_stack([CELLS, CELLS * x[:, None]]),
    }[shape]
    coordinates = coordinates_of(X)
    W = coordinates.columns(X)
    assert condition(W) < 100
    exact = [[Fraction(value) for value in row] for row in X.tolist()]
    for step in coordinates.steps:
        for row in exact:
            row[step.column] -= sum(
                Fraction(f) * row[k] for k, f in zip(step.sources, step.factors, strict=True)
            )
    assert [[float(value) for value in row] for row in exact] == W.tolist()
    assert np.array_equal(coordinates.original(W), X)


@pytest.mark.parametrize("year", [2000.0, 2.45e6])
def test_powers_of_a_far_covariate_are_told_apart(year):
    t = year + np.tile(np.arange(30.0), 2)
    coordinates = coordinates_of(np.column_stack([ONES, t, t**2]))
    assert condition(coordinates.columns(np.column_stack([ONES, t, t**2]))) < 100


def test_coefficients_covariances_and_roots_move_with_the_columns():
    t = 2000.0 + np.arange(60.0)
    X = np.column_stack([ONES, t, t**2 / 1e6])
    coordinates = coordinates_of(X)
    W = coordinates.columns(X)
    beta = RANDOM.normal(size=3)
    np.testing.assert_allclose(X @ coordinates.reported(beta), W @ beta, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(coordinates.working(coordinates.reported(beta)), beta, rtol=1e-6)
    root = np.tril(RANDOM.normal(size=(3, 3)))
    reported = coordinates.reported_root(root)
    np.testing.assert_allclose(
        coordinates.reported_covariance(root @ root.T), reported @ reported.T, rtol=1e-9
    )
    np.testing.assert_allclose(coordinates.working_root(reported), root, atol=1e-6)
    L = np.array([[1.0, 2010.0, 2010.0**2 / 1e6]])
    np.testing.assert_allclose(
        coordinates.columns(L) @ beta, L @ coordinates.reported(beta), rtol=1e-6
    )


def test_a_repeated_column_is_no_noise_to_be_blown_up():
    assert coordinates_of(np.column_stack([ONES, U, 2 * U + 1])).steps == ()


def test_steps_are_undone_in_reverse():
    coordinates = Coordinates((Step(1, (0,), (4.0,)), Step(2, (0, 1), (2.0, 8.0))))
    X = RANDOM.integers(-9, 9, (5, 3)).astype(float)
    W = coordinates.columns(X)
    assert np.array_equal(W[:, 2], X[:, 2] - 2 * W[:, 0] - 8 * W[:, 1])
    assert np.array_equal(coordinates.original(W), X)
