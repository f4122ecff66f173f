"""Responses drawn from a model: from a fit, or from parameters that somebody planned."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import Draws, draw
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import fitted_array, marginal_mean
from mixedmodels.options import require_count, require_option
from mixedmodels.prediction.predict import term_templates
from mixedmodels.prediction.streams import Key, Seed, key_of
from mixedmodels.vocabulary import Shape, SimulatedEffects

Vector = NDArray[np.float64]


def simulate(
    fit: Fit,
    n: int = 1,
    *,
    seed: Seed = None,
    re: SimulatedEffects = "new",
    effects: Shape = "normal",
    residuals: Shape = "normal",
) -> Vector:
    """Responses drawn from a fitted model.

    Parameters
    ----------
    fit : Fit
        The fitted model, whose estimates are taken as the truth.
    n : int
        Number of replicates.
    seed : int or Generator, optional
        Replicate i is the same for one seed whatever `n` is.
    re : {"new", "fitted"}
        Draw random effects for every replicate, as in new samples of the groups (the default,
        which the parametric bootstrap needs), or keep the conditional modes.
    effects, residuals : {"normal", "t", "skewed"}
        Shapes, all of mean 0 and the fit's variance: normal; Student's t with 5 degrees of
        freedom; or a gamma of skewness 1.

    Returns
    -------
    array (nobs, n)
        Rows are those that the fit used, in their order.

    Raises
    ------
    DataError
        If `n` is not a positive whole number, or an option is not known.
    """
    require_count("n", n)
    require_option("effects", effects, get_args(Shape))
    require_option("residuals", residuals, get_args(Shape))
    require_option("re", re, get_args(SimulatedEffects))
    draws = Draws(
        mean=fitted_array(fit) if re == "fitted" else population_mean(fit),
        roots=() if re == "fitted" else scaled(term_templates(fit), fit.sigma),
        sigma=fit.sigma,
        key=key_of(seed),
        effects=effects,
        residuals=residuals,
    )
    return draw(fit.matrices, draws, 0, n)


def draws_of(fit: Fit, key: Key) -> Draws:
    """The distribution of the response of new samples: everything normal."""
    return Draws(population_mean(fit), scaled(term_templates(fit), fit.sigma), fit.sigma, key)


def population_mean(fit: Fit) -> Vector:
    """X beta + offset (n,)."""
    return marginal_mean(fit.matrices.X, fit.beta, fit.matrices.offset)


def scaled(T: Sequence[Vector], sigma: float) -> tuple[Vector, ...]:
    """The products sigma T_k, one per term."""
    return tuple(sigma * T_k for T_k in T)
