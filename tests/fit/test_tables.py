"""Names, order and library of the tables."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mixedmodels.api.models import lmm


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(1)
    n, levels = 200, 20
    g = np.repeat(np.arange(levels), n // levels)
    h = np.tile(["u", "v", "w", "z"], n // 4)
    x, w = random.normal(size=n), random.normal(size=n)
    b = random.normal(size=(levels, 3))
    y = 1 + x + b[g, 0] + b[g, 1] * x + b[g, 2] * w + random.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "w": w, "g": g, "h": h})


def test_variance_components_put_variances_before_covariances(frame):
    model = lmm("y ~ x + (x | g) + (1 | h)", frame)
    table = model.variance_components
    assert table["group"].tolist() == ["g", "g", "g", "h", "Residual"]
    assert table["term1"].tolist()[:4] == ["Intercept", "x", "Intercept", "Intercept"]
    assert table["term1"].isna().tolist() == [False] * 4 + [True]
    assert table["term2"].isna().tolist() == [True, True, False, True, True]
    cov = model.cov_re["g"]
    assert table["vcov"].tolist()[:3] == pytest.approx(
        [cov.iloc[0, 0], cov.iloc[1, 1], cov.iloc[0, 1]]
    )
    sd = np.sqrt(np.diag(cov))
    assert table["sdcor"].tolist()[:3] == pytest.approx([*sd, cov.iloc[0, 1] / sd.prod()])
    assert table["sdcor"].tolist()[-1] == pytest.approx(model.sigma)


def test_theta_is_the_relative_factor(frame):
    model = lmm("y ~ x + (x | g) + (1 | h)", frame)
    assert model.theta.index.tolist() == [
        "g.Intercept", "g.x.Intercept", "g.x", "h.Intercept",
    ]  # fmt: skip
    T = np.array(
        [[model.theta["g.Intercept"], 0], [model.theta["g.x.Intercept"], model.theta["g.x"]]]
    )
    assert model.cov_re["g"].to_numpy() == pytest.approx(model.scale * T @ T.T)


def test_independent_columns_have_no_covariance_row(frame):
    model = lmm("y ~ x + (x || g)", frame)
    assert model.variance_components["term2"].isna().all()
    assert model.cov_re["g"].loc["Intercept", "x"] == 0.0
    assert model.theta.index.tolist() == ["g.Intercept", "g.x"]


def test_two_terms_on_one_group_are_merged_and_told_apart(frame):
    model = lmm("y ~ x + w + (x | g) + (0 + w | g)", frame)
    effects = model.random_effects["g"]
    assert effects.columns.tolist() == ["Intercept", "x", "w"]
    assert model.cov_re["g"].loc["w"].tolist()[:2] == [0.0, 0.0]
    assert model.groups == ("g",)
    assert set(model.ranef_table()["term"]) == {"Intercept", "x", "w"}


def test_interaction_groups_have_joined_labels(frame):
    model = lmm("y ~ x + (1 | g/h)", frame)
    assert model.groups == ("g", "g:h")
    assert model.random_effects["g"].index.tolist() == list(range(20))
    assert model.random_effects["g:h"].index[0] == "0:u"
    assert model.ngroups == {"g": 20, "g:h": 80}


@pytest.mark.parametrize(
    ("convert", "library"),
    [(lambda f: f, pd.DataFrame), (pl.from_pandas, pl.DataFrame), (pa.Table.from_pandas, pa.Table)],
)
def test_tables_come_in_the_library_of_the_data(frame, convert, library):
    model = lmm("y ~ x + (x | g)", convert(frame))
    for table in (model.coef_table(), model.variance_components, model.ranef_table()):
        assert isinstance(table, library)
    assert isinstance(model.params, pd.Series)


def test_least_squares_has_no_random_part(frame):
    model = lmm("y ~ x + w", frame)
    X = np.column_stack([np.ones(len(frame)), frame["x"], frame["w"]])
    beta, rss, *_ = np.linalg.lstsq(X, frame["y"].to_numpy(), rcond=None)
    scale = rss[0] / (len(frame) - 3)
    assert model.params.to_numpy() == pytest.approx(beta, rel=1e-10)
    assert model.scale == pytest.approx(scale, rel=1e-10)
    assert model.cov_params().to_numpy() == pytest.approx(scale * np.linalg.inv(X.T @ X), rel=1e-8)
    assert (model.random_effects, model.cov_re, model.groups) == ({}, {}, ())
    assert len(model.theta) == 0
    assert len(model.ranef_table()) == 0
    assert len(model.variance_components) == 1
    assert model.convergence.converged and not model.is_singular


def test_level_must_be_a_probability(frame):
    from_percent = 95
    with pytest.raises(Exception, match="level = 95 is not a probability"):
        lmm("y ~ x + (x | g)", frame).ranef_table(level=from_percent)
