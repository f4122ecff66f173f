"""`mmrm` against what multivariate analysis gives exactly, and what it does where searches fail."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import ConvergenceError, ConvergenceWarning, DataError
from tests import structured_dense as dense


@pytest.fixture(scope="module")
def children() -> pd.DataFrame:
    return mm.datasets.load("orthodont")


def fit(data: pd.DataFrame, **options: object) -> mm.LinearMixedModel:
    formula = options.pop("formula", "distance ~ Sex * C(age)")
    return mm.mmrm(formula, data, **{"subject": "Subject", "visit": "age", **options})


def test_it_is_the_model_with_residual_covariance(children: pd.DataFrame) -> None:
    mine = fit(children, covariance="toep", reml=False)
    other = mm.lmm("distance ~ Sex * C(age)", children, residual="toep(age | Subject)", reml=False)
    assert mine.objective == other.objective
    pd.testing.assert_series_equal(mine.params, other.params)


@pytest.mark.parametrize("ddf", ["kenward-roger", "satterthwaite"])
def test_complete_data_give_the_t_tests_of_each_visit(children: pd.DataFrame, ddf: str) -> None:
    """With a mean per arm and visit, each visit's means and difference are those of its own
    two-sample t test: pooled variance, n - 2 degrees of freedom.
    """
    means = fit(children).emmeans("Sex | age", ddf=ddf)
    table, pairs = means.table(), means.pairs().table()
    for age, rows in children.groupby("age"):
        arms = [rows.loc[rows["Sex"] == sex, "distance"] for sex in ("Male", "Female")]
        n = [len(arm) for arm in arms]
        pooled = sum((k - 1) * arm.var() for k, arm in zip(n, arms, strict=True)) / (sum(n) - 2)
        own = table[table["age"].astype(float) == age]
        np.testing.assert_allclose(own["estimate"], [arm.mean() for arm in arms], rtol=1e-6)
        np.testing.assert_allclose(own["std_error"], np.sqrt(pooled / np.array(n)), rtol=1e-5)
        np.testing.assert_allclose(own["df"], sum(n) - 2, rtol=1e-4)
        pair = pairs[pairs["age"].astype(float) == age].iloc[0]
        assert pair["std_error"] == pytest.approx(np.sqrt(pooled * (1 / n[0] + 1 / n[1])), rel=1e-5)
        assert pair["df"] == pytest.approx(sum(n) - 2, rel=1e-4)


def test_missing_visits_by_dense_algebra(children: pd.DataFrame) -> None:
    """Rows left out at random, one order of rows or another: the likelihood of their patterns."""
    some = children.sample(80, random_state=3)
    model = fit(some, formula="distance ~ Sex * age")
    table = model.conf_int(which="variance").set_index("term")["estimate"]
    ages = [8, 10, 12, 14]
    corr = [table[f"cor({a}, {b})"] for i, a in enumerate(ages) for b in ages[i + 1 :]]
    Sigma = dense.scaled([table[str(a)] for a in ages], dense.unstructured(4, corr))
    place = np.searchsorted(ages, some["age"])
    V = np.where(
        np.equal.outer(some["Subject"].to_numpy(), some["Subject"].to_numpy()),
        Sigma[np.ix_(place, place)],
        0.0,
    )
    X = model.fit.matrices.coordinates.original(model.fit.matrices.X)
    judged = dense.evaluate(some["distance"], X, V, reml=True)
    assert model.objective == pytest.approx(judged.criterion, abs=1e-7)
    assert judged.scale == pytest.approx(1, abs=1e-7)
    np.testing.assert_allclose(model.params, judged.beta, rtol=1e-7)


def test_covariances_of_their_own_per_arm(children: pd.DataFrame) -> None:
    both = fit(children, by="Sex", covariance="cs", reml=False)
    parts = [
        fit(rows, formula="distance ~ C(age)", covariance="cs", reml=False)
        for _, rows in children.groupby("Sex", observed=True)
    ]
    assert both.objective == pytest.approx(sum(part.objective for part in parts), abs=1e-6)


def test_names_that_are_no_words(children: pd.DataFrame) -> None:
    renamed = children.rename(columns={"Subject": "child id", "age": "the visit"})
    model = mm.mmrm("distance ~ Sex", renamed, subject="child id", visit="the visit")
    assert model.objective == fit(children, formula="distance ~ Sex").objective


def test_it_falls_back_and_says_so(children: pd.DataFrame) -> None:
    control = mm.Control(max_evaluations=1)
    with pytest.warns(ConvergenceWarning) as found:
        model = fit(children, control=control, fallback=("cs",))
    texts = [str(warning.message) for warning in found]
    assert "'us' could not be fitted, 'cs' is tried" in texts[0]
    assert len(texts) == 2  # and the last one did not converge either
    assert "cs" in str(model.fit.request.residual)
    with pytest.raises(ConvergenceError), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit(children, control=mm.Control(max_evaluations=1, on_failure="raise"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(children)


REFUSED = [
    ({"subject": "child"}, "subject="),
    ({"visit": "time"}, "visit="),
    ({"by": "arm"}, "by="),
    ({"covariance": "diag"}, "covariance"),
    ({"fallback": ("none",)}, "covariance"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refusals(children: pd.DataFrame, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        fit(children, **options)


def test_a_visit_twice_is_refused(children: pd.DataFrame) -> None:
    twice = pd.concat([children, children.iloc[[5]]], ignore_index=True)
    with pytest.raises(DataError, match="M02"):
        fit(twice)
