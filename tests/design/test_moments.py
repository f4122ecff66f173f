"""What transforms learn from sums is what they learn from the rows."""

import numpy as np
import pytest
from formulaic.transforms import TRANSFORMS

from mixedmodels.design.place import Place
from mixedmodels.design.streamed.gram import Double, spanned
from mixedmodels.design.streamed.moments import Moments, exact_sum, state_of
from mixedmodels.errors import DataError

PLACE = Place("y ~ x", 4, 5)
random = np.random.default_rng(2)

COLUMNS = {
    "normal": random.normal(size=3000),
    "few values": random.integers(0, 7, 2000).astype(float),
    "years": 2000.0 + random.integers(0, 20, 2000),
    "sorted": np.sort(random.exponential(size=2000)),
    "tiny": random.normal(size=1000) * 1e-30,
}


def moments(x: np.ndarray, degree: int) -> Moments:
    first, *others = np.array_split(x, 7)
    total = Moments.of(first, degree)
    for part in others:
        total = total + Moments.of(part, degree)
    return total


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_polynomials(name: str, degree: int) -> None:
    x = COLUMNS[name]
    expected = np.asarray(TRANSFORMS["poly"](x, degree))
    state = state_of(PLACE, "poly", {"degree": degree}, moments(x, degree))
    found = np.asarray(TRANSFORMS["poly"](x, degree, _state=state))
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    ("transform", "options"),
    [
        ("scale", {}),
        ("scale", {"center": False}),
        ("scale", {"center": 2.5}),
        ("scale", {"scale": 3.0}),
        ("scale", {"ddof": 0}),
        ("center", {}),
        ("standardize", {}),
        ("standardize", {"rescale": False}),
    ],
)
def test_scales(name: str, transform: str, options: dict[str, float]) -> None:
    x = COLUMNS[name]
    expected = np.asarray(TRANSFORMS[transform](x, **options))
    state = state_of(PLACE, transform, options, moments(x, 1))
    found = np.asarray(TRANSFORMS[transform](x, _state=state, **options))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12 * np.abs(expected).max())


def test_too_few_values_for_a_polynomial() -> None:
    with pytest.raises(DataError, match="there are 3"):
        state_of(PLACE, "poly", {"degree": 3}, moments(np.repeat([1.0, 2.0, 4.0], 20), 3))


def test_sums_are_exact() -> None:
    values = np.concatenate([[1e16, 1.0, 1e-3, -1e16], random.normal(size=1001)])
    turned = values[::-1].copy()
    assert float(exact_sum(values)) == float(exact_sum(turned))
    assert float(exact_sum(values[:4])) == 1.001


def test_columns_that_others_span() -> None:
    n = 500
    f, x = random.integers(0, 3, n), random.normal(size=n) * 1e-5
    X = np.column_stack(
        [np.ones(n), f == 1, f == 2, x, 3 * x + (f == 1) - 7, np.full(n, 4.0), x**2]
    )
    found = spanned(Double(X.T @ X, np.zeros((7, 7))), has_constant=True)
    assert found.kept == [0, 1, 2, 3, 6]
    assert np.abs(X @ found.coefficients).max() < 1e-9
