"""`draws`: parameters drawn from their approximate distribution, the rest given these."""

import warnings

import numpy as np

from mixedmodels.data.unkept import rows_needed
from mixedmodels.errors import SeparationWarning
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.inference.draws.conditional import conditional_draw
from mixedmodels.inference.draws.draws import Draws
from mixedmodels.inference.draws.free_scale import free_scale
from mixedmodels.options import require_count
from mixedmodels.prediction.streams import Seed, key_of, stream

UNBOUNDED = (
    "The draws are of a fit in which something has no finite estimate.\n"
    "Do:   read convergence.message, which names it, and leave it out; draws of the rest hold.\n"
    "Why:  its spread is that of the point where the search ended, and means nothing."
)


def draws(fit: Fit, n: int = 1000, *, seed: Seed = None) -> Draws:
    """Draw from a fit; see `MixedModel.draws`.

    Raises
    ------
    DataError
        If `n` is not a positive whole number, the Hessian is not positive definite, or the fit is
        iterative or has no rows.
    """
    require_count("n", n, what="draws")
    if not fit.matrices.has_rows:
        raise rows_needed()
    if fit.convergence.separated:
        warnings.warn(UNBOUNDED, SeparationWarning, stacklevel=user_level())
    key = key_of(seed)
    scale = free_scale(fit)
    found, values = [], []
    for i in range(n):
        random = stream(key, i)
        z = random.standard_normal(len(scale.estimate))
        at = conditional_draw(scale.at(scale.estimate + scale.root @ z), random)
        found.append(at)
        values.append(parameters_of(at).values)
    return Draws(
        fit=fit,
        held=scale.held,
        theta=np.array([at.theta for at in found]),
        sigma=np.array([at.sigma for at in found]),
        beta=np.array([at.beta for at in found]),
        delta=np.array([at.delta for at in found]),
        b=tuple(np.array([at.b[k] for at in found]) for k in range(len(fit.b))),
        values=np.array(values),
    )
