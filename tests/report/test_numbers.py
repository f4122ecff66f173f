"""Numbers as text."""

import math

import pytest

from mixedmodels.report import numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([251.4051, 6.8246, 1.5458], ["251.405", "6.825", "1.546"]),
        ([1.0], ["1.000"]),
        ([12345.678, 54321.0], ["12346", "54321"]),
        ([1e9, 1e-9], ["1e+09", "1e-09"]),
        ([0.0, 2.5], ["0.000", "2.500"]),
        ([0.0], ["0.000"]),
        ([math.nan, 2.0], ["", "2.000"]),
        ([], []),
    ],
)
def test_a_column_shares_its_decimals(values, expected):
    assert numbers.column(values) == expected


def test_the_yardstick_decides_the_decimals():
    assert numbers.column([1234.5678, 0.001], yardstick=[1.5]) == ["1234.568", "0.001"]


def test_there_is_no_negative_zero():
    assert numbers.fixed(-0.0001, decimals=2) == "0.00"
    assert numbers.fixed(-0.01, decimals=2) == "-0.01"


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.0, "<2e-16"), (1.9e-16, "<2e-16"), (2e-16, "2.0e-16"), (8.746842e-11, "8.7e-11"),
        (0.00099, "9.9e-04"), (0.00099999, "1.0e-03"), (0.001, "0.001"), (0.0456, "0.046"),
        (1.0, "1.000"),
    ],
)  # fmt: skip
def test_small_p_values_keep_two_digits(p, expected):
    assert numbers.p_value(p) == expected


def test_an_undefined_p_value_is_blank():
    assert numbers.p_value(math.nan) == ""
