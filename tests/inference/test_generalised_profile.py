"""Profiles of generalised models: by another optimiser, by linear models, at ends of the range."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import mixedmodels as mm
from mixedmodels.fit.all_parameters import all_parameters_at
from tests.inference.generalised import slopes

small = pytest.fixture(scope="module")(slopes)

LIMIT = 1e-5  # relative to the width of an interval


def test_profile_limits_solve_the_constrained_problem(small):
    """At every limit the criterion, minimised with the parameter held there by another program,
    exceeds its minimum by the quantile of chi-square.
    """
    model = mm.glmm("y ~ x + (x | g)", small, family="poisson")
    problem, psi = model.fit.problem, model.fit.psi
    found = model.conf_int(method="profile", which="all", level=0.9)

    def held(psi):
        T = problem.templates(psi[: problem.n_theta])[0]
        cov = T @ T.T
        sd = np.sqrt(np.diag(cov))
        return [*sd, cov[0, 1] / sd.prod(), *psi[problem.n_theta :]]

    for i in range(len(found)):
        for column in ("conf_low", "conf_high"):
            value = found[column][i]
            least = optimize.minimize(
                lambda p: problem.gradient(p)[0],
                psi,
                jac=lambda p: problem.gradient(p)[1],
                constraints={"type": "eq", "fun": lambda p, i=i, v=value: held(p)[i] - v},
                method="SLSQP",
                options={"ftol": 1e-10, "maxiter": 500},
            )
            rise, cutoff = least.fun - model.objective, stats.chi2.ppf(0.9, 1)
            if value in (0, 1, -1):
                assert rise < cutoff + 1e-3  # the end of the range is inside
            else:
                assert rise == pytest.approx(cutoff, abs=1e-3), found.iloc[i]


def test_profiles_have_the_limits_as_their_roots(small):
    model = mm.glmm("z ~ x + (1 | g)", small)
    curves = model.profile().table
    limits = model.conf_int(method="profile", which="all", level=0.8)
    for _, row in limits.iterrows():
        same = curves["term"] == row["term"]
        same &= curves["group"].isna() if pd.isna(row["group"]) else curves["group"] == row["group"]
        value, zeta = curves.loc[same, "value"], curves.loc[same, "zeta"]
        z = stats.norm.ppf(0.9)
        for limit, sign in ((row["conf_low"], -1), (row["conf_high"], 1)):
            if limit > 0 or pd.isna(row["group"]):
                assert np.interp(limit, value, zeta) == pytest.approx(sign * z, abs=0.05)


def test_structured_terms_and_parts_beside_the_mean():
    """Any function of the parameters is held: of an ar1 term, a dispersion, a probability."""
    random = np.random.default_rng(7)
    g, t = np.repeat(np.arange(40), 6), np.tile(np.arange(6), 40)
    u = random.normal(size=(40, 6))
    for j in range(1, 6):
        u[:, j] = 0.7 * u[:, j - 1] + 0.7 * u[:, j]
    mean = np.exp(1.0 + u[g, t])
    counts = random.negative_binomial(3, 3 / (3 + mean)) * (random.uniform(size=240) > 0.2)
    data = pd.DataFrame({"y": counts, "g": g, "t": [f"t{i}" for i in t]})
    model = mm.glmm("y ~ 1 + ar1(0 + t | g)", data, family="nb2", zero="~ 1")
    problem, psi, found = model.fit.problem, model.fit.psi, model.covariance_parameters()
    limits = model.conf_int(method="profile", which="variance", level=0.8)
    assert limits["group"].tolist() == ["g", "g", "Dispersion", "Zero inflation"]
    assert limits["estimate"].tolist() == found["estimate"].tolist()

    for i in range(len(limits)):
        for limit in ("conf_low", "conf_high"):
            value = limits[limit][i]
            if value in (0, 1, -1) or not np.isfinite(value):
                continue
            least = optimize.minimize(
                lambda p: problem.gradient(p)[0],
                psi,
                jac=lambda p: problem.gradient(p)[1],
                constraints={
                    "type": "eq",
                    "fun": lambda p, i=i, v=value: all_parameters_at(problem, p).values[i] - v,
                    "jac": lambda p, i=i: all_parameters_at(problem, p).jacobian[i],
                },
                method="SLSQP",
                options={"ftol": 1e-12, "maxiter": 500},
            )
            rise = least.fun - model.objective
            assert rise == pytest.approx(stats.chi2.ppf(0.8, 1), abs=2e-3), limits.iloc[i]


def test_a_normal_family_has_the_profile_of_the_linear_model(small):
    data = small.assign(w=np.log1p(small.y) + 0.3 * small.x**2)
    normal = mm.glmm("w ~ x + (x | g)", data, family="gaussian")
    linear = mm.lmm("w ~ x + (x | g)", data, reml=False)
    ours = normal.conf_int(method="profile", which="all")
    theirs = linear.conf_int(method="profile", which="all")
    assert ours["term"].tolist() == theirs["term"].tolist()
    width = (theirs["conf_high"] - theirs["conf_low"]).to_numpy()
    for column in ("conf_low", "conf_high"):
        assert (np.abs(ours[column] - theirs[column]) <= LIMIT * width).all(), (ours, theirs)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.SeparationWarning")
def test_separated_data_have_one_limit(small):
    """The coefficient of a column that has no failures is unbounded above; below, its limit is that
    of a dense profile of the binomial likelihood.
    """
    data = pd.DataFrame({"q": np.repeat([0, 1], [40, 12]), "g": np.tile(np.arange(4), 13)})
    data["z"] = np.where(data.q == 1, 1, np.tile([0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1], 4))
    model = mm.glmm("z ~ q + (1 | g)", data)
    row = model.conf_int(method="profile").set_index("term").loc["q"]
    assert row["conf_high"] == np.inf
    share = data.z[data.q == 0].mean()
    best = -2 * 40 * (share * np.log(share) + (1 - share) * np.log(1 - share))

    def rise(slope):
        def deviance(b):
            eta = b + slope * data.q
            return -2 * float(np.sum(data.z * eta - np.logaddexp(0, eta)))

        return optimize.minimize_scalar(deviance).fun - best - stats.chi2.ppf(0.95, 1)

    assert row["conf_low"] == pytest.approx(optimize.brentq(rise, 0.01, 10), abs=1e-3)


@pytest.mark.filterwarnings("ignore::mixedmodels.errors.ConvergenceWarning")
def test_a_negative_binomial_of_poisson_counts_has_no_upper_limit_of_its_size():
    random = np.random.default_rng(8)
    g = np.repeat(np.arange(20), 5)
    data = pd.DataFrame({"y": random.poisson(np.exp(1 + random.normal(size=20) / 2)[g]), "g": g})
    model = mm.glmm("y ~ 1 + (1 | g)", data, family="nb2")
    row = model.conf_int(method="profile", which="variance").set_index("group").loc["Dispersion"]
    assert row["conf_high"] == np.inf
    assert np.isfinite(row["conf_low"])
    poisson = mm.glmm("y ~ 1 + (1 | g)", data, family="poisson")
    ratio = mm.compare(poisson, model)
    assert ratio["p_value_boundary"][1] > 0.05


def test_a_fixed_parameter_stays_at_its_value(small):
    model = mm.glmm(
        "y ~ x + (1 | g) + (0 + x | g)", small, family="poisson", fixed={"sd(g:Intercept)": 0.7}
    )
    for method in ("wald", "profile"):
        found = model.conf_int(method=method, which="variance")
        assert found.loc[0, ["estimate", "conf_low", "conf_high"]].tolist() == [0.7] * 3
        assert found["conf_low"][1] < found["estimate"][1] < found["conf_high"][1]


def test_thresholds_far_from_zero_have_profiles(small):
    data = small.assign(far=small.x + 3000, o=np.digitize(small.y, [1, 3]))
    near = mm.glmm("o ~ x + (1 | g)", data, family="ordinal").conf_int(method="profile")
    far = mm.glmm("o ~ far + (1 | g)", data, family="ordinal").conf_int(method="profile")
    for column in ("conf_low", "conf_high"):
        assert far[column][0] == pytest.approx(near[column][0], rel=1e-4)
