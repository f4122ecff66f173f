"""What the data say about the variance parameters: computed once per fit, and kept with it."""

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from mixedmodels.engine.problem import Information, KenwardRoger
from mixedmodels.fit.fit import Fit

Result = TypeVar("Result")


def information(fit: Fit) -> Information:
    """The Hessian of the criterion in (theta, sigma) and the derivatives of (X'V^-1 X)^-1.

    `covariance` (m + 1, m + 1) is that of the estimates of (theta, sigma), twice the inverse of
    the Hessian of minus twice the log-likelihood. Where a covariance of the random effects is
    singular its zero directions count as known: the criterion is even there, so that nothing
    depends on them to first order.
    """
    return _kept(_INFORMATION, fit, lambda: fit.problem.information(fit.theta, reml=fit.reml))


def kenward_roger_pieces(fit: Fit) -> KenwardRoger:
    """The pieces of Kenward and Roger's method at a REML fit."""
    return _kept(_KENWARD_ROGER, fit, lambda: fit.problem.kenward_roger(fit.theta))


_INFORMATION: WeakKeyDictionary[Fit, Information] = WeakKeyDictionary()
_KENWARD_ROGER: WeakKeyDictionary[Fit, KenwardRoger] = WeakKeyDictionary()


def _kept(store: WeakKeyDictionary[Fit, Result], fit: Fit, compute: Callable[[], Result]) -> Result:
    found = store.get(fit)
    if found is None:
        found = compute()
        store[fit] = found
    return found
