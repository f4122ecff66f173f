"""Which linear functions are estimable, on whatever scale covariates and coefficients are.

Held against the definition: l is estimable if it is in the row space of X, by least squares.
"""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.posthoc.linear_functions import LinearFunctions

pytestmark = pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")

SCALES = [1e-9, 1e-3, 1.0, 1e4, 1e9]

EMPTY = [("p", "u"), ("r", "v")]
"""Cells: that of the reference levels, and another."""


def _data(empty: tuple[str, str]) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 240
    frame = pd.DataFrame(
        {
            "a": rng.choice(list("pqr"), n),
            "b": rng.choice(list("uvw"), n),
            "x": rng.normal(2, 1, n),
            "g": rng.integers(0, 12, n),
        }
    )
    frame = frame[(frame.a != empty[0]) | (frame.b != empty[1])]
    return frame.assign(y=rng.normal(size=len(frame)) + frame.x)


def _columns(data: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """The columns that names such as ``a[T.q]:x`` stand for."""

    def part(text: str) -> np.ndarray:
        if text == "Intercept":
            return np.ones(len(data))
        column, _, level = text.partition("[T.")
        values = data[column].to_numpy()
        return (values == level.rstrip("]")).astype(float) if level else values

    return np.column_stack([np.prod([part(t) for t in n.split(":")], axis=0) for n in names])


def _in_row_space(X: np.ndarray, L: np.ndarray) -> np.ndarray:
    """Whether each row of L is a combination of rows of X."""
    size = np.linalg.norm(X, axis=0)
    unit = X / np.where(size > 0, size, 1.0)
    scaled = L / np.where(size > 0, size, 1.0)
    _, values, right = np.linalg.svd(unit, full_matrices=False)
    basis = right[values > 1e-10 * values[0]]
    left = scaled - (scaled @ basis.T) @ basis
    return np.linalg.norm(left, axis=1) <= 1e-6 * np.linalg.norm(scaled, axis=1)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("empty", EMPTY)
def test_slopes_do_not_depend_on_the_units_of_the_covariate(
    empty: tuple[str, str], scale: float
) -> None:
    data = _data(empty)
    wanted = mm.lmm("y ~ a * b * x + (1 | g)", data)
    model = mm.lmm("y ~ a * b * x + (1 | g)", data.assign(x=data.x * scale))
    for specs in ("a", "b", ["a", "b"]):
        ours = model.emtrends(specs, "x").table()["estimate"] * scale
        theirs = wanted.emtrends(specs, "x").table()["estimate"]
        assert theirs.isna().any()
        assert theirs.notna().any()
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    at = pd.DataFrame({"a": [empty[0]], "b": [empty[1]], "x": [0.0]})
    assert model.slopes("x", newdata=at).table()["estimate"].isna().all()


@pytest.mark.parametrize("factor", [1e-12, 1e-6, 1e6])
@pytest.mark.parametrize("empty", EMPTY)
def test_contrasts_of_small_coefficients_are_not_estimable_either(
    empty: tuple[str, str], factor: float
) -> None:
    means = mm.lmm("y ~ a * b + (1 | g)", _data(empty)).emmeans("a")
    C = {"one": [factor, -factor, 0], "two": [factor, 0, -factor], "three": [0, factor, -factor]}
    found = means.contrast(C).table()["estimate"].isna()
    wanted = means.pairs().table()["estimate"].isna()
    assert found.tolist() == wanted.tolist()
    assert sorted(found) == [False, True, True]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("origin", [0.0, 1e3])
@pytest.mark.parametrize("fixed", ["a * b + x", "a * b * x", "a * x + a * b"])
@pytest.mark.parametrize("empty", EMPTY)
def test_joint_tests_do_not_depend_on_the_units_of_a_covariate(
    empty: tuple[str, str], fixed: str, origin: float, scale: float
) -> None:
    data = _data(empty)
    wanted = mm.lmm(f"y ~ {fixed} + (1 | g)", data).joint_tests()
    moved = data.assign(x=(data.x + origin) * scale)
    found = mm.lmm(f"y ~ {fixed} + (1 | g)", moved).joint_tests()
    assert found["term"].tolist() == wanted["term"].tolist()
    assert found["note"].tolist() == wanted["note"].tolist()
    np.testing.assert_array_equal(found["num_df"], wanted["num_df"])
    np.testing.assert_allclose(found["statistic"], wanted["statistic"], rtol=1e-4)


@pytest.mark.parametrize("empty", EMPTY)
def test_a_slope_that_every_cell_shares_has_its_row(empty: tuple[str, str]) -> None:
    """The slope is estimable though the means that it moves are not."""
    model = mm.lmm("y ~ a * b + x + (1 | g)", _data(empty))
    found = model.joint_tests().set_index("term").loc["x"]
    t = model.tvalues["x"]
    assert found["num_df"] == 1
    np.testing.assert_allclose(found["statistic"], t**2, rtol=1e-6)


def test_no_degrees_of_freedom_are_missed_where_no_column_is_dropped() -> None:
    """At a far origin differences of the columns of a curve are rounded."""
    rng = np.random.default_rng(3)
    n = 120
    data = pd.DataFrame({"a": rng.choice(list("pq"), n), "x": rng.normal(1e3, 1, n)})
    data = data.assign(g=rng.integers(0, 9, n), y=rng.normal(size=n))
    found = mm.lmm("y ~ a * I(x ** 2) + x + (1 | g)", data).joint_tests()
    assert "note" not in found.columns
    assert found["num_df"].tolist() == [1, 2, 1]


@pytest.mark.parametrize("seed", range(6))
def test_estimable_rows_are_those_in_the_row_space(seed: int) -> None:
    rng = np.random.default_rng(seed)
    empty = EMPTY[seed % 2]
    data = _data(empty)
    scale = 10.0 ** rng.integers(-6, 7)
    model = mm.lmm("y ~ a * b * x + (1 | g)", data.assign(x=data.x * scale))
    means = model.emmeans(["a", "b"]).functions
    trends = model.emtrends(["a", "b"], "x").functions
    X = _columns(data.assign(x=data.x * scale), model.fit.spec.fixed.column_names)
    for functions in (means, trends):
        C = rng.integers(-1, 2, size=(40, functions.size)) * 10.0 ** rng.integers(-5, 6, (40, 1))
        L = C @ functions.L
        made = LinearFunctions(
            fit=model.fit,
            kind="contrast",
            labels={},
            by=(),
            L=L,
            constant=np.zeros(40),
            testing=functions.testing,
            n_means=np.zeros(40, dtype=np.int64),
        )
        assert made.estimable.tolist() == _in_row_space(X, L).tolist()
