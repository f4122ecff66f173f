"""Analysis of variance against R, classical tables and changes of coding."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.anova import anova, heading
from tests.reference.load import models, reference

STATISTIC = 1e-4
"""Relative: theta of both fits is good to about 1e-5."""

SAME_TABLE = 1e-7
"""Two codings of one model: rounding alone."""

SATTERTHWAITE = 1e-3
"""Relative: R's derivatives are numerical."""

CLASSICAL = 1e-5
"""Relative: theta at the optimum of a balanced design."""

COLUMNS = ("Sum Sq", "NumDF", "DenDF", "F value")
KINDS = {"I": 1, "II": 2, "III": 3}
METHODS = {"Satterthwaite": "satterthwaite", "Kenward-Roger": "kenward-roger"}

DETERMINED = {
    # Rows for which R tests the columns that its elimination happened to keep: another coding of
    # the same factor gives another F. The other terms determine these, so that nothing is tested.
    ("cake_collinear", "temp"): (2, 3),
    ("sleepstudy_collinear", "Days"): (2, 3),
    ("sleepstudy_collinear", "Days2"): (1, 2, 3),
}


def _cases() -> list[tuple[str, str, str]]:
    out = []
    for model in models():
        name = getattr(model, "name", model)
        tables = reference(name).raw.get("anova") or {}
        out += [
            (name, method, kind)
            for method in METHODS
            for kind in KINDS
            if ((tables.get(method) or {}).get(kind) or {}).get("_rows")
        ]
    return out


@pytest.fixture(scope="module")
def kept() -> dict[str, mm.LinearMixedModel]:
    return {}


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")
@pytest.mark.parametrize(("name", "method", "kind"), _cases())
def test_every_row_against_r(
    name: str, method: str, kind: str, kept: dict[str, mm.LinearMixedModel]
) -> None:
    ref = reference(name)
    if name not in kept:
        kept[name] = mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())
    theirs = pd.DataFrame(
        {k: v for k, v in ref.raw["anova"][method][kind].items() if k != "r_messages"}
    )
    ours = pd.DataFrame(anova(kept[name].fit, KINDS[kind], ddf=METHODS[method]))
    assert len(ours) == len(theirs)
    left = [KINDS[kind] not in DETERMINED.get((name, term), ()) for term in ours["term"]]
    assert (ours["num_df"][[not keep for keep in left]] == 0).all()
    ours, theirs = ours[left], theirs[left]
    assert ours["num_df"].tolist() == theirs["NumDF"].tolist()
    np.testing.assert_allclose(ours["statistic"], theirs["F value"], rtol=STATISTIC)
    tolerance = SATTERTHWAITE if method == "Satterthwaite" else STATISTIC
    np.testing.assert_allclose(ours["den_df"], theirs["DenDF"], rtol=tolerance)
    np.testing.assert_allclose(ours["sum_sq"], theirs["Sum Sq"], rtol=2 * STATISTIC)


def test_a_balanced_split_plot_is_the_classical_table() -> None:
    """Whole-plot factor over the block x variety mean square, sub-plot factor over the residual."""
    random = np.random.default_rng(4)
    b, v, n = np.meshgrid(np.arange(6), np.arange(3), np.arange(4), indexing="ij")
    y = (
        random.normal(size=6)[b]
        + 0.8 * random.normal(size=(6, 3))[b, v]
        + 0.5 * n
        + 0.3 * v
        + random.normal(size=b.shape)
    )
    data = {"y": y.ravel(), "b": b.ravel(), "v": v.ravel().astype(str), "n": n.ravel().astype(str)}
    mean = y.mean()
    blocks, plots = y.mean((1, 2)) - mean, y.mean(2)
    varieties, levels = y.mean((0, 2)) - mean, y.mean((0, 1)) - mean
    whole_error = plots - mean - blocks[:, None] - varieties[None]
    both = y.mean(0) - mean - varieties[:, None] - levels[None]
    error = y - plots[:, :, None] - levels - both
    ms = {
        "v": (24 * np.sum(varieties**2) / 2) / (4 * np.sum(whole_error**2) / 10),
        "n": (18 * np.sum(levels**2) / 3) / (np.sum(error**2) / 45),
        "v:n": (6 * np.sum(both**2) / 6) / (np.sum(error**2) / 45),
    }
    model = mm.lmm("y ~ v * n + (1 | b/v)", data)
    assert not model.is_singular
    for ddf in METHODS.values():
        for kind in (1, 2, 3):
            table = pd.DataFrame(anova(model.fit, kind, ddf=ddf)).set_index("term")
            for term, F in ms.items():
                assert table["statistic"][term] == pytest.approx(F, rel=CLASSICAL)
            np.testing.assert_allclose(table["den_df"], [10, 45, 45], rtol=CLASSICAL)
            expected = stats.f.sf(table["statistic"], table["num_df"], table["den_df"])
            np.testing.assert_allclose(table["p_value"], expected, rtol=1e-10)


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("ddf", METHODS.values())
def test_the_coding_of_the_data_does_not_matter(kind: int, ddf: str) -> None:
    random = np.random.default_rng(8)
    n = 150
    g, x = random.integers(0, 12, n), random.normal(size=n)
    data = {
        "y": random.normal(size=12)[g] + x + random.normal(size=n),
        "x": x,
        "a": np.array(list("pqr"))[random.integers(0, 3, n)],
        "b": np.array(list("uv"))[random.integers(0, 2, n)],
        "g": g,
    }
    tables = [
        pd.DataFrame(
            anova(
                mm.lmm("y ~ a * b * x + (1 | g)", data, contrasts={"a": c, "b": c}).fit,
                kind,
                ddf=ddf,
            )
        )
        for c in ("treatment", "sum", "helmert")
    ]
    for other in tables[1:]:
        for column in ("sum_sq", "num_df", "den_df", "statistic", "p_value"):
            np.testing.assert_allclose(other[column], tables[0][column], rtol=1e-5, atol=1e-12)


def test_the_last_interaction_is_the_same_for_all_types() -> None:
    fit = mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake")).fit
    last = [pd.DataFrame(anova(fit, kind)).iloc[-1]["statistic"] for kind in (1, 2, 3)]
    np.testing.assert_allclose(last, last[0], rtol=1e-8)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.DroppedColumnsWarning")
def test_type_3_with_an_empty_cell_keeps_the_rank_of_the_interaction() -> None:
    data = pd.DataFrame(mm.datasets.load("oats"))
    data = data[~((data["Variety"] == "Victory") & (data["nitro"] == 0.6))]
    fit = mm.lmm("yield ~ Variety * C(nitro) + (1 | Block)", data).fit
    table = pd.DataFrame(anova(fit, 3)).set_index("term")
    assert table["num_df"].tolist() == [2, 3, 5]


def test_models_without_terms_and_unknown_types() -> None:
    fit = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff")).fit
    assert len(pd.DataFrame(anova(fit))) == 0
    for kind in (4, "3", 0, True):
        with pytest.raises(DataError, match="type"):
            anova(fit, kind)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="ddf"):
        anova(
            mm.lmm("Reaction ~ Days + (1 | Subject)", mm.datasets.load("sleepstudy")).fit,
            ddf="kenward",  # type: ignore[arg-type]
        )


def test_a_coding_that_leaves_out_contrasts_is_refused() -> None:
    data = mm.datasets.load("cake")
    matrix = np.array([[1.0], [0.0], [-1.0]])
    fit = mm.lmm("angle ~ recipe + (1 | recipe:replicate)", data, contrasts={"recipe": matrix}).fit
    with pytest.raises(DataError, match="leaves out contrasts"):
        anova(fit)


def test_headings_name_the_hypothesis_and_the_method() -> None:
    assert "sequential" in heading(1, "residual")
    assert "Kenward" in heading(3, "kenward-roger")


def _crossed() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = [(s, k) for s in range(12) for k in "ABC" for _ in range(3)]
    data = pd.DataFrame(rows, columns=["s", "k"])
    data["h"] = rng.choice(["p", "q"], len(data))
    data["x"] = rng.normal(size=len(data)) + 2
    data["y"] = data["k"].map({"A": 0, "B": 0.5, "C": 1}) + data["x"] + rng.normal(size=len(data))
    data["y"] += rng.normal(size=12)[data["s"]]
    return data


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize(
    ("written", "without"),
    [
        ("k", "0 + k"),
        ("k + h", "0 + k + h"),
        ("k * h", "0 + k * h"),
        ("k * h", "0 + k + h + k:h"),
        ("k + x", "0 + k + x"),
        ("k + x + k:x", "0 + k + x + k:x"),
        ("k:x + k", "0 + k + k:x"),
        ("C(k, contr.sum) * h", "0 + C(k, contr.sum) * h"),
    ],
)
def test_a_model_written_without_intercept_has_the_same_table(kind, written, without) -> None:
    data = _crossed()
    one, other = (mm.lmm(f"y ~ {f} + (1 | s)", data).anova(kind) for f in (written, without))
    columns = ["num_df", "den_df", "statistic", "p_value"]
    one, other = one.set_index("term")[columns], other.set_index("term")[columns]
    pd.testing.assert_frame_equal(one, other.loc[one.index], rtol=SAME_TABLE)


def test_columns_that_make_up_the_constant_by_chance_are_tested_on_their_own() -> None:
    data = _crossed()
    table = mm.lmm("y ~ 0 + x + I(1 - x) + (1 | s)", data).anova()
    assert table["num_df"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("formula", "kind", "words"),
    [
        ("k * h", 3, ["means do not differ", "means do not differ", "no interaction"]),
        ("k * x", 3, ["means do not differ", "slope is zero", "slopes do not differ"]),
        ("k + k:x", 3, ["means do not differ", "slopes are zero"]),
        ("0 + k:h", 3, ["means do not differ"]),
        ("k + x", 1, ["adds nothing to earlier terms"] * 2),
        ("k + x", 2, ["adds nothing to terms without it"] * 2),
    ],
)
def test_the_hypotheses_are_said_in_words(formula, kind, words) -> None:
    table = mm.lmm(f"y ~ {formula} + (1 | s)", _crossed()).anova(kind)
    assert table["hypothesis"].tolist() == words


def test_slopes_within_levels_are_tested_against_zero_together() -> None:
    """`k + k:x` has a slope per level and none in common: all of them are zero, on three df."""
    model = mm.lmm("y ~ k + k:x + (1 | s)", _crossed())
    row = model.anova().set_index("term").loc["k:x"]
    joint = model.wald_test("k[A]:x = 0, k[B]:x = 0, k[C]:x = 0").iloc[0]
    assert row["num_df"] == 3
    assert row["statistic"] == pytest.approx(joint["statistic"], rel=SAME_TABLE)
