"""Crossed factors as statsmodels' users write them: one group, and variance components alone."""

import pytest

import mixedmodels as mm


@pytest.mark.parametrize("re_formula", [None, "0", "~0", "~ -1"])
def test_components_alone_are_crossed_factors(re_formula):
    data = mm.datasets.load("penicillin").assign(all=1)
    parts = {"plate": "0 + C(plate)", "sample": "0 + C(sample)"}
    found = mm.mixedlm(
        "diameter ~ 1", data, groups="all", re_formula=re_formula, vc_formula=parts
    ).fit()
    crossed = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", data)
    assert found.lmm.objective == pytest.approx(crossed.objective, abs=1e-8)


def test_a_group_without_any_random_effect_is_an_error():
    data = mm.datasets.load("penicillin")
    with pytest.raises(mm.errors.FormulaError, match="has no columns"):
        mm.mixedlm("diameter ~ 1", data, groups="plate", re_formula="0").fit()
