"""Rows whose mean does not depend on which columns a fit drops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.formula import parse

OFF = 1e-7
"""Relative distance from the row space that is rounding."""


def cells(seed, *, empty):
    """Two factors, some of whose cells have no rows, and two covariates on a line."""
    random = np.random.default_rng(seed)
    a, b = (random.integers(0, k, 80) for k in (3, 4))
    for i, j in empty:
        keep = (a != i) | (b != j)
        a, b = a[keep], b[keep]
    n = len(a)
    x = random.normal(size=n)
    return pd.DataFrame(
        {
            "a": pd.Categorical(np.array(list("pqr"))[a], categories=list("pqr")),
            "b": pd.Categorical(np.array(list("stuv"))[b], categories=list("stuv")),
            "x": x,
            "z": 2000 + 3 * x,
            "y": random.normal(size=n),
            "g": np.arange(n) % 6,
        }
    )


def grid():
    found = pd.MultiIndex.from_product(
        [list("pqr"), list("stuv"), [0.0, 1.5]], names=["a", "b", "x"]
    )
    frame = found.to_frame(index=False)
    return frame.assign(z=2000 + 3 * frame.x + np.where(frame.index % 5 == 0, 0.5, 0.0), g=0)


@settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.integers(0, 100),
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=2),
    st.sampled_from(["a * b", "a * b + x + z", "b * a * x", "x + z + a", "a + a:b", "z + a + x"]),
    st.booleans(),
)
def test_it_is_the_row_space_of_all_columns(seed, empty, fixed, coded):
    contrasts = {"a": "sum"} if coded else None
    data = cells(seed, empty=empty)
    spec, m = build(parse(f"y ~ {fixed} + (1 | g)"), Frame.of(data), contrasts=contrasts)
    new = rebuild(spec, Frame.of(grid()), groups=[])
    # The rows as a fit of both tables together would make them, dropping nothing.
    both = pd.concat([data, grid()], ignore_index=True)
    both["y"] = np.arange(len(both), dtype=float)
    _, all_rows = build(parse(f"y ~ {fixed} + (1 | g)"), Frame.of(both), contrasts=contrasts)
    X = all_rows.X / np.linalg.norm(all_rows.X, axis=0)
    fitted, others = X[: len(data)], X[len(data) :]
    rank = np.linalg.matrix_rank(fitted, tol=OFF)
    basis = np.linalg.svd(fitted)[2][rank:]
    expected = np.linalg.norm(others @ basis.T, axis=1) < 1e-6
    assert new.estimable.tolist() == expected.tolist()
    assert np.isnan(new.X[~expected]).all()
    assert np.isfinite(new.X[expected]).all()
    np.testing.assert_array_equal(rebuild(spec, Frame.of(data), groups=[]).X, m.X)


def test_a_missing_value_is_not_a_mean_that_cannot_be_told():
    spec, _ = build(parse("y ~ a * b"), Frame.of(cells(1, empty=[(0, 0)])))
    new = rebuild(spec, Frame.of(grid().assign(a=None)[:3]), groups=[])
    assert new.estimable.all()
    assert not new.complete.any()


@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_rounding_is_no_distance(shift):
    data = cells(2, empty=[]).assign(x=lambda d: d.x + shift, z=lambda d: 0.1 * d.x - 7)
    spec, _ = build(parse("y ~ x + z"), Frame.of(data))
    assert spec.aliased == ("z",)
    x = shift + np.array([0.1, 10.0, 1e4])
    new = rebuild(spec, Frame.of(pd.DataFrame({"x": x, "z": 0.1 * x - 7})))
    assert new.estimable.all()
    off = rebuild(spec, Frame.of(pd.DataFrame({"x": x, "z": 0.1 * x - 7 + 1e-3 + 1e-6 * shift})))
    assert not off.estimable[:2].any()
