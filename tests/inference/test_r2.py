"""R^2 and intraclass correlations: R's performance, dense algebra, and what must hold."""

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError
from mixedmodels.inference.explained_variance import explained_variance
from mixedmodels.inference.icc import icc
from mixedmodels.inference.r2 import r2
from tests.dense import marginal_covariance, relative_covariances
from tests.inference.exact import fit
from tests.reference.load import models, reference

RATIO = 1e-6  # of a share: what the reference's own optimum is good for
DENSE = 1e-10  # relative: two ways to add up the same numbers

# performance takes the columns of a random term from the fixed-effects matrix, and of `||` terms
# the first one alone. What it leaves out is in Johnson's mean variance of Z b by definition; the
# dense test below holds ours to it, and `test_what_performance_leaves_out` shows the difference.
OTHER = {"exam_interaction", "machines_factor_re", "simulated_kb07_like", "sleepstudy_zerocorr"}

# Without random effects' variances performance gives no conditional R^2, and a marginal one
# that counts no random effects at all, also if only one direction of several has no variance.
SINGULAR = {"beets", "dyestuff2", "igf_boundary", "simulated_boundary", "wafer_nested"}

COMPARED = [name for name in models() if reference(name).raw.get("performance")]
LARGE = {"insteval"}


def case(name):
    return pytest.param(name, marks=[pytest.mark.large] if name in LARGE else [])


@pytest.mark.parametrize("name", [case(n) for n in COMPARED if n not in OTHER | SINGULAR])
def test_agrees_with_performance(name):
    stored = reference(name).raw["performance"]
    model = fit(name)
    if model.fit.matrices.weights is None:
        shares, correlations = r2(model.fit), icc(model.fit)
    else:
        shares, correlations = with_unit_weight(explained_variance(model.fit), model.sigma)
    assert shares["marginal"] == pytest.approx(stored["R2_marginal"], abs=RATIO)
    assert shares["conditional"] == pytest.approx(stored["R2_conditional"], abs=RATIO)
    assert correlations["adjusted"] == pytest.approx(stored["ICC_adjusted"], abs=RATIO)
    assert correlations["unadjusted"] == pytest.approx(stored["ICC_unadjusted"], abs=RATIO)


def with_unit_weight(parts, sigma):
    """The shares with the residual variance of a row of weight 1, as performance has them: they
    depend on the unit of the weights.
    """
    total = parts.fixed + parts.random + sigma**2
    return (
        {"marginal": parts.fixed / total, "conditional": (parts.fixed + parts.random) / total},
        {
            "adjusted": parts.random / (parts.random + sigma**2),
            "unadjusted": parts.random / total,
        },
    )


@pytest.mark.parametrize("name", sorted(SINGULAR))
def test_performance_counts_no_random_effects_when_singular(name):
    parts = explained_variance(fit(name).fit)
    stored = reference(name).raw["performance"]
    assert stored["R2_conditional"] is None
    without = parts.fixed / (parts.fixed + parts.residual)
    assert without == pytest.approx(stored["R2_marginal"], abs=RATIO)


def test_what_performance_leaves_out():
    model = fit("sleepstudy_zerocorr")
    parts = explained_variance(model.fit)
    intercept = model.cov_re["Subject"].loc["Intercept", "Intercept"]
    stored = reference("sleepstudy_zerocorr").raw["performance"]
    total = parts.fixed + intercept + parts.residual
    assert parts.fixed / total == pytest.approx(stored["R2_marginal"], abs=RATIO)


@pytest.mark.parametrize(
    "name", ["alfalfa", "machines_factor_re", "oxboys_quadratic", "sleepstudy_zerocorr", "ham"]
)
def test_random_part_is_the_mean_of_a_dense_diagonal(name):
    model = fit(name)
    m = model.fit.matrices
    V = marginal_covariance(m, relative_covariances(m, model.fit.theta))
    dense = model.scale * (np.trace(V) / len(V) - 1)
    assert explained_variance(model.fit).random == pytest.approx(dense, rel=DENSE)


def test_share_of_the_fixed_effects_does_not_depend_on_units(sleepstudy):
    model = mm.lmm("Reaction ~ Days + (Days | Subject)", sleepstudy)
    changed = sleepstudy.assign(Reaction=sleepstudy["Reaction"] * 1000 - 7)
    other = mm.lmm("Reaction ~ Days + (Days | Subject)", changed)
    assert r2(other.fit) == pytest.approx(r2(model.fit), abs=RATIO)


def test_a_singular_fit_has_shares():
    model = fit("dyestuff2")
    assert r2(model.fit) == {"marginal": pytest.approx(0), "conditional": pytest.approx(0)}
    assert icc(model.fit) == {"adjusted": 0.0, "unadjusted": 0.0}


def test_least_squares(sleepstudy):
    model = mm.lmm("Reaction ~ Days", sleepstudy)
    shares = r2(model.fit)
    assert shares["marginal"] == shares["conditional"]
    with pytest.raises(DataError, match="no random effects"):
        icc(model.fit)


def test_no_fixed_effects(sleepstudy):
    model = mm.lmm("Reaction ~ 0 + (1 | Subject)", sleepstudy)
    assert r2(model.fit)["marginal"] == 0.0


def test_the_shares_of_groups_are_the_correlations_of_rows_that_share_them():
    """Of intercepts: rows that share some groups correlate by the sum of their shares."""
    model = mm.lmm("strength ~ 1 + (1 | batch/cask)", mm.datasets.load("pastes"))
    V = marginal_covariance(
        model.fit.matrices, relative_covariances(model.fit.matrices, model.fit.theta)
    )
    batch, cask = (grouping.codes for grouping in model.fit.matrices.groupings)
    same_batch = np.equal.outer(batch, batch) & ~np.equal.outer(cask, cask)
    same_cask = np.equal.outer(cask, cask) & ~np.eye(len(cask), dtype=bool)
    inner, outer = (model.icc(of_group=g)["adjusted"] for g in ("batch:cask", "batch"))
    assert np.allclose(V[same_batch] / V[0, 0], outer, rtol=DENSE)
    assert np.allclose(V[same_cask] / V[0, 0], outer + inner, rtol=DENSE)
    assert outer + inner == pytest.approx(model.icc()["adjusted"], rel=DENSE)
    with pytest.raises(DataError, match="of_group"):
        model.icc(of_group="casks")
