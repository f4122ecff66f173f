"""What is done with plain models alone says what to do with others."""

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError


@pytest.fixture(scope="module")
def model() -> mm.LinearMixedModel:
    data = mm.datasets.load("sleepstudy")
    assert isinstance(data, pd.DataFrame)
    return mm.lmm("Reaction ~ Days + (1 | Subject)", data, residual="ar1(Days | Subject)")


def test_the_profile_names_the_limits_that_there_are(model) -> None:
    with pytest.raises(DataError, match=r'Do:   use conf_int\(method="profile"\)'):
        model.profile()
    limits = model.conf_int(method="profile", which="variance")
    assert np.isfinite(np.asarray(limits["conf_high"], dtype=np.float64)).all()


def test_the_bootstrap_names_the_kind_that_there_is(model) -> None:
    with pytest.raises(DataError, match='Do:   use kind="parametric"'):
        model.bootstrap(3, kind="case", seed=1)
    assert len(model.bootstrap(3, kind="parametric", seed=1).replicates) == 3


def test_influence_is_nearer_to_refits_with_a_step_of_theta(model) -> None:
    data = mm.datasets.load("sleepstudy")
    few = ["308", "309", "335"]
    refits = np.array([model.update(data=data[data["Subject"] != level]).params for level in few])
    fixed, moved = (
        np.abs(model.influence("Subject", theta=theta).params_without.loc[few] - refits).to_numpy()
        for theta in ("fixed", "one-step")
    )
    assert moved.sum() < 0.2 * fixed.sum()
