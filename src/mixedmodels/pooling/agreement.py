"""What models must share to be pooled, and what is to be said where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit

Names = tuple[str, ...]

MOST_NAMED = 8
"""Imputations that a message lists."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An imputation without a fit.

    Attributes
    ----------
    imputation : int
        Its number, from 1.
    reason : str
        The first line of the error.
    """

    imputation: int
    reason: str


def require_alike(fits: Sequence[Fit]) -> None:
    """Refuse fits that are not of one model.

    Raises
    ------
    DataError
        If there are fewer than two, or formulas, criteria, families, coefficients or variance
        parameters differ.
    """
    if len(fits) < 2:
        raise DataError(
            f"{len(fits)} fitted models were given, and pooling needs at least two.\n"
            "Do:   give the fits of all imputations, as pool([model_1, model_2]); 20 or more are "
            "usual.\n"
            "Why:  the variance between imputations is what tells how much is missing."
        )
    first = fits[0]
    for number, fit in enumerate(fits[1:], 2):
        for what, own, others in _facts(first, fit):
            if own != others:
                raise DataError(
                    f"Models 1 and {number} differ in {what}:\n      {_listed(own, others)}\n"
                    f"      {_listed(others, own)}\n"
                    "Do:   fit one formula, by one criterion, to every imputation; give factors "
                    "the same levels in all.\n"
                    "Why:  only estimates of the same quantities can be averaged."
                )


def failures(fit: Fit, lost: Sequence[Lost]) -> object:
    """Table `imputation, reason` of the imputations without a fit, in the library of another's."""
    imputations, reasons = [one.imputation for one in lost], [one.reason for one in lost]
    return fit.frame.table({"imputation": imputations, "reason": reasons})


def notes_on(fits: Sequence[Fit], lost: Sequence[Lost]) -> tuple[str, ...]:
    """What a reader of the pooled results must know of single fits."""
    notes = []
    gone = {one.imputation for one in lost}
    numbers = [i for i in range(1, len(fits) + len(gone) + 1) if i not in gone]
    if lost:
        notes.append(
            f"pooled without {named([entry.imputation for entry in lost])}, which cannot be fitted "
            f"({lost[0].reason}): the results do not stand for what these have"
        )
    singular = [i for i, fit in zip(numbers, fits, strict=True) if fit.convergence.singular]
    if singular:
        notes.append(
            f"singular in {named(singular)}: variance parameters on the boundary have no standard "
            "error there, and no pooled one"
        )
    ended = [i for i, f in zip(numbers, fits, strict=True) if not f.convergence.converged]
    if ended:
        notes.append(f"the search did not converge in {named(ended)}")
    rows = {len(fit.matrices.y) for fit in fits}
    if len(rows) > 1:
        notes.append(
            f"the fits use different numbers of rows, {min(rows)} to {max(rows)}: rows with "
            "missing values are still in some imputations"
        )
    return (*notes, *_level_notes(fits))


def named(numbers: Sequence[int]) -> str:
    """``imputation 3``, ``imputations 3 and 7``; of many the first."""
    shown = [str(i) for i in numbers[:MOST_NAMED]]
    if len(numbers) > MOST_NAMED:
        return f"imputations {', '.join(shown)} and {len(numbers) - MOST_NAMED} more"
    if len(shown) < 2:
        return f"imputation {''.join(shown)}"
    return f"imputations {', '.join(shown[:-1])} and {shown[-1]}"


def _level_notes(fits: Sequence[Fit]) -> list[str]:
    notes = []
    for g, grouping in enumerate(fits[0].matrices.groupings):
        levels = {tuple(fit.matrices.groupings[g].levels) for fit in fits}
        if len(levels) > 1:
            counts = sorted(len(found) for found in levels)
            notes.append(
                f"levels of {grouping.name} differ between imputations ({counts[0]} to "
                f"{counts[-1]} of them)"
            )
    return notes


def _facts(a: Fit, b: Fit) -> list[tuple[str, Names, Names]]:
    """What is compared of two fits, as lists of words."""
    return [
        ("the formula", (str(a.spec.formula),), (str(b.spec.formula),)),
        ("the criterion", (_criterion(a),), (_criterion(b),)),
        ("the family", (_family(a),), (_family(b),)),
        ("their coefficients", a.matrices.x_names, b.matrices.x_names),
        ("their variance parameters", parameters_of(a).names, parameters_of(b).names),
    ]


def _criterion(fit: Fit) -> str:
    return "REML" if fit.reml else "maximum likelihood"


def _family(fit: Fit) -> str:
    return f"{fit.family.name}, {fit.family.link} link"


def _listed(names: Names, others: Names) -> str:
    """Of long lists what the other has not, which is what to look at."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names) or "(none)"
    own = [name for name in names if name not in others]
    shown = own or [f"{a} in another place" for a, b in zip(names, others, strict=False) if a != b]
    return f"{len(names)} of them, {', '.join(shown[:MOST_NAMED]) or 'the others'}"


def same_count(fits: Sequence[Fit], others: Sequence[Fit]) -> None:
    """Refuse two pooled models of different numbers of imputations, or of different rows.

    Raises
    ------
    DataError
        If they are.
    """
    if len(fits) != len(others):
        raise DataError(
            f"The models are pooled over {len(fits)} and {len(others)} imputations.\n"
            "Do:   fit both to the same imputations, in the same order."
        )
    for number, (a, b) in enumerate(zip(fits, others, strict=True), 1):
        if len(a.matrices.y) != len(b.matrices.y) or not np.array_equal(a.matrices.y, b.matrices.y):
            raise DataError(
                f"The models have different responses, or different rows, in imputation {number}.\n"
                "Do:   fit both to the same imputations, in the same order."
            )
