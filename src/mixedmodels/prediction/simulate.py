"""Responses drawn from a model: from a fit, or from parameters that somebody planned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ModelMatrices
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import add_random_effects, fitted_array, marginal_mean
from mixedmodels.prediction.predict import term_templates
from mixedmodels.prediction.streams import Key, Seed, key_of, stream
from mixedmodels.vocabulary import Shape, SimulatedEffects

Vector = NDArray[np.float64]

T_DF = 5.0
"""Degrees of freedom of the heavy-tailed shape: the smallest whole number with a kurtosis."""

GAMMA = 4.0
"""Shape of the skewed distribution, a gamma of skewness 1."""


@dataclass(frozen=True, slots=True)
class Simulator:
    """A distribution of responses; replicate r depends on the key and on r alone.

    Attributes
    ----------
    matrices : ModelMatrices
        Its terms and weights are used.
    mean : array (n,)
        What every replicate has in common, offset included.
    roots : tuple of (q_k, q_k) arrays
        sigma T_k of every term, so that b_k = root_k u; empty if the mean has the random effects.
    sigma : float
        Residual standard deviation of a row of weight 1.
    key : Key
        The randomness.
    effects, residuals : {"normal", "t", "skewed"}
        Shapes of u and of the residuals, of mean 0 and variance 1 in any case.
    """

    matrices: ModelMatrices
    mean: Vector
    roots: tuple[Vector, ...]
    sigma: float
    key: Key
    effects: Shape = "normal"
    residuals: Shape = "normal"

    def responses(self, replicates: Iterable[int]) -> Vector:
        """One column per replicate, (n, number of replicates), Fortran order."""
        columns = [self._response(replicate) for replicate in replicates]
        return np.asfortranarray(np.column_stack(columns))

    def _response(self, replicate: int) -> Vector:
        random, m = stream(self.key, replicate), self.matrices
        y = self.mean.copy()
        if self.roots:
            for term, root in zip(m.terms, self.roots, strict=True):
                grouping = m.groupings[term.group]
                u = standard(random, (len(grouping.levels), len(root)), self.effects)
                add_random_effects(y, grouping.codes, term.Z, u @ root.T)
        noise = standard(random, (len(y),), self.residuals)
        y += self.sigma * (noise if m.weights is None else noise / np.sqrt(m.weights))
        return y


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
    require_shape("effects", effects)
    require_shape("residuals", residuals)
    if re not in get_args(SimulatedEffects):
        raise DataError(f're = {re!r} is not known.\nDo:   write "new" or "fitted".')
    m = fit.matrices
    fitted = re == "fitted"
    simulator = Simulator(
        matrices=m,
        mean=fitted_array(fit) if fitted else marginal_mean(m.X, fit.beta, m.offset),
        roots=() if fitted else scaled(term_templates(fit), fit.sigma),
        sigma=fit.sigma,
        key=key_of(seed),
        effects=effects,
        residuals=residuals,
    )
    return simulator.responses(range(n))


def scaled(T: Sequence[Vector], sigma: float) -> tuple[Vector, ...]:
    """The products sigma T_k, one per term."""
    return tuple(sigma * T_k for T_k in T)


def standard(random: np.random.Generator, size: tuple[int, ...], shape: Shape) -> Vector:
    """Independent draws of mean 0 and variance 1."""
    if shape == "t":
        return np.asarray(random.standard_t(T_DF, size) * ((T_DF - 2) / T_DF) ** 0.5)
    if shape == "skewed":
        return np.asarray((random.standard_gamma(GAMMA, size) - GAMMA) / GAMMA**0.5)
    return random.standard_normal(size)


def require_count(name: str, value: int) -> None:
    """Refuse a number of replicates that is not a positive whole number."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or value < 1:
        raise DataError(
            f"{name} = {value!r} is not a number of replicates.\n"
            "Do:   give a whole number of one or more."
        )


def require_shape(name: str, shape: Shape) -> None:
    """Refuse a distribution that is not known."""
    if shape not in get_args(Shape):
        known = ", ".join(f'"{option}"' for option in get_args(Shape))
        raise DataError(f"{name} = {shape!r} is not a known shape.\nDo:   write one of {known}.")
