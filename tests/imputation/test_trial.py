"""Reference-based imputation and delta adjustment: against conditional means written out, and what
must hold whatever the data are. Results hang on seeds, which are fixed here.
"""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

FORMULA = "y ~ base + arm * visit"


def trial(seed: int = 1, subjects: int = 60) -> pd.DataFrame:
    """Four visits, two arms, dropout that goes with what was seen, some visits missed between."""
    random = np.random.default_rng(seed)
    base = random.normal(size=subjects)
    root = np.linalg.cholesky(0.5 + 0.5 * np.eye(4))
    rows = []
    for i in range(subjects):
        arm = "active" if i % 2 else "placebo"
        y = 0.5 * base[i] + (0.5 if i % 2 else 0.1) * np.arange(4) + root @ random.normal(size=4)
        last = 4
        for t in range(1, 4):
            if random.uniform() < 0.12 + 0.1 * (y[t - 1] < 0):
                last = t
                break
        if i in (3, 8):
            last = 0  # never came
        seen = np.arange(4) < last
        if i % 13 == 5 and last == 4:
            seen[1] = False
        for t in range(4):
            value = y[t] if seen[t] else np.nan
            rows.append((f"s{i:02d}", arm, base[i], f"v{t}", value))
    return pd.DataFrame(rows, columns=["id", "arm", "base", "visit", "y"])


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return trial()


@pytest.fixture(scope="module")
def model(data):
    return mm.mmrm(FORMULA, data, subject="id", visit="visit")


def imputed(model, method="j2r", **how):
    return mm.impute_trial(
        model, **({"arm": "arm", "reference": "placebo", "method": method, "n": 3, "seed": 4} | how)
    )


def expected(model, data, method) -> np.ndarray:
    """Conditional means at the estimates, subject by subject."""
    S = model.fit.sigma**2 * model.fit.problem.residual_covariance(
        model.fit.theta, 0, np.arange(4.0)[:, None]
    )
    own = model.predict(data.assign(id="new"), re="none").to_numpy()
    other = model.predict(data.assign(id="new", arm="placebo"), re="none").to_numpy()
    out = np.full(len(data), np.nan)
    for rows in data.groupby("id").indices.values():
        y, mu, ref = data["y"].to_numpy()[rows], own[rows], other[rows]
        seen = ~np.isnan(y)
        last = np.flatnonzero(seen)[-1] if seen.any() else -1
        mean = mu.copy()
        for t in range(4):
            if method == "cr" or (method != "mar" and last < 0) or (t > last and method == "j2r"):
                mean[t] = ref[t]
            elif t > last and method == "cir":
                mean[t] = mu[last] + ref[t] - ref[last]
        if seen.all():
            continue
        B = S[np.ix_(~seen, seen)] @ np.linalg.inv(S[np.ix_(seen, seen)])
        out[rows[~seen]] = mean[~seen] + B @ (y[seen] - mean[seen])
    return out


@pytest.mark.parametrize("method", ["mar", "j2r", "cr", "cir"])
def test_means_of_imputed_values_are_the_conditional_ones(model, data, method) -> None:
    found = imputed(model, method, n=60)
    gone = data["y"].isna().to_numpy()
    wanted = expected(model, data, method)[gone]
    each = np.array([frame["y"].to_numpy()[gone] for frame in found])
    error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
    away = (each.mean(axis=0) - wanted) / error
    # parameters are drawn, whose curvature moves means by less than their Monte Carlo error
    assert np.abs(away).max() < 5
    assert np.mean(away**2) < 3


def test_missing_at_random_gives_back_the_model(model, data) -> None:
    found = imputed(model, "mar", n=25)
    pooled = mm.mmrm(FORMULA, found, subject="id", visit="visit")
    between = np.var([m.params for m in pooled.models], axis=0, ddof=1)
    np.testing.assert_array_less(
        np.abs(pooled.params - model.params), 4.5 * np.sqrt(between / 25) + 1e-9
    )
    np.testing.assert_allclose(pooled.bse, model.bse, rtol=0.15)


def test_what_must_hold_between_methods(model, data) -> None:
    by = {method: imputed(model, method).frames[0] for method in ("mar", "j2r", "cr", "cir")}
    reference = data["arm"] == "placebo"
    never = data["id"] == "s03"
    for method in ("j2r", "cr", "cir"):
        pd.testing.assert_frame_equal(by["mar"][reference], by[method][reference])
    pd.testing.assert_frame_equal(by["j2r"][never], by["cr"][never])
    pd.testing.assert_frame_equal(by["j2r"][never], by["cir"][never])
    assert not by["mar"][~reference].equals(by["j2r"][~reference])
    between = data["id"].isin([i for i in data["id"].unique() if int(i[1:]) % 13 == 5])
    kept = between & data.groupby("id")["y"].transform(lambda y: y.notna().sum()).eq(3)
    pd.testing.assert_frame_equal(by["mar"][kept], by["j2r"][kept])


def test_delta_moves_imputed_values_and_nothing_else(model, data) -> None:
    plain, gone = imputed(model).frames[1]["y"], data["y"].isna()
    active = data["arm"] == "active"
    shifted = imputed(model, delta=2.5).frames[1]["y"]
    np.testing.assert_allclose(shifted - plain, np.where(gone & active, 2.5, 0.0), atol=1e-12)
    per_arm = imputed(model, delta={"placebo": -1.0, "active": 2.5}).frames[1]["y"]
    wanted = np.where(gone, np.where(active, 2.5, -1.0), 0.0)
    np.testing.assert_allclose(per_arm - plain, wanted, atol=1e-12)
    with_column = data.assign(shift=np.arange(len(data)) / 10)
    by_row = mm.mmrm(FORMULA, with_column, subject="id", visit="visit")
    found = imputed(by_row, delta="shift").frames[1]["y"]
    np.testing.assert_allclose(found - plain, np.where(gone, with_column["shift"], 0), atol=1e-9)


def test_observed_values_stay_and_seeds_repeat(model, data) -> None:
    one, two, three = (imputed(model, seed=seed) for seed in (4, 4, 5))
    there = data["y"].notna()
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a, b)
        assert a.loc[there, "y"].tolist() == data.loc[there, "y"].tolist()
        assert a["y"].notna().all()
    assert not one.frames[0].equals(three.frames[0])
    assert "jump to reference" in repr(one)


def test_other_libraries_and_covariances(data) -> None:
    for covariance, by in (("ar1", None), ("us", "arm"), ("toep", None)):
        table = pl.from_pandas(data)
        fitted = mm.mmrm(FORMULA, table, subject="id", visit="visit", covariance=covariance, by=by)
        found = imputed(fitted, "cr")
        assert isinstance(found.frames[0], pl.DataFrame)
        assert found.frames[0]["y"].is_not_null().all()
    coded = data.assign(arm=(data["arm"] == "active").astype(int))
    fitted = mm.mmrm(FORMULA, coded, subject="id", visit="visit")
    frame = imputed(fitted, reference=0).frames[0]
    wanted = imputed(mm.mmrm(FORMULA, data, subject="id", visit="visit")).frames[0]
    np.testing.assert_array_equal(frame["arm"], coded["arm"])
    assert np.corrcoef(frame["y"], wanted["y"])[0, 1] > 0.8


def test_what_is_refused(model, data) -> None:
    def refused(match, fitted=model, **how):
        with pytest.raises(DataError, match=match):
            imputed(fitted, **how)

    refused("reference", reference="nobody")
    refused("no column 'group'", arm="group")
    refused("method", method="lmcf")
    refused("delta", delta="nothing")
    refused("delta", delta=np.inf)
    refused("an arm of delta", delta={"other": 1.0})
    refused("given an object of type str", fitted="model")
    refused("not one of repeated measures alone", fitted=mm.lmm("y ~ arm + (1 | id)", data))
    absent = data[data["y"].notna()]
    complete = mm.mmrm(FORMULA, absent, subject="id", visit="visit")
    refused("Nothing is missing", fitted=complete)
    some = data.drop(data.index[data["y"].isna()][:3])
    refused("3 rows are not there", fitted=mm.mmrm(FORMULA, some, subject="id", visit="visit"))
    lacking = data.assign(base=data["base"].where(data["id"] != "s03"))
    refused(
        "4 rows have a missing covariate",
        fitted=mm.mmrm(FORMULA, lacking, subject="id", visit="visit"),
    )
    refused("does not use 'arm'", fitted=mm.mmrm("y ~ visit", data, subject="id", visit="visit"))
