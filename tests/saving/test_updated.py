"""Random effects given new rows are those of all rows at the parameters of the fit."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

import mixedmodels as mm
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.level_information import effect_matrix
from mixedmodels.model import MixedModel
from tests.saving.models import FORMULAS, table

FIRST = 96
"""Rows of the table that a model is fitted to; the others come later."""

EXACT = 1e-9
"""Of effects that follow from the same equations."""


def parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first rows without one of the groups, and the others with it."""
    d = table()
    later = (np.arange(len(d)) >= FIRST) | (d["g"] == "group 3")
    return d[~later], d[later]


def loaded(m: MixedModel) -> MixedModel:
    file = io.BytesIO()
    m.save(file)
    return mm.load(file.getvalue())


def dense_effects(fitted: MixedModel, whole: MixedModel) -> np.ndarray:
    """B-hat of all levels: G Z'V^-1 (y - X beta) by dense algebra over all rows."""
    m, fit = whole.fit.matrices, fitted.fit
    Z = effect_matrix(m, [term.Z for term in m.terms]).toarray()
    G = linalg.block_diag(
        *(
            np.kron(np.eye(len(m.groupings[t.group].levels)), S)
            for t, S in zip(m.terms, fit.covariances, strict=True)
        )
    )
    weights = np.ones(len(m.y)) if m.weights is None else m.weights
    V = Z @ G @ Z.T + fit.sigma**2 * np.diag(1 / weights)
    rest = m.y - m.X @ fit.beta - (0.0 if m.offset is None else m.offset)
    return G @ Z.T @ np.linalg.solve(V, rest)


def by_level(model: MixedModel) -> pd.DataFrame:
    found = model.ranef_table()
    return found.set_index(["group", "level", "term"]).sort_index()


@pytest.mark.parametrize("kind", ["slopes", "crossed", "ml", "codings", "structured"])
def test_modes_of_a_linear_model_are_those_of_all_rows(kind: str) -> None:
    first, later = parts()
    fitted, whole = FORMULAS[kind](first), FORMULAS[kind](table())
    updated = fitted.update_random_effects(later)
    expected, start = dense_effects(fitted, whole), 0
    for term, b in zip(updated.fit.matrices.terms, updated.fit.b, strict=True):
        mine = updated.fit.matrices.groupings[term.group].levels
        theirs = whole.fit.matrices.groupings[term.group].levels
        assert set(mine) == set(theirs)
        own = expected[start : start + b.size].reshape(b.shape)
        start += b.size
        order = [theirs.index(level) for level in mine]
        np.testing.assert_allclose(b, own[order], rtol=EXACT, atol=EXACT)


def test_errors_are_those_of_all_rows() -> None:
    """With the coefficients as known, conditional covariances are those of the whole problem."""
    first, later = parts()
    fitted, whole = FORMULAS["crossed"](first), FORMULAS["crossed"](table())
    updated = fitted.update_random_effects(later)
    blocks = whole.fit.problem.conditional_covariance(fitted.fit.theta, term=0)
    expected = fitted.sigma * np.sqrt(blocks[:, 0, 0])
    theirs = [str(level) for level in whole.fit.matrices.groupings[0].levels]
    found = by_level(updated).loc["g"].droplevel("term").loc[theirs, "std_error"]
    np.testing.assert_allclose(found, expected, rtol=EXACT)


@pytest.mark.parametrize("kind", ["poisson", "binary", "ordinal", "inflated"])
def test_modes_of_a_generalised_model_are_those_of_all_rows_where_they_are_kept(kind: str) -> None:
    first, later = parts()
    fitted, whole = FORMULAS[kind](first), FORMULAS[kind](table())
    problem = whole.fit.problem
    assert isinstance(problem, GeneralisedProblem)
    assert not fitted.fit.matrices.coordinates.steps
    assert not whole.fit.matrices.coordinates.steps
    expected = problem.solution(fitted.fit.psi, hessian=False).b
    updated = fitted.update_random_effects(later)
    for term, b, own in zip(updated.fit.matrices.terms, updated.fit.b, expected, strict=True):
        mine = updated.fit.matrices.groupings[term.group].levels
        theirs = whole.fit.matrices.groupings[term.group].levels
        order = [theirs.index(level) for level in mine]
        np.testing.assert_allclose(b, own[order], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ["slopes", "crossed", "structured", "residual"])
def test_one_update_after_the_other_is_one_update(kind: str) -> None:
    first, later = parts()
    model = loaded(FORMULAS[kind](first if kind != "residual" else blocks_of(first, later)[0]))
    new = later if kind != "residual" else blocks_of(first, later)[1]
    at_once = model.update_random_effects(new)
    in_steps = model.update_random_effects(new.iloc[:4])
    if kind == "residual":
        with pytest.raises(DataError, match="blocks of residuals"):
            model.update_random_effects(blocks_of(first, later)[0].head(2))
        in_steps = model.update_random_effects(new[new["g"] == "group 3"])
        in_steps = in_steps.update_random_effects(new[new["g"] != "group 3"])
    else:
        in_steps = in_steps.update_random_effects(new.iloc[4:])
    pd.testing.assert_frame_equal(by_level(at_once), by_level(in_steps), rtol=1e-9)


def blocks_of(first: pd.DataFrame, later: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table by whole groups: the blocks of residuals."""
    d, new = table(), table()["g"].isin(["group 3", "group 5"])
    return d[~new], d[new]


def test_no_new_information_changes_nothing() -> None:
    """Rows of a new level alone leave the levels of a single factor as they were."""
    first, later = parts()
    model = FORMULAS["slopes"](first)
    updated = model.update_random_effects(later[later["g"] == "group 3"])
    old = by_level(model)
    pd.testing.assert_frame_equal(by_level(updated).loc[old.index], old, rtol=1e-8)


def test_several_columns_make_a_group() -> None:
    d = table()
    whole = mm.lmm("y ~ x + (1 | c/h)", d)
    later = (d["h"] == 2) & (d["c"] == "u")
    fitted = mm.lmm("y ~ x + (1 | c/h)", d[~later])
    updated = fitted.update_random_effects(d[later])
    b = np.concatenate([part.ravel() for part in updated.fit.b])
    np.testing.assert_allclose(b, dense_effects(fitted, whole), rtol=EXACT, atol=EXACT)
    require = updated.random_effects
    assert list(require["c:h"].index) == list(whole.random_effects["c:h"].index)


def test_predictions_know_new_levels_and_survive_a_file() -> None:
    first, later = parts()
    updated = FORMULAS["slopes"](first).update_random_effects(later)
    again = loaded(updated)
    row = later[later["g"] == "group 3"].head(2)
    for model in (updated, again):
        assert model.predict(row, new_levels="error").notna().all()
        found = model.predict(row, interval="prediction")
        unknown = FORMULAS["slopes"](first).predict(row, interval="prediction")
        assert (found["std_error"] < unknown["std_error"]).all()
    assert updated.predict(row).equals(again.predict(row))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y": np.nan}, "miss a value"),
        ({"g": None}, "miss a value"),
        ({"a": "z"}, "levels that the model does not know"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(change: dict[str, object], match: str) -> None:
    first, later = parts()
    with pytest.raises(DataError, match=match):
        FORMULAS["slopes"](first).update_random_effects(later.head(2).assign(**change))


def test_refused_models() -> None:
    first, later = parts()
    with pytest.raises(DataError, match="no random effects"):
        FORMULAS["ols"](first).update_random_effects(later)
    with pytest.raises(DataError, match="no column 'x'"):
        FORMULAS["slopes"](first).update_random_effects(later.drop(columns="x"))


def test_levels_that_share_a_row_cannot_be_added() -> None:
    d = table().assign(other=np.roll(table()["g"], 5))
    model = mm.lmm("y ~ x + mm(1 | g + other)", d)
    assert model.update_random_effects(d.head(3)).ngroups == model.ngroups
    with pytest.raises(DataError, match="has not seen"):
        model.update_random_effects(d.head(3).assign(other="group new"))


def test_new_blocks_of_correlated_residuals_are_whole() -> None:
    d = table().assign(h=lambda t: t["g"].str[6:].astype(int) % 4)
    new = d["g"].isin(["group 3", "group 7"])
    model = mm.lmm("y ~ x + (1 | h)", d[~new], residual="ar1(t | g)")
    rho = model.covariance_parameters().set_index("parameter")["estimate"]["cor(Residual)"]
    order = pd.concat([d[~new], d[new]])
    same = order["g"].to_numpy()[:, None] == order["g"].to_numpy()
    lag = np.abs(np.subtract.outer(order["t"].to_numpy(), order["t"].to_numpy()))
    Z = (order["h"].to_numpy()[:, None] == np.arange(4)).astype(float)
    [[variance]] = model.cov_re["h"].to_numpy()
    V = variance * Z @ Z.T + model.scale * same * rho**lag
    rest = order["y"] - model.params["Intercept"] - model.params["x"] * order["x"]
    truth = variance * Z.T @ np.linalg.solve(V, rest)
    for start in (model, loaded(model)):
        updated = start.update_random_effects(d[new])
        found = updated.random_effects["h"].iloc[:, 0]
        np.testing.assert_allclose(found, truth, rtol=1e-8, atol=1e-10)
    part = loaded(model.update_random_effects(d[d["g"] == "group 3"].head(3)))
    with pytest.raises(DataError, match="all rows of a block at once"):
        part.update_random_effects(d[d["g"] == "group 3"].tail(3))
    with pytest.raises(DataError, match="at one place"):
        model.update_random_effects(d[new].assign(t=1))
    with pytest.raises(DataError, match="at one place"):
        model.simulate(1, newdata=d[new].assign(t=1), seed=1)


@pytest.mark.parametrize(
    ("kind", "change", "match"),
    [
        ("poisson", {"count": 1.5}, "no whole number"),
        ("poisson", {"count": -1}, "negative"),
        ("binary", {"ok": 2}, "neither 0 nor 1"),
        ("trials", {"misses": -1, "hits": 3}, "successes"),
        ("inflated", {"count": 0.5}, "no whole number"),
        ("crossed", {"w": np.nan}, "miss a value"),
        ("crossed", {"w": np.inf}, "infinite"),
        ("sigma", {"x": np.nan}, "miss a value"),
    ],
)
def test_values_that_no_row_can_have_are_refused(
    kind: str, change: dict[str, object], match: str
) -> None:
    model = loaded(FORMULAS[kind](table()))
    with pytest.raises(DataError, match=match):
        model.update_random_effects(table().head(2).assign(**change))


@pytest.mark.parametrize("alone", ["count", "ok"])
def test_new_rows_need_not_vary(alone: str) -> None:
    model = FORMULAS["poisson" if alone == "count" else "binary"](table())
    updated = model.update_random_effects(table().head(1).assign(**{alone: 0}))
    assert updated.random_effects["g"].iloc[0, 0] < model.random_effects["g"].iloc[0, 0]


def test_trials_say_how_much_a_row_tells() -> None:
    d = table().assign(n=lambda t: t["hits"] + t["misses"])
    new = d.head(3).assign(hits=1)
    named = mm.glmm("hits ~ x + (1 | g)", d, "binomial", trials="n")
    given = mm.glmm("hits ~ x + (1 | g)", d, "binomial", trials=d["n"].to_numpy())
    for model in (named, loaded(named)):
        with pytest.raises(DataError, match="add the column 'n'"):
            model.update_random_effects(new.drop(columns="n"))
    with pytest.raises(DataError, match="into a column"):
        given.update_random_effects(new)
