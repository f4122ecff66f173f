"""What a reader finds in the summary."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mixedmodels.api.models import lmm
from mixedmodels.datasets import load
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(21)
    g = np.repeat(np.arange(10), 12)
    x = random.normal(size=120)
    b = random.normal(size=(10, 2))
    y = 5 + 2 * x + b[g, 0] + b[g, 1] * x + random.normal(size=120)
    frame = pd.DataFrame({"y": y, "x": x, "g": g, "w": random.uniform(1, 2, 120)})
    frame.loc[[0, 7], "x"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(frame):
    return lmm("y ~ x + (x | g)", frame, weights="w")


def section(text, heading):
    block = next(b for b in text.split("\n\n") if b.startswith(heading))
    return [line.split() for line in block.splitlines()[1:]]


def test_facts(model):
    text = str(model.summary())
    assert text.startswith("Linear mixed model fitted by REML\n")
    assert "y ~ x + (x | g)" in text
    assert "118 of 120 (2 with missing values dropped)" in text
    assert "Weights:  w" in text
    assert "g (10 levels)" in text


def test_numbers_are_those_of_the_model(model):
    text = str(model.summary())
    table = model.coef_table().set_index("term")
    for name, *cells in section(text, "Fixed effects")[1:3]:
        row = table.loc[name]
        estimate, error, df, t, p, low, high = map(float, cells)
        assert estimate == pytest.approx(model.params[name], abs=1e-3)
        assert error == pytest.approx(model.bse[name], rel=1e-3)
        assert df == pytest.approx(row["df"], abs=0.06)
        assert t == pytest.approx(model.tvalues[name], abs=1e-3)
        assert p == pytest.approx(row["p_value"], rel=0.1)
        assert (low, high) == pytest.approx((row["conf_low"], row["conf_high"]), abs=1e-3)
    rows = section(text, "Random effects")[1:]
    cov = model.cov_re["g"].to_numpy()
    assert float(rows[0][2]) == pytest.approx(cov[0, 0], rel=1e-3)
    corr = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    assert float(rows[1][-1]) == pytest.approx(corr, abs=0.006)
    assert float(rows[2][1]) == pytest.approx(model.scale, rel=1e-3)
    limits = model.conf_int(which="variance")[["conf_low", "conf_high"]].to_numpy()
    shown = [map(float, row[:2]) for row in (rows[0][4:], rows[1][3:], rows[2][3:])]
    assert [list(row) for row in shown] == pytest.approx(limits[[0, 1, 3]], rel=1e-2)
    criterion = section(text, "Criterion")[1]
    assert float(criterion[0]) == pytest.approx(model.objective, abs=0.006)


def test_maximum_likelihood_is_named(model):
    text = str(model.update(reml=False).summary())
    assert text.startswith("Linear mixed model fitted by maximum likelihood (ML)\n")
    assert "REML" not in text


@pytest.mark.parametrize(
    ("ddf", "header", "footnote"),
    [
        ("satterthwaite", "df t p", "df: Satterthwaite."),
        ("kenward-roger", "df t p", "Standard errors and df: Kenward and Roger."),
        ("residual", "df t p", "df: rows less fixed effects, however the rows are grouped."),
        ("normal", "z p", "z tests: the variances are taken as known."),
    ],
)
def test_the_method_of_the_tests_is_named(frame, ddf, header, footnote):
    model = lmm("y ~ x + (x | g)", frame)
    rows = section(str(model.summary(ddf)), "Fixed effects")
    table = model.coef_table(ddf)
    assert " ".join(rows[0]) == f"Term Estimate Std. error {header} 2.5% 97.5%"
    assert [float(row[2]) for row in rows[1:3]] == pytest.approx(table["std_error"], rel=1e-3)
    assert " ".join(rows[3]) == footnote


def test_an_unknown_method_is_refused(model):
    with pytest.raises(DataError, match="ddf = 'foo' is not known"):
        model.summary("foo")


def test_no_fixed_effects(frame):
    text = str(lmm("y ~ 0 + (1 | g)", frame).summary())
    assert "Fixed effects" not in text


def test_least_squares(frame):
    text = str(lmm("y ~ x", frame).summary())
    assert text.startswith("Linear model without random effects, fitted by REML")
    assert "Groups" not in text
    assert "Random effects" not in text


def test_a_long_name_does_not_break_the_page(frame):
    name = "x" * 10_000
    text = str(lmm(f"y ~ {name} + (1 | g)", frame.rename(columns={"x": name})).summary())
    assert max(len(line) for line in text.splitlines()) < 120


STEM = "Cognitive behavioural therapy with weekly group sessions, arm "


@pytest.mark.parametrize(
    "names",
    [
        [f"{STEM}{i}" for i in range(5)],
        [f"{i} {STEM}" for i in range(5)],
        [f"{STEM}{i} of the second trial of the University of Nowhere" for i in range(9)],
        ["short", STEM, f"{STEM} and more", "x" * 200, "x" * 199 + "y"],
    ],
)  # fmt: skip
def test_long_names_stay_distinct_in_every_table(names):
    random = np.random.default_rng(3)
    data = pd.DataFrame({"y": random.normal(size=400), "arm": np.resize(names, 400)})
    data["therapist"] = [f"{STEM}{i}" for i in random.integers(40, size=400)]
    slope = "change of the score of the second questionnaire since the first session in weeks"
    data[slope] = random.normal(size=400)
    summary = lmm(f"y ~ arm + (`{slope}` | therapist) + (1 | arm:therapist)", data).summary()
    text = str(summary)
    assert max(len(line) for line in text.splitlines()) <= 102
    rows = text.split("Fixed effects:\n")[1].split("\n  df:")[0].splitlines()[1:]
    shown = [re.split(r"\s{2,}", row.strip())[0] for row in rows]
    assert len(shown) == len(set(shown)) == len(names)


def test_limits_of_a_singular_fit_are_those_of_the_profile():
    model = lmm("Yield ~ 1 + (1 | Batch)", load("dyestuff2"))
    rows = section(str(model.summary()), "Random effects")
    profiled = model.conf_int(method="profile", which="variance")["conf_high"][0]
    assert float(rows[1][4]) == 0 == float(rows[1][2])
    assert float(rows[1][5]) == pytest.approx(profiled, abs=1e-3)
    assert "profile of the likelihood (ML)" in " ".join(map(" ".join, rows[3:]))


def test_limits_that_are_expensive_are_left_blank():
    random = np.random.default_rng(5)
    data = pd.DataFrame({"y": random.normal(size=900), "g": np.repeat(np.arange(450), 2)})
    data["y"] -= data.groupby("g")["y"].transform("mean")
    rows = section(str(lmm("y ~ 1 + (1 | g)", data).summary()), "Random effects")
    assert rows[1] == ["g", "Intercept", "0.0000", "0.0000"]
    assert "see conf_int" in " ".join(map(" ".join, rows[3:]))


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html_says_what_the_text_says(model):
    html = model.summary()._repr_html_()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    shown = " ".join(" ".join(parser.text).split())
    for row in section(str(model.summary()), "Fixed effects"):
        for cell in row:
            assert cell in shown


def test_html_escapes_names_and_sets_no_colour(frame):
    odd = frame.rename(columns={"g": "<b>&"})
    html = lmm("y ~ x + (1 | `<b>&`)", odd).summary()._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
    assert "#" not in html and "color:black" not in html
