"""Compact letter displays: what letters mean, and those of multcompView."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import mixedmodels as mm
from mixedmodels.errors import DroppedColumnsWarning, NotEstimableWarning
from mixedmodels.posthoc.letters import MOST, compact_letters

# multcompView 0.1.8, R 4.2.2: multcompLetters(p, threshold = 0.2)$Letters of means with unequal
# standard errors, and of arbitrary tables of differences that need every largest set.
MULTCOMPVIEW = [
    ("0011 0001 1001 1110", "a ab b c"),
    ("0001 0001 0001 1110", "a a a b"),
    ("0011 0011 1100 1100", "a a b b"),
    ("00001 00000 00000 00000 10000", "a ab ab ab b"),
    ("00011 00001 00000 10000 11000", "a ab abc bc c"),
    ("00001 00001 00001 00000 11100", "a a a ab b"),
    ("011111 101111 110011 110000 111000 111000", "a b c cd d d"),
    ("010111 100001 000000 100000 100000 110000", "a b abc bc bc c"),
    ("000111 000011 000011 100000 111000 111000", "a ab ab bc c c"),
    ("0000001 0001111 0000000 0100000 0100000 0100000 1100000", "ab a abc bc bc bc c"),
    ("0010111 0000001 1000001 0000001 1000001 1000001 1111110", "a ab b ab b b c"),
    ("0001111 0000111 0000111 1000111 1111011 1111100 1111100", "a ab ab b c d d"),
    (
        "00111111 00111111 11000001 11000001 11000000 11000000 11000000 11110000",
        "a a b b bc bc bc c",
    ),
    (
        "00111111 00111111 11000001 11000001 11000000 11000000 11000000 11110000",
        "a a b b bc bc bc c",
    ),
    (
        "00111111 00011111 10000001 11000001 11000001 11000000 11000000 11111000",
        "a ab bc c c cd cd d",
    ),
    (
        "000111111 000111111 000111111 111000000 111000001 111000000 111000000 111000000 111010000",
        "a a a bc b bc bc bc c",
    ),
    (
        "001111111 000001111 100000011 100000011 100000000 110000001 110000000 111100000 111101000",
        "a ab bc bc bcde cd cde de e",
    ),
    (
        "001111111 001111111 110000001 110000001 110000001 110000000 110000000 110000000 111110000",
        "a a b b b bc bc bc c",
    ),
    ("00011 00010 00001 11000 10100", "a ab ac cd bd"),
    ("00101 00111 11000 01000 11000", "ab a c bc c"),
    ("010001 100011 000001 000010 010101 111010", "ab c abc acd b d"),
    ("011100 100110 100110 111001 011001 000110", "ab c c d ad bc"),
    ("0100011 1011110 0101111 0110100 0111010 1110101 1010010", "abc d a bef cg e dfg"),
    ("0010011 0001101 1000011 0100000 0100000 1010000 1110000", "ab acd ce bef bef df f"),
]


def table(text: str) -> NDArray[np.bool_]:
    return np.array([[c == "1" for c in row] for row in text.split()])


def read(display: list[str]) -> list[set[str]]:
    return [set(re.findall(r"[a-zA-Z]\d*", letters)) for letters in display]


def symmetric(k: int, pairs: list[bool]) -> NDArray[np.bool_]:
    different = np.zeros((k, k), dtype=bool)
    different[np.triu_indices(k, 1)] = pairs
    return different | different.T


@st.composite
def tables(draw: st.DrawFn) -> NDArray[np.bool_]:
    k = draw(st.integers(1, 14))
    n = k * (k - 1) // 2
    return symmetric(k, draw(st.lists(st.booleans(), min_size=n, max_size=n)))


def assert_means_what_it_says(different: NDArray[np.bool_], display: list[str]) -> None:
    letters = read(display)
    assert all(letters)
    for i, j in combinations(range(len(different)), 2):
        assert bool(letters[i] & letters[j]) != different[i, j]


@pytest.mark.parametrize(("different", "letters"), MULTCOMPVIEW)
def test_multcompview(different: str, letters: str) -> None:
    assert compact_letters(table(different)) == letters.split()


@given(tables())
@settings(deadline=None)
def test_two_means_share_a_letter_exactly_where_they_are_not_different(
    different: NDArray[np.bool_],
) -> None:
    assert_means_what_it_says(different, compact_letters(different))


@given(tables())
@settings(deadline=None)
def test_no_letter_can_be_left_out_and_none_is_part_of_another(
    different: NDArray[np.bool_],
) -> None:
    letters = read(compact_letters(different))
    names = sorted(set().union(*letters))
    holders = {name: {i for i, own in enumerate(letters) if name in own} for name in names}
    for name in names:
        rest = [own - {name} for own in letters]
        assert not all(rest) or any(
            letters[i] & letters[j] and not rest[i] & rest[j]
            for i, j in combinations(range(len(letters)), 2)
        )
        assert not any(holders[name] < holders[other] for other in names)


@given(tables())
@settings(deadline=None)
def test_letters_come_in_the_order_of_the_rows(different: NDArray[np.bool_]) -> None:
    display = compact_letters(different)
    firsts = [next(i for i, own in enumerate(display) if c in own) for c in "abcdefghijklmn"
              if any(c in own for own in display)]  # fmt: skip
    assert display[0][0] == "a"
    assert firsts == sorted(firsts)


def test_more_groups_than_letters() -> None:
    display = compact_letters(~np.eye(120, dtype=bool))
    assert display[:2] == ["a", "b"]
    assert display[25:27] == ["z", "A"]
    assert display[51:54] == ["Z", "a1", "b1"]
    assert len(set(display)) == 120


@pytest.mark.parametrize("step", [0.05, 0.4, 3.0])
def test_two_hundred_means(step: float) -> None:
    random = np.random.default_rng(4)
    means, errors = np.sort(random.normal(size=200)), random.uniform(0.5, 1.5, 200)
    different = np.abs(means[:, None] - means) > step * np.hypot(errors[:, None], errors)
    assert_means_what_it_says(different, compact_letters(different))


def test_where_the_largest_sets_are_too_many_to_list() -> None:
    # Three choices in each of 15 triples of means: 3^15 largest sets.
    different = np.kron(np.eye(15, dtype=int), ~np.eye(3, dtype=bool)).astype(bool)
    assert MOST < 3**15
    assert_means_what_it_says(different, compact_letters(different))


def test_no_means_and_one() -> None:
    assert compact_letters(np.zeros((0, 0), dtype=bool)) == []
    assert compact_letters(np.zeros((1, 1), dtype=bool)) == ["a"]


def test_means_that_are_not_estimable_have_no_letter() -> None:
    rng = np.random.default_rng(4)
    f, b = np.repeat(list("abcd"), 30), np.tile(list("uv"), 60)
    there = ~((f == "a") & (b == "u"))
    y = rng.normal(size=120) * 0.1 + 3.0 * (f == "d")
    frame = {"f": f[there], "b": b[there], "g": np.arange(120)[there] // 4 % 9, "y": y[there]}
    with pytest.warns(DroppedColumnsWarning):
        model = mm.lmm("y ~ f * b + (1 | g)", frame)
    with pytest.warns(NotEstimableWarning):
        found = model.emmeans("f", at={"b": ["u"]}).letters()
    assert dict(zip(found["f"], found["letters"], strict=True)) == {
        "a": "", "b": "a", "c": "a", "d": "b",
    }  # fmt: skip
