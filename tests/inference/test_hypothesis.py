"""Hypotheses as text and as matrices."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.hypothesis import read_hypothesis
from mixedmodels.inference.tests_of_coefficients import contrast, t_test, wald_test


@pytest.fixture(scope="module")
def fit() -> Fit:
    # Intercept, recipe[T.B], recipe[T.C], temp, recipe[T.B]:temp, recipe[T.C]:temp
    return mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake")).fit


@pytest.mark.parametrize(
    ("text", "L", "rhs"),
    [
        ("temp = 0", [[0, 0, 0, 1, 0, 0]], [0]),
        ("temp", [[0, 0, 0, 1, 0, 0]], [0]),
        ("recipe[T.B] = recipe[T.C]", [[0, 1, -1, 0, 0, 0]], [0]),
        ("recipe[T.B]:temp - 2*temp = 1", [[0, 0, 0, -2, 1, 0]], [1]),
        ("(temp + Intercept) / 4 = .5", [[0.25, 0, 0, 0.25, 0, 0]], [0.5]),
        ("-temp + 1e1 = 2 * temp * 3", [[0, 0, 0, -7, 0, 0]], [-10]),
        ("recipe[T.B] = 0, recipe[T.C] = 3", [[0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]], [0, 3]),
    ],
)
def test_text_is_linear_algebra(
    fit: Fit, text: str, L: list[list[float]], rhs: list[float]
) -> None:
    found = read_hypothesis(fit, text)
    np.testing.assert_allclose(found.L, L)
    np.testing.assert_allclose(found.rhs, rhs, atol=0)


def test_names_with_functions_are_read_whole() -> None:
    data = mm.datasets.load("sleepstudy")
    fit = mm.lmm("Reaction ~ Days + I(Days ** 2) + (1 | Subject)", data).fit
    found = read_hypothesis(fit, "I(Days ** 2) = Days")
    np.testing.assert_allclose(found.L, [[0, -1, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tempo = 0", "Did you mean 'temp'"),
        ("temp * temp", "not linear"),
        ("1 / temp", "division"),
        ("temp / 0", "division"),
        ("temp = ", "missing"),
        ("(temp", "not closed"),
        ("1 = 1", "says nothing"),
        ("temp = 0,", "missing"),
        ("", "missing"),
    ],
)
def test_what_cannot_be_read_says_where(fit: Fit, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_hypothesis(fit, text)


@pytest.mark.parametrize("matrix", [np.eye(3), np.empty((0, 6)), [[np.nan] * 6], {"a": 1}, None])
def test_matrices_that_do_not_fit(fit: Fit, matrix: object) -> None:
    with pytest.raises(DataError, match="hypothesis"):
        read_hypothesis(fit, matrix)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
def test_a_dropped_coefficient_is_not_estimable() -> None:
    data = pd.DataFrame(mm.datasets.load("sleepstudy"))
    data["twice"] = 2 * data["Days"]
    fit = mm.lmm("Reaction ~ Days + twice + (1 | Subject)", data).fit
    with pytest.raises(DataError, match="'twice', which is not estimable"):
        wald_test(fit, "twice = 0")


def test_one_row_is_a_t_test_and_several_a_joint_f(fit: Fit) -> None:
    one = pd.DataFrame(contrast(fit, "temp = 0.1"))
    assert one["estimate"][0] == pytest.approx(fit.beta[3] - 0.1)
    several = pd.DataFrame(contrast(fit, "recipe[T.B], recipe[T.C]"))
    assert several["num_df"][0] == 2
    rows = pd.DataFrame(t_test(fit, np.eye(6)[1:3]))
    assert rows["contrast"].tolist() == ["recipe[T.B]", "recipe[T.C]"]


def test_tables_come_in_the_library_of_the_data() -> None:
    polars = pytest.importorskip("polars")
    data = polars.from_pandas(pd.DataFrame(mm.datasets.load("sleepstudy")))
    fit = mm.lmm("Reaction ~ Days + (1 | Subject)", data).fit
    assert isinstance(wald_test(fit, "Days = 0"), polars.DataFrame)


NAMED = {"recipe[T.C]": -1.0, "temp": 2.0}


@pytest.mark.parametrize(
    "made",
    [
        dict,
        pd.Series,
        lambda named: pd.DataFrame([named]),
        lambda named: pl.DataFrame([named]),
        lambda named: pa.table({name: [value] for name, value in named.items()}),
        lambda named: pd.Series(named).reindex(["temp", "Intercept", "recipe[T.C]"], fill_value=0),
    ],
)
def test_numbers_with_names_go_by_their_names(fit: Fit, made: Callable[..., object]) -> None:
    found = read_hypothesis(fit, made(NAMED))
    np.testing.assert_array_equal(found.L, [[0, 0, -1, 2, 0, 0]])
    np.testing.assert_array_equal(read_hypothesis(fit, pd.Series([0, 0, -1, 2, 0, 0])).L, found.L)


@pytest.mark.parametrize("named", [{"day": 1}, {}, pd.Series([1, 1], index=["temp", "temp"])])
def test_names_that_are_no_coefficients_are_refused(fit: Fit, named: object) -> None:
    with pytest.raises(DataError, match="The hypothesis names"):
        read_hypothesis(fit, named)
