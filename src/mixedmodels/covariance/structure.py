"""`Structure`: the kind of a covariance matrix with the options that fix its parameters."""

from __future__ import annotations

from dataclasses import dataclass

from mixedmodels.vocabulary import StructureKind

BY_POSITION = frozenset({"ou", "car1", "expo", "gauss", "ratio", "matern"})
"""Kinds whose correlations are functions of numeric positions."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A covariance structure over q columns of a random term, or over the rows of a block.

    Attributes
    ----------
    kind
        Its name.
    hom
        One standard deviation for all positions.
    band
        Diagonals of a Toeplitz matrix that are not zero, the main one included; None for all.
    rank
        Columns of the loadings of ``fa`` and ``rr``.
    order
        (p, q) of ``arma``.
    nu
        Smoothness of ``matern``; None where it is estimated.
    nugget
        Whether a part of the variance is without correlation.
    """

    kind: StructureKind
    hom: bool = False
    band: int | None = None
    rank: int | None = None
    order: tuple[int, int] | None = None
    nu: float | None = None
    nugget: bool = False

    @property
    def is_independent(self) -> bool:
        """Whether no two positions are correlated."""
        return self.kind == "diag"

    @property
    def is_plain(self) -> bool:
        """Whether its parameters are the free entries of T, all of them or the diagonal."""
        return self.kind in ("us", "diag") and not self.hom

    @property
    def by_position(self) -> bool:
        """Whether its correlations are functions of numeric positions."""
        return self.kind in BY_POSITION


UNSTRUCTURED = Structure("us")
DIAGONAL = Structure("diag")
