"""The table of coefficients: R's lmerTest and pbkrtest, closed forms, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from tests.inference.exact import fit
from tests.reference.load import models, reference, translated

DF = 1e-4  # relative: lmerTest differentiates numerically; both follow where two searches ended
VALUE = 1e-4  # relative: standard errors and t, likewise
P = 1e-6  # absolute

# Singular fits are among them: zero directions count as known, as in R.
METHODS = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger"}
LARGE = {"fhch2010", "insteval", "star_math", "verbagg"}

CASES = [
    pytest.param(name, ddf, id=f"{name}-{ddf}", marks=[pytest.mark.large] * (name in LARGE))
    for name in models()
    for ddf, theirs in METHODS.items()
    if isinstance(tests := reference(name).raw.get("coef_tests"), dict)
    and "_rows" in (tests.get(theirs) or {})
]


@pytest.mark.parametrize(("name", "ddf"), CASES)
def test_agrees_with_r(name, ddf):
    ref = reference(name)
    stored = ref.raw["coef_tests"][METHODS[ddf]]
    names = [translated(row, ref.fixed_columns) for row in stored["_rows"]]
    table = fit(name).coef_table(ddf).set_index("term").loc[names]
    np.testing.assert_allclose(table["df"], stored["df"], rtol=DF)
    np.testing.assert_allclose(table["std_error"], stored["Std. Error"], rtol=VALUE)
    np.testing.assert_allclose(table["statistic"], stored["t value"], rtol=VALUE, atol=VALUE)
    np.testing.assert_allclose(table["p_value"], stored["Pr(>|t|)"], rtol=VALUE, atol=P)


def test_columns_and_vectors_agree():
    model = fit("cake_factorial")
    table = model.coef_table()
    assert list(table.columns) == [
        "term",
        "estimate",
        "std_error",
        "df",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
    ]
    table = table.set_index("term")
    assert table.index.tolist() == model.params.index.tolist()
    pd.testing.assert_series_equal(
        table["p_value"], model.pvalues, check_index_type=False, check_names=False
    )
    assert table["estimate"].to_numpy() == pytest.approx(model.params.to_numpy())
    assert table["std_error"].to_numpy() == pytest.approx(model.bse.to_numpy())
    assert table["statistic"].to_numpy() == pytest.approx(model.tvalues.to_numpy())


def test_limits_exclude_zero_where_the_test_rejects():
    model = fit("cake_factorial")
    for ddf in ("satterthwaite", "kenward-roger", "residual", "normal"):
        for level in (0.5, 0.9):
            table = model.coef_table(ddf, level=level)
            excludes = (table["conf_low"] > 0) | (table["conf_high"] < 0)
            assert (excludes == (table["p_value"] < 1 - level)).all()
            assert 0 < excludes.sum() < len(table)


def test_kenward_and_roger_adjust_the_standard_errors():
    model = fit("machines_unbal")
    table = model.coef_table("kenward-roger").set_index("term")
    assert (table["std_error"] > model.bse * (1 + 1e-5)).all()


def test_least_squares_is_the_classical_t_test(sleepstudy):
    model = mm.lmm("Reaction ~ Days", sleepstudy)
    for ddf in ("satterthwaite", "kenward-roger", "residual"):
        np.testing.assert_allclose(model.coef_table(ddf)["df"], 178, rtol=1e-9)


def test_infinite_degrees_of_freedom_are_infinite():
    table = fit("dyestuff").coef_table("normal")
    assert np.isinf(table["df"]).all()


def test_no_fixed_effects(sleepstudy):
    model = mm.lmm("Reaction ~ 0 + (1 | Subject)", sleepstudy)
    assert len(model.coef_table()) == 0
    assert len(model.pvalues) == 0


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_the_table_comes_in_the_library_of_the_data(backend):
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy", backend))
    assert type(model.coef_table()).__module__.startswith(backend)


def test_refusals():
    model = fit("dyestuff")
    with pytest.raises(DataError, match="level = 2 is not a probability"):
        model.coef_table(level=2)
    with pytest.raises(DataError, match=r"ddf = 'foo' is not known.*\n.*'kenward-roger'"):
        model.coef_table("foo")
