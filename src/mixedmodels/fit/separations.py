"""The separations of a generalised fit, and levels whose responses are all alike.

Nothing here is looked for unless there is a sign of it: a row at the end of its range whose fitted
probability is 1 up to rounding, a search that did not converge, or no standard errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import AuxiliaryMatrix, Coordinates
from mixedmodels.fit.labels import group_names, terms_of_group
from mixedmodels.fit.recession import Recession
from mixedmodels.fit.row_distribution import Estimated, row_distribution
from mixedmodels.fit.separated_rows import Told, place_of
from mixedmodels.fit.separation import (
    IDLE,
    PEAKED,
    Ends,
    Separation,
    ends_of_counts,
    ends_of_shares,
    found_by_categories,
    found_by_ends,
    named,
)

Vector = NDArray[np.float64]
Found = tuple[Recession, NDArray[np.bool_]]

CERTAIN = 1e-4
"""Probability of the other responses below which a row's own is as good as certain."""

WIDE = 4.0
"""Standard deviation of a random effect, in logits, from which levels that are alike may do it."""


@dataclass(frozen=True, slots=True)
class OneSided:
    """A group of whose levels some have one outcome alone.

    Attributes
    ----------
    group : str
        The group.
    share : float
        Share of its levels.
    n_levels : int
        How many levels it has.
    """

    group: str
    share: float
    n_levels: int

    @property
    def headline(self) -> str:
        """What that means, in a line."""
        if self.share == 1.0:
            return (
                f"Every one of the {self.n_levels} levels of {self.group} has one outcome alone: "
                "its variance has no finite estimate."
            )
        return f"{self.share:.0%} of the {self.n_levels} levels of {self.group} have one outcome."

    @property
    def message(self) -> str:
        """The same, with what to do and why."""
        return (
            f"{self.headline}\n"
            "Do:   model the level as such: one row each, with what differs between the levels.\n"
            "Why:  rows of a level are told by the first of them, so that the likelihood rises as "
            "the\n      variance grows without limit."
        )


def can_be_separated(fit: Estimated) -> bool:
    """Whether responses of the family have an end at which their probability can be 1."""
    return fit.family.response in ("trials", "count", "ordered") or fit.family.zero != "none"


def notices_of(fit: Told, *, converged: bool, covariances: Sequence[Vector]) -> tuple[str, ...]:
    """What a fit has to say of itself: messages of separations and of levels that are alike, looked
    for where there is a sign of either.

    `covariances` are those of the random effects, in the order of the terms.
    """
    found: list[str] = []
    if not can_be_separated(fit):
        return ()
    if not converged or _is_any_certain(fit):
        found += [one.message for one in separations(fit)]
    if any(float(np.diag(cov).max(initial=0.0)) > WIDE**2 for cov in covariances):
        found += [one.message for one in one_sided_groups(fit) if one.share == 1.0]
    return tuple(found)


def separations(fit: Told) -> tuple[Separation, ...]:
    """The separations of the fixed part and of the zeros of a fit."""
    if not can_be_separated(fit):
        return ()
    found = [_of_mean(fit)]
    found += [_of_zeros(fit, part) for part in fit.matrices.auxiliary if part.kind == "zero"]
    return tuple(one for one in found if one is not None)


def one_sided_groups(fit: Told) -> tuple[OneSided, ...]:
    """Groups with random effects of binary or binomial responses: how many levels are alike."""
    if fit.family.response != "trials":
        return ()
    ends, out = ends_of_mean(fit), []
    for g, name in enumerate(group_names(fit.matrices)):
        if not terms_of_group(fit.matrices, g):
            continue
        grouping = fit.matrices.groupings[g]
        levels = len(grouping.levels)
        counts = np.bincount(grouping.codes, minlength=levels)
        high = np.bincount(grouping.codes, ends == 1, minlength=levels)
        low = np.bincount(grouping.codes, ends == -1, minlength=levels)
        alike = (high == counts) | (low == counts)
        out.append(OneSided(name, float(alike.mean()), levels))
    return tuple(out)


def ends_of_mean(fit: Told) -> Ends:
    """The side (n,) to which the linear predictor of each row is free to go; see `separation`."""
    y, family = fit.matrices.y, fit.family
    if family.response == "trials":
        size = np.ones(len(y)) if fit.matrices.size is None else fit.matrices.size
        ends = ends_of_counts(y) if family.link == "log" else ends_of_shares(y, size)
    elif family.response == "count" and family.link == "log":
        ends = ends_of_counts(y, 1 if family.zero == "hurdle" else 0)
    else:
        ends = np.zeros(len(y), dtype=np.int8)
    return _weighed(fit, ends)


def _weighed(fit: Told, ends: Ends) -> Ends:
    """Rows of weight zero demand nothing."""
    w = fit.matrices.weights
    return ends if w is None else np.where(w > 0, ends, IDLE).astype(np.int8)


def _of_mean(fit: Told) -> Separation | None:
    m = fit.matrices
    if not len(m.x_names):
        return None
    forms = _forms(m.coordinates, len(m.x_names))
    if fit.family.response == "ordered":
        [part] = [part for part in m.auxiliary if part.kind == "thresholds"]
        thresholds = _thresholds(part, len(m.x_names), int(m.y.max(initial=0.0)))
        padded = np.hstack([forms, np.zeros((len(forms), thresholds.shape[1] - len(forms)))])
        found = found_by_categories(m.X, m.y, thresholds, padded)
        return _described(fit, found, m.x_names, np.zeros(len(m.y), dtype=np.int8), "")
    ends = ends_of_mean(fit)
    if not (np.abs(ends) == 1).any():
        return None
    return _described(fit, found_by_ends(m.X, ends, forms), m.x_names, ends, "")


def _of_zeros(fit: Told, part: AuxiliaryMatrix) -> Separation | None:
    """Zeros of a hurdle or of zero inflation that columns of its own tell: the logit rises for
    zeros, and falls for all other counts.
    """
    ends = _weighed(fit, np.where(fit.matrices.y == 0, 1, -1).astype(np.int8))
    found = found_by_ends(part.D, ends, _forms(part.coordinates, part.D.shape[1]))
    where = "the hurdle" if fit.family.zero == "hurdle" else "the zero inflation"
    return _described(fit, found, part.names, ends, where)


def _forms(coordinates: Coordinates, p: int) -> Vector:
    """The formula's coefficients (p, p) as functions of the working ones."""
    return np.asarray(coordinates.reported(np.eye(p)).T)


def _thresholds(part: AuxiliaryMatrix, p: int, top: int) -> Vector:
    """How the thresholds (C - 1, p + parameters) move with a direction; X has no part in it."""
    free = np.eye(top)
    if part.thresholds == "equidistant" and top > 1:
        free = np.column_stack([np.ones(top), np.arange(top)])
    return np.hstack([np.zeros((top, p)), free])


def _described(
    fit: Told, found: Found | None, names: tuple[str, ...], ends: Ends, part: str
) -> Separation | None:
    if found is None:
        return None
    directions, moved = found
    gone, signs = named(directions, names)
    if not gone:  # thresholds alone
        return None
    return Separation(
        part=part,
        names=gone,
        signs=signs,
        is_complete=directions.is_complete,
        n_rows=int(moved.sum()),
        place=place_of(fit, moved, np.where(moved, ends, PEAKED).astype(np.int8)),
        outcome=_outcome(fit, moved, ends, part),
    )


def _outcome(fit: Told, moved: NDArray[np.bool_], ends: Ends, part: str) -> str:
    """What the moved rows have in common."""
    sides = set(ends[moved].tolist())
    if fit.family.response == "ordered" or len(sides) > 1:
        return "one and the same response on either side"
    if part or fit.family.response == "count":
        values = np.unique(fit.matrices.y[moved])
        return f"a count of {values[0]:.0f}" if len(values) == 1 else "counts above 0"
    levels = fit.spec.response_levels
    if levels:
        return f"the response {levels[1 if sides == {1} else 0]}"
    return "nothing but successes" if sides == {1} else "no success"


def _is_any_certain(fit: Told) -> bool:
    """Whether a row is as good as certain, or whether it has a zero of its own, or there are no
    standard errors.
    """
    found = fit.generalised
    if found is None or np.isnan(found.covariance).any():
        return True
    rows = row_distribution(fit)
    zeros = rows.auxiliary[:, -1:] if fit.family.zero != "none" else np.empty(0)
    is_zero_certain = np.abs(zeros).max(initial=0.0) > -np.log(CERTAIN)
    return bool(is_zero_certain or (rows.log_density() > -CERTAIN).any())
