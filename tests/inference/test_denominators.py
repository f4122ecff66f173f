"""Between-within and containment degrees of freedom: nlme's, and those of classical tables."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError

PLAIN = pytest.mark.filterwarnings("ignore::mixedmodels.errors.MixedModelsWarning")

# nlme 3.1.162, lme(..., random = ~1 | group), summary(fit)$tTable[, "DF"]: they depend on the
# columns and the groups alone.
NLME = {
    "orthodont": ("distance ~ age * Sex + (1 | Subject)", [79, 25, 79, 79]),
    "blackmore": ("exercise ~ age * group + (1 | subject)", [712, 712, 229, 712]),
    "soybean": ("weight ~ Variety * Time + I(Time**2) + (1 | Plot)", [361, 46, 361, 361, 361]),
    "oats": ("`yield` ~ nitro * Variety + (1 | Block/Variety)", [51, 51, 10, 10, 51, 51]),
    "glucose2": (
        "glucose ~ Time + I(Time**2) + I(Time**3) + (1 | Subject/Date)",
        [179, 179, 179, 179],
    ),
    "wafer": ("current ~ voltage + I(voltage**2) + (1 | Wafer/Site)", [318, 318, 318]),
    "oxboys": ("height ~ age + I(age**2) + (age | Subject)", [206, 206, 206]),
    "igf": ("conc ~ age + (age || Lot)", [226, 226]),
    "machines": ("score ~ Machine + (0 + Machine | Worker)", [46, 46, 46]),
}


@PLAIN
@pytest.mark.parametrize("name", NLME)
def test_between_within_is_what_nlme_reports(name: str) -> None:
    formula, expected = NLME[name]
    found = mm.lmm(formula, mm.datasets.load(name)).coef_table("between-within")
    by_term = dict(zip(found["term"], found["df"], strict=True))
    assert sorted(by_term.values()) == sorted(expected)
    assert by_term["Intercept"] == expected[0]


@PLAIN
def test_both_are_those_of_the_split_plot_table() -> None:
    oats = mm.datasets.load("oats").assign(N=lambda d: d["nitro"].astype(str))
    model = mm.lmm("`yield` ~ Variety * N + (1 | Block) + (1 | Block:Variety)", oats)
    for ddf in ("between-within", "containment"):
        table = model.anova(ddf=ddf).set_index("term")
        assert table.loc["Variety", "den_df"] == 10
        assert table.loc["N", "den_df"] == 45
        assert table.loc["Variety:N", "den_df"] == 45


@PLAIN
def test_containment_in_a_crossed_design_is_the_table_s() -> None:
    # a fixed, b random, (1 | b) + (1 | a:b): a is tested by a:b with (4 - 1)(6 - 1).
    random = np.random.default_rng(3)
    cells = pd.MultiIndex.from_product([range(4), range(6), range(3)], names=["a", "b", "r"])
    data = cells.to_frame(index=False).astype({"a": "str"})
    data["y"] = random.normal(size=6)[data["b"]] + random.normal(size=len(data))
    model = mm.lmm("y ~ a + (1 | b) + (1 | a:b)", data)
    assert model.anova(ddf="containment")["den_df"].tolist() == [15]
    assert model.coef_table("containment")["df"].tolist() == [5, 15, 15, 15]
    # Crossed subjects and items, x within both: what is left of [X Z].
    crossed = mm.lmm("y ~ r + (1 | a) + (1 | b)", data)
    assert crossed.coef_table("containment")["df"].tolist() == [3, 72 - (1 + 1 + 3 + 5)]


@PLAIN
def test_a_random_slope_contains_its_covariate() -> None:
    sleep = mm.datasets.load("sleepstudy")
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleep)
    assert model.coef_table("containment")["df"].tolist() == [17, 17]
    assert model.coef_table("between-within")["df"].tolist() == [161, 161]


@PLAIN
@pytest.mark.parametrize("ddf", ["between-within", "containment"])
def test_neither_knows_origin_unit_or_coding(ddf: str) -> None:
    sleep = mm.datasets.load("sleepstudy").assign(
        when=lambda d: 1.7e9 + 86400.0 * d["Days"],
        young=lambda d: (d["Subject"].astype(int) % 2 == 0).map({True: "y", False: "n"}),
    )
    plain = mm.lmm("Reaction ~ Days * young + (Days | Subject)", sleep).coef_table(ddf)["df"]
    far = mm.lmm("Reaction ~ when * young + (when | Subject)", sleep).coef_table(ddf)["df"]
    summed = mm.lmm(
        "Reaction ~ Days * young + (Days | Subject)", sleep, contrasts={"young": "sum"}
    ).coef_table(ddf)["df"]
    assert far.tolist() == plain.tolist() == summed.tolist()


@PLAIN
def test_blocks_of_residuals_are_groups() -> None:
    # A trial with one row per visit: 27 subjects, 108 rows; Sex is between, the rest within.
    model = mm.lmm(
        "distance ~ age * Sex", mm.datasets.load("orthodont"), residual="us(age | Subject)"
    )
    df = model.coef_table("between-within").set_index("term")["df"]
    assert df["Sex[T.Female]"] == 27 - (1 + 1)
    assert df["age"] == df["Intercept"] == 108 - (27 + 2)


@PLAIN
def test_a_hypothesis_has_the_fewest_of_its_coefficients() -> None:
    model = mm.lmm("distance ~ age * Sex + (1 | Subject)", mm.datasets.load("orthodont"))
    df = model.coef_table("between-within").set_index("term")["df"]
    assert df["age"] == 79
    both = model.wald_test(np.eye(4)[1:], ddf="between-within")
    assert float(both["den_df"].iloc[0]) == df.min() == 25


def test_groups_that_cross_have_no_between_within() -> None:
    model = mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
    with pytest.raises(DataError, match=r"not nested.*\n.*containment"):
        model.coef_table("between-within")
    with pytest.raises(DataError, match="means of the population"):
        model.predict(interval="confidence", ddf="containment")


@PLAIN
def test_without_groups_both_are_the_residual_ones() -> None:
    cars = mm.datasets.load("oats")
    model = mm.lmm("`yield` ~ nitro", cars)
    for ddf in ("between-within", "containment"):
        assert model.coef_table(ddf)["df"].tolist() == [70, 70]


def test_the_linear_variant_is_the_same_where_v_is_linear() -> None:
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    pd.testing.assert_frame_equal(
        model.coef_table("kenward-roger"), model.coef_table("kenward-roger-linear")
    )
