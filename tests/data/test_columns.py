import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.data import Codes, Column, completeness, encode, interaction
from mixedmodels.data.columns import from_dictionary, renumber


def column(values, missing=None):
    return Column.of_numbers("x", np.asarray(values), missing)


def combinations(made):
    return [
        tuple(values[member] for values, member in zip(made.parts, row, strict=True))
        for row in made.members.tolist()
    ]


integers = st.one_of(st.integers(-50, 50), st.integers(-(2**62), 2**62))


@given(st.lists(integers, min_size=1, max_size=40))
def test_renumbering_keeps_the_values(values):
    keys = np.array(values, dtype=np.int64)
    codes, present = renumber(keys, None)
    assert present[codes].tolist() == values
    assert present.tolist() == sorted(set(values))


@given(st.lists(st.one_of(st.none(), integers), min_size=1, max_size=40))
def test_renumbering_leaves_out_what_is_missing(values):
    missing = np.array([value is None for value in values])
    keys = np.array([value or 0 for value in values], dtype=np.int64)
    codes, present = renumber(keys, missing)
    assert [None if code < 0 else int(present[code]) for code in codes] == values


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms())
def test_permuting_rows_permutes_codes(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    codes = encode(column(values))
    permuted = encode(column([values[i] for i in order]))
    assert permuted.values == codes.values
    assert permuted.codes.tolist() == codes.codes[order].tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_an_interaction_has_the_combinations_that_occur_in_order(pairs):
    first, second = (encode(column([pair[i] for pair in pairs])) for i in (0, 1))
    both = interaction(first, second)
    assert combinations(both) == sorted(set(pairs))
    assert [combinations(both)[code] for code in both.codes] == pairs


def test_an_interaction_of_three():
    a, b, c = (encode(column(values)) for values in ([1, 1, 2], [5, 6, 5], [0, 0, 0]))
    assert combinations(interaction(a, b, c)) == [(1, 5, 0), (1, 6, 0), (2, 5, 0)]


def test_an_interaction_misses_what_one_factor_misses():
    a = Codes(np.array([0, -1, 1], dtype=np.int32), ("x", "y"))
    b = Codes(np.array([0, 0, -1], dtype=np.int32), ("u",))
    both = interaction(a, b)
    assert both.codes.tolist() == [0, -1, -1]
    assert combinations(both) == [("x", "u")]


def test_whole_floats_are_integers():
    codes = encode(column([2.0, 1.0, np.nan]))
    assert codes.values == (1, 2)
    assert codes.codes.tolist() == [1, 0, -1]


def test_other_floats_stay():
    assert encode(column([2.5, 1.0])).values == (1.0, 2.5)


def test_unused_levels_go_and_the_order_stays():
    codes = Codes(np.array([2, 0, -1], dtype=np.int32), ("c", "b", "a")).without_unused()
    assert codes.values == ("c", "a")
    assert codes.codes.tolist() == [1, 0, -1]


def test_a_dictionary_with_a_null():
    codes = from_dictionary(np.array([0, 1, 2, -1]), ["b", None, "a"], sort=True)
    assert codes.values == ("a", "b")
    assert codes.codes.tolist() == [1, -1, 0, -1]


def test_taking_rows_keeps_the_levels():
    taken = Column.of_codes("f", Codes(np.array([0, -1, 1], dtype=np.int32), ("a", "b"))).take(
        np.array([True, False, False])
    )
    assert taken.missing is None
    assert taken.codes.values == ("a", "b")


def test_completeness_counts_by_column():
    first = Column.of_numbers("a", np.array([1.0, np.nan, 3.0]))
    second = Column.of_codes("b", Codes(np.array([0, 0, -1], dtype=np.int32), ("x",)))
    third = Column.of_numbers("c", np.array([1, 2, 3]))
    found = completeness([first, second, third])
    assert found.rows.tolist() == [True, False, False]
    assert found.counts == {"a": 1, "b": 1}
    assert found.n_missing == 2
    assert completeness([third]).rows is None
