"""Fits to Dask's tables: the same to the bit whatever the parts, their order and their workers."""

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixedmodels as mm
from mixedmodels.data.cluster import Task
from mixedmodels.data.cluster.failures import failed
from mixedmodels.data.cluster.task import result
from mixedmodels.errors import DataError, FormulaError, WorkerError
from tests.divided import FORMULAS, assert_close, assert_same_bits, divided, rows

dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore")

ROUNDING = 1e-6
"""Standard errors of effects and degrees of freedom lose digits that estimates keep."""


@contextmanager
def workers(count):
    """So many processes on this machine."""
    with (
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with workers(2) as client:
        yield client


def delayed(parts):
    return [dask.delayed(part) for part in parts]


@pytest.mark.parametrize("formula", FORMULAS)
def test_parts_and_their_order_do_not_matter(formula):
    frame = rows()
    whole = mm.lmm(formula, delayed([frame]))
    for parts, seed in ((3, 1), (17, 2)):
        assert_same_bits(whole, mm.lmm(formula, delayed(divided(frame, parts, seed))))
    assert_same_bits(whole, mm.lmm(formula, dd.from_pandas(frame, npartitions=4)))
    assert_close(whole, mm.lmm(formula, frame), ROUNDING)


def test_weights_and_offset_are_columns():
    frame = rows().assign(o=lambda d: d["year"] / 10)
    options = {"weights": "w", "offset": "o"}
    one = mm.lmm(FORMULAS[1], delayed([frame]), **options)
    assert_same_bits(one, mm.lmm(FORMULAS[1], delayed(divided(frame, 5, 3)), **options))
    assert_close(one, mm.lmm(FORMULAS[1], frame, **options), ROUNDING)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_any_division_gives_the_same(seed, parts):
    frame = rows(200, seed=seed % 7)
    frame["x"] = frame["x"].round(1)  # rows that are equal in part
    formula = "y ~ scale(x) * f + (1 | g)"
    one = mm.lmm(formula, delayed([frame]))
    assert_same_bits(one, mm.lmm(formula, delayed(divided(frame, parts, seed))))


def test_columns_may_be_categories_and_arrow_text():
    frame = rows().astype({"f": "category", "h": "string"})
    found = mm.lmm(FORMULAS[1], dd.from_pandas(frame, npartitions=3))
    assert_close(found, mm.lmm(FORMULAS[1], frame), ROUNDING)


def test_what_needs_rows_says_so_and_the_rest_works():
    model = mm.lmm(FORMULAS[0], dd.from_pandas(rows(), npartitions=3))
    with pytest.raises(DataError, match="rows"):
        model.resid  # noqa: B018
    assert len(model.predict(rows(50, seed=4))) == 50
    assert "y ~ x + (x | g)" in str(model.summary())
    again = model.update(". ~ . + year")
    assert "year" in again.params


def load(k: int, folder: str) -> pd.DataFrame:
    """Part `k`; the second time that part 2 is read, its worker is killed, once."""
    log = Path(folder, f"read{k}")
    before = log.read_text().count("x") if log.exists() else 0
    with log.open("a") as file:
        file.write("x")
    if k == 2 and before == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return divided(rows(), 6, seed=5)[k]


def test_a_killed_worker_changes_nothing(client, tmp_path):
    alone = mm.lmm(FORMULAS[0], delayed([rows()]))
    before = set(client.run(os.getpid).values())
    with client.as_current():
        parts = [dask.delayed(load)(k, str(tmp_path)) for k in range(6)]
        found = mm.lmm(FORMULAS[0], parts)
    assert (tmp_path / "read2").read_text() == "xxx"  # survey, killed, again
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != before
    assert_same_bits(found, alone)


def test_workers_that_die_again_and_again_are_told():
    killed = distributed.scheduler.KilledWorker("part-1", SimpleNamespace(address="tcp://w1"), 3)
    error = failed("Dask DataFrame", killed)
    assert isinstance(error, WorkerError)
    assert "lost again and again" in str(error)


def without_the_package():
    for name in [name for name in sys.modules if name.startswith("mixedmodels")]:
        del sys.modules[name]
    sys.modules["mixedmodels"] = None


def test_a_worker_without_the_package_is_told():
    with workers(1) as client, client.as_current():
        client.run(without_the_package)
        with pytest.raises(WorkerError, match="cannot import mixedmodels"):
            mm.lmm(FORMULAS[0], dd.from_pandas(rows(), npartitions=2))


def test_a_worker_with_another_version_is_told():
    task = Task(lambda frames: b"", lambda one, other: b"", None, version="0.0.9")
    with pytest.raises(WorkerError, match=r"this session has 0\.0\.9"):
        result(task.of_tables([rows()]))


def test_levels_have_one_type_in_all_parts():
    one, two = divided(rows(), 2, seed=1)
    other = two.assign(g=two["g"].astype(str))
    with pytest.raises(DataError, match="'g' holds numbers in some batches"):
        mm.lmm(FORMULAS[0], delayed([one, other]))
    codes = two.assign(f=two["f"] == "ctl")
    with pytest.raises(DataError, match="'f' holds"):
        mm.lmm(FORMULAS[1], delayed([one, codes]))


def test_a_part_without_a_column_is_told():
    one, two = divided(rows(), 2, seed=1)
    with pytest.raises(DataError, match="no column 'x'"):
        mm.lmm(FORMULAS[0], delayed([one, two.drop(columns="x")]))


def test_a_part_that_cannot_be_read_is_told():
    def broken():
        raise FileNotFoundError("part7.parquet")

    with pytest.raises(DataError, match=r"failed on a worker: FileNotFoundError: part7\.parquet"):
        mm.lmm(FORMULAS[0], [dask.delayed(rows)(), dask.delayed(broken)()])


def test_no_rows_are_told():
    with pytest.raises(DataError, match="no rows"):
        mm.lmm(FORMULAS[0], delayed([rows()[:0], rows()[:0]]))
    with pytest.raises(DataError, match="no rows"):
        mm.lmm(FORMULAS[0], dd.from_pandas(rows(), npartitions=2).query("x > 1e9"))


def test_errors_of_the_formula_are_those_of_a_table():
    with pytest.raises(FormulaError, match="'treat'"):
        mm.lmm("y ~ treat + (1 | g)", dd.from_pandas(rows(), npartitions=2))


def test_functions_of_the_caller_travel_if_they_can(client):
    formula, table = "y ~ half(x) + (1 | g)", dd.from_pandas(rows(), npartitions=2)
    with client.as_current():
        found = mm.lmm(formula, table, context={"half": np.cbrt})
        with pytest.raises(DataError, match="define it with def at the top of a module"):
            mm.lmm(formula, table, context={"half": lambda x: x / 2})
    assert_close(found, mm.lmm(formula, rows(), context={"half": np.cbrt}), ROUNDING)
