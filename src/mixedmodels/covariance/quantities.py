"""Names of what a structure reports: standard deviations, correlations, ranges and their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixedmodels.vocabulary import QuantityKind


@dataclass(frozen=True, slots=True)
class Quantity:
    """One reported number of a structure.

    Parameters
    ----------
    kind
        What it is.
    first, second
        Positions, from 0, of ``"sd"``, ``"correlation"``, ``"loading"`` (position and factor) and
        ``"specific_sd"``; the lag, from 1, of ``"autocorrelation"``, ``"ar"`` and ``"ma"``;
        otherwise 0.
    """

    kind: QuantityKind
    first: int = 0
    second: int = 0

    @property
    def is_sd(self) -> bool:
        """Whether it has the units of the response (beside loadings, which may be negative)."""
        return self.kind in ("sd", "common_sd", "specific_sd")


def term_name(quantity: Quantity, labels: Sequence[str]) -> str:
    """The name beside the group's in a table, as ``Days`` or ``cor(Intercept, Days)``.

    Parameters
    ----------
    quantity
        What is named.
    labels
        Names of the q positions.

    Examples
    --------
    >>> term_name(Quantity("correlation", 0, 1), ["Intercept", "Days"])
    'cor(Intercept, Days)'
    >>> term_name(Quantity("autocorrelation", 2), [])
    'cor(lag 2)'
    """
    if quantity.kind == "sd":
        return labels[quantity.first]
    word, arguments = _parts(quantity, labels)
    return f"{word}({', '.join(arguments)})" if arguments else word


def parameter_name(group: str, quantity: Quantity, labels: Sequence[str]) -> str:
    """The name in full, as `fixed` and `tied` take it: ``sd(Subject:Days)``, ``range(Subject)``.

    Parameters
    ----------
    group
        Name of the grouping factor.
    quantity, labels
        As of :func:`term_name`.

    Examples
    --------
    >>> parameter_name("Subject", Quantity("correlation", 0, 1), ["Intercept", "Days"])
    'cor(Subject:Intercept, Days)'
    >>> parameter_name("Subject", Quantity("common_sd"), ["Intercept", "Days"])
    'sd(Subject)'
    """
    word, arguments = _parts(quantity, labels)
    inside = f"{group}:{', '.join(arguments)}" if arguments else group
    return f"{word}({inside})"


def _parts(quantity: Quantity, labels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    first, second = quantity.first, quantity.second
    match quantity.kind:
        case "sd" | "specific_sd":
            return _WORDS[quantity.kind], (labels[first],)
        case "correlation":
            return "cor", (labels[first], labels[second])
        case "autocorrelation":
            return "cor", (f"lag {first}",)
        case "loading":
            return "loading", (labels[first], str(second + 1))
        case "ar" | "ma":
            return f"{quantity.kind}{first}", ()
        case _:
            return _WORDS[quantity.kind], ()


_WORDS: dict[QuantityKind, str] = {
    "sd": "sd",
    "common_sd": "sd",
    "specific_sd": "specific sd",
    "common_correlation": "cor",
    "unit_correlation": "phi",
    "range": "range",
    "nugget": "nugget",
    "smoothness": "nu",
    "dispersion": "dispersion",
    "probability": "probability",
    "threshold": "threshold",
    "coefficient": "coefficient",
}
