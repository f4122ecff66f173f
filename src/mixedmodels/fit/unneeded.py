"""Parts of a generalised model beside its mean that the data do not need: their estimate is at the
end of its range, where the family is a simpler one.

A dispersion that goes to its end makes a negative binomial family Poisson's, a beta-binomial one
binomial and a t distribution normal; zero inflation that goes to zero is none. The likelihood is
flat there: the estimate is an arbitrary large number, and its standard error larger still.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import AuxiliaryMatrix
from mixedmodels.engine.auxiliary import split
from mixedmodels.fit.row_distribution import Estimated

Vector = NDArray[np.float64]

UNTOLD = 5.0
"""Standard error of a logarithm or logit from which the data say nothing of it: a factor of 20,000
either way is within two of them.
"""


@dataclass(frozen=True, slots=True)
class _End:
    """Where a part ends: the sign of the end, and in words what that means and what to do."""

    sign: int
    says: str
    do: str


ENDS = {
    ("nb2", "dispersion"): _End(
        1, "The counts vary no more than Poisson's: the size has", 'use family="poisson"'
    ),
    ("nb1", "dispersion"): _End(
        -1, "The counts vary no more than Poisson's: log alpha has", 'use family="poisson"'
    ),
    ("beta_binomial", "dispersion"): _End(
        1, "The successes vary no more than binomial ones: phi has", 'use family="binomial"'
    ),
    ("student_t", "shape"): _End(
        1,
        "The tails are no heavier than normal: the degrees of freedom have",
        'use family="gaussian"',
    ),
    ("inflated", "zero"): _End(
        -1,
        "There are no more zeros than the family's own: the logit of more has",
        "leave zero= out",
    ),
    ("hurdle", "zero"): _End(
        -1, "There are no zeros: the logit of their probability has", "leave hurdle= out"
    ),
}
"""By family, or what zeros have, and part."""


def unneeded_parts(fit: Estimated) -> tuple[str, ...]:
    """A message for every part that is at its end in all rows."""
    found, parts = fit.generalised, fit.matrices.auxiliary
    if found is None:
        return ()
    a = len(found.auxiliary)
    covariance = found.covariance[len(found.covariance) - a :, len(found.covariance) - a :]
    deltas = split(parts, found.auxiliary)
    first, out = 0, []
    for part, delta in zip(parts, deltas, strict=True):
        own = slice(first, first + len(delta))
        first = own.stop
        key = (fit.family.zero if part.kind == "zero" else fit.family.name, part.kind)
        if key in ENDS and _is_at_end(part, delta, covariance[own, own], ENDS[key]):
            out.append(_message(ENDS[key]))
    return tuple(out)


def _is_at_end(part: AuxiliaryMatrix, delta: Vector, covariance: Vector, end: _End) -> bool:
    rows = np.unique(part.D, axis=0)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.einsum("ia,ab,ib->i", rows, covariance, rows))
    return bool(((end.sign * (rows @ delta) > 0) & ~(errors < UNTOLD)).all())


def _message(end: _End) -> str:
    return (
        f"{end.says} no finite estimate.\n"
        f"Do:   {end.do}: the other estimates stay nearly as they are.\n"
        "Why:  the likelihood hardly changes towards the end of the range; the number given, and "
        "its\n      standard error, mean nothing."
    )
