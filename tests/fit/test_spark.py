"""Fits to a Spark DataFrame in a session on this machine, where there are Spark and Java."""

import os
import shutil
import sys

import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, FormulaError
from tests.divided import FORMULAS, assert_close, assert_same_bits, divided, rows

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

ROUNDING = 1e-6
"""Standard errors of effects and degrees of freedom lose digits that estimates keep."""


@pytest.fixture(scope="module")
def spark():
    """A session with two threads."""
    sql = pytest.importorskip("pyspark.sql")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    yield session
    session.stop()


def test_partitions_do_not_matter(spark):
    frame = rows().dropna()
    table = spark.createDataFrame(frame)
    one = mm.lmm(FORMULAS[2], table)
    assert_same_bits(one, mm.lmm(FORMULAS[2], table.repartition(3)))
    assert_close(one, mm.lmm(FORMULAS[2], frame), ROUNDING)
    dask = pytest.importorskip("dask")
    assert_same_bits(one, mm.lmm(FORMULAS[2], [dask.delayed(p) for p in divided(frame, 3, 1)]))


def test_what_fails_is_told(spark):
    table = spark.createDataFrame(rows(100).dropna())
    with pytest.raises(FormulaError, match="'treat'"):
        mm.lmm("y ~ treat + (1 | g)", table)
    broken = table.selectExpr("y", "g", "raise_error('boom') AS x")
    with pytest.raises(DataError, match=r"\(Spark DataFrame\) failed on a worker.*boom"):
        mm.lmm("y ~ x + (1 | g)", broken)
    with pytest.raises(DataError, match="no rows"):
        mm.lmm("y ~ x + (1 | g)", table.where("x > 1000000"))
