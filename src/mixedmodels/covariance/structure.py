"""What is known of a covariance structure before any number: its kind and its options."""

from __future__ import annotations

from dataclasses import dataclass

from mixedmodels.errors import StructureError
from mixedmodels.vocabulary import StructureKind

BY_POSITION = frozenset({"ou", "car1", "expo", "gauss", "ratio", "matern"})
"""Kinds whose correlations are functions of numeric positions."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A family of covariance matrices over the columns of a term, or over occasions.

    Parameters
    ----------
    kind
        ``"us"`` any covariance matrix; ``"diag"`` no correlation; ``"cs"`` one correlation for all
        pairs; ``"ar1"`` ρ^lag; ``"toep"`` one correlation per lag; ``"ante"`` first-order
        antedependence; ``"fa"`` common factors and specific variances; ``"rr"`` common factors
        alone; ``"arma"`` a stationary ARMA process. By distance of positions: ``"ou"`` and
        ``"expo"`` e^(−d/r), ``"car1"`` the same by its correlation at distance 1, ``"gauss"``
        e^(−(d/r)²), ``"ratio"`` 1/(1 + (d/r)²), ``"matern"``.
    hom
        One standard deviation for all positions. Without it each has its own.
    band
        Diagonals that are not zero, the main one included (``toep``), as in SAS's TOEP(k); None
        for all.
    rank
        Number of common factors (``fa``, ``rr``).
    order
        Autoregressive and moving-average order (``arma``).
    nu
        Smoothness (``matern``): 0.5 is ``expo``, larger is smoother. None where it is estimated.
    nugget
        Whether points close to each other differ (structures by distance).

    Examples
    --------
    >>> Structure("ar1", hom=True).n_parameters(4)
    2
    """

    kind: StructureKind
    hom: bool = False
    band: int | None = None
    rank: int | None = None
    order: tuple[int, int] | None = None
    nu: float | None = None
    nugget: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether its parameters are entries of T: any covariance matrix, or independence."""
        return self in (UNSTRUCTURED, DIAGONAL)

    @property
    def is_independent(self) -> bool:
        """Whether positions are uncorrelated."""
        return self.kind == "diag"

    @property
    def by_position(self) -> bool:
        """Whether it needs numeric positions instead of columns or occasions."""
        return self.kind in BY_POSITION

    def n_parameters(self, q: int) -> int:
        """Number of parameters over q positions, without σ.

        Raises
        ------
        StructureError
            If there is no such structure over q positions.
        """
        self.require_positions(q)
        rank = self.rank or 0
        if self.kind in ("fa", "rr"):
            return q * rank - rank * (rank - 1) // 2 + (q if self.kind == "fa" else 0)
        return (1 if self.hom else q) + self._n_correlations(q)

    def _n_correlations(self, q: int) -> int:
        match self.kind:
            case "us":
                return q * (q - 1) // 2
            case "diag":
                return 0
            case "toep":
                return (q if self.band is None else self.band) - 1
            case "ante":
                return q - 1
            case "arma":
                return sum(self.order or (1, 0))
            case "matern":
                return 1 + (self.nu is None) + self.nugget
            case _:
                return 1 + self.nugget

    def require_positions(self, q: int) -> None:
        """Refuse a number of columns or occasions over which there is no such structure.

        Raises
        ------
        StructureError
            If there is one only and the structure is of several, or if band, rank or order are
            too large for q.
        """
        if q < 2 and self.kind not in ("us", "diag"):
            raise StructureError(
                f"{self.kind}() describes how several columns or occasions vary together, but "
                "there is one.\n"
                "Do:   write diag(…), or (… | g), which is the same for one column; for columns "
                "of a factor write 0 + factor."
            )
        if self.band is not None and self.band > q:
            raise StructureError(
                f"band={self.band} counts more diagonals than a matrix of {q} occasions has.\n"
                f"Do:   leave band= out, which takes all {q}, or give a smaller one."
            )
        if self.order is not None and max(self.order) >= q:
            raise StructureError(
                f"arma() of order p={self.order[0]}, q={self.order[1]} needs more than "
                f"{max(self.order)} occasions, but there are {q}.\n"
                "Do:   give lower orders."
            )
        if self.rank is not None:
            self._require_rank(q, self.rank)

    def _require_rank(self, q: int, rank: int) -> None:
        n = q * rank - rank * (rank - 1) // 2 + (q if self.kind == "fa" else 0)
        if rank > q or n > q * (q + 1) // 2:
            raise StructureError(
                f"{self.kind}(rank={rank}) has {n} parameters, but a covariance matrix of {q} "
                f"columns has {q * (q + 1) // 2}.\n"
                "Do:   give a lower rank, or write us(…), which restricts nothing.\n"
                "Why:  parameters beyond these cannot be told apart."
            )


UNSTRUCTURED = Structure("us")
"""Any covariance matrix: ``(x | g)``."""

DIAGONAL = Structure("diag")
"""Independent columns: ``(x || g)``."""
