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
