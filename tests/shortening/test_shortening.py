"""Labels that fit and stay distinct, for any names."""

from hypothesis import given
from hypothesis import strategies as st

from mixedmodels.shortening import CUT, distinct_labels, middle_cut, one_line

LEAST = 8
"""From here on there is room for a cut and the number of any name that Hypothesis makes."""

words = st.sampled_from(["Placebo", "Drug", "5 mg", "plus", "therapy", "Therapist", "01", "02", ""])
phrases = st.lists(words, max_size=12).map(" ".join)
alike = st.tuples(
    st.text("ab ", max_size=40), st.text("01\n", max_size=2), st.text("ab ", max_size=40)
)
names = st.lists(st.one_of(st.text(max_size=80), phrases, alike.map("".join)), max_size=40)
widths = st.integers(LEAST, 60)


@given(names, widths)
def test_distinct_names_have_distinct_labels(names: list[str], width: int) -> None:
    labels = distinct_labels(names, width)
    assert len(set(zip(names, labels, strict=True))) == len(set(names)) == len(set(labels))


@given(names, widths)
def test_no_label_is_longer_than_its_room_nor_leaves_its_line(names: list[str], width: int) -> None:
    labels = distinct_labels(names, width)
    assert all(0 < len(label) <= width for label in labels)
    assert all(
        label.isprintable() for name, label in zip(names, labels, strict=True) if name.isascii()
    )


@given(names, st.integers(-1, LEAST))
def test_where_there_is_no_room_labels_are_distinct_all_the_same(
    names: list[str], width: int
) -> None:
    assert len(set(distinct_labels(names, width))) == len(set(names))


@given(names, widths, st.randoms())
def test_the_order_of_the_names_does_not_matter(names: list[str], width: int, random) -> None:
    labels = dict(zip(names, distinct_labels(names, width), strict=True))
    shuffled = random.sample(names, len(names))
    assert dict(zip(shuffled, distinct_labels(shuffled, width), strict=True)) == labels


@given(names, widths)
def test_names_that_fit_are_left_alone(names: list[str], width: int) -> None:
    for name, label in zip(names, distinct_labels(names, width), strict=True):
        if len(name) <= width and one_line(name) == name:
            assert label == name


@given(st.text(min_size=1, max_size=80), st.integers(3, 60))
def test_a_cut_keeps_both_ends(text: str, width: int) -> None:
    cut = middle_cut(text, width)
    assert len(cut) <= width or cut == text
    if cut != text:
        start, _, end = cut.partition(CUT) if CUT not in text else (text[:1], "", text[-1:])
        assert text.startswith(start) and text.endswith(end)


def test_what_distinguishes_is_kept() -> None:
    arms = [f"{drug} plus optimized background therapy" for drug in ("Placebo", "5 mg", "10 mg")]
    assert distinct_labels(arms, 16) == ["Placebo…therapy", "5 mg…therapy", "10 mg…therapy"]
    therapists = [
        f"Cognitive behavioural therapist {i:02} of the outpatient clinic" for i in range(30)
    ]
    labels = distinct_labels(therapists, 20)
    assert labels[:2] == ["…therapist 00…", "…therapist 01…"]
    numbered = [f"Therapist of the outpatient clinic number {i:02}" for i in range(30)]
    assert distinct_labels(numbered, 20)[29] == "Therapist…number 29"


def test_what_is_invisible_is_seen() -> None:
    assert one_line("two\nlines") == r"two\nlines"
    assert one_line("") == "''"
    assert one_line("blank ") == "'blank '"
    assert one_line("\u202eevil") == r"\u202eevil"
    assert one_line("👨\u200d👩\u200d👧") == "👨\u200d👩\u200d👧"
    assert distinct_labels(["a\nb", "a\\nb", 1, "1", True], 9)[1:] == ["a\\nb", "1", "1", "True"]
