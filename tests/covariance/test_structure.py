"""Parameters and names of covariance structures."""

from typing import get_args

import pytest

from mixedmodels.covariance import (
    DIAGONAL,
    UNSTRUCTURED,
    WORDS,
    Quantity,
    Structure,
    parameter_name,
    term_name,
)
from mixedmodels.errors import StructureError
from mixedmodels.vocabulary import QuantityKind, StructureKind


def test_every_kind_has_a_word() -> None:
    assert {word.kind for word in WORDS.values()} == set(get_args(StructureKind))


def test_plain_structures() -> None:
    assert UNSTRUCTURED.is_plain and DIAGONAL.is_plain and DIAGONAL.is_independent
    assert not Structure("us", hom=True).is_plain
    assert not Structure("diag", hom=True).is_plain


# By counting the free numbers of the matrix by hand.
@pytest.mark.parametrize(
    ("structure", "q", "n"),
    [
        (Structure("us"), 4, 10),
        (Structure("us", hom=True), 4, 7),
        (Structure("diag"), 4, 4),
        (Structure("diag"), 1, 1),
        (Structure("cs"), 4, 5),
        (Structure("ar1", hom=True), 4, 2),
        (Structure("toep", band=3), 5, 7),
        (Structure("toep", hom=True), 5, 5),
        (Structure("ante"), 4, 7),
        (Structure("fa", rank=1), 4, 8),
        (Structure("rr", rank=2), 5, 9),
        (Structure("rr", rank=3), 3, 6),
        (Structure("arma", hom=True, order=(1, 2)), 6, 4),
        (Structure("expo", hom=True), 9, 2),
        (Structure("matern", hom=True, nu=1.5, nugget=True), 9, 3),
        (Structure("matern", hom=True), 9, 3),
    ],
)
def test_number_of_parameters(structure: Structure, q: int, n: int) -> None:
    assert structure.n_parameters(q) == n


@pytest.mark.parametrize(
    ("structure", "q", "message"),
    [
        (Structure("ar1", hom=True), 1, r"ar1\(\) describes how several"),
        (Structure("toep", band=5), 4, "band=5 counts more diagonals .* of 4 occasions"),
        (Structure("arma", hom=True, order=(2, 5)), 5, "needs more than 5 occasions"),
        (Structure("rr", rank=4), 3, "rank=4"),
        (Structure("fa", rank=1), 2, "has 4 parameters, but .* 2 columns has 3"),
    ],
)
def test_structures_that_positions_do_not_carry(structure: Structure, q: int, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        structure.n_parameters(q)


def test_names() -> None:
    labels = ["Intercept", "Days"]
    assert term_name(Quantity("sd", 1), labels) == "Days"
    assert term_name(Quantity("common_correlation"), labels) == "cor"
    assert term_name(Quantity("loading", 1, 0), labels) == "loading(Days, 1)"
    assert parameter_name("Subject", Quantity("sd", 0), labels) == "sd(Subject:Intercept)"
    assert parameter_name("Subject", Quantity("ar", 2), labels) == "ar2(Subject)"


@pytest.mark.parametrize("kind", get_args(QuantityKind))
def test_every_quantity_has_a_name(kind: QuantityKind) -> None:
    assert parameter_name("g", Quantity(kind, 1, 0), ["a", "b"]).endswith(")")
