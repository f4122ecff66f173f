"""Structures of terms and of residuals as matrices: places, levels, members, refusals."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import mixedmodels as mm
from mixedmodels.covariance import Structure
from mixedmodels.data import Frame
from mixedmodels.design import build, rebuild
from mixedmodels.errors import DataError, FormulaError, MixedModelsError
from mixedmodels.formula import parse

LEVELS = ["d", "b", "a", "c"]


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    visits = pd.Categorical(["base", "mid", "end"] * 8, ["base", "mid", "late", "end"])
    return pd.DataFrame(
        {
            "y": rng.normal(size=24),
            "visit": visits,
            "week": [0, 1, 4] * 8,
            "time": np.tile([0.0, 0.5, 2.25], 8),
            "subject": np.repeat([f"s{i}" for i in range(8)], 3),
            "site": np.repeat(["x", "y"], 12),
            "arm": np.repeat(["p", "q", "p", "q"], 6),
            "g": np.resize(["a", "b", "c", "d", "a"], 24),
            "h": np.resize(["b", "c", "c", "e"], 24),
            "w1": rng.uniform(0.1, 1, size=24),
            "w2": rng.uniform(0.1, 1, size=24),
        }
    )


def designed(data, formula="y ~ 1", **arguments):
    return build(parse(formula), Frame.of(data), **arguments)


def residual(data, text, formula="y ~ 1", **arguments):
    return designed(data, formula, residual=text, **arguments)[1].residual


def refused(data, part, formula="y ~ 1", error=MixedModelsError, **arguments):
    with pytest.raises(error) as caught:
        designed(data, formula, **arguments)
    assert part in str(caught.value)
    return str(caught.value)


def test_a_model_without_structure_stays_plain(data):
    assert designed(data, "y ~ week + (week | subject) + (1 | g)")[1].is_plain
    for formula, arguments in [
        ("y ~ cs(0 + visit | subject)", {}),
        ("y ~ homdiag(0 + visit | subject)", {}),
        ("y ~ mm(1 | g + h)", {}),
        ("y ~ known(1 | g, cov=K)", {"known": {"K": np.eye(4)}}),
        ("y ~ (1 | g)", {"sigma": 1.0}),
        ("y ~ (1 | g)", {"sigma": "~ arm"}),
        ("y ~ 1", {"residual": "ar1(week | subject)"}),
    ]:
        assert not designed(data, formula, **arguments)[1].is_plain


# Places of rows


def test_lags_count_whole_numbers_and_all_levels_of_a_factor(data):
    by_week = residual(data, "ar1(week | subject)")
    assert by_week.positions[:3, 0].tolist() == [0, 1, 4]
    by_visit = residual(data, "ar1(visit | subject)")
    assert by_visit.positions[:3, 0].tolist() == [0, 1, 3]
    in_order = residual(data, "ar1(1 | subject)")
    assert in_order.positions[:3, 0].tolist() == [0, 1, 2]


def test_occasions_with_parameters_of_their_own_are_the_distinct_values(data):
    for text in ("us(week | subject)", "toep(week | subject)", "ante(week | subject)"):
        made = residual(data, text)
        assert made.positions[:3, 0].tolist() == [0, 1, 2]
        assert made.occasions == ("0", "1", "4")
    made = residual(data, "us(visit | subject)")
    assert (made.occasions, made.positions[:3, 0].tolist()) == (("base", "mid", "end"), [0, 1, 2])


def test_the_order_of_rows_counts_rows_that_are_dropped(data):
    data.loc[1, "y"] = np.nan
    made = residual(data, "ar1(1 | subject)")
    assert made.positions[:5, 0].tolist() == [0, 2, 0, 1, 2]
    assert len(made.codes) == 23


def test_a_row_without_a_place_is_dropped(data):
    data.loc[[0, 5], "time"] = np.nan
    data["arm"] = data["arm"].mask(data.index == 7)
    _, m = designed(data, residual="car1(time | subject)", sigma="~ arm")
    assert m.n_missing == 3
    assert m.residual.positions.shape == (21, 1)
    assert m.residual.scale.S.shape == (21, 1)


def test_groups_within_groups_are_combinations(data):
    data["subject"] = np.tile(np.repeat(["1", "2", "3", "4"], 3), 2)
    made = residual(data, "ar1(week | site/subject)")
    assert (made.group, len(made.levels)) == ("site:subject", 8)
    assert made.codes.tolist() == np.repeat(np.arange(8), 3).tolist()


def test_all_rows_may_be_one_block(data):
    data["lat"], data["lon"] = np.arange(24.0), np.arange(24.0)[::-1] ** 2
    made = residual(data, "expo(lat + lon, nugget=True)")
    assert made.structure == Structure("expo", hom=True, nugget=True)
    assert made.codes.tolist() == [0] * 24
    np.testing.assert_array_equal(made.positions, data[["lat", "lon"]])


def test_parts_are_whole_groups(data):
    made = residual(data, "ar1(week | subject, by=arm)")
    assert made.parts == ("p", "q")
    assert [made.parts[part] for part in made.part] == data["arm"].tolist()
    data.loc[0, "arm"] = "q"
    refused(data, "several values", residual="ar1(week | subject, by=arm)")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ar1(time | subject)", "car1(time | subject)"),
        ("us(site | subject)", "same site"),
        ("ar1(week | subject, hom=False)", "gaps between 0 and 4"),
        ("car1(visit | subject)", "not numeric"),
        ("car1(1 | subject)", "no column of positions"),
        ("car1(week + time | subject)", "2 columns for the time"),
        ("ar1(week + time | subject)", "2 columns for the occasion"),
        ("arma(1 | subject, p=3, q=1)", "needs more than 3 occasions"),
        ("toep(visit | subject, band=4)", "band=4"),
        ("ar1(week | subject, rank=2)", "no option 'rank'"),
        ("ar1(week | subject, hom=3)", "True or False"),
        ("rr(visit | subject)", "no covariance of residuals"),
        ("diag(visit | subject)", 'sigma="~ visit"'),
        ("ar1(wek | subject)", "Did you mean 'week'"),
        ("arma(p=0, q=0)", "given by columns"),
    ],
)
def test_a_residual_covariance_that_the_data_do_not_suit(data, text, part):
    refused(data, part, residual=text)


def test_text_has_no_order_in_time(data):
    data["visit"] = data["visit"].astype(str)
    refused(data, "order is that of the alphabet", residual="ar1(visit | subject)")
    refused(data, "order is that of the alphabet", "y ~ ar1(0 + visit | subject)")
    assert residual(data, "us(visit | subject)").occasions == ("base", "end", "mid")
    data["visit"] = [f"week {w}" for w in data["week"]]
    assert residual(data, "ar1(visit | subject)").positions[:3, 0].tolist() == [0, 1, 2]
    data["visit"] = [f"week {w + 8}" for w in data["week"]]
    refused(data, "week 12, week 8, week 9", residual="ar1(visit | subject)")


def test_correlations_that_no_group_shows(data):
    keep = ~((data["week"] == 4) & (data["subject"] < "s4"))
    keep &= ~((data["week"] == 1) & (data["subject"] >= "s4"))
    refused(data[keep], "'1' and '4' together", residual="us(week | subject)")
    assert residual(data[keep], "cs(week | subject)").occasions == ("0", "1", "4")
    once = data.iloc[np.arange(8) * 3 + np.arange(8) % 3]
    refused(once, "has two rows", residual="ar1(week | subject)")


def test_standard_deviations_are_not_said_twice(data):
    refused(data, "repeats", residual="us(visit | subject)", sigma="~ visit")
    refused(data, "repeats", residual="us(week | subject)", sigma="~ week")
    refused(data, "repeats", residual="ar1(week | subject, by=arm)", sigma="~ arm")
    residual(data, "us(week | subject)", sigma="~ arm")
    residual(data, "cs(week | subject, hom=True)", sigma="~ visit")


def test_a_term_that_the_residual_covariance_has_already(data):
    for text in ("us(week | subject)", "cs(week | subject, hom=True)"):
        refused(data, "has all that", "y ~ (1 | subject)", residual=text)
    refused(data, "has all that", "y ~ (week | subject)", residual="us(week | subject)")
    for text in ("ar1(week | subject)", "cs(week | subject)"):
        designed(data, "y ~ (1 | subject)", residual=text)
    designed(data, "y ~ (1 | site)", residual="us(week | subject)")


# The standard deviation


def test_the_columns_of_the_standard_deviation(data):
    _, m = designed(data, sigma="~ arm + constpower(week) + power(fitted) + power(w1, by=arm)")
    scale = m.residual.scale
    assert scale.names == ("arm[T.q]",)
    assert scale.S[:, 0].tolist() == (data["arm"] == "q").astype(float).tolist()
    constant, fitted, first, second = scale.powers
    assert (constant.kind, constant.name, constant.values.tolist()) == (
        "constpower",
        "week",
        data["week"].tolist(),
    )
    assert (fitted.kind, fitted.values) == ("power", None)
    assert (first.part, second.part) == ("p", "q")
    assert (first.rows ^ second.rows).all()
    assert m.residual.structure is None
    assert m.known_sigma is None


def test_a_standard_deviation_that_is_known(data):
    assert designed(data, sigma=2)[1].known_sigma == 2.0
    for wrong in (0, -1.0, np.nan, True, [1.0]):
        refused(data, "sigma is", sigma=wrong)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("power(week)", "zero in 8 rows"),
        ("power(arm)", '"~ arm"'),
        ("~ arm + I(2 * (arm == 'q'))", "combination"),
        ("~ wek", "Did you mean"),
        ("~ 0 + arm", "sigma itself"),
    ],
)
def test_a_standard_deviation_that_the_data_do_not_suit(data, text, part):
    refused(data, part, sigma=text)


# Random terms


def test_structures_keep_the_columns_of_the_formula(data):
    data["year"] = 2000 + data["time"]
    assert designed(data, "y ~ (year | subject)")[1].terms[0].coordinates.steps
    (term,) = designed(data, "y ~ cs(year | subject)")[1].terms
    assert not term.coordinates.steps
    np.testing.assert_array_equal(term.Z[:, 1], data["year"])


def test_levels_without_data_leave_a_gap_in_a_term(data):
    (term,) = designed(data, "y ~ ar1(0 + visit | subject)")[1].terms
    assert term.names == ("visit[base]", "visit[mid]", "visit[end]")
    assert term.positions[:, 0].tolist() == [0, 1, 3]
    refused(data, "levels without data", "y ~ hetar1(0 + visit | subject)")


@pytest.mark.parametrize("formula", ["y ~ ou(0 + time | subject)", "y ~ ou(time | subject)"])
def test_numbers_are_sites(data, formula):
    spec, m = designed(data, formula)
    (term,) = m.terms
    assert term.positions.tolist() == [[0.0], [0.5], [2.25]]
    np.testing.assert_array_equal(term.Z, np.tile(np.eye(3), (8, 1)))
    again = rebuild(spec, Frame.of(data.iloc[::-1])).terms[0]
    np.testing.assert_array_equal(again.Z, term.Z[::-1])
    assert again.names == term.names
    data.loc[0, "time"] = 9.0
    with pytest.raises(DataError, match="has not seen: 9"):
        rebuild(spec, Frame.of(data))


def test_levels_that_read_as_coordinates_are_sites(data):
    data["x"], data["z"] = np.tile([0, 1, 1], 8), np.tile([2, 2, 5], 8)
    data["pos"] = [f"({x},{z})" for x, z in zip(data["x"], data["z"], strict=True)]
    (term,) = designed(data, "y ~ exp(0 + pos | subject)")[1].terms
    (same,) = designed(data, "y ~ expo(0 + x + z | subject)")[1].terms
    assert term.structure == same.structure
    assert term.positions.tolist() == same.positions.tolist() == [[0, 2], [1, 2], [1, 5]]
    np.testing.assert_array_equal(term.Z, same.Z)
    refused(data, "tells no position", "y ~ expo(0 + visit | subject)")
    refused(data, "names positions", "y ~ expo(0 + x + pos | subject)", error=FormulaError)


def test_a_term_by_levels_has_the_rows_of_each(data):
    spec, m = designed(data, "y ~ (week | subject, by=arm)")
    assert [term.part for term in m.terms] == ["p", "q"]
    assert m.terms[0].names == ("Intercept[arm=p]", "week[arm=p]")
    assert m.is_plain
    plain = designed(data, "y ~ (week | subject)")[1].terms[0]
    own = [term.coordinates.original(term.Z) for term in m.terms]
    np.testing.assert_allclose(sum(own), plain.Z)
    assert not (own[0] * own[1]).any()
    again = rebuild(spec, Frame.of(data))
    for new, term in zip(again.terms, m.terms, strict=True):
        np.testing.assert_array_equal(new.Z, term.Z)
    with pytest.raises(DataError, match="level 'r'"):
        rebuild(spec, Frame.of(data.assign(arm="r")))


@pytest.mark.parametrize(
    ("formula", "part"),
    [
        ("y ~ cs(1 | subject)", "there is one"),
        ("y ~ ar1(week | subject)", "levels of one factor"),
        ("y ~ rr(0 + visit | subject, d=5)", "rank"),
        ("y ~ arma(0 + visit | subject)", "covariance of residuals"),
        ("y ~ cs(0 + visit | subject, hm=True)", "Did you mean 'hom'"),
        ("y ~ known(1 | subject)", "names no matrix"),
        ("y ~ known(1 | subject, cov=K)", "No matrix 'K'"),
        ("y ~ mm(1 | g + h, weights=w1)", "1 columns of weights for 2"),
        ("y ~ mm(1 | g + h, weights=arm + w2)", "not numeric"),
        ("y ~ ar2(1 | g)", "no structure 'ar2'. Did you mean 'ar1'"),
    ],
)
def test_a_term_that_cannot_be(data, formula, part):
    refused(data, part, formula)


# Members


def dense_members(data, levels, weights):
    B = np.zeros((len(data), len(levels)))
    for column, weight in weights.items():
        for i, (level, w) in enumerate(zip(data[column], weight, strict=True)):
            if level in levels:
                B[i, levels.index(level)] += w
    return B


def test_rows_belong_to_the_levels_of_all_columns(data):
    spec, m = designed(data, "y ~ mm(1 | g + h, weights=w1 + w2)")
    (term,), (grouping,) = m.terms, m.groupings
    assert (grouping.name, grouping.levels) == ("g+h", tuple("abcde"))
    expected = dense_members(data, list("abcde"), {"g": data["w1"], "h": data["w2"]})
    np.testing.assert_allclose(term.members.matrix(5).toarray(), expected)
    part = m.take(np.array([3, 3, 0])).terms[0].members
    np.testing.assert_allclose(part.matrix(5).toarray(), expected[[3, 3, 0]])
    again = rebuild(spec, Frame.of(data.assign(h="new"))).terms[0]
    assert (again.codes == -1).all()
    rest = dense_members(data, list("abcde"), {"g": data["w1"]})
    np.testing.assert_allclose(again.members.matrix(5).toarray(), rest)


def test_a_row_may_lack_some_of_its_levels(data):
    data["h"] = data["h"].mask(data.index < 4)
    data["g"] = data["g"].mask(data.index == 0)
    _, m = designed(data, "y ~ mm(1 | g + h)")
    assert m.n_missing == 1
    B = m.terms[0].members.matrix(len(m.groupings[0].levels)).toarray()
    np.testing.assert_allclose(B.sum(axis=1), 1.0)
    assert np.count_nonzero(B[0]) == 1
    data.loc[2, "w1"] = np.nan
    data.loc[1, "w2"] = np.nan
    assert designed(data, "y ~ mm(1 | g + h, weights=w1 + w2)")[1].n_missing == 2


# Known matrices


def random_covariance(seed, n):
    A = np.random.default_rng(seed).normal(size=(n, n + 2))
    return A @ A.T / n + 0.1 * np.eye(n)


def dense(precision):
    return precision.Q.toarray()


FORMS = {
    "labelled": lambda K: pd.DataFrame(K, LEVELS, LEVELS),
    "columns in another order": lambda K: pd.DataFrame(K, LEVELS, LEVELS)[["a", "d", "c", "b"]],
    "polars": lambda K: pl.DataFrame(dict(zip(LEVELS, K, strict=True))),
    "array": lambda K: K[np.ix_([2, 1, 3, 0], [2, 1, 3, 0])],
    "sparse": lambda K: sparse.csr_matrix(K[np.ix_([2, 1, 3, 0], [2, 1, 3, 0])]),
    "list": lambda K: K[np.ix_([2, 1, 3, 0], [2, 1, 3, 0])].tolist(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_covariance_in_any_form_and_its_inverse(data, form):
    K = random_covariance(1, 4)
    order = [2, 1, 3, 0]  # of LEVELS, for the levels a, b, c, d of the data
    expected = np.linalg.inv(K[np.ix_(order, order)])
    for option, given_matrix in (("cov", K), ("precision", np.linalg.inv(K))):
        _, m = designed(
            data, f"y ~ known(1 + week | g, {option}=K)", known={"K": FORMS[form](given_matrix)}
        )
        (term,) = m.terms
        np.testing.assert_allclose(dense(term.precision), expected, rtol=1e-9, atol=1e-12)
        assert term.precision.log_det == pytest.approx(np.linalg.slogdet(expected)[1], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 6))
def test_blocks_of_levels_are_inverted_apart(seed, blocks, size):
    rng = np.random.default_rng(seed)
    n = blocks * size
    K = np.kron(np.eye(blocks), random_covariance(seed, size))
    order = rng.permutation(n)
    K = K[np.ix_(order, order)]
    frame = pd.DataFrame({"y": rng.normal(size=2 * n), "g": np.tile(np.arange(n), 2)})
    frame = frame if n > 1 else pd.concat([frame, frame.assign(g=1)])
    K = K if n > 1 else np.kron(np.eye(2), K)
    precision = designed(frame, "y ~ known(1 | g, cov=K)", known={"K": K})[1].terms[0].precision
    np.testing.assert_allclose(dense(precision) @ K, np.eye(len(K)), atol=1e-8)
    assert precision.Q.nnz <= len(K) * size


def test_levels_of_the_matrix_without_data_are_kept(data):
    labels = [*LEVELS, "z1", "z0"]
    K = random_covariance(2, 6)
    spec, m = designed(
        data, "y ~ known(1 | g, cov=K) + (1 | g)", known={"K": pd.DataFrame(K, labels, labels)}
    )
    (grouping,) = m.groupings
    assert grouping.levels == ("a", "b", "c", "d", "z1", "z0")
    order = [labels.index(level) for level in grouping.levels]
    found = dense(m.terms[0].precision)
    np.testing.assert_allclose(found, np.linalg.inv(K[np.ix_(order, order)]), rtol=1e-9)
    codes = rebuild(spec, Frame.of(data.assign(g="z0"))).terms[0].codes
    assert set(codes.tolist()) == {5}


def test_a_pedigree_is_a_known_precision(data):
    animals = mm.pedigree(
        {"animal": list("abcd"), "sire": ["s", "s", "a", "0"], "dam": list("t0bc")}
    )
    for option in ("cov", "precision"):
        _, m = designed(data, f"y ~ known(1 | g, {option}=A)", known={"A": animals})
        (term,), (grouping,) = m.terms, m.groupings
        assert set(grouping.levels) == {*"abcdst"}
        order = [animals.labels.index(level) for level in grouping.levels]
        expected = animals.precision.toarray()[np.ix_(order, order)]
        np.testing.assert_allclose(dense(term.precision), expected)
        assert term.precision.log_det == pytest.approx(np.linalg.slogdet(expected)[1])


def asymmetric():
    K = random_covariance(1, 4)
    K[0, 3] += 1
    return K


@pytest.mark.parametrize(
    ("matrix", "part"),
    [
        (lambda: np.eye(3), "3 rows, but g has 4 levels"),
        (lambda: np.eye(4)[:3], "shape (3, 4)"),
        (asymmetric, "not symmetric: for 'd' and 'a' it has 0.37"),
        (lambda: np.ones((4, 4)), "not positive definite"),
        (lambda: np.full((4, 4), np.nan), "missing or infinite"),
        (
            lambda: pd.DataFrame(np.eye(3), LEVELS[:3], LEVELS[:3]),
            "lacks 1 of the 4 levels of g: c",
        ),
        (lambda: pd.DataFrame(np.eye(4), LEVELS, list("abcx")), "not the same levels"),
        (lambda: pd.DataFrame(np.eye(5), [*"abcd", "a"], [*"abcd", "a"]), "levels"),
        (lambda: "K", "cannot be read"),
        (lambda: object(), "cannot be read"),
    ],
)
def test_a_known_matrix_that_cannot_be(data, matrix, part):
    refused(data, part, "y ~ known(1 | g, cov=K)", error=DataError, known={"K": matrix()})


def test_a_precision_that_cannot_be(data):
    for Q in (np.ones((4, 4)), np.diag([1.0, 1, 1, -1]), np.diag([1.0, 1, 1, 0])):
        refused(data, "not positive definite", "y ~ known(1 | g, precision=Q)", known={"Q": Q})


# New rows


def test_new_rows_find_their_place_in_the_residual_covariance(data):
    spec, m = designed(data, residual="us(week | subject)", sigma="~ arm")
    new = pd.DataFrame(
        {"week": [4, 0, 2, 4], "subject": ["s3", "s3", "s3", "new"], "arm": ["q", "p", "p", "q"]}
    )
    found = rebuild(spec, Frame.of(new), need_residual=True).residual
    assert found.codes.tolist() == [3, 3, 3, -1]
    np.testing.assert_array_equal(found.positions[:, 0], [2, 0, np.nan, 2])
    assert found.blocks[0] == found.blocks[1] != found.blocks[3]
    assert found.scale.S[:, 0].tolist() == [1, 0, 0, 1]
    own = rebuild(spec, Frame.of(data), need_residual=True).residual
    np.testing.assert_array_equal(own.positions, m.residual.positions)
    np.testing.assert_array_equal(own.codes, m.residual.codes)
    assert rebuild(spec, Frame.of(data[["week"]])).residual is None


def test_rows_taken_keep_their_place(data):
    _, m = designed(data, residual="ar1(week | subject)", sigma="~ arm + power(w1)")
    rows = np.array([5, 0, 5])
    part = m.take(rows).residual
    np.testing.assert_array_equal(part.codes, m.residual.codes[rows])
    np.testing.assert_array_equal(part.positions, m.residual.positions[rows])
    np.testing.assert_array_equal(part.scale.S, m.residual.scale.S[rows])
    np.testing.assert_array_equal(part.scale.powers[0].values, data["w1"].to_numpy()[rows])
