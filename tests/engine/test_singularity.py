"""Zero-variance directions are found whatever the units, and named in words."""

import numpy as np
import pytest

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.singularity import TermFacts, describe_directions, singular_terms


def facts(columns, is_independent=False, lhs="1 + days", n_levels=6):
    return TermFacts(lhs, "subject", tuple(columns), is_independent, n_levels)


def judged(T, columns, scale=None, **more):
    T = np.array(T, dtype=float)
    scale = np.ones(len(T)) if scale is None else np.array(scale, dtype=float)
    return singular_terms([T], [scale], [facts(columns, **more)], [ORIGINAL])


def test_regular_covariance_has_no_finding():
    assert judged([[1, 0], [0.5, 0.2]], ["Intercept", "days"]) == ()


@pytest.mark.parametrize(("slope", "sign"), [(0.3, ""), (-0.3, "-")])
def test_perfect_correlation_is_named_with_its_sign(slope, sign):
    (term,) = judged([[1, 0], [slope, 0]], ["Intercept", "days"])
    assert term.findings == (f"correlation of Intercept and days = {sign}1.00",)
    assert term.message.splitlines() == [
        "The covariance of (1 + days | subject) is singular: one direction has zero variance.",
        f"    correlation of Intercept and days = {sign}1.00",
        "Do:   keep the fit if prediction is the aim; otherwise try (1 + days || subject) or "
        "fewer columns.",
        "Why:  6 levels of subject are few for 3 parameters, or an effect does not vary between "
        "them.",
    ]


def test_zero_variance_is_named():
    (term,) = judged([[0.0]], ["Intercept"], lhs="1")
    assert term.label == "(1 | subject)"
    assert term.findings == ("variance of Intercept = 0",)
    assert term.message.startswith("The variance of (1 | subject) is zero.")


def test_zero_variances_of_a_diagonal_term():
    (term,) = judged(np.diag([1, 0, 0]), "abc", is_independent=True, lhs="a + b + c")
    assert term.label == "(a + b + c || subject)"
    assert term.findings == ("variance of b = 0", "variance of c = 0")
    assert "2 variances are zero" in term.message


def test_everything_zero():
    (term,) = judged(np.zeros((2, 2)), ["Intercept", "days"])
    assert term.n_zero == 2
    assert term.findings == ("variance of Intercept = 0", "variance of days = 0")


def test_a_general_direction_is_a_combination_without_variance():
    T = np.array([[1, 0, 0], [0.2, 1, 0], [0.7, 0.5, 0]])
    scale = np.array([1.0, 10.0, 0.1])
    (text,) = describe_directions(scale[:, None] * T, scale, ["a", "b", "c"], 1)
    words = text.removeprefix("variance of ").removesuffix(" = 0").split()
    coefficients, sign, value = {}, 1.0, 1.0
    for word in words:
        if word in ("+", "-"):
            sign = 1.0 if word == "+" else -1.0
        elif word in ("a", "b", "c"):
            coefficients[word], value = sign * value, 1.0
        else:
            value = float(word)
    direction = np.array([coefficients.get(name, 0.0) for name in "abc"])
    assert np.linalg.norm(direction @ T) < 5e-3 * np.linalg.norm(direction)


def test_many_directions_are_counted():
    T = np.random.default_rng(0).normal(size=(8, 2)) @ np.eye(2, 8)
    findings = describe_directions(T, np.ones(8), list("abcdefgh"), 6)
    assert findings[-1] == "and 3 more such combinations"


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_units_of_a_covariate_do_not_matter(unit):
    """A covariate in other units divides its row of T and multiplies its scale."""
    T = np.array([[1, 0], [0.3, 0.0]])
    T[1] /= unit
    assert len(judged(T, ["Intercept", "days"], scale=[1, unit])) == 1
    T[1, 1] = 1e-2 / unit
    assert judged(T, ["Intercept", "days"], scale=[1, unit]) == ()


def test_large_variances_elsewhere_do_not_hide_a_real_one():
    """Uncentred years: intercepts vary by 1000 sigma, yet each direction is well determined."""
    assert judged([[1000, 0], [-0.5, 0.001]], ["Intercept", "year"], scale=[1, 2000]) == ()
