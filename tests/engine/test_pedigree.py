"""The inverse relationship matrix against the tabular method, which forms A itself."""

import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError


def tabular(sires: np.ndarray, dams: np.ndarray) -> np.ndarray:
    """A row by row; parents come before offspring, -1 is unknown."""
    n = len(sires)
    A = np.zeros((n, n))
    for i in range(n):
        known = [p for p in (sires[i], dams[i]) if p >= 0]
        A[i, :i] = A[:i, i] = sum((A[p, :i] for p in known), np.zeros(i)) / 2
        A[i, i] = 1 + (A[sires[i], dams[i]] / 2 if len(known) == 2 else 0)
    return A


def random_parents(n: int, seed: int, *, sexes: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parents among the animals before, a tenth unknown; without sexes selfing happens, too."""
    rng = np.random.default_rng(seed)
    sires, dams = np.full(n, -1), np.full(n, -1)
    for i in range(2, n):
        before = np.arange(max(0, i - 30), i)
        pools = (before[before % 2 == 0], before[before % 2 == 1]) if sexes else (before, before)
        if rng.random() > 0.1:
            sires[i] = rng.choice(pools[0])
        if rng.random() > 0.1:
            dams[i] = rng.choice(pools[1])
    return sires, dams


def table(names: list[Any], sires: np.ndarray, dams: np.ndarray, missing: Any) -> pd.DataFrame:
    lookup = [*names, missing]
    return pd.DataFrame(
        {
            "animal": names,
            "sire": [lookup[i] for i in sires],
            "dam": [lookup[i] for i in dams],
        }
    )


@pytest.mark.parametrize("sexes", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_the_inverse_is_that_of_the_tabular_method(seed: int, sexes: bool) -> None:
    n = 40 + 40 * seed
    sires, dams = random_parents(n, seed, sexes=sexes)
    A = tabular(sires, dams)
    names = [f"a{i:04d}" for i in range(n)]
    shuffled = table(names, sires, dams, "").sample(frac=1, random_state=seed)
    ped = mm.pedigree(shuffled)
    assert list(ped.labels) == names
    np.testing.assert_allclose(ped.inbreeding.to_numpy(), np.diag(A) - 1, atol=1e-12)
    np.testing.assert_allclose(ped.precision.toarray() @ A, np.eye(n), atol=1e-8)
    assert ped.log_det == pytest.approx(-np.linalg.slogdet(A)[1], abs=1e-8)
    assert ped.precision.has_canonical_format
    assert (ped.inbreeding > 0).any()


def test_what_an_animal_is_called_and_how_unknown_is_written_do_not_matter() -> None:
    sires, dams = random_parents(30, 3, sexes=True)
    names = list(range(101, 131))
    forms = [
        table(names, sires, dams, 0),
        table(names, sires, dams, None),  # floats with NaN in pandas
        table(names, sires, dams, 0).astype(str),
        table([str(i) for i in names], sires, dams, None),
        table(names, sires, dams, 0).assign(sire=lambda t: t["sire"].astype(str)),
        pl.DataFrame(table(names, sires, dams, 0)),
        table(names, sires, dams, 0).to_dict("list"),
    ]
    found = [mm.pedigree(form).precision.toarray() for form in forms]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_parents_without_a_row_become_founders() -> None:
    ped = mm.pedigree({"animal": ["x", "y"], "sire": ["s", "s"], "dam": ["d", "s2"]})
    assert ped.labels == ("x", "y", "s", "d", "s2")
    assert ped.n_added == 3
    A = np.linalg.inv(ped.precision.toarray())
    assert A[0, 1] == pytest.approx(0.25)  # half sibs


def test_a_table_of_records_is_read() -> None:
    records = {
        "id": [2, 1, 2, 1],
        "father": [1, 0, 1, 0],
        "mother": [0, 0, 0, 0],
        "y": [1, 2, 3, 4],
    }
    ped = mm.pedigree(records, animal="id", sire="father", dam="mother")
    np.testing.assert_allclose(np.linalg.inv(ped.precision.toarray()), [[1, 0.5], [0.5, 1]])


def test_textbook() -> None:
    """Mrode (2014), Linear Models for the Prediction of Animal Breeding Values, table 2.1."""
    ped = mm.pedigree({"animal": [3, 4, 5, 6], "sire": [1, 1, 4, 5], "dam": [2, None, 3, 2]})
    assert ped.inbreeding.loc[[5, 6]].tolist() == [0.125, 0.125]


REFUSED = [
    (
        {"animal": ["a", "b", "c"], "sire": ["b", "c", "a"], "dam": ["", "", ""]},
        "'a' < 'b' < 'c' <",
    ),
    ({"animal": ["a"], "sire": ["a"], "dam": [None]}, "'a' is its own parent"),
    ({"animal": ["a", "a"], "sire": ["s", "t"], "dam": ["d", "d"]}, "'s' and 't'"),
    ({"animal": ["a", "a"], "sire": ["s", ""], "dam": ["d", "d"]}, "'s' and unknown"),
    ({"animal": ["a", None], "sire": ["s", "t"], "dam": ["d", "d"]}, "missing value"),
    ({"animal": [0, 1], "sire": [1, 0], "dam": [0, 0]}, "called 0"),
    ({"animal": [1, 2], "sire": ["x", "y"], "dam": ["", ""]}, "one type"),
    ({"animal": [1, 2], "father": [0, 0], "dam": [0, 0]}, "sire="),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_refusals(data: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        mm.pedigree(data)


def test_endless_selfing_is_refused() -> None:
    names = list(range(1, 80))
    parents = [0, *names[:-1]]
    with pytest.raises(DataError, match="so inbred"):
        mm.pedigree({"animal": names, "sire": parents, "dam": parents})


def test_it_prints() -> None:
    ped = mm.pedigree({"animal": ["c", "d"], "sire": ["a", "c"], "dam": ["b", "a"]})
    text = repr(ped)
    assert "Pedigree of 4 animals" in text
    assert "largest 0.25 (d)" in text
    assert "sires and dams" in text
