"""Contrasts against coefficients written out by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.posthoc.coefficients import coefficients, polynomial

LEVELS = ["a", "b", "c", "d"]

BY_HAND: dict[str, tuple[list[list[float]], list[str]]] = {
    "pairwise": (
        [[1, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1], [0, 1, -1, 0], [0, 1, 0, -1], [0, 0, 1, -1]],
        ["a - b", "a - c", "a - d", "b - c", "b - d", "c - d"],
    ),
    "revpairwise": (
        [[-1, 1, 0, 0], [-1, 0, 1, 0], [0, -1, 1, 0], [-1, 0, 0, 1], [0, -1, 0, 1], [0, 0, -1, 1]],
        ["b - a", "c - a", "c - b", "d - a", "d - b", "d - c"],
    ),
    "trt.vs.ctrl": (
        [[-1, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]],
        ["b - a", "c - a", "d - a"],
    ),
    "trt.vs.ctrlk": (
        [[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1]],
        ["a - d", "b - d", "c - d"],
    ),
    "eff": (
        (np.eye(4) - 0.25).tolist(),
        ["a effect", "b effect", "c effect", "d effect"],
    ),
    "del.eff": (
        (np.eye(4) * 4 / 3 - 1 / 3).tolist(),
        ["a effect", "b effect", "c effect", "d effect"],
    ),
    "consec": (
        [[-1, 1, 0, 0], [0, -1, 1, 0], [0, 0, -1, 1]],
        ["b - a", "c - b", "d - c"],
    ),
    "mean_chg": (
        [[-1, 1 / 3, 1 / 3, 1 / 3], [-1 / 2, -1 / 2, 1 / 2, 1 / 2], [-1 / 3, -1 / 3, -1 / 3, 1]],
        ["a|b", "b|c", "c|d"],
    ),
    "poly": (
        [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]],
        ["linear", "quadratic", "cubic"],
    ),
    "helmert": (
        [[-1, 1, 0, 0], [-1 / 2, -1 / 2, 1, 0], [-1 / 3, -1 / 3, -1 / 3, 1]],
        ["b vs a", "c vs a,b", "d vs a,b,c"],
    ),
    "identity": (np.eye(4).tolist(), LEVELS),
}


@pytest.mark.parametrize("method", BY_HAND)
def test_families_have_their_coefficients_and_names(method: Any) -> None:
    found = coefficients(method, LEVELS)
    C, names = BY_HAND[method]
    np.testing.assert_allclose(found.C, C, atol=1e-12)
    assert list(found.names) == names
    assert found.sums_to_zero is (method != "identity")


@pytest.mark.parametrize("k", range(2, 12))
def test_polynomials_are_orthogonal_and_of_their_degree(k: int) -> None:
    C = polynomial(k).C
    assert C.shape == (min(k - 1, 6), k)
    np.testing.assert_array_equal(C, np.round(C))
    gram = C @ C.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9)
    np.testing.assert_allclose(C.sum(axis=1), 0, atol=1e-9)
    for degree, row in enumerate(C, start=1):
        powers = np.vander(np.arange(k) - (k - 1) / 2, degree, increasing=True)
        np.testing.assert_allclose(row @ powers, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ("c", ["a - c", "b - c", "d - c"]),
        (1, ["a - b", "c - b", "d - b"]),
        (-1, ["a - d", "b - d", "c - d"]),
        (["a", "b"], ["c - avg(a,b)", "d - avg(a,b)"]),
    ],
)
def test_controls_by_name_and_by_place(ref: Any, names: list[str]) -> None:
    found = coefficients("trt.vs.ctrl", LEVELS, ref=ref)
    assert list(found.names) == names
    assert found.sums_to_zero


@pytest.fixture(scope="module")
def cake() -> mm.LinearMixedModel:
    return mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", mm.datasets.load("cake"))


def means_of(model: mm.LinearMixedModel, specs: str) -> pd.DataFrame:
    return model.emmeans(specs).table()


def test_a_mapping_a_table_and_a_matrix_say_the_same(cake: mm.LinearMixedModel) -> None:
    means = cake.emmeans("recipe")
    value = means.table()["estimate"].to_numpy()
    expected = [value[0] - value[2], value[1] - value[:2].mean()]
    rows = {"first": [1, 0, -1], "second": [-0.5, 0.5, 0]}
    named = {"first": {"A": 1, "C": -1}, "second": {"A": -0.5, "B": 0.5}}
    for given in (rows, pd.DataFrame(rows), named):
        found = means.contrast(given).table()
        np.testing.assert_allclose(found["estimate"], expected)
        assert found["contrast"].tolist() == ["first", "second"]
    matrix = means.contrast(list(rows.values())).table()
    np.testing.assert_allclose(matrix["estimate"], expected)
    assert matrix["contrast"].tolist() == ["A - C", "-0.5 A + 0.5 B"]


def test_coefficients_that_do_not_sum_to_zero_are_noted(cake: mm.LinearMixedModel) -> None:
    found = cake.emmeans("recipe").contrast({"sum": [1, 1, 0]})
    assert "do not sum to zero" in str(found).replace("\n    ", " ")
    assert "do not sum to zero" not in str(cake.emmeans("recipe").pairs())


def test_contrasts_stay_within_groups(cake: mm.LinearMixedModel) -> None:
    cells = means_of(cake, "recipe | temperature").pivot(
        index="temperature", columns="recipe", values="estimate"
    )
    within = cake.emmeans("recipe | temperature").pairs().table()
    expected = np.column_stack([cells.A - cells.B, cells.A - cells.C, cells.B - cells.C])
    np.testing.assert_allclose(within["estimate"], expected.ravel(), atol=1e-12)
    assert within["temperature"].tolist() == np.repeat(cells.index, 3).tolist()


def test_groups_can_be_changed(cake: mm.LinearMixedModel) -> None:
    """`by` regroups: the same comparisons whichever call names them."""
    direct = cake.emmeans("temperature | recipe").pairs(adjust="none").table()
    turned = cake.emmeans("recipe | temperature").pairs(by="recipe", adjust="none").table()
    for column in ("estimate", "std_error", "df"):
        left = direct.sort_values(["recipe", "contrast"])[column]
        right = turned.sort_values(["recipe", "contrast"])[column]
        np.testing.assert_allclose(left, right)
    every = cake.emmeans("recipe | temperature").pairs(by=None, adjust="none").table()
    assert len(every) == 18 * 17 / 2
    assert every["contrast"][0] == "A temperature175 - B temperature175"


def test_contrasts_of_contrasts(cake: mm.LinearMixedModel) -> None:
    first = cake.emmeans("recipe | temperature").pairs()
    second = first.contrast("pairwise", by="contrast", adjust="none").table()
    value = first.table().set_index(["contrast", "temperature"])["estimate"]
    assert len(second) == 3 * 15
    row = second.iloc[0]
    assert row["contrast1"] == "temperature175 - temperature185"
    np.testing.assert_allclose(row["estimate"], value["A - B", "175"] - value["A - B", "185"])


def test_interactions_are_products(cake: mm.LinearMixedModel) -> None:
    cells = means_of(cake, "recipe | temperature").pivot(
        index="recipe", columns="temperature", values="estimate"
    )
    pairs = np.array(BY_HAND["pairwise"][0])[[0, 1, 3], :3]
    linear = np.array([-5, -3, -1, 1, 3, 5.0])
    found = cake.emmeans("recipe * temperature").contrast(interaction=["pairwise", "poly"]).table()
    assert found.columns[:2].tolist() == ["recipe_pairwise", "temperature_poly"]
    np.testing.assert_allclose(found["estimate"][:3], pairs @ cells.to_numpy() @ linear)
    named = cake.emmeans("recipe * temperature").contrast(interaction={"temperature": "poly"})
    assert named.table()["recipe_identity"][:3].tolist() == ["A", "B", "C"]


def test_equivalence_and_its_like_shift_the_statistic(cake: mm.LinearMixedModel) -> None:
    pairs = cake.emmeans("recipe").pairs(adjust="none")
    plain = pairs.table()
    e, se = plain["estimate"], plain["std_error"]
    expected: dict[Any, NDArray[np.float64]] = {
        "equivalence": (e.abs() - 3) / se,
        "noninferiority": (e + 3) / se,
        "nonsuperiority": (e - 3) / se,
        "superiority": (e - 3) / se,
    }
    for side, statistic in expected.items():
        np.testing.assert_allclose(pairs.test(delta=3, side=side)["statistic"], statistic)
    lower, upper = (pairs.test(side=side)["p_value"] for side in ("less", "greater"))
    np.testing.assert_allclose(lower + upper, 1)
    np.testing.assert_allclose(2 * np.minimum(lower, upper), plain["p_value"])
    up = pairs.test(delta=3, side="superiority")["p_value"]
    down = pairs.test(delta=3, side="nonsuperiority")["p_value"]
    np.testing.assert_allclose(up + down, 1)


def test_a_joint_test_of_pairs_is_the_test_of_the_term(cake: mm.LinearMixedModel) -> None:
    joint = cake.emmeans("recipe").pairs().test(joint=True)
    term = cake.joint_tests()
    for column in ("num_df", "den_df", "statistic", "p_value"):
        np.testing.assert_allclose(joint[column], term[column][:1], rtol=1e-6)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("contrast", {"method": "pairs"}, "not known"),
    ("contrast", {"adjust": "tuckey"}, "tuckey"),
    ("contrast", {"method": {"x": [1, -1]}}, "2 coefficients for 3 means"),
    ("contrast", {"method": {"x": [0, 0, 0]}}, "zeros"),
    ("contrast", {"method": {"x": [1, np.nan, -1]}}, "not finite"),
    ("contrast", {"method": {"x": ["a", "b", "c"]}}, "no numbers"),
    ("contrast", {"method": {"x": {"D": 1}}}, "none of the means"),
    ("contrast", {"method": {}}, "no coefficients"),
    ("contrast", {"method": "trt.vs.ctrl", "ref": "D"}, "none of the means"),
    ("contrast", {"method": "trt.vs.ctrl", "ref": 3}, "none of the means"),
    ("contrast", {"method": "trt.vs.ctrl", "ref": ["A", "B", "C"]}, "nothing to compare"),
    ("contrast", {"method": "eff", "ref": "A"}, "no meaning"),
    ("contrast", {"by": "recipe"}, "each group has one row"),
    ("contrast", {"by": "temp"}, "not a column"),
    ("contrast", {"interaction": ["pairwise", "poly"]}, "2 methods for 1 columns"),
    ("test", {"side": "both"}, "both"),
    ("test", {"side": "equivalence"}, "needs a margin"),
    ("test", {"delta": 2}, "no meaning"),
    ("test", {"side": "equivalence", "delta": -2}, "negative"),
    ("test", {"null": "a"}, "give a finite number"),
    ("test", {"joint": "yes"}, "neither True nor False"),
    ("conf_int", {"level": 95}, "probability"),
    ("letters", {"alpha": 5}, "probability"),
    ("response", {}, "no transform"),
    ("regrid", {}, "no transform"),
    ("effect_size", {"sigma": "all"}, "not known"),
    ("effect_size", {"sigma": -1}, "positive"),
    ("effect_size", {"sigma": np.inf}, "finite"),
    ("effect_size", {"sigma": 1, "edf": 0}, "positive"),
]


@pytest.mark.parametrize(("method", "options", "message"), BAD)
def test_bad_input_is_refused_in_one_message(
    cake: mm.LinearMixedModel, method: str, options: dict[str, Any], message: str
) -> None:
    means = cake.emmeans("recipe")
    with pytest.raises(DataError, match=message):
        found = getattr(means, method)(**options)
        if hasattr(found, "functions"):
            found.table()


def test_one_mean_cannot_be_compared(cake: mm.LinearMixedModel) -> None:
    with pytest.raises(DataError, match="one mean"):
        cake.emmeans("recipe", at={"recipe": "A"}).pairs()


def test_a_control_is_named_by_its_value_before_its_place() -> None:
    """Of a factor of numbers, 3 is the level 3; of one of other names, the fourth."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"h": np.tile([1, 2, 3, 4, 5], 20), "g": np.repeat(np.arange(10), 10)})
    frame["t"], frame["y"] = "T" + frame["h"].astype(str), rng.normal(size=100)
    numbers = mm.lmm("y ~ C(h) + (1 | g)", frame).emmeans("h")
    assert numbers.contrast("trt.vs.ctrl", ref=3).table()["contrast"][0] == "h1 - h3"
    assert numbers.contrast({"x": {1: 1, 5: -1}}).linfct.shape == (1, 5)
    words = mm.lmm("y ~ t + (1 | g)", frame).emmeans("t")
    assert words.contrast("trt.vs.ctrl", ref=3).table()["contrast"][0] == "T1 - T4"
    assert words.contrast("trt.vs.ctrlk").table()["contrast"][0] == "T1 - T5"


def test_a_model_of_a_mean_alone_has_one() -> None:
    model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
    [estimate] = model.emmeans("1").table()["estimate"]
    np.testing.assert_allclose(estimate, model.params["Intercept"])


def test_adjustments_over_groups_multiply(cake: mm.LinearMixedModel) -> None:
    means = cake.emmeans("temperature | recipe")
    within = means.pairs(adjust="holm").table()["p_value"]
    over = means.pairs(adjust="holm", cross_adjust="bonferroni").table()["p_value"]
    np.testing.assert_allclose(over, np.minimum(3 * within, 1))
    with pytest.raises(DataError, match="cross_adjust"):
        means.pairs(cross_adjust="tukey").table()
