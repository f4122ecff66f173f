"""Equations parse as mathematics, show names as they are, and hold the model's own numbers."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from matplotlib.mathtext import MathTextParser

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.report.equation.symbols import name, number, of_row
from mixedmodels.shortening import visible
from tests.report.test_escaping import NAMES

PARSER = MathTextParser("path")

AMPERSAND = r"\&"
"""What matplotlib alone does not know."""

MATRIX = re.compile(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}")


def data() -> pd.DataFrame:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"y": random.normal(size=120), "g": np.arange(120) % 12, "h": np.arange(120) % 5}
    )
    table["x_1 %$&#"] = random.normal(size=120)
    table["w"] = 1 + random.random(120)
    table["f"] = pd.Categorical(np.resize(["a-b", "c<d", "é ü"], 120))
    table["k"] = random.poisson(2, 120)
    table["o"] = pd.Categorical.from_codes(
        np.resize([0, 1, 2], 120), ["lo", "mid", "hi"], ordered=True
    )
    return table


DATA, ORTHODONT = data(), mm.datasets.load("orthodont")

MODELS = {
    "slopes": lambda: mm.lmm(
        "Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy")
    ),
    "independent": lambda: mm.lmm(
        "Reaction ~ Days + (Days || Subject)", mm.datasets.load("sleepstudy")
    ),
    "crossed": lambda: mm.lmm("y ~ f * `x_1 %$&#` + (1 | g) + (1 | h)", DATA, weights="w"),
    "ar1": lambda: mm.lmm("distance ~ age", ORTHODONT, residual="ar1(age | Subject)",
                          sigma="~ Sex"),
    "unstructured": lambda: mm.lmm("distance ~ age", ORTHODONT, residual="us(age | Subject)"),
    "cs": lambda: mm.lmm("distance ~ age + cs(0 + factor(age) | Subject)", ORTHODONT),
    "ordinary": lambda: mm.lmm("log(distance) ~ age + I(age**2)", ORTHODONT),
    "binomial": lambda: mm.glmm("incidence / size ~ period + (1 | herd)",
                                mm.datasets.load("cbpp")),
    "negative binomial": lambda: mm.glmm("k ~ f + (1 | g)", DATA, "nb2", zero="~ 1", offset="w"),
    "ordinal": lambda: mm.glmm("o ~ w + (1 | g)", DATA, "ordinal"),
    "no coefficients": lambda: mm.lmm("Yield ~ 0 + (1 | Batch)", mm.datasets.load("dyestuff")),
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::mixedmodels.errors.SingularFitWarning")


def assert_parses(source: str) -> None:
    """As matplotlib reads mathematics, which has no matrices: their cells one by one."""
    cells = [cell for inside in MATRIX.findall(source) for cell in re.split(r"\\\\|&", inside)]
    for one in [MATRIX.sub(" M ", source), *cells]:
        if one.strip():
            PARSER.parse(f"${one.replace(AMPERSAND, '+')}$")


@pytest.mark.parametrize("which", MODELS)
def test_every_line_is_mathematics(which):
    model = MODELS[which]()
    for numbers in (False, True):
        for greek in (True, False):
            equation = model.equation(numbers=numbers, greek=greek)
            for left, right in equation.lines:
                assert_parses(left)
                assert_parses(right)
            source = equation.latex()
            assert source.count("{") == source.count("}")
            assert source.count("&") >= len(equation.lines)


def test_a_model_of_slopes():
    model = MODELS["slopes"]()
    (left, mean), (_, rest), (effects, spread), (_, error) = model.equation().lines
    assert left == r"\mathrm{Reaction}_{i}"
    assert mean == (
        r"= \beta_{0} + \beta_{1}\,\mathrm{Days}_{i} + b_{0,\mathrm{Subject}[i]}"
        r" + b_{1,\mathrm{Subject}[i]}\,\mathrm{Days}_{i}"
    )
    assert rest == r"\quad + \varepsilon_{i}"
    assert effects.count(r"\mathrm{Subject}") == 2
    assert r"\tau_{0}^{2} & \rho_{01} \tau_{0} \tau_{1}" in spread
    assert error == r"\sim \mathcal{N}\left(0,\, \sigma^{2}\right)"
    assert len(model.equation(terms_per_line=9).lines) == 3


def test_numbers_are_the_estimates():
    model = MODELS["slopes"]()
    shown = model.equation(numbers=True, digits=3).lines
    cov = model.cov_re["Subject"].to_numpy()
    found = [float(x) for x in re.findall(r"-?\d+\.\d{3}", " ".join(right for _, right in shown))]
    assert found == pytest.approx([*model.params, *cov.ravel(), model.scale], abs=6e-4)


def test_differences_are_subtracted():
    model = MODELS["binomial"]()
    [(_, mean)] = [line for line in model.equation(numbers=True).lines if "logit" in line[0]]
    assert mean.startswith(r"= -1.40 - 0.99\,\mathrm{period[2]}_{i} - ")


def test_structures_and_parts():
    ar1 = MODELS["ar1"]().equation(numbers=True).latex()
    assert r"R_{ij} = \rho^{\left|\mathrm{age}_{i} - \mathrm{age}_{j}\right|}" in ar1
    assert r"\gamma_{1}" in ar1 and r"\mathrm{cor} & = 0." in ar1
    cs = MODELS["cs"]().equation().latex()
    assert r"\rho \tau_{0} \tau_{3}" in cs
    assert r"\tau_{0}^{2} & 0" in MODELS["independent"]().equation().latex()
    assert r"s^{2} / w_{i}" in MODELS["crossed"]().equation(greek=False).latex()
    assert r"\mathbf{R}:\ \mathrm{unstructured}" in MODELS["unstructured"]().equation().latex()
    counts = MODELS["negative binomial"]().equation().latex()
    assert r"\mu_{i} + \mu_{i}^{2} / \phi" in counts and "further zero" in counts
    assert counts.count(r"\mathrm{w}_{i}") == 1
    assert r"\theta_{c} - \left[" in MODELS["ordinal"]().equation().latex()
    assert r"n_{i}\,(" in MODELS["binomial"]().equation().latex()


def test_large_models_have_letters():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(200, 16)), columns=[f"x{j}" for j in range(16)])
    table["g"] = np.arange(200) % 20
    columns = " + ".join(f"x{j}" for j in range(1, 15))
    source = mm.lmm(f"x0 ~ {columns} + (x1 + x2 + x3 + x4 || g)", table).equation().latex()
    assert r"\mathbf{x}_{i}^{\top} \boldsymbol{\beta}" in source
    assert r"\boldsymbol{\Sigma}\ (\text{diagonal},\ 5 \times 5)" in source


def test_in_a_notebook_and_in_a_paper():
    equation = MODELS["ordinary"]().equation()
    assert equation._repr_latex_().startswith("$$\n\\begin{aligned}")
    assert equation.latex("align*").endswith("\\end{align*}")
    assert str(equation) == repr(equation) == equation.latex()


WRITTEN = re.compile(
    r"\\mathrm\{(?P<letters>[^\\{}]+)\}|\\text\{(?P<text>.)\}|(?P<quote>\\text\{''\})"
    r"|\\(?P<escaped>[ _%&#${}])|\{(?P<group>[*:<>=+,/])\}"
    r"|(?P<command>\\backslash\{\}|\{\\wedge\}|\{\\sim\}|\\vert\{\}|\{\\times\}|\^\{2\})"
)
COMMANDS = {
    r"\backslash{}": "\\", r"{\wedge}": "^", r"{\sim}": "~", r"\vert{}": "|", r"{\times}": "×",
    "^{2}": "²",
}  # fmt: skip


@given(NAMES)
def test_names_are_shown_as_they_are(text):
    source, shown, place = name(text), "", 0
    while place < len(source):
        match = WRITTEN.match(source, place)
        assert match, source[place:]
        kind, found = match.lastgroup, match[match.lastgroup]
        shown += COMMANDS[found] if kind == "command" else '"' if kind == "quote" else found
        place = match.end()
    assert shown == visible(text)


def test_numbers_and_brackets():
    assert number(-0.0001, 2) == "0.00" and number(1.5, None, 0.003) == "1.5000"
    assert number(2e-9, None) == r"2.00 \times 10^{-9}"
    assert of_row("log(x)") == r"\mathrm{log(x)}_{i}"
    assert of_row("a / b").startswith("(") and not of_row("a").startswith("(")


@pytest.mark.parametrize(
    "options", [{"numbers": 1}, {"greek": "yes"}, {"digits": -1}, {"terms_per_line": 0}]
)
def test_refusals(options):
    with pytest.raises(DataError, match=next(iter(options))):
        MODELS["ordinary"]().equation(**options)
