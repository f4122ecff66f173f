"""Principal components of the random effects: lme4's rePCA, and an eigendecomposition."""

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.inference.rotation import re_pca
from tests.inference.exact import fit
from tests.reference.load import models, reference

ENDS = 1e-4  # of the largest: components follow theta, where the reference's own search ended
EXACT = 1e-10

# Every subject of fhch2010 did one task: the variance of its effect is not identified.
NOT_IDENTIFIED = {("fhch2010", "id")}
LARGE = {"fhch2010", "insteval", "insteval_fixed", "star_math", "verbagg"}


def case(name):
    return pytest.param(name, marks=[pytest.mark.large] if name in LARGE else [])


@pytest.mark.parametrize("name", [case(n) for n in models() if reference(n).raw.get("rePCA_sdev")])
def test_agrees_with_lme4(name):
    found = re_pca(fit(name).fit)
    ref = reference(name)
    for group, stored in ref.raw["rePCA_sdev"].items():
        if (name, group) not in NOT_IDENTIFIED:
            sd = found[ref.groups[group]]["sd"].to_numpy()
            np.testing.assert_allclose(sd, stored, atol=ENDS * max(1.0, *stored), rtol=0)


@pytest.mark.parametrize("name", ["oxboys_quadratic", "wafer_nested", "igf_boundary"])
def test_components_make_up_the_covariance(name):
    model = fit(name)
    for group, table in re_pca(model.fit).items():
        cov = model.cov_re[group].to_numpy() / model.scale
        loadings = table.filter(like="loading(").to_numpy()
        again = loadings.T @ np.diag(table["sd"] ** 2) @ loadings
        np.testing.assert_allclose(again, cov, atol=EXACT * np.abs(cov).max())
        np.testing.assert_allclose(loadings @ loadings.T, np.eye(len(cov)), atol=EXACT)
        assert table["proportion"].sum() == pytest.approx(1)
        assert (loadings[np.arange(len(cov)), np.abs(loadings).argmax(axis=1)] > 0).all()


def test_two_terms_on_one_group_are_one_table(sleepstudy):
    model = mm.lmm("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", sleepstudy)
    table = re_pca(model.fit)["Subject"]
    assert list(table.columns) == ["sd", "proportion", "loading(Intercept)", "loading(Days)"]
    assert list(table.index) == ["PC1", "PC2"]


def test_no_variance_has_no_proportions():
    table = re_pca(fit("dyestuff2").fit)["Batch"]
    assert table["sd"].tolist() == [0.0]
    assert table["proportion"].isna().all()


def test_least_squares_has_no_groups(sleepstudy):
    assert re_pca(mm.lmm("Reaction ~ Days", sleepstudy).fit) == {}
