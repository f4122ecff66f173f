"""Designs are as balanced as their numbers allow, and say what they confound."""

import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.errors import ConfoundingWarning, DataError
from mixedmodels.planning import design
from mixedmodels.planning.assignment import diagonal

ROUNDING = 1e-7


def letters(first, k):
    return [chr(ord(first) + i) for i in range(k)]


@st.composite
def studies(draw):
    """Subjects crossed with items, groups of both, one to three rotating factors."""
    count = st.integers(2, 3)
    sizes = {"subject": draw(st.integers(1, 30)), "item": draw(st.integers(1, 20))}
    rotating = draw(st.lists(count, min_size=1, max_size=3))
    groups = draw(st.lists(count, max_size=2))
    kinds = draw(st.lists(count, max_size=2))
    return {
        "units": sizes,
        "counterbalanced": {f"c{i}": letters("a", k) for i, k in enumerate(rotating)},
        "between": {
            "subject": {f"g{i}": letters("p", k) for i, k in enumerate(groups)},
            "item": {f"f{i}": letters("u", k) for i, k in enumerate(kinds)},
        },
    }


def laid_out(arguments):
    """The frame, also of a design that is too small to be of use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConfoundingWarning)
        try:
            return design(**arguments).frame()
        except DataError:
            return None


def uneven(frame, within, of):
    """How far apart counts of the cells of `of` are in one combination of `within`, at most."""
    row = frame.groupby(within, observed=True).ngroup().to_numpy() if within else 0
    column, cells = 0, 1
    for name in of:
        column = column * len(frame[name].cat.categories) + frame[name].cat.codes.to_numpy()
        cells *= len(frame[name].cat.categories)
    counts = np.bincount(row * cells + column, minlength=(np.max(row) + 1) * cells)
    return np.ptp(counts.reshape(-1, cells), axis=1).max()


@given(studies())
@settings(max_examples=25, deadline=None)
def test_lists_and_sets_are_even_in_every_group(arguments):
    frame = laid_out(arguments)
    if frame is None:
        return
    rotating = list(arguments["counterbalanced"])
    for unit, other in (("subject", "item"), ("item", "subject")):
        factors = list(arguments["between"][unit])
        cells = frame.drop_duplicates(unit)
        if factors:
            assert uneven(cells, [], factors) <= 1
        for name in factors:  # also where cells are left over
            assert uneven(cells, [], [name]) <= 1
        # the list of a subject is all that it sees, told by one item
        one = frame[frame[other] == frame[other].iloc[0]]
        assert uneven(one, factors, rotating) <= 1


@given(studies())
@settings(max_examples=25, deadline=None)
def test_every_subject_sees_conditions_evenly_in_every_kind_of_item(arguments):
    frame = laid_out(arguments)
    if frame is None:
        return
    for unit, other in (("subject", "item"), ("item", "subject")):
        kinds = list(arguments["between"][other])
        rotating = list(arguments["counterbalanced"])
        assert uneven(frame, [unit, *kinds], rotating) <= 1


def residual(y, X):
    return y - X @ np.linalg.lstsq(X, y, rcond=None)[0]


def dense_efficiency(frame, effect, within, factors):
    """By projections of the rows themselves."""

    def block(names):
        X = np.ones((len(frame), 1))
        for name in names:
            levels = pd.get_dummies(frame[name]).to_numpy(float)
            levels = levels[:, :-1] - levels[:, -1:]
            X = np.einsum("ni,nj->nij", X, levels).reshape(len(frame), -1)
        return X

    one = np.ones((len(frame), 1))
    terms = [t for k in range(1, 4) for t in combinations(factors, k)]
    own = block(effect)
    margins = [block(t) for t in terms if set(t) < set(effect)]
    rivals = [block(t) for t in terms if len(t) <= len(effect) and set(t) != set(effect)]
    levels = [pd.get_dummies(frame[unit]).to_numpy(float) for unit in within]
    ideal = residual(own, np.hstack([one, *margins]))
    left = residual(own, np.hstack([one, *rivals, *levels]))
    whole, kept = ideal.T @ ideal, left.T @ left
    if np.linalg.eigvalsh(whole)[0] < ROUNDING * len(frame):
        return 0.0
    values = np.linalg.eigvals(np.linalg.solve(whole, kept)).real
    return float(values.min())


@given(studies())
@settings(max_examples=8, deadline=None)
def test_efficiencies_are_those_of_projections(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConfoundingWarning)
        try:
            study = design(**arguments)
        except DataError:
            return
    found, frame = study.efficiencies(), study.frame()
    factors = [*arguments["counterbalanced"]]
    for given_factors in arguments["between"].values():
        factors += given_factors
    for one in found[:: max(1, len(found) // 12)]:
        truth = dense_efficiency(frame, one.effect, one.within, factors)
        assert one.value == pytest.approx(truth, abs=1e-6)


@given(st.lists(st.integers(1, 5), max_size=4))
def test_the_diagonal_order_has_every_cell_once_and_even_runs(sizes):
    cells = diagonal(sizes)
    assert len(np.unique(cells, axis=0)) == len(cells) == np.prod(sizes, dtype=int)
    for j, k in enumerate(sizes):
        for start in range(0, len(cells), k):
            assert len(np.unique(cells[start : start + k, j])) == k


def test_nested_units_are_dealt_within_their_parents_and_strata():
    frame = design(
        {"class": 8, "pupil": [3, 6]},
        nested={"pupil": "class"},
        between={"class": {"kind": ["old", "new"]}, "pupil": {"arm": ["a", "b", "c"]}},
    ).frame()
    sizes = frame.groupby(["kind", "class"], observed=True).size()
    # classes of both sizes are in both kinds: by number alone all small ones would be old
    assert sorted(sizes["old"]) == sorted(sizes["new"]) == [3, 3, 6, 6]
    within = frame.groupby(["class", "arm"], observed=True).size().unstack()
    assert (within.nunique(axis=1) == 1).all()


def test_what_is_confounded_is_warned_of():
    with pytest.warns(ConfoundingWarning, match="c0:c1 within subject"):
        study = design({"subject": 8, "item": 2}, counterbalanced={"c0": "ab", "c1": "de"})
    assert "confounded: c0:c1 within subject" in repr(study)
    with pytest.warns(ConfoundingWarning, match=r"(?s)c within subject.*cross subject with"):
        design({"subject": 8}, counterbalanced={"c": "ab"})
    with pytest.warns(ConfoundingWarning, match=r"partly confounded: c within subject \(50% left"):
        design({"subject": 8, "item": 2}, counterbalanced={"c": "abcd"})


def test_factors_that_cannot_be_told_apart_are_refused():
    with pytest.raises(DataError, match="cannot estimate g"):
        design({"subject": 2}, between={"subject": {"g": ["a", "b", "c"]}})
    with pytest.raises(DataError, match=r"always together.*(?s:.*)2 subject for 4 groups"):
        design({"subject": 2}, between={"subject": {"g": "ab", "h": "cd"}})


def test_a_balanced_design_says_so():
    study = design(
        {"subject": 12, "item": 12},
        within={"day": range(10)},
        counterbalanced={"c": "abc"},
        between={"subject": {"g": ["x", "y", "y"]}, "item": {"f": ["hi", "lo"]}},
        covariates={"age": "subject"},
    )
    assert repr(study).splitlines() == [
        "Design of 12 subject, 12 item; 1,440 rows",
        "  day: within every combination, 0, 1, 2, 3, 4, 5, …, 9",
        "  c: counterbalanced, a, b, c",
        "  g: between subject, x (4), y (8)",
        "  f: between item, hi (6), lo (6)",
        "  age: covariate of subject",
        "  not quite balanced (information left): c:g within item 96.9%, "
        "c:g within subject and item 96.9%, c:g:f within item 96.9%, "
        "c:g:f within subject and item 96.9%",
    ]
    table = design({"subject": 4, "item": 4}, counterbalanced={"c": "ab"}).balance
    assert table.columns.tolist() == ["effect", "within", "efficiency"]
    assert table["within"].tolist() == ["", "subject", "item", "subject + item"]
    assert table["efficiency"].to_numpy() == pytest.approx(1)


def test_a_numeric_factor_counts_by_its_slope():
    study = design({"subject": 8, "item": 4}, between={"subject": {"dose": [0, 1, 2, 4]}})
    assert study.balance["efficiency"].min() == pytest.approx(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        design({"subject": 10}, between={"subject": {"age": range(20, 70), "g": "ab"}})
