"""Which distributions are special cases of others, and where they are so at the boundary.

    poisson < nb1, nb2      binomial < beta_binomial      gaussian < student_t

with the parameter that the larger one adds at the end of its range, where variances exceed those of
the smaller one by nothing: the same mixture of chi-squares holds there as for a variance of zero
(Lawless 1987, Canadian Journal of Statistics 15, 209-225). So does it for a probability of excess
zeros; a hurdle has no special case without one. In all cases the link must be the same, and what is
added a constant: of a formula the other coefficients mean nothing at the boundary. Parts that both
models have are compared as column spaces; thresholds with equal distances are a special case of
any.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.families import Family
from mixedmodels.fit.auxiliary_parameters import CONSTANT
from mixedmodels.inference.nested import column_space, is_inside

LARGER = {
    "poisson": {"nb1": "dispersion", "nb2": "dispersion"},
    "binomial": {"beta_binomial": "dispersion"},
    "gaussian": {"student_t": "shape"},
}
"""Per family the larger ones, and the part that each of them adds."""

DISCRETE = ("count", "trials", "ordered")
"""Responses that have probabilities, where others have densities."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The family of a response with the columns of its parts beside the mean."""

    family: Family
    parts: Sequence[AuxiliaryMatrix]

    def part(self, kind: str) -> AuxiliaryMatrix | None:
        """The part of a kind."""
        return next((part for part in self.parts if part.kind == kind), None)


def is_discrete(family: Family) -> bool:
    """Whether the likelihood is made of probabilities, not of densities."""
    return family.response in DISCRETE


def lost_parts(small: Distribution, large: Distribution) -> int | None:
    """How many parameters of the larger distribution are at their boundary in the smaller one; None
    if that is no special case.
    """
    a, b = small.family, large.family
    if a.link != b.link:
        return None
    added = [] if a.name == b.name else [LARGER.get(a.name, {}).get(b.name)]
    if a.zero != b.zero:
        added.append("zero" if (a.zero, b.zero) == ("none", "inflated") else None)
    for kind in added:
        part = None if kind is None else large.part(kind)
        if part is None or part.names != CONSTANT:
            return None
    common = [part for part in large.parts if part.kind not in added]
    return len(added) if all(_is_within(small.part(p.kind), p) for p in common) else None


def _is_within(small: AuxiliaryMatrix | None, large: AuxiliaryMatrix) -> bool:
    """Whether every value of the smaller part is one of the larger."""
    if small is None:
        return False
    if large.thresholds is not None:
        return large.thresholds == "flexible" or small.thresholds == "equidistant"
    return is_inside(column_space(large.D), small.D)
