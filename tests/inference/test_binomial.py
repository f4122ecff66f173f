"""The exact interval has the tail probabilities that define it."""

import pytest
from scipy import stats

from mixedmodels.errors import DataError
from mixedmodels.inference.binomial import exact_interval


@pytest.mark.parametrize("successes", [0, 1, 37, 99, 100])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_limits_are_where_the_tails_are(successes, level):
    low, high = exact_interval(successes, 100, level=level)
    tail = (1 - level) / 2
    assert (
        low == 0
        if successes == 0
        else stats.binom.sf(successes - 1, 100, low) == pytest.approx(tail)
    )
    assert (
        high == 1
        if successes == 100
        else stats.binom.cdf(successes, 100, high) == pytest.approx(tail)
    )


@pytest.mark.parametrize("level", [0, 1, 95, "a"])
def test_bad_level(level):
    with pytest.raises(DataError, match="is not a probability"):
        exact_interval(1, 2, level=level)
