"""R's numbers are those of the model that we write: by direct integration, without the engine.

Where R used adaptive quadrature there is one effect per group, and the likelihood of a group is one
integral, which the trapezoidal rule gives to rounding.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from scipy import special, stats

from tests.reference.generalised import CALLS, generalised
from tests.reference.load import FOLDER

QUADRATURE = [name for name in CALLS if generalised(name).nodes > 1]

GRID = np.linspace(-9, 9, 721)
"""Standard deviations of an effect, at which the integrand is evaluated."""

CLOSE = {
    "glmm/cbpp/9": 1e-5,
    "glmm/owls/9": 1e-5,
    "glmm/contraception_ri/9": 2e-4,
    "generalised/bacteria_agq": 3e-6,
    "generalised/epil_agq": 3e-6,
    "generalised/bacteria_cauchit_agq": 1e-5,  # tails that no polynomial follows
}
"""How far R's quadrature is from the integral, where its nodes are few; 1e-6 elsewhere."""


def test_every_file_has_a_call() -> None:
    folders = ("glmm", "glmm_tmb", "generalised")
    files = {f"{f}/{path.stem}" for f in folders for path in Path(FOLDER / f).glob("*.json")}
    files -= {"generalised/predictions"}  # what R predicts from fits, not fits
    assert files == {"/".join(name.split("/")[:2]) for name in CALLS}


def eta_of(name: str) -> tuple[np.ndarray, pd.DataFrame, str]:
    """Fixed part of the linear predictor at R's estimates, with the offset; data; group."""
    ref, params = generalised(name), generalised(name).values().params
    table = ref.data()
    right, bar = ref.call.formula.split(" ~ ")[1].split(" + (1 | ")
    X = model_matrix(right, table)
    names = {c.replace(" ** ", "**"): c for c in X.columns}
    eta = X[[names[p.replace(" ** ", "**")] for p in params.index]].to_numpy(float) @ params
    offset = ref.call.arguments.get("offset")
    return np.asarray(eta) + (table[offset] if offset else 0.0), table, bar.rstrip(")")


def log_density(name: str, table: pd.DataFrame, eta: np.ndarray) -> np.ndarray:
    """Of the rows, whose linear predictors are the rows of `eta`."""
    call, auxiliary = CALLS[name], generalised(name).values().auxiliary
    response = call.formula.split(" ~")[0]
    if response.startswith("cbind"):
        y, n = table["incidence"].to_numpy()[:, None], table["size"].to_numpy()[:, None]
        return stats.binom.logpmf(y, n, special.expit(eta))
    y = table[response]
    if call.family == "poisson":
        return stats.poisson.logpmf(y.to_numpy()[:, None], np.exp(eta))
    if call.family == "inverse_gaussian":
        phi, mu = np.exp(2 * auxiliary[0]), np.exp(eta)
        return stats.invgauss.logpdf(y.to_numpy()[:, None], mu * phi, scale=1 / phi)
    codes = (y.cat.codes if y.dtype == "category" else y).to_numpy()
    if call.family == "ordinal":
        cuts = np.cumsum([auxiliary[0], *np.exp(auxiliary[1:])])
        bounds = np.array([-np.inf, *cuts, np.inf])[:, None]
        return np.log(special.expit(bounds[codes + 1] - eta) - special.expit(bounds[codes] - eta))
    cauchit = call.arguments.get("link") == "cauchit"
    p = stats.cauchy.cdf(eta) if cauchit else special.expit(eta)
    return np.log(np.where(codes[:, None] == 1, p, 1 - p))


@pytest.mark.parametrize("name", QUADRATURE)
def test_criterion_of_the_integral(name: str) -> None:
    eta, table, group = eta_of(name)
    [Sigma] = generalised(name).values().covariances.values()
    sd = float(np.sqrt(Sigma.iloc[0, 0]))
    rows = log_density(name, table, np.asarray(eta)[:, None] + sd * GRID)
    groups = pd.DataFrame(rows).groupby(table[group].to_numpy()).sum().to_numpy()
    weight = np.log(GRID[1] - GRID[0]) + stats.norm.logpdf(GRID)
    criterion = -2 * special.logsumexp(groups + weight, axis=1).sum()
    stored = generalised(name).values().criterion
    assert criterion == pytest.approx(stored, abs=CLOSE.get(name, 1e-6))
