"""Another covariance than the model's at every exit that tests fixed effects."""

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.fit import streamed as fit_streamed
from mixedmodels.inference.contrast import t_tests
from mixedmodels.inference.robust import test_method as method_asked
from mixedmodels.report.words import methods_sentence

Frame = pd.DataFrame
Exit = Callable[..., Any]

EXITS: dict[str, Exit] = {
    "coef_table": lambda m, **k: m.coef_table(**k),
    "conf_int": lambda m, **k: m.conf_int(**k),
    "conf_int all": lambda m, **k: m.conf_int(which="all", **k),
    "anova 1": lambda m, **k: m.anova(1, **k),
    "anova 2": lambda m, **k: m.anova(2, **k),
    "anova 3": lambda m, **k: m.anova(3, **k),
    "contrast": lambda m, **k: m.contrast("age = 1, Sex[T.Female] = 0", **k),
    "t_test": lambda m, **k: m.t_test("age = 0.5", **k),
    "wald_test": lambda m, **k: m.wald_test("age = 1, Sex[T.Female] = 0", **k),
    "drop1 f": lambda m, **k: m.drop1("f", **k),
    "emmeans": lambda m, **k: m.emmeans("Sex", **k).table(),
    "pairs": lambda m, **k: m.emmeans("Sex | age", at={"age": [8, 14]}, **k).pairs().table(),
    "tukey": lambda m, **k: m.emmeans(["Sex", "age"], at={"age": [8, 14]}, **k).pairs().table(),
    "mvt": lambda m, **k: m.emmeans("Sex", **k).conf_int(adjust="mvt"),
    "joint": lambda m, **k: m.emmeans("Sex", **k).test(joint=True),
    "response": lambda m, **k: m.emmeans("Sex", transform="log", **k).response().table(),
    "effect_size": lambda m, **k: m.emmeans("Sex", **k).pairs().effect_size(1.3, 80).table(),
    "emtrends": lambda m, **k: m.emtrends("Sex", "age", **k).table(),
    "joint_tests": lambda m, **k: m.joint_tests(**k),
    "predictions": lambda m, **k: m.predictions("Sex", **k).table(),
    "comparisons": lambda m, **k: m.comparisons("age", by="Sex", **k).table(),
    "slopes": lambda m, **k: m.slopes("age", by="Sex", **k).table(),
    "predict": lambda m, **k: m.predict(re="none", interval="confidence", **k),
    "predict se": lambda m, **k: m.predict(re="none", se=True, **k),
    "tidy": lambda m, **k: m.tidy(**k),
}


@cache
def model() -> mm.LinearMixedModel:
    data = mm.datasets.load("orthodont")
    return mm.lmm("distance ~ age * Sex + (age | Subject)", data)


def numbers(table: Any) -> np.ndarray:
    return pd.DataFrame(table).select_dtypes("number").to_numpy()


@pytest.mark.parametrize("name", EXITS)
def test_a_kind_is_the_same_as_its_matrix(name: str) -> None:
    own = model().cov_params("CR2")
    by_kind = EXITS[name](model(), cov="CR2", ddf="normal")
    by_matrix = EXITS[name](model(), cov=own)
    np.testing.assert_allclose(numbers(by_kind), numbers(by_matrix), rtol=1e-9)


@pytest.mark.parametrize("name", EXITS)
def test_the_covariance_of_the_model_gives_its_own_tests(name: str) -> None:
    own = model().cov_params().iloc[::-1, ::-1]
    by_matrix = EXITS[name](model(), cov=own)
    np.testing.assert_allclose(
        numbers(by_matrix), numbers(EXITS[name](model(), ddf="normal")), rtol=1e-9
    )


@pytest.mark.parametrize("name", EXITS)
def test_no_exit_ignores_it(name: str) -> None:
    usual, robust = EXITS[name](model()), EXITS[name](model(), cov="CR3", cluster="Subject")
    assert pd.DataFrame(usual).shape == pd.DataFrame(robust).shape
    assert not np.allclose(numbers(usual), numbers(robust), equal_nan=True, rtol=1e-6)


@pytest.mark.parametrize("kind", [mm.LinearMixedModel])
def test_whatever_takes_ddf_takes_a_covariance(kind: type) -> None:
    methods = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
    with_ddf = {n for n, f in methods.items() if callable(f) and "ddf" in signature(f).parameters}
    refits = {"step"}
    assert len(with_ddf) > 14
    for name in with_ddf - refits:
        assert {"cov", "cluster"} <= set(signature(methods[name]).parameters), name


def test_chi_squares_of_dropped_terms_have_it() -> None:
    robust = pd.DataFrame(model().drop1("wald", cov="CR2"))
    f = pd.DataFrame(model().drop1("f", cov="CR2"))
    np.testing.assert_allclose(robust["statistic"], f["statistic"] * f["num_df"])


def test_tables_say_which_covariance_they_have() -> None:
    title = "luster-robust covariance (CR2, 27 clusters of Subject)"
    assert title in str(model().summary(cov="CR2"))
    assert title in " ".join(str(model().emmeans("Sex", cov="CR2")).split())
    assert title in methods_sentence(model().fit, method_asked(model().fit, cov="CR2"), "1")
    assert "given covariance" in str(model().summary(cov=model().cov_params()))


@pytest.mark.parametrize("cluster", [
    "Subject",
    lambda d: d["Subject"].to_numpy(),
    lambda d: d["Subject"].sample(frac=1, random_state=1),
    lambda d: pl.Series(d["Subject"].astype(str).to_list()),
    lambda d: d["Subject"].tolist(),
    lambda d: pd.Categorical(d["Subject"]),
    lambda d: d["Subject"].cat.codes.to_numpy() * 1.5,
    "Subject:Sex",
])  # fmt: skip
def test_clusters_in_every_form(cluster: Any) -> None:
    given = cluster(mm.datasets.load("orthodont")) if callable(cluster) else cluster
    ours = model().cov_params("CR2", cluster=given)
    pd.testing.assert_frame_equal(ours, model().cov_params("CR2"))


@pytest.mark.parametrize("backend", ["polars", "pyarrow"])
def test_every_frame_library(backend: Any) -> None:
    data = mm.datasets.load("orthodont", backend=backend)
    ours = mm.lmm("distance ~ age * Sex + (age | Subject)", data)
    found = ours.cov_params("CR2", cluster="Subject").to_numpy()
    np.testing.assert_allclose(found, model().cov_params("CR2"), rtol=1e-10)
    assert type(ours.coef_table(cov="CR2")) is type(ours.coef_table())


def test_rows_with_missing_values_have_no_part_in_clusters() -> None:
    data = mm.datasets.load("orthodont").copy()
    data["school"] = data["Subject"].cat.codes // 3 * 1.0
    data.loc[[3, 40], "distance"] = np.nan
    data.loc[3, "school"] = np.nan
    ours = mm.lmm("distance ~ age + (age | Subject)", data)
    complete = data.dropna()
    theirs = mm.lmm("distance ~ age + (age | Subject)", complete)
    expected = theirs.cov_params("CR2", cluster="school")
    for cluster in ("school", data["school"], complete["school"], data["school"].to_numpy()):
        found = ours.cov_params("CR2", cluster=cluster)
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_aliased_columns_have_no_part() -> None:
    data = mm.datasets.load("orthodont").assign(double=lambda d: 2 * d["age"])
    with pytest.warns(mm.errors.DroppedColumnsWarning):
        ours = mm.lmm("distance ~ age + double + Sex + (age | Subject)", data)
    theirs = mm.lmm("distance ~ age + Sex + (age | Subject)", data)
    np.testing.assert_allclose(ours.cov_params("CR2"), theirs.cov_params("CR2"), rtol=1e-8)
    assert numbers(ours.anova(cov="CR2")).shape == numbers(ours.anova()).shape


def with_gap() -> mm.LinearMixedModel:
    data = mm.datasets.load("orthodont").copy()
    data["school"] = [None, *(["a", "b", "c"] * 36)[1:]]
    return mm.lmm("distance ~ age", data)


def generalised() -> mm.GeneralisedMixedModel:
    return mm.glmm(
        "incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"), trials="size"
    )


REFUSED: list[tuple[Exit, str]] = [
    (lambda: model().coef_table(cov="CR4"), "cov = 'CR4' is not known"),
    (lambda: model().coef_table(cov="HC1"), "give one of 'CR0'"),
    (lambda: model().coef_table(cluster="Subject"), 'write cov="CR2" too'),
    (lambda: model().cov_params(cluster="Subject"), 'write cov="CR2" too'),
    (lambda: model().cov_params("CR9"), "'conditional', 'CR0'"),  # type: ignore[arg-type]
    (lambda: model().cov_params("hessian"), "not available for linear models"),
    (lambda: model().coef_table("kenward-roger", cov="CR2"), "not available with cluster-robust"),
    (lambda: model().coef_table("residual", cov="CR2"), "'satterthwaite', 'clusters', 'normal'"),
    (lambda: model().coef_table("clusters"), "counts the clusters of a robust covariance"),
    (lambda: model().predict(interval="confidence", ddf="clusters"), 're="none"'),
    (lambda: model().predict(re="none", se=True, ddf="clusters"), "counts the clusters"),
    (lambda: model().emmeans("Sex", ddf="clusters").table(), "counts the clusters"),
    (lambda: model().coef_table("often", cov="CR2"), "ddf = 'often' is not known"),  # type: ignore[arg-type]
    (lambda: model().coef_table(cov="CR2", cluster="nope"), "'nope' is not a column"),
    (lambda: model().coef_table(cov="CR2", cluster="Subject:nope"), "'nope' is not a column"),
    (lambda: model().coef_table(cov="CR2", cluster=["Subject", "nope"]), "'nope' is not a col"),
    (lambda: model().coef_table(cov="CR2", cluster=["Subject", "Subject"]), "or one twice"),
    (lambda: model().coef_table(cov="CR2", cluster=[]), "names no column"),
    (lambda: model().coef_table(cov="CR2", cluster=np.arange(5)), "has 5 values"),
    (lambda: model().coef_table(cov="CR2", cluster=3.5), "neither the name of a column"),  # type: ignore[arg-type]
    (lambda: model().coef_table(cov="CR2", cluster=np.eye(108)), "neither the name of a column"),
    (lambda: model().coef_table(cov="CR2", cluster=model().fittedvalues.iloc[:9]), "row labels"),
    (lambda: model().coef_table(cov="CR2", cluster="age"), "rows of different clusters"),
    (lambda: model().coef_table(cov=np.eye(3)), "has shape"),
    (lambda: model().coef_table(cov=np.full((4, 4), np.nan)), "missing or infinite"),
    (lambda: model().coef_table(cov=np.triu(np.ones((4, 4)))), "not symmetric"),
    (lambda: model().coef_table(cov=-np.eye(4)), "no covariance"),
    (lambda: model().coef_table(cov=3), "has shape"),  # type: ignore[arg-type]
    (lambda: model().coef_table(cov={"a": 1}), "no matrix of numbers"),  # type: ignore[arg-type]
    (lambda: model().coef_table(cov=np.eye(4), cluster="Subject"), "cluster= has no part"),
    (lambda: model().coef_table("satterthwaite", cov=np.eye(4)), "how the covariance was est"),
    (lambda: model().coef_table(cov=pd.DataFrame(np.eye(4))), "rows of cov names 0"),
    (lambda: model().anova(cov="CR2", test="lrt"), "no part in likelihood ratios"),
    (lambda: model().drop1(cov="CR2"), "no part in likelihood ratios"),
    (lambda: model().conf_int(method="profile", cov="CR2"), "no part in profiles"),
    (lambda: model().conf_int(which="variance", cov="CR2"), "no part in profiles"),
    (lambda: model().tidy("ran_pars", cov="CR2"), "no part in estimates of random effects"),
    (lambda: model().predict(interval="confidence", cov="CR2"), 're="none"'),
    (lambda: model().predict(re="none", interval="prediction", cov="CR2"), 're="none"'),
    (lambda: with_gap().coef_table(cov="CR2"), "no groups: nothing says"),
    (lambda: with_gap().coef_table(cov="CR2", cluster="school"), "missing in 1 of the rows used"),
    (lambda: generalised().coef_table(cov="CR2"), "not available for a generalised model"),
    (lambda: generalised().cov_params("CR0"), "not available for a generalised model"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_cannot_be_is_refused_with_the_reason(call: Exit, message: str) -> None:
    with pytest.raises(MixedModelsError) as refused:
        call()
    assert message in str(refused.value)
    assert "Do:" in str(refused.value)


def test_a_generalised_model_takes_a_matrix() -> None:
    ours = generalised()
    table = pd.DataFrame(ours.coef_table(cov=4 * ours.cov_params()))
    np.testing.assert_allclose(table["std_error"], 2 * ours.bse)
    assert "given covariance" in str(ours.summary(cov=4 * ours.cov_params()))


def test_the_covariance_of_one_fit_is_not_for_another() -> None:
    means = model().emmeans("Sex", cov="CR2")
    other = mm.lmm("distance ~ age * Sex + (1 | Subject)", mm.datasets.load("orthodont"))
    with pytest.raises(DataError, match="one fit cannot test those of another"):
        t_tests(other.fit, np.eye(4), ddf=means.functions.testing.ddf)


def test_rows_that_are_not_kept_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_streamed, "COLLECTED", 0)
    lazy = mm.datasets.load("orthodont", backend="polars").lazy()  # type: ignore[attr-defined]
    streamed = mm.lmm("distance ~ age * Sex + (age | Subject)", lazy)
    assert not streamed.fit.matrices.has_rows
    with pytest.raises(DataError, match="rows"):
        streamed.coef_table(cov="CR2")


def test_a_model_without_fixed_effects_has_an_empty_table() -> None:
    data = mm.datasets.load("orthodont")
    empty = mm.lmm("distance ~ 0 + (1 | Subject)", data)
    assert len(empty.coef_table(cov="CR2")) == len(empty.coef_table()) == 0  # type: ignore[arg-type]
