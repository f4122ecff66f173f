"""Means that depend on which columns a fit drops are never given as numbers."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import NotEstimableWarning

pytestmark = pytest.mark.filterwarnings("ignore::mixedmodels.errors.DroppedColumnsWarning")


def study(seed=91):
    """Two factors without rows in one cell, and two covariates on a line."""
    random = np.random.default_rng(seed)
    frame = pd.MultiIndex.from_product(
        [range(10), ["a1", "a2"], ["b1", "b2", "b3"], range(2)], names=["s", "a", "b", "i"]
    ).to_frame(index=False)
    frame = frame[(frame.a != "a2") | (frame.b != "b3")].reset_index(drop=True)
    x = random.normal(size=len(frame))
    y = random.normal(size=10)[frame.s] + (frame.a == "a2") * 0.5 + random.normal(size=len(frame))
    return frame.assign(x=x, z=2 * x + 1, y=y)


CODINGS = [None, {"a": "sum", "b": "sum"}, {"b": "helmert"}]


@pytest.mark.parametrize("contrasts", CODINGS)
@pytest.mark.parametrize("options", [{}, {"se": True}, {"interval": "prediction"}])
@pytest.mark.parametrize("re", ["none", "all"])
def test_an_empty_cell_is_null_and_other_cells_do_not_depend_on_the_coding(contrasts, options, re):
    data = study()
    model = mm.lmm("y ~ a * b + (1 | s)", data, contrasts=contrasts)
    new = pd.DataFrame({"a": ["a1", "a2", "a1"], "b": ["b3", "b3", "b1"], "s": 3}, index=[7, 8, 9])
    with pytest.warns(NotEstimableWarning, match="One mean is not .* row label 8") as caught:
        found = pd.DataFrame(model.predict(new, re=re, **options))
    assert caught[0].filename == __file__
    assert found.loc[8].isna().all()
    expected = pd.DataFrame(mm.lmm("y ~ a * b + (1 | s)", data).predict(new[::2], re=re, **options))
    np.testing.assert_allclose(found.loc[[7, 9]], expected, rtol=1e-6)


def test_off_the_line_of_two_covariates():
    data = study()
    for fixed in ("x + z", "z + x", "z + a + x"):
        model = mm.lmm(f"y ~ {fixed} + (1 | s)", data)
        new = {"x": [0.0, 3.0, 0.0], "z": [1.0, 7.0, 5.0], "a": ["a1"] * 3, "s": [0, 1, 2]}
        with pytest.warns(NotEstimableWarning):
            found = model.predict(new, re="none")
        assert np.isnan(found).tolist() == [False, False, True]


def test_a_level_that_another_factor_determines():
    """Arms of groups: an arm that a group was not in."""
    data = study().assign(arm=lambda d: np.where(d.s < 5, "t", "c"))
    model = mm.lmm("y ~ C(s) + arm + (1 | b)", data)
    new = {"s": [1, 1, 8], "arm": ["t", "c", "c"], "b": ["b1", "b1", "b2"]}
    with pytest.warns(NotEstimableWarning):
        found = model.predict(new)
    assert np.isnan(found).tolist() == [False, True, False]


def test_the_rows_of_the_fit_can_all_be_predicted():
    data = study()
    model = mm.lmm("y ~ a * b + x + z + (1 | s)", data)
    np.testing.assert_allclose(model.predict(data), model.fittedvalues)


def test_effects_average_over_cells_with_rows_alone():
    model = mm.lmm("y ~ a * b + (1 | s)", study())
    with pytest.warns(NotEstimableWarning):
        cells = model.plot.data("effects", x="a", by="b")
    cells = cells.set_index(["x", "by"])
    assert cells.loc[("a2", "b3")].isna().all()
    assert cells.drop(index=[("a2", "b3")]).notna().all(axis=None)
    with pytest.warns(NotEstimableWarning):
        means = model.plot.data("effects", x="a").set_index("x")
    assert means["estimate"].isna().tolist() == [False, True]


def test_effects_of_a_factor_that_another_one_determines():
    """The mean over all rows at an arm needs groups in arms that they were not in."""
    data = study().assign(arm=lambda d: np.where(d.s < 5, "t", "c"))
    model = mm.lmm("y ~ C(s) + arm + x + (1 | b)", data)
    with pytest.warns(NotEstimableWarning, match="2 means are not .* arm = c and others"):
        means = model.plot.data("effects", x="arm")
    assert means["estimate"].isna().all()
    assert model.plot.data("effects", x="x")["estimate"].notna().all()


def test_it_can_be_made_an_error():
    model = mm.lmm("y ~ a * b + (1 | s)", study())
    with pytest.raises(NotEstimableWarning):  # warnings are errors in these tests
        model.predict({"a": ["a2"], "b": ["b3"]}, re="none")
