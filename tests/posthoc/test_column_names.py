"""Columns of any name: means, trends, contrasts and joint tests are those of plain ones."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

NAMES = [
    "a b",
    "a:b",
    "x y",
    "C(f)",
    "log(x)",
    "a|b",
    "a~b",
    "1st",
    "dose ",
    "é",
    "estimate",
    "term",
]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 90
    frame = pd.DataFrame(
        {
            "f": rng.choice(list("pqr"), n),
            "h": rng.choice(list("uv"), n),
            "x": rng.normal(3, 1, n),
            "g": rng.integers(0, 9, n),
        }
    )
    return frame.assign(y=rng.normal(size=n) + frame.x)


def _numbers(table: pd.DataFrame) -> np.ndarray:
    return table.select_dtypes("number").to_numpy(dtype=float)


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_may_have_any_name(data: pd.DataFrame, name: str) -> None:
    plain = mm.lmm("y ~ f * h + f * x + (1 | g)", data)
    other = mm.lmm(f"y ~ `{name}` * h + `{name}` * x + (1 | g)", data.rename(columns={"f": name}))
    for wanted, found in [
        (plain.emmeans("f").pairs().table(), other.emmeans(name).pairs().table()),
        (plain.emmeans("f | h").table(), other.emmeans(f"`{name}` | h").table()),
        (plain.emmeans("h * f").table(), other.emmeans(f"h * `{name}`").table()),
        (plain.emtrends("f", "x").table(), other.emtrends([name], "x").table()),
        (plain.joint_tests(by="f"), other.joint_tests(by=[name])),
        (plain.comparisons("f").table(), other.comparisons(name).table()),
    ]:
        np.testing.assert_allclose(_numbers(found), _numbers(wanted), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("C(f)",)])
@pytest.mark.parametrize("form", ["f * {}", "f + poly({}, 2)", "f * np.exp({} / 10)"])
def test_a_covariate_may_have_any_name(data: pd.DataFrame, name: str, form: str) -> None:
    plain = mm.lmm(f"y ~ {form.format('x')} + (1 | g)", data)
    other = mm.lmm(f"y ~ {form.format(f'`{name}`')} + (1 | g)", data.rename(columns={"x": name}))
    for wanted, found in [
        (plain.emtrends("f", "x").table(), other.emtrends("f", name).table()),
        (plain.slopes("x").table(), other.slopes(name).table()),
        (plain.emmeans("f", at={"x": 2}).table(), other.emmeans("f", at={name: 2}).table()),
        (plain.joint_tests(), other.joint_tests()),
    ]:
        np.testing.assert_allclose(_numbers(found), _numbers(wanted), rtol=1e-6, atol=1e-9)


def test_a_column_named_like_a_call_makes_no_factor_of_another(data: pd.DataFrame) -> None:
    renamed = data.rename(columns={"f": "C(x)"})
    model = mm.lmm("y ~ `C(x)` + x + (1 | g)", renamed)
    wanted = mm.lmm("y ~ f + x + (1 | g)", data).emtrends("f", "x").table()
    found = model.emtrends(["C(x)"], "x").table()
    np.testing.assert_allclose(_numbers(found), _numbers(wanted), rtol=1e-8)


def test_signs_in_names_are_read_within_backticks_only(data: pd.DataFrame) -> None:
    model = mm.lmm("y ~ `a|b` * h + (1 | g)", data.rename(columns={"f": "a|b"}))
    with pytest.raises(mm.errors.DataError, match="backticks"):
        model.emmeans("a|b | h")
