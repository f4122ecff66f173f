"""Labels of levels, and which level of one table is which of another."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.data import joined_labels, label, match_levels, require_distinct_labels
from mixedmodels.errors import DataError

DAY, NEXT = pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-02")
SAME = [
    # a level, the levels of the fit, the number of the one that means the same
    (1.0, (0, 1), 1),
    ("308", (307, 308), 1),
    ("308.0", (307, 308), 1),
    (" 308 ", (307, 308), 1),
    (308, ("307", "308"), 1),
    (308.0, ("307", "0308"), 1),
    (np.int64(5), (4, 5), 1),
    (Decimal("0.10"), (0.1, 0.2), 0),
    ("0.10", (0.1, 0.2), 0),
    (0.1, (Decimal("0.1"), Decimal("0.2")), 0),
    (np.longdouble("0.1"), (0.1, 0.2), 0),
    (float(np.float32(0.1)), (0.1, 0.2), 0),
    (0.1, (float(np.float32(0.1)), float(np.float32(0.2))), 0),
    (str(2**70), (2**70 + 1, 2**70), 1),
    (0.1, (float(np.float16(0.1)), float(np.float16(0.2))), 0),
    ("0.1", (float(np.float32(0.1)), float(np.float32(0.2))), 0),
    (float(np.float32(0.1)), ("0.1", "0.2"), 0),
    ("-inf", (float("inf"), float("-inf")), 1),
    (True, (0, 1), 1),
    (1, (False, True), 1),
    ("TRUE", (False, True), 1),
    ("1", (False, True), 1),
    (False, ("true", "false"), 1),
    (datetime.date(2024, 5, 1), (NEXT, DAY), 1),
    (DAY, (datetime.date(2024, 5, 2), datetime.date(2024, 5, 1)), 1),
    (np.datetime64("2024-05-01"), (NEXT, DAY), 1),
    ("2024-05-01", (NEXT, DAY), 1),
    ("2024-05-01T00:00:00", (NEXT, DAY), 1),
    (DAY, ("2024-05-02", "2024-05-01"), 1),
    (DAY.tz_localize("UTC").tz_convert("Asia/Tokyo"), (DAY.tz_localize("UTC"), "x"), 0),
    ("2024-05-01T00:00:00Z", (DAY.tz_localize("UTC"),), 0),
    (datetime.timedelta(days=1), (pd.Timedelta("2D"), pd.Timedelta("1D")), 1),
    ("1 days", (pd.Timedelta("2D"), pd.Timedelta("1D")), 1),
    (pd.Period("2024-05", "M"), ("2024-05",), 0),
    ("(0, 1]", (pd.Interval(0, 1),), 0),
]
DIFFER = [
    ("new", (1, 2)),
    (3, ("S1", "S2")),
    (3, ("1", "2")),
    (2, (False, True)),
    (1, ("True", "False")),
    (20240501, (DAY,)),
    (DAY, ("01/05/2024",)),
    (DAY + pd.Timedelta("10h"), (DAY.date(),)),
    (DAY.tz_localize("UTC"), (DAY,)),
    (DAY, (1, 2)),
    ("1_0", (10, 20)),
    (pd.Interval(0, 1), (0, 1)),
]


@pytest.mark.parametrize(("value", "known", "number"), SAME)
def test_a_level_of_another_type_is_the_one_that_means_the_same(value, known, number):
    assert match_levels("g", [value], known).tolist() == [number, -1]


@pytest.mark.parametrize(("value", "known"), DIFFER)
def test_levels_that_cannot_be_compared_are_refused_and_not_new(value, known):
    with pytest.raises(DataError, match=r"'g' has levels of another type.*\nDo:   convert"):
        match_levels("g", [value], known)


@pytest.mark.parametrize(
    ("values", "known", "numbers"),
    [
        ([1, 3], (1, 2), [0, -1]),
        (["b", "z"], ("a", "b"), [1, -1]),
        (["1", "7"], (1, 2), [0, -1]),
        ([1, 7], ("1", "2"), [0, -1]),
        ([0.5, 2.0], (1, 2), [-1, 1]),
        ([DAY, NEXT], (DAY.date(),), [0, -1]),
        ([], ("a",), []),
        ([1], (), [-1]),
    ],
)
def test_new_levels_beside_known_ones(values, known, numbers):
    assert match_levels("g", values, known).tolist() == [*numbers, -1]


@pytest.mark.parametrize(
    ("values", "known"), [(["1", "01"], (1,)), ([1], ("1", "01")), ([0.1], ("0.1", "0.10"))]
)
def test_two_levels_with_one_meaning_are_refused(values, known):
    with pytest.raises(DataError, match="both mean"):
        match_levels("g", values, known)


numbers = st.one_of(st.integers(-(2**80), 2**80), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(numbers, min_size=1, max_size=15, unique=True), st.randoms())
def test_numbers_are_found_again_as_the_text_that_a_table_on_disk_holds(values, random):
    texts = [repr(value) for value in values]
    random.shuffle(texts)
    found = match_levels("g", texts, values)[:-1]
    assert [repr(values[number]) for number in found] == texts


@given(st.dates(), st.dates())
def test_dates_are_found_again_as_timestamps_and_text(first, second):
    known = tuple({first, second})
    assert match_levels("g", [str(d) for d in known], known)[:-1].tolist() == [*range(len(known))]
    moments = [datetime.datetime(d.year, d.month, d.day) for d in known]
    assert match_levels("g", moments, known)[:-1].tolist() == [*range(len(known))]


parts = st.lists(
    st.tuples(st.text('a:"\\', max_size=4), st.text('b:"\\', max_size=4)),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(parts)
def test_labels_of_different_combinations_differ(pairs):
    labels = joined_labels([[a for a, _ in pairs], [b for _, b in pairs]])
    assert len(set(labels)) == len(pairs)


def test_only_ambiguous_labels_are_quoted():
    assert joined_labels([["a:b", "a"], ["c", "d"]]) == ("a:b:c", "a:d")
    assert joined_labels([["a:b", "a"], ["c", "b:c"]]) == ('"a:b":c', 'a:"b:c"')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        ("1", "1"),
        (True, "True"),
        (Decimal("1.50"), "1.5"),
        (Decimal("100"), "100"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_labels(value, text):
    assert label(value) == text


def test_levels_that_read_the_same_are_refused():
    require_distinct_labels("g", (1, "2"))
    with pytest.raises(DataError, match=r"two levels that read the same, 1 \(int\) and '1'"):
        require_distinct_labels("g", (1, "1"))
