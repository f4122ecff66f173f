"""`Family`: names and links, what a response may be, rows asked of the engine."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from mixedmodels.errors import DataError
from mixedmodels.families import GAUSSIAN, KINDS, Family, family_of
from mixedmodels.families.catalogue import FAMILY_WORDS, LINK_WORDS
from mixedmodels.vocabulary import FamilyName, FamilyWord, LinkName, LinkWord

Vector = NDArray[np.float64]

EVERY = [
    (name, link, zero) for name, kind in KINDS.items() for link in kind.links for zero in kind.zeros
]


def test_every_family_has_a_kind() -> None:
    assert set(KINDS) == set(get_args(FamilyName))


@pytest.mark.parametrize(("name", "link", "zero"), EVERY)
def test_the_engine_has_what_the_catalogue_lists(
    name: FamilyName, link: LinkName, zero: str
) -> None:
    family = Family(name, link, zero, 3 if name == "ordinal" else 0)  # type: ignore[arg-type]
    width = 2 if name == "ordinal" else len(family.auxiliary)
    assert family.native.n_auxiliary == width


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("binomial", "binomial"),
        ("Bernoulli", "binomial"),
        ("negative_binomial", "nb2"),
        ("Negative Binomial", "nb2"),
        ("nbinom2", "nb2"),
        ("nbinom1", "nb1"),
        ("Gamma", "gamma"),
        ("inverse.gaussian", "inverse_gaussian"),
        ("InverseGaussian", "inverse_gaussian"),
        ("t", "student_t"),
        ("cumulative", "ordinal"),
        ("beta-binomial", "beta_binomial"),
    ],
)
def test_words(word: str, name: str) -> None:
    assert family_of(word).name == name  # type: ignore[arg-type]


def test_every_word_of_the_vocabulary_is_known() -> None:
    assert {family_of(word).name for word in get_args(FamilyWord)} <= set(KINDS)
    assert set(FAMILY_WORDS.values()) <= set(KINDS)
    assert set(LINK_WORDS.values()) <= set(get_args(LinkName))
    for word in get_args(LinkWord):
        assert family_of("inverse_gaussian", word).link == LINK_WORDS[word]


def test_a_family_may_be_given_itself() -> None:
    own = family_of("poisson", "sqrt")
    assert family_of(own) == own
    assert family_of(own, "log", "hurdle") == Family("poisson", "log", "hurdle")
    assert family_of(replace(own, zero="inflated")).zero == "inflated"
    assert family_of("gaussian") == GAUSSIAN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("weibull",), "family = 'weibull' is not known.\nDo:   give one of binomial, poisson"),
        ((3,), "family is of type int"),
        (
            ("poisson", "logit"),
            "The family poisson has no link 'logit'.\nDo:   give one of log, id",
        ),
        (("beta", "log"), "The family beta has no link 'log'"),
        (("gamma", 2), "The family gamma has no link of type int"),
        (("gamma", None, "inflated"), "The family gamma has no zero inflation"),
        (("binomial", None, "hurdle"), "The family binomial has no hurdle"),
        (("student_t", None, "hurdle"), "The family student_t has no hurdle"),
    ],
)
def test_what_there_is_not(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError) as raised:
        family_of(*arguments)  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)
    assert "Do:" in str(raised.value)


@pytest.mark.parametrize(
    ("family", "y", "size", "message"),
    [
        ("binomial", [0, 1, 2, 1], None, "'y' is neither 0 nor 1 in row 3 of the rows used: 2."),
        ("beta_binomial", [0, 0.25, 1, 1], None, "holds proportions (0.25 in row 2"),
        ("binomial", [0, 0.5, 1, 1], [2] * 4, "is no whole number of successes in 1 row"),
        (
            "binomial",
            [0, 3, 5, 9],
            [4] * 4,
            "more successes than trials in 2 rows; the first is 5 of 4",
        ),
        ("binomial", [-1, 3, 4, 2], [4] * 4, "is negative, and counts successes in 1 row"),
        ("binomial", [0, 0, 0], None, "has failures alone: one category only"),
        ("binomial", [4, 4, 4], [4] * 3, "has successes alone: one category only"),
        ("poisson", [0, 2, -3, -1], None, "and a count is not in 2 rows; the first is -3 in row 3"),
        (
            "nb2",
            [0, 2, 1.5],
            None,
            "is no whole number, and a count is one in 1 row; the first is 1.5",
        ),
        ("poisson", [0, 0, 0], None, "is 0 in every row"),
        (
            "gamma",
            [1, 0, 2.5],
            None,
            "is zero, and a response of the family gamma is positive in 1 row",
        ),
        (
            "inverse_gaussian",
            [1, -2, 3],
            None,
            "is negative, and a response of the family inverse_gaussian",
        ),
        ("gamma", [2, 2, 2], None, "has no different values: all are 2"),
        ("beta", [0.2, 1, 0.4], None, "is an end of the range"),
        ("beta", [0.2, 0, 0.4], None, "is an end of the range"),
        ("beta", [20, 35, 80], None, "is outside 0 to 1 in 3 rows; the first is 20 in row 1"),
        ("student_t", [3, 3, 3], None, "has no different values"),
        ("ordinal", [0, 0, 0], None, "has no different categories"),
        (
            "gaussian",
            [1, np.inf, 2],
            None,
            "is infinite or missing in 1 row; the first is inf in row 2",
        ),
    ],
)
def test_responses_outside_the_range(
    family: str, y: list[float], size: list[float] | None, message: str
) -> None:
    trials = None if size is None else np.array(size, float)
    with pytest.raises(DataError) as raised:
        family_of(family).check_response(np.array(y, float), trials, "y")  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "Do:" in str(raised.value)


@pytest.mark.parametrize(
    ("family", "zero", "y", "message"),
    [
        ("poisson", "inflated", [1, 2, 3], "has no zero.\nDo:   leave zero= out"),
        ("poisson", "hurdle", [1, 2, 3], "has no zero.\nDo:   leave hurdle= out"),
        ("poisson", "hurdle", [0, 1, 1], "has no count above 1"),
        ("gamma", "hurdle", [0, 1, 1], "has no different values other than zero: all are 1"),
    ],
)
def test_zeros_that_a_part_needs(family: str, zero: str, y: list[float], message: str) -> None:
    with pytest.raises(DataError) as raised:
        family_of(family, zero=zero).check_response(np.array(y, float), None, "y")  # type: ignore[arg-type]
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("family", "zero", "y", "size"),
    [
        ("binomial", "none", [0, 1, 1], None),
        ("binomial", "none", [0, 3, 7], [7, 7, 7]),
        ("beta_binomial", "none", [0, 0, 1], [1, 2, 3]),
        ("poisson", "none", [2, 2, 2], None),
        ("nb1", "hurdle", [0, 2, 1e9], None),
        ("gamma", "hurdle", [0, 0.1, 3], None),
        ("beta", "hurdle", [0, 0.1, 0.3], None),
        ("beta", "none", [1e-300, 0.1, 0.3], None),
        ("student_t", "none", [-1, 0, 2], None),
    ],
)
def test_responses_that_are_fine(
    family: str, zero: str, y: list[float], size: list[float] | None
) -> None:
    trials = None if size is None else np.array(size, float)
    family_of(family, zero=zero).check_response(np.array(y, float), trials, "y")  # type: ignore[arg-type]


def test_a_category_without_rows() -> None:
    three = family_of("ordinal").with_categories(3)
    three.check_response(np.array([0.0, 1.0, 2.0]), None, "y")
    with pytest.raises(DataError, match="'y' has no row in category 2 of 3"):
        three.check_response(np.array([0.0, 2.0, 2.0]), None, "y")
    with pytest.raises(DataError, match="more than the 3 categories"):
        three.check_response(np.array([0.0, 1.0, 2.0, 3.0]), None, "y")


def rows() -> tuple[Vector, Vector]:
    eta = np.array([-1.2, 0.0, 0.4, 1.7])
    return eta, np.full((4, 1), 0.6)


def test_rows_against_scipy() -> None:
    eta, auxiliary = rows()
    y, mean, size = np.array([0.0, 1.0, 4.0, 9.0]), np.exp(eta), np.exp(0.6)
    family = family_of("negative_binomial")
    of = stats.nbinom(size, size / (size + mean))
    np.testing.assert_allclose(
        family.log_density(y, None, eta, auxiliary), of.logpmf(y), rtol=1e-12
    )
    np.testing.assert_allclose(family.mean(eta, auxiliary), of.mean(), rtol=1e-12)
    np.testing.assert_allclose(family.variance(None, eta, auxiliary), of.var(), rtol=1e-12)
    below, upto = family.cumulative(y, None, eta, auxiliary)
    np.testing.assert_allclose(below, of.cdf(y - 1), rtol=1e-10)
    np.testing.assert_allclose(upto, of.cdf(y), rtol=1e-10)
    lack = family.saturated(y, None, auxiliary) - family.log_density(y, None, eta, auxiliary)
    peak = stats.nbinom(size, size / (size + y[1:])).logpmf(y[1:])
    np.testing.assert_allclose(lack[1:], peak - of.logpmf(y)[1:], rtol=1e-10)
    assert lack[0] == pytest.approx(-of.logpmf(0)[0])


def test_trials_and_one_trial() -> None:
    family, eta, none = family_of("binomial", "cloglog"), np.array([-1.0, 0.5]), np.empty((2, 0))
    share = -np.expm1(-np.exp(eta))
    np.testing.assert_allclose(family.mean(eta, none), share, rtol=1e-14)
    size = np.array([7.0, 20.0])
    of = stats.binom([7, 20], share)
    np.testing.assert_allclose(family.variance(size, eta, none), of.var(), rtol=1e-12)
    y = np.array([3.0, 20.0])
    np.testing.assert_allclose(family.log_density(y, size, eta, none), of.logpmf(y), rtol=1e-12)


def test_draws_are_of_key_and_replicate_alone() -> None:
    eta, auxiliary = rows()
    native = family_of("negative_binomial", zero="inflated").native
    both = np.hstack([auxiliary, auxiliary])
    drawn = native.draw((3, 4), 5, None, np.tile(eta, (4, 1)), both)
    assert drawn.shape == (4, 4)
    later = native.draw((3, 4), 7, None, np.tile(eta, (2, 1)), both)
    np.testing.assert_array_equal(drawn[2:], later)
    assert (native.draw((3, 5), 5, None, np.tile(eta, (4, 1)), both) != drawn).any()


def test_arrays_that_do_not_fit_are_refused() -> None:
    eta, auxiliary = rows()
    native = family_of("nb2").native
    with pytest.raises(ValueError, match="auxiliary parameters has length 2, but 1 is needed"):
        native.mean(None, eta, np.hstack([auxiliary, auxiliary]))
    with pytest.raises(ValueError, match="eta has length 3, but 4 is needed"):
        native.mean(None, eta[:3], auxiliary)


@pytest.mark.parametrize(
    ("family", "link", "ratio", "latent", "is_canonical"),
    [
        ("binomial", "logit", "odds ratio", np.pi**2 / 3, True),
        ("binomial", "probit", None, 1.0, False),
        ("binomial", "cloglog", "hazard ratio", np.pi**2 / 6, False),
        ("binomial", "cauchit", None, None, False),
        ("binomial", "log", "risk ratio", None, False),
        ("poisson", "log", "rate ratio", None, True),
        ("nb2", "log", "rate ratio", None, False),
        ("gamma", "log", "mean ratio", None, False),
        ("gamma", "inverse", None, None, True),
        ("ordinal", "logit", "odds ratio", np.pi**2 / 3, False),
        ("ordinal", "cloglog", None, np.pi**2 / 6, False),
        ("beta", "logit", "odds ratio", None, False),
        ("beta", "cloglog", None, None, False),
        ("gaussian", "identity", None, None, True),
    ],
)
def test_what_follows_from_family_and_link(
    family: str, link: str, ratio: str | None, latent: float | None, is_canonical: bool
) -> None:
    one = family_of(family, link)  # type: ignore[arg-type]
    assert (one.ratio, one.latent_variance, one.is_canonical) == (ratio, latent, is_canonical)
