"""Which structures are special cases of others: declared, and tried on covariances."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.covariance import Structure
from mixedmodels.inference.nested_structures import LARGER, is_within
from tests import structured_dense as dense

PLAIN = pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")

WITHIN = [
    (Structure("diag", hom=True), Structure("diag")),
    (Structure("diag", hom=True), Structure("ar1", hom=True)),
    (Structure("cs", hom=True), Structure("cs")),
    (Structure("cs", hom=True), Structure("toep", hom=True)),
    (Structure("cs"), Structure("us")),
    (Structure("ar1", hom=True), Structure("toep", hom=True)),
    (Structure("ar1", hom=True), Structure("ante")),
    (Structure("ar1"), Structure("arma", order=(1, 1))),
    (Structure("toep", band=2), Structure("toep", band=3)),
    (Structure("toep", band=3), Structure("toep")),
    (Structure("fa", rank=1), Structure("fa", rank=2)),
    (Structure("rr", rank=1), Structure("fa", rank=1)),
    (Structure("expo", hom=True), Structure("matern", hom=True)),
    (Structure("expo", hom=True), Structure("expo", hom=True, nugget=True)),
]


@pytest.mark.parametrize(("small", "large"), WITHIN)
def test_the_order_runs_one_way(small: Structure, large: Structure) -> None:
    assert is_within(small, large)
    assert not is_within(large, small)
    assert is_within(small, small)


def test_the_order_is_transitive() -> None:
    for small, larger in LARGER.items():
        for middle in larger:
            assert set(LARGER.get(middle, ())) - {small} <= set(larger), (small, middle)


def test_neither_of_two_is_within_the_other() -> None:
    for a, b in [("cs", "ar1"), ("ante", "toep"), ("gauss", "expo"), ("ar1", "car1")]:
        assert not is_within(Structure(a), Structure(b))
        assert not is_within(Structure(b), Structure(a))


def _data() -> pd.DataFrame:
    random = np.random.default_rng(8)
    rows = pd.MultiIndex.from_product([range(40), range(4)], names=["s", "visit"])
    data = rows.to_frame(index=False)
    data["arm"] = np.where(data["s"] % 2, "a", "b")
    e = (
        random.normal(size=(40, 4))
        @ np.linalg.cholesky(
            dense.scaled([1.0, 1.2, 1.5, 1.3], dense.autoregressive(dense.lags(range(4)), 0.6))
        ).T
    )
    return data.assign(y=e.ravel(), weeks=2.0 * data["visit"])


DATA = _data()


def _fit(residual: str | None = None, *, random: str = "", **arguments: object):
    return mm.lmm(f"y ~ arm{random}", DATA, residual=residual, **arguments)


def _note(small, large) -> str:
    table = mm.compare(small, large)
    return str(table["note"].iloc[1]) if not np.isfinite(table["p_value"].iloc[1]) else "test"


@PLAIN
def test_a_chain_of_residual_structures_is_tested() -> None:
    chain = [
        _fit(),
        _fit("ar1(visit | s)"),
        _fit("toep(visit | s, hom=True)"),
        _fit("us(visit | s)"),
    ]
    table = mm.compare(*chain)
    assert np.isfinite(table["p_value"].iloc[1:]).all()
    assert table["df"].iloc[1:].tolist() == [1, 2, 6]
    # The larger model is never worse.
    assert (np.diff(table["deviance"]) <= 1e-5).all()


@PLAIN
def test_what_is_not_nested_has_no_test() -> None:
    cs, ar1 = _fit("cs(visit | s, hom=True)"), _fit("ar1(visit | s, hom=False)")
    assert "not nested (residual" in _note(cs, ar1)
    # Other blocks.
    other = mm.lmm("y ~ arm", DATA.assign(t=DATA["s"] // 2, v=DATA["s"] % 2 * 4 + DATA["visit"]),
                   residual="ar1(v | t)")  # fmt: skip
    assert "not nested (residual" in _note(other, _fit("us(visit | s)"))


@PLAIN
def test_by_groups_and_strata_are_nested_in_their_own() -> None:
    assert _note(_fit("ar1(visit | s)"), _fit("ar1(visit | s, by=arm)")) == "test"
    assert _note(_fit(), _fit(sigma="~ arm")) == "test"
    assert _note(_fit(sigma="~ C(visit)"), _fit("us(visit | s)")) == "test"
    assert "not nested (residual" in _note(_fit(sigma="~ arm"), _fit("us(visit | s)"))


@PLAIN
def test_random_effects_that_an_unstructured_residual_takes_up() -> None:
    us = _fit("us(visit | s)")
    assert _note(_fit(random=" + (1 | s)"), us) == "test"
    assert _note(_fit(random=" + (1 + visit | s)"), us) == "test"
    assert _note(_fit("car1(weeks | s)"), us) == "test"
    assert "not nested" in _note(_fit(random=" + (1 | s:arm)"), _fit("ar1(visit | s, hom=False)"))


@PLAIN
def test_structured_terms_are_compared_by_kind() -> None:
    cs = _fit(random=" + cs(0 + factor(visit) | s, hom=True)", sigma=0.5)
    ar1 = _fit(random=" + ar1(0 + factor(visit) | s, hom=False)", sigma=0.5)
    us = _fit(random=" + (0 + factor(visit) | s)", sigma=0.5)
    assert _note(cs, us) == "test"
    assert _note(ar1, us) == "test"
    assert "not nested (random" in _note(cs, ar1)


@PLAIN
def test_held_parameters_make_the_smaller_model() -> None:
    free = _fit(random=" + (1 | s)")
    held = _fit(random=" + (1 | s)", fixed={"sd(s:Intercept)": 0.5})
    assert _note(held, free) == "test"
