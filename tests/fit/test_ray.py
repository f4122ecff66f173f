"""Fits to a Ray Dataset on this machine, where there is Ray."""

import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.divided import FORMULAS, assert_close, assert_same_bits, rows

pytestmark = pytest.mark.filterwarnings("ignore")

ROUNDING = 1e-6
"""Standard errors of effects and degrees of freedom lose digits that estimates keep."""


@pytest.fixture(scope="module")
def ray():
    """Two processes."""
    found = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    found.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield found
    found.shutdown()


def test_blocks_do_not_matter(ray):
    frame = rows().dropna()
    table = ray.data.from_pandas(frame)
    one = mm.lmm(FORMULAS[1], table)
    assert_same_bits(one, mm.lmm(FORMULAS[1], table.repartition(4)))
    assert_close(one, mm.lmm(FORMULAS[1], frame), ROUNDING)


def test_no_rows_are_told(ray):
    with pytest.raises(DataError, match="no rows"):
        mm.lmm(FORMULAS[0], ray.data.from_pandas(rows()[:0]))
