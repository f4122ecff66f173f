"""Arithmetic in formulas is that of floats, whatever type the columns have."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

N = 60
RANDOM = np.random.default_rng(3)
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32"]
LARGEST = {"int8": 100, "uint8": 200, "int16": 30_000, "uint16": 60_000}
FORMULAS = [
    "I(a**2)",
    "I(a**3)",
    "I(a**6)",
    "I(a - b)",
    "I(a * b * a)",
    "I(a + b)",
    "I(-a)",
    "I(a // b)",
    "I(a % b)",
    "I(a / b)",
    "abs(b - a)",
    "np.power(a, 4)",
    "np.square(a)",
    "np.multiply(a, b)",
    "np.subtract(a, b)",
    "np.negative(a)",
    "np.maximum(a, b)",
    "poly(a, 3, raw=True)",
    "poly(a, 2)",
    "scale(a**3)",
    "center(a*b)",
    "bs(a, df=4)",
    "log(a**2)",
    "a:b",
    "a*b*c",
    "f:a:b",
    "f*I(a**2)",
]


def data(dtype):
    largest = LARGEST.get(dtype, 2_000_000)
    return pd.DataFrame(
        {
            "y": RANDOM.normal(size=N),
            "a": RANDOM.integers(1, largest, N).astype(dtype),
            "b": RANDOM.integers(1, largest, N).astype(dtype),
            "c": RANDOM.integers(1, largest, N).astype(dtype),
            "f": np.tile(["u", "v", "w"], N // 3),
        }
    )


def columns(text, table):
    spec, matrices = build(parse(text), Frame.of(table))
    return spec, matrices


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("text", FORMULAS)
def test_columns_are_those_of_floats(text, dtype):
    table = data(dtype)
    floats = table.astype({"a": float, "b": float, "c": float})
    spec, whole = columns(f"y ~ {text}", table)
    _, real = columns(f"y ~ {text}", floats)
    assert whole.x_names == real.x_names
    np.testing.assert_array_equal(whole.X, real.X)
    np.testing.assert_array_equal(rebuild(spec, Frame.of(floats), groups=[]).X, whole.X)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "text", ["I(a**3)", "a - b", "a*b", "a//b", "np.power(a, 3)", "scale(a*a)"]
)
def test_the_response_is_that_of_floats(text, dtype):
    table = data(dtype)
    floats = table.astype({"a": float, "b": float})
    np.testing.assert_array_equal(
        columns(f"{text} ~ c", table)[1].y, columns(f"{text} ~ c", floats)[1].y
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(-(2**35), 2**35), min_size=12, max_size=12, unique=True), st.integers(1, 7)
)
def test_powers_of_whole_numbers_do_not_wrap(values, power):
    table = pd.DataFrame({"y": np.arange(12.0) ** 2, "x": np.array(values, dtype=np.int64)})
    X = columns(f"y ~ I(x**{power})", table)[1].X
    expected = np.array([float(value) ** power for value in values])
    np.testing.assert_allclose(X[:, -1], expected, rtol=1e-14)


BOOLEANS = pd.DataFrame(
    {
        "y": RANDOM.normal(size=N),
        "a": RANDOM.integers(0, 2, N).astype(bool),
        "b": RANDOM.integers(0, 2, N).astype(bool),
        "i": RANDOM.integers(0, 8, N),
        "x": RANDOM.normal(size=N),
    }
)
A, B, X_ = BOOLEANS.a.to_numpy(), BOOLEANS.b.to_numpy(), BOOLEANS.x.to_numpy()
I_ = BOOLEANS.i.to_numpy()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I(a + b)", A.astype(float) + B),
        ("I(a - b)", A.astype(float) - B),
        ("I(-a)", -A.astype(float)),
        ("I(a * b)", A * B * 1.0),
        ("I(a * x)", A * X_),
        ("I(a & b)", A & B),
        ("I(a | b)", A | B),
        ("I(~a)", ~A),
        ("I(~a & (x > 0))", ~A & (X_ > 0)),
        ("I(i & 1)", I_ & 1),
        ("I(i | 2)", I_ | 2),
        ("I(x > 0)", X_ > 0),
        ("I(-1 < x < 1)", (X_ > -1) & (X_ < 1)),
        ("I((x > 0) + (i > 3))", (X_ > 0) * 1.0 + (I_ > 3)),
        ("np.where(a, x, 0)", np.where(A, X_, 0)),
        ("np.logical_xor(a, b)", A ^ B),
        ("np.isin(i, [1, 2])", np.isin(I_, [1, 2])),
        ("a:b", A & B),
        ("I(a)", A),
    ],
)
def test_booleans_count_as_numbers_and_stay_conditions(text, expected):
    X = columns(f"y ~ {text}", BOOLEANS)[1].X
    np.testing.assert_array_equal(X[:, -1], np.asarray(expected, dtype=float))


@pytest.mark.parametrize("text", ["I(x & 1)", "I(~x)", "I(x | a)"])
def test_numbers_are_no_conditions(text):
    with pytest.raises(DataError, match="no condition"):
        columns(f"y ~ {text}", BOOLEANS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("C(i % 2)", ("C(i % 2)[T.1]",)),
        ("C(i // 4)", ("C(i // 4)[T.1]",)),
        ("C(a)", ("C(a)[T.True]",)),
        ("C(x > 0)", ("C(x > 0)[T.True]",)),
        ("C(i * 2 > 6)", ("C(i * 2 > 6)[T.True]",)),
        ("C(i / 8 // 0.5)", ("C(i / 8 // 0.5)[T.1.0]",)),
        ("a", ("a",)),
        ("I(a)", ("I(a)",)),
        ("poly(i, 2, raw=True)", ("poly(i, 2, raw=True)[0]", "poly(i, 2, raw=True)[1]")),
        ("I(i**2)", ("I(i ** 2)",)),
    ],
)
def test_names_of_coefficients_keep_whole_numbers_whole(text, names):
    assert columns(f"y ~ {text}", BOOLEANS)[1].x_names[1:] == names


def test_exp10_is_a_power_of_ten():
    X = columns("y ~ exp10(x)", BOOLEANS)[1].X
    np.testing.assert_allclose(X[:, 1], 10.0**X_, rtol=1e-14)
