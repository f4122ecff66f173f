"""Factors made in formulas: the coding that is written is the coding that the levels get."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixedmodels as mm
from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(8)
N = 60
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "f": np.array(["a", "b", "c"])[RANDOM.integers(0, 3, N)],
        "k": RANDOM.integers(1, 30, N),
        "g": np.arange(N) % 6,
    }
)
DATA["n"] = DATA["f"].map({"a": 1, "b": 2, "c": 3})
SUM = "[[1, 0], [0, 1], [-1, -1]]"


def fixed(text, data=DATA):
    return build(parse(f"y ~ {text}"), Frame.of(data))


@pytest.mark.parametrize(
    "call",
    [
        f"C(f, {SUM})",
        f"C(n, {SUM})",
        f"C(f, contr.custom({SUM}))",
        f"factor(f, {SUM}, levels=['a', 'b', 'c'])",
        "C(f, {'p': [1, 0, -1], 'q': [0, 1, -1]})",
        "C(f, {'c': [-1, -1], 'a': [1, 0], 'b': [0, 1]})",
        "C(n, {3: [-1, -1], 1: [1, 0], 2: [0, 1]})",
        "C(n, {'3': [-1, -1], '2': [0, 1], '1': [1, 0]})",
        "C(f, contr.sum)",
        "C(n, contr.sum())",
    ],
)
def test_a_table_codes_the_levels_that_its_rows_name(call):
    rows = {"a": [1, 1, 0], "b": [1, 0, 1], "c": [1, -1, -1]}
    expected = np.array([rows[level] for level in DATA["f"]])
    spec, m = fixed(call)
    np.testing.assert_array_equal(m.X, expected)
    for part in (DATA.iloc[[4]], DATA[DATA["f"] != "a"]):  # other data lack levels
        new = rebuild(pickle.loads(pickle.dumps(spec)), Frame.of(part))
        np.testing.assert_array_equal(new.X, expected[part.index])


@pytest.mark.parametrize("coding", [SUM, "contr.sum", f"contr.custom({SUM})", "[[1], [2], [4]]"])
@pytest.mark.parametrize("text", ["0 + {}", "{}:k - 1"])
def test_without_an_intercept_every_level_has_a_column(coding, text):
    _, m = fixed(text.format(f"C(f, {coding})"))
    indicators = np.array([DATA["f"] == level for level in "abc"], dtype=float).T
    expected = indicators if text.startswith("0") else indicators * DATA[["k"]].to_numpy()
    np.testing.assert_array_equal(m.X, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("C(f, [[1, 2, 3]])", "1 x 3 matrix"),
        ("C(f, {'a': [1, 0]})", "2 x 1 matrix"),
        ("C(f, {'a': [1], 'b': [2, 3], 'c': [4]})", "rows of different lengths"),
        ("C(f, [['a'], ['b'], ['c']])", "not a matrix of finite numbers"),
        ("C(f, [1, 2, 3])", "not a matrix of finite numbers"),
        ("C(f, [])", "not a matrix of finite numbers"),
        ("C(f, contr.custom([[1], [1], [1]]))", "independent of each other and of a constant"),
        ("C(f, contr.custom)", "is no coding"),
        ("C(f, contr.treatment('q'))", "There is no level 'q'.*use one of 'a', 'b', 'c'"),
        ("C(n, contr.treatment('3'))", "There is no level '3'.*use one of 1, 2, 3"),
        ("C(f, contr.SAS('q'))", "There is no level 'q'"),
        ("C(f, levels=3)", "lists every level once"),
        ("C(f, levels=['a', 'b', 'c', 'c'])", "lists every level once"),
        ("C(f, levels=['a', 'b'])", "does not list: 'c'"),
    ],
)
def test_a_coding_that_does_not_fit_is_refused(call, message):
    with pytest.raises(MixedModelsError, match=f"(?s){message}"):
        fixed(call)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 12), st.sampled_from(["int64", "uint8", "float64", "Int32", "object", "str"]))
def test_hashed_is_a_factor_of_classes_whatever_holds_the_levels(number, dtype):
    spec, m = fixed(f"0 + hashed(k, levels={number})")
    assert ((m.X == 0) | (m.X == 1)).all()
    assert (m.X.sum(axis=1) == 1).all()
    assert 1 < m.X.shape[1] <= number
    for _, rows in DATA.groupby("k"):
        assert (m.X[rows.index] == m.X[rows.index[0]]).all()
    new = DATA.assign(k=DATA["k"].astype(dtype))
    if dtype == "str":
        m_text = fixed(f"0 + hashed(k, levels={number})", new)[1]
        np.testing.assert_array_equal(m_text.X, m.X)
    else:
        for part in (new, new.iloc[[7]]):
            np.testing.assert_array_equal(rebuild(spec, Frame.of(part)).X, m.X[part.index])


LARGE = [2**53 + i for i in range(8)] + [0]


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("wanted", [2**53 + 1, 2**53 + 2, 0, 2**70])
def test_whole_numbers_are_compared_with_all_their_digits(sign, wanted):
    values = [LARGE[i % 9] for i in range(N)]
    data = DATA.assign(id=np.array([*values[1:], 9 * 10**18]))
    expected = [eval(f"{value} {sign} {wanted}") for value in data["id"].tolist()]
    _, m = fixed(f"0 + I(id {sign} {wanted})", data)
    column = m.X[:, -1] if m.X.shape[1] else np.zeros(N)
    np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize("wanted", [[2**53 + 1], [2**53 + 1, 0], [2**53 + 3, 2**53 + 4, 0.5]])
def test_isin_does_not_round_whole_numbers(wanted):
    data = DATA.assign(id=np.array([*(LARGE[i % 9] for i in range(1, N)), 9 * 10**18]))
    _, m = fixed(f"np.isin(id, {wanted})", data)
    np.testing.assert_array_equal(m.X[:, -1], [value in wanted for value in data["id"].tolist()])


@pytest.mark.parametrize("unit", [1, 10**20 + 1])
@pytest.mark.parametrize(
    "text", ["I(id == {})", "np.isin(id, [{}])", "np.less(id, {})", "I(id == id)", "I(0 < id < {})"]
)
def test_numbers_that_doubles_would_merge_are_not_compared(text, unit):
    ids = [10**20 + (i % 6) * unit for i in range(N)]
    data = DATA.assign(id=pd.Series(ids, dtype=object))
    with pytest.raises(DataError, match=r"doubles are .* apart|more digits than a double has"):
        fixed(text.format(ids[1]), data)
    levels = data.assign(id=data["id"].astype(str))
    assert mm.lmm(f"y ~ I(id == '{ids[1]}') + (1 | g)", levels).nobs == N


@pytest.mark.parametrize("text", ["id", "poly(id, 2)", "(id | g)", "I(id - 3)"])
@pytest.mark.parametrize("offset", [2**63, 10**25])
def test_covariates_whose_differences_rounding_would_change_are_refused(text, offset):
    data = DATA.assign(id=pd.Series([offset + i for i in range(N)], dtype=object))
    with pytest.raises(DataError, match=f"subtract {offset} in the column's own type"):
        fixed(text, data)
    assert fixed("id", data.assign(id=(data["id"] - offset).astype(float)))[1].X.shape == (N, 2)
