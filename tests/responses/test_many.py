"""Many responses on one design: each is the fit of `lmm`, whatever the others are."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse, stats

import mixedmodels as mm
from mixedmodels.errors import (
    DataError,
    DroppedColumnsWarning,
    FormulaError,
    StoppedEarlyWarning,
    TimeLimitError,
)

SAME = 1e-8
"""Relative: both are searches from one start to one minimum."""

THETA = 1e-6
"""Of theta and the variances: a search leaves them within a part in 10^7 of the optimum."""


def design(n: int = 240, seed: int = 3) -> pd.DataFrame:
    """Crossed, nested and repeated factors, unbalanced."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "subject": rng.integers(0, 24, n),
            "item": rng.integers(0, 15, n),
            "batch": (subject := np.sort(rng.integers(0, 30, n))) // 5,
            "cask": subject,
            "age": rng.uniform(20, 80, n),
            "arm": rng.choice(["a", "b", "c"], n),
            "w": rng.uniform(0.5, 3.0, n),
            "o": rng.normal(size=n),
        }
    )


def drawn(data: pd.DataFrame, r: int = 6, seed: int = 5) -> np.ndarray:
    """Responses with effects of everything, of sizes that differ, the last with none at all."""
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(len(data), r))
    for j in range(r - 1):
        for name, size in (("subject", 0.8 * j), ("item", 0.5), ("batch", 0.3), ("cask", 0.4)):
            Y[:, j] += size * rng.normal(size=data[name].max() + 1)[data[name]]
        slopes = 0.02 * j * rng.normal(size=data["subject"].max() + 1)
        Y[:, j] += slopes[data["subject"]] * (data["age"] - 50) + 0.01 * data["age"]
    return 10.0 ** np.arange(-2, r - 2) * Y


CASES = [
    ("~ age + (age | subject)", {}),
    ("~ age + (age || subject)", {"reml": False}),
    ("~ arm * age + (1 | subject) + (1 | item)", {}),
    ("~ arm + (1 | batch/cask)", {"ddf": "residual"}),
    ("~ age + (age | subject) + (1 | item)", {"weights": "w", "offset": "o"}),
    ("~ arm + (1 | subject)", {"ddf": "kenward-roger"}),
    ("~ 0 + arm + (0 + arm | subject)", {"ddf": "normal", "contrasts": {"arm": "sum"}}),
    ("~ age + arm", {}),
    ("~ scale(age) + (1 | subject)", {"reml": False, "ddf": "normal"}),
    ("~ age + (1 | subject)", {"residual": "ar1(1 | subject)"}),
    ("~ arm + (1 | subject)", {"ddf": "containment"}),
]


def assert_is_single(found: mm.many, name: object, model: mm.LinearMixedModel, ddf: str) -> None:
    """Every number of one response."""
    table = found.coefficients
    mine = table[table["response"] == name].reset_index(drop=True)
    single = model.coef_table(ddf=ddf)
    assert mine["term"].tolist() == single["term"].tolist()
    for column in ("estimate", "std_error", "statistic"):
        scale = np.abs(single[column]).max()
        np.testing.assert_allclose(mine[column], single[column], rtol=SAME, atol=SAME * scale)
    np.testing.assert_allclose(mine["df"], single["df"], rtol=THETA)
    np.testing.assert_allclose(mine["p_value"], single["p_value"], rtol=THETA, atol=1e-300)
    fit = found.fits.set_index("response").loc[name]
    np.testing.assert_allclose(fit["sigma"], model.sigma, rtol=SAME)
    np.testing.assert_allclose(fit["criterion"], model.objective, rtol=1e-10, atol=1e-8)
    names = model.theta.index.tolist()
    np.testing.assert_allclose(fit[names].astype(float), model.theta, rtol=THETA, atol=THETA)
    assert fit["converged"] == model.convergence.converged
    assert fit["singular"] == model.is_singular
    variances = found.variances[found.variances["response"] == name].reset_index(drop=True)
    own = model.variance_components
    assert variances["group"].tolist() == own["group"].tolist()
    assert variances["term1"].fillna("").tolist() == own["term1"].fillna("").tolist()
    size = float(own["vcov"].max())
    np.testing.assert_allclose(variances["vcov"], own["vcov"], rtol=THETA, atol=THETA * size)


@pytest.mark.parametrize(("formula", "options"), CASES, ids=[c[0] + str(c[1]) for c in CASES])
def test_each_is_a_single_fit(formula: str, options: dict) -> None:
    data = design()
    Y = drawn(data)
    found = mm.many(formula, data, Y, **options)
    own = {k: v for k, v in options.items() if k != "ddf"}
    for j in range(Y.shape[1]):
        model = mm.lmm(f"y {formula}", data.assign(y=Y[:, j]), **own)
        assert_is_single(found, j, model, options.get("ddf", "satterthwaite"))


def test_a_calendar_year_gives_what_the_centred_one_gives() -> None:
    data = design().assign(year=lambda d: 1990.0 + d["age"] / 4)
    Y = drawn(data, 3)
    found = mm.many("~ year + (year | subject)", data, Y)
    for j in range(3):
        model = mm.lmm("y ~ year + (year | subject)", data.assign(y=Y[:, j]))
        assert_is_single(found, j, model, "satterthwaite")


def test_few_rows_are_searched_from_other_starts_too() -> None:
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"g": np.repeat(np.arange(6), 3), "x": rng.normal(size=18)})
    Y = rng.normal(size=(18, 40))
    found = mm.many("~ x + (x | g)", data, Y)
    for j in range(40):
        model = mm.lmm("y ~ x + (x | g)", data.assign(y=Y[:, j]))
        assert found.fits["criterion"][j] == pytest.approx(model.objective, abs=1e-8)


def test_rows_are_dropped_for_the_response_that_lacks_them() -> None:
    data = design()
    Y = drawn(data, 5)
    rng = np.random.default_rng(1)
    Y[rng.integers(0, len(Y), 30), 1] = np.nan
    Y[:, 3][np.isnan(Y[:, 1])] = np.nan
    Y[data["subject"] == 7, 2] = np.nan
    found = mm.many("~ arm + age + (age | subject)", data, Y)
    for j in range(5):
        model = mm.lmm("y ~ arm + age + (age | subject)", data.assign(y=Y[:, j]))
        assert_is_single(found, j, model, "satterthwaite")
        assert found.fits["nobs"][j] == model.nobs


def test_a_row_without_a_covariate_is_dropped_for_all() -> None:
    data = design()
    data.loc[4, "age"] = np.nan
    Y = drawn(design(), 2)
    found = mm.many("~ age + (1 | subject)", data, Y)
    model = mm.lmm("y ~ age + (1 | subject)", data.assign(y=Y[:, 1]))
    assert_is_single(found, 1, model, "satterthwaite")


def test_a_coefficient_means_the_same_in_every_response() -> None:
    """Without a reference level in its rows a response cannot say what differs from it."""
    data = design()
    Y = drawn(data, 3)
    Y[data["arm"] == "a", 1] = np.nan
    found = mm.many("~ arm + (1 | subject)", data, Y)
    assert found.fits["status"].tolist() == ["converged", "not_estimable", "converged"]
    assert "arm" in found.failures["reason"][0] or "Intercept" in found.failures["reason"][0]


def test_what_has_no_fit_is_marked_and_the_others_go_on() -> None:
    data = design()
    Y = drawn(data, 8)
    alone = mm.many("~ age + (1 | subject)", data, Y)
    Y[:, 0] = 4.0
    Y[:, 2] = 1.0 + 2.0 * data["age"]
    Y[5, 3] = np.inf
    Y[:, 5] = np.nan
    Y[1:, 6] = np.nan
    found = mm.many("~ age + (1 | subject)", data, Y)
    status = found.fits["status"].tolist()
    assert status[0] == "constant"
    assert status[2] == "exact"
    assert status[3] == "infinite"
    assert set(status[5:7]) == {"not_estimable"}
    assert found.n_failed == 5
    assert found.failures["response"].tolist() == [0, 2, 3, 5, 6]
    assert found.failures["reason"].notna().all()
    table = found.coefficients.set_index("response")
    assert (
        table.loc[[0, 2, 3, 5, 6], ["estimate", "std_error", "p_value", "p_adjusted"]]
        .isna()
        .all(axis=None)
    )
    before = alone.coefficients.set_index("response")
    for j in (1, 4, 7):
        np.testing.assert_array_equal(table.loc[j, "estimate"], before.loc[j, "estimate"])
    assert "5" in repr(found)
    assert "constant" in repr(found)


def test_p_values_are_adjusted_for_one_term_over_the_responses() -> None:
    data = design()
    Y = drawn(data, 20)
    Y[:, 3] = 1.0
    table = mm.many("~ age + arm + (1 | subject)", data, Y).coefficients
    for _, own in table.groupby("term"):
        p = own["p_value"].dropna()
        expected = stats.false_discovery_control(p, method="bh")
        np.testing.assert_allclose(own["p_adjusted"].dropna(), expected, rtol=1e-12)
    one = mm.many("~ age + (1 | subject)", data, Y, adjust="bonferroni").coefficients
    expected = np.minimum(19 * one["p_value"], 1.0)
    np.testing.assert_allclose(one["p_adjusted"], expected, rtol=1e-12)
    none = mm.many("~ age + (1 | subject)", data, Y, adjust="none").coefficients
    np.testing.assert_array_equal(none["p_adjusted"], none["p_value"])


def test_hypotheses_are_rows_as_well() -> None:
    data = design()
    Y = drawn(data, 2)
    asked = ["arm[T.c] - arm[T.b] = 0", "age = 0.1"]
    table = mm.many("~ arm + age + (1 | subject)", data, Y, hypotheses=asked).coefficients
    model = mm.lmm("y ~ arm + age + (1 | subject)", data.assign(y=Y[:, 1]))
    for h in asked:
        mine = table[(table["response"] == 1) & (table["term"] == h)]
        assert len(mine) == 1
        own = model.t_test(h)
        for column in ("estimate", "std_error", "df", "p_value"):
            assert float(mine[column].iloc[0]) == pytest.approx(
                float(own[column].iloc[0]), rel=1e-6
            )


def all_sources(data: pd.DataFrame, Y: np.ndarray) -> dict[str, object]:
    names = [f"gene {j}" for j in range(Y.shape[1])]
    frame = pd.DataFrame(Y, columns=names)

    class Annotated:
        X = sparse.csr_matrix(Y)
        obs_names = pd.Index([str(i) for i in range(len(Y))])
        var_names = pd.Index(names)

    return {
        "frame": frame,
        "polars": pl.DataFrame(frame),
        "shuffled": frame.sample(frac=1, random_state=1),
        "mapping": {name: Y[:, j] for j, name in enumerate(names)},
        "series": {name: frame[name][::-1] for name in names},
        "annotated": Annotated(),
        "blocks": iter([frame.iloc[:, :2], frame.iloc[:, 2:]]),
        "mixed": iter([frame.iloc[:, 0], {"gene 1": Y[:, 1]}, pl.DataFrame(frame.iloc[:, 2:])]),
    }


@pytest.mark.parametrize("kind", list(all_sources(design(), drawn(design()))))
def test_sources_agree(kind: str) -> None:
    data = design()
    Y = drawn(data)
    expected = mm.many("~ age + (1 | subject)", data, Y).coefficients
    found = mm.many("~ age + (1 | subject)", data, all_sources(data, Y)[kind]).coefficients
    assert found["response"].tolist() == [f"gene {j}" for j in expected["response"]]
    pd.testing.assert_frame_equal(found.iloc[:, 1:], expected.iloc[:, 1:])


def test_arrays_of_any_kind_agree(tmp_path) -> None:
    data = design()
    Y = drawn(data).astype(np.float32)
    stored = np.memmap(tmp_path / "y", dtype=np.float32, mode="w+", shape=Y.shape)
    stored[:] = Y
    expected = mm.many("~ age + (1 | subject)", data, Y.astype(np.float64)).coefficients
    masked = np.ma.MaskedArray(Y, mask=np.zeros(Y.shape, dtype=bool))
    for source in (Y, stored, np.asfortranarray(Y), sparse.csc_array(Y), masked, Y.tolist()):
        found = mm.many("~ age + (1 | subject)", data, source).coefficients
        pd.testing.assert_frame_equal(found, expected)


def test_columns_of_the_data_by_name_and_the_library_of_the_tables() -> None:
    data = design()
    Y = drawn(data)
    wide = pl.DataFrame(data).with_columns(a=Y[:, 0], b=Y[:, 1])
    found = mm.many("~ age + (1 | subject)", wide, ["a", "b"])
    assert isinstance(found.coefficients, pl.DataFrame)
    expected = mm.many("~ age + (1 | subject)", data, Y[:, :2]).coefficients
    np.testing.assert_array_equal(found.coefficients["estimate"], expected["estimate"])
    assert len(mm.many("~ age + (1 | subject)", wide, "a")) == 1
    for names in (np.array(["a", "b"]), pd.Series(["a", "b"]), pd.Index(["a", "b"])):
        assert mm.many("~ age + (1 | subject)", wide, names).responses == ("a", "b")


@pytest.mark.parametrize("size", [1e-310, 1e-160, 1e150, 1e300])
def test_sizes_that_a_single_fit_refuses_are_marked(size: float) -> None:
    data = design()
    Y = drawn(data, 3)
    expected = mm.many("~ age + (1 | subject)", data, Y).coefficients
    with pytest.raises(DataError, match="of the order"):
        mm.lmm("y ~ age + (1 | subject)", data.assign(y=size * Y[:, 1]))
    Y[:, 1] *= size
    found = mm.many("~ age + (1 | subject)", data, Y)
    assert found.fits["status"].tolist() == ["converged", "failed", "converged"]
    assert "of the order" in found.failures["reason"][0]
    others = expected["response"] != 1
    pd.testing.assert_frame_equal(
        found.coefficients[others].drop(columns="p_adjusted"),
        expected[others].drop(columns="p_adjusted"),
    )


def test_blocks_do_not_change_the_numbers() -> None:
    data = design(60)
    Y = np.random.default_rng(2).normal(size=(60, 300))
    expected = mm.many("~ age + (1 | subject)", data, Y)
    found = mm.many("~ age + (1 | subject)", data, (Y[:, j : j + 7] for j in range(0, 300, 7)))
    pd.testing.assert_frame_equal(found.fits, expected.fits)
    pd.testing.assert_frame_equal(found.coefficients, expected.coefficients)


def test_a_name_before_the_tilde_stands_for_each_response() -> None:
    data = design().assign(response=1.0)
    Y = drawn(data, 2)
    expected = mm.many("~ age + (1 | subject)", data, Y).coefficients
    for formula in (
        "y ~ age + (1 | subject)",
        "age ~ age + (1|subject)",
        "`a b` ~ age+(1|subject)",
    ):
        pd.testing.assert_frame_equal(mm.many(formula, data, Y).coefficients, expected)
    with pytest.raises(FormulaError, match="transform the responses before"):
        mm.many("log(y) ~ age + (1 | subject)", data, Y)


BAD = {
    "turned": (lambda d, Y: Y.T, "turn it round"),
    "names": (lambda d, Y: ["ag"], "no column of the data. Did you mean 'age'"),
    "text": (lambda d, Y: ["arm"], "not numeric"),
    "twice": (lambda d, Y: ["age", "age"], "Two responses are called 'age'"),
    "none": (lambda d, Y: [], "There are no responses"),
    "exhausted": (lambda d, Y: iter([]), "There are no responses"),
    "short": (lambda d, Y: {"a": Y[:9, 0]}, "240 rows"),
    "cube": (lambda d, Y: Y[None], "3 dimensions"),
    "complex": (lambda d, Y: Y + 1j, "not numeric"),
    "other index": (lambda d, Y: pd.DataFrame(Y).set_axis(range(1, 241)), "row labels"),
    "nothing": (lambda d, Y: None, "of type NoneType"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_responses(case: str) -> None:
    data = design()
    make, message = BAD[case]
    with pytest.raises(DataError, match=message):
        mm.many("~ age + (1 | subject)", data, make(data, drawn(data)))


def test_bad_options() -> None:
    data = design()
    Y = drawn(data, 2)
    with pytest.raises(DataError, match="common distribution"):
        mm.many("~ age + (1 | subject)", data, Y, adjust="tukey")
    with pytest.raises(DataError, match="Did you mean 'fdr'"):
        mm.many("~ age + (1 | subject)", data, Y, adjust="bh")
    with pytest.raises(DataError, match="ddf"):
        mm.many("~ age + (1 | subject)", data, Y, ddf="sattertwaite")
    with pytest.raises(DataError, match="REML"):
        mm.many("~ age + (1 | subject)", data, Y, ddf="kenward-roger", reml=False)
    with pytest.raises(DataError, match="names 'agee'"):
        mm.many("~ age + (1 | subject)", data, Y, hypotheses="agee = 0")
    Y[3, 1] = np.nan
    with pytest.raises(DataError, match="missing in 1 rows"):
        mm.many("~ age + (1 | subject)", data, Y, missing="error")


def test_dropped_columns_are_told_once() -> None:
    data = design().assign(twice=lambda d: 2 * d["age"])
    with pytest.warns(DroppedColumnsWarning) as told:
        mm.many("~ age + twice + (1 | subject)", data, drawn(data, 4))
    assert len(told) == 1


def test_variances_that_the_data_cannot_tell_are_null_as_in_a_single_fit() -> None:
    """An effect of the intercept that the fixed part takes up, group by group."""
    data = design()
    Y = drawn(data, 2)
    formula = "~ 0 + C(batch) + (1 | cask) + (1 | batch)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mm.errors.MixedModelsWarning)
        found = mm.many(formula, data, Y, ddf="normal")
        model = mm.lmm(f"y {formula}", data.assign(y=Y[:, 1]))
    variances = found.variances[found.variances["response"] == 1].reset_index(drop=True)
    np.testing.assert_allclose(variances["vcov"], model.variance_components["vcov"], rtol=THETA)
    assert variances["vcov"].isna().any()


def endless(data: pd.DataFrame, r: int = 50):
    """Blocks of responses without end."""
    rng = np.random.default_rng(4)
    while True:
        yield rng.normal(size=(len(data), r))


def test_after_the_time_allowed_the_responses_that_are_done_come_back() -> None:
    data = design()
    control = mm.Control(time_limit=0.5)
    with pytest.warns(
        StoppedEarlyWarning, match="time allowed is over: the result is of the first"
    ):
        found = mm.many("~ age + (age | subject)", data, endless(data), control=control)
    assert len(found) % 50 == 0
    assert found.n_failed == 0
    alone = mm.many("~ age + (age | subject)", data, next(endless(data)))
    pd.testing.assert_frame_equal(found.fits.head(50), alone.fits)
    with pytest.raises(TimeLimitError):
        mm.many("~ age + (age | subject)", data, endless(data), control=mm.Control(time_limit=1e-9))


def test_an_interrupt_leaves_the_responses_that_are_done() -> None:
    data = design()

    def interrupted(blocks: int):
        for _, block in zip(range(blocks), endless(data), strict=False):
            yield block
        raise KeyboardInterrupt

    with pytest.warns(StoppedEarlyWarning, match="Interrupted: the result is of the first 100"):
        found = mm.many("~ age + (1 | subject)", data, interrupted(2))
    assert len(found) == len(found.fits) == 100
    with pytest.raises(KeyboardInterrupt):
        mm.many("~ age + (1 | subject)", data, interrupted(0))


def test_a_bar_shows_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    data = design()
    mm.many("~ age + (1 | subject)", data, drawn(data), control=mm.Control(progress=True))
    assert "6/6" in capsys.readouterr().err
    mm.many("~ age + (1 | subject)", data, drawn(data))
    assert capsys.readouterr().err == ""
