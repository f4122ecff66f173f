"""What stands below a table is true of all of it."""

import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def hole():
    data = mm.datasets.load("oats")
    rows = data[~((data["Variety"] == "Victory") & (data["nitro"] == 0.6))]
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        return mm.lmm("yield ~ Variety * C(nitro) + (1 | Block / Variety)", rows)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.NotEstimableWarning")
def test_a_family_of_one_test_does_not_speak_for_the_others(hole):
    pairs = hole.emmeans("Variety | nitro").pairs(adjust="holm")
    p = pairs.table()["p_value"]
    alone = pairs.test(adjust="none")["p_value"]
    assert p[2] > 2 * alone[2]
    assert p[9] == alone[9]  # the last group has one row that the data determine
    assert "adjusted" in str(pairs)
    assert "Holm" in str(pairs)
    assert "instead of" not in str(pairs)


@pytest.fixture(scope="module")
def means():
    model = mm.lmm("log(conc) ~ age + (1 | Lot)", mm.datasets.load("igf"))
    return model.emmeans("age", at={"age": [0, 20]})


def test_ratios_have_no_bias_to_be_freed_of(means):
    ratios = means.pairs()
    assert "bias" in str(means.response(bias_adjust=True))
    assert "bias" not in str(ratios.response(bias_adjust=True))
    plain, freed = ratios.response().table(), ratios.response(bias_adjust=True).table()
    assert freed.equals(plain)


@pytest.mark.parametrize("sigma", [0, -1.0, "a", float("nan"), 10**30, [1.0]])
def test_a_sigma_that_is_none(means, sigma):
    with pytest.raises(DataError, match="sigma"):
        means.response(bias_adjust=True, sigma=sigma)
