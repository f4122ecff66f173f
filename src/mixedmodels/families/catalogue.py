"""What there is of every family: its responses, links, auxiliary parameters and zeros.

The mathematics of a family is in the engine, one file each; here is what it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from mixedmodels.errors import DataError
from mixedmodels.vocabulary import AuxiliaryKind, FamilyName, LinkName, ResponseKind, ZeroKind

PROBABILITY: tuple[LinkName, ...] = ("logit", "probit", "cloglog", "cauchit")
"""Links of a probability that takes every linear predictor."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a family has.

    Attributes
    ----------
    title
        Its name in a sentence.
    response
        Its values.
    links
        Of its mean, the usual one first.
    canonical
        The link whose linear predictor is the natural parameter of the family; None where there is
        none among `links`.
    auxiliary
        Parameters beside the mean, without those of zeros.
    zeros
        What zeros can have beside it.
    """

    title: str
    response: ResponseKind
    links: tuple[LinkName, ...]
    canonical: LinkName | None = None
    auxiliary: tuple[AuxiliaryKind, ...] = ()
    zeros: tuple[ZeroKind, ...] = ("none",)


KINDS: dict[FamilyName, Kind] = {
    "binomial": Kind(
        "binomial", "trials", (*PROBABILITY, "log"), "logit", zeros=("none", "inflated")
    ),
    "poisson": Kind(
        "Poisson",
        "count",
        ("log", "identity", "sqrt"),
        "log",
        zeros=("none", "inflated", "hurdle"),
    ),
    "nb2": Kind(
        "negative binomial (quadratic variance)",
        "count",
        ("log", "identity", "sqrt"),
        auxiliary=("dispersion",),
        zeros=("none", "inflated", "hurdle"),
    ),
    "nb1": Kind(
        "negative binomial (linear variance)",
        "count",
        ("log", "identity", "sqrt"),
        auxiliary=("dispersion",),
        zeros=("none", "inflated", "hurdle"),
    ),
    "gamma": Kind(
        "gamma",
        "positive",
        ("log", "inverse", "identity"),
        "inverse",
        ("dispersion",),
        ("none", "hurdle"),
    ),
    "inverse_gaussian": Kind(
        "inverse Gaussian",
        "positive",
        ("log", "1/mu^2", "inverse", "identity"),
        "1/mu^2",
        ("dispersion",),
        ("none", "hurdle"),
    ),
    "beta": Kind("beta", "unit", PROBABILITY, auxiliary=("dispersion",), zeros=("none", "hurdle")),
    "beta_binomial": Kind(
        "beta-binomial",
        "trials",
        PROBABILITY,
        auxiliary=("dispersion",),
        zeros=("none", "inflated"),
    ),
    "student_t": Kind(
        "Student t", "real", ("identity", "log", "inverse"), None, ("dispersion", "shape")
    ),
    "gaussian": Kind(
        "Gaussian", "real", ("identity", "log", "inverse"), "identity", ("dispersion",)
    ),
    "ordinal": Kind("cumulative", "ordered", PROBABILITY, None, ("thresholds",)),
}
"""Every family."""

FAMILY_WORDS: dict[str, FamilyName] = {
    "bernoulli": "binomial",
    "negative_binomial": "nb2",
    "negativebinomial": "nb2",
    "negbin": "nb2",
    "negbinomial": "nb2",
    "nbinom": "nb2",
    "nbinom2": "nb2",
    "nb": "nb2",
    "nbinom1": "nb1",
    "inversegaussian": "inverse_gaussian",
    "wald": "inverse_gaussian",
    "betabinomial": "beta_binomial",
    "beta_family": "beta",
    "student": "student_t",
    "studentt": "student_t",
    "t": "student_t",
    "t_family": "student_t",
    "normal": "gaussian",
    "cumulative": "ordinal",
    "ordered": "ordinal",
}
"""Other words for them, those of R, statsmodels and brms among them."""

LINK_WORDS: dict[str, LinkName] = {
    "1/mu**2": "1/mu^2",
    "inverse_squared": "1/mu^2",
    "inverse_power": "inverse",
    "reciprocal": "inverse",
    "cauchy": "cauchit",
    "comploglog": "cloglog",
}
"""Other words for links."""


def family_name(word: object) -> FamilyName:
    """The family that a word means, in any case and with any of ``_``, ``-``, ``.`` and a space
    between its parts.

    Raises
    ------
    DataError
        If there is no such family.

    Examples
    --------
    >>> family_name("Inverse-Gaussian"), family_name("nbinom2")
    ('inverse_gaussian', 'nb2')
    """
    if not isinstance(word, str):
        raise DataError(
            f"family is of type {type(word).__name__}, and is asked for by its name.\n"
            f"Do:   give one of {_listed(KINDS)}."
        )
    plain = word.strip().lower().translate(str.maketrans("-. ", "___"))
    for name in get_args(FamilyName):
        if plain in (name, name.replace("_", "")):
            found: FamilyName = name
            return found
    if plain not in FAMILY_WORDS:
        raise DataError(
            f"family = {word!r} is not known.\n"
            f"Do:   give one of {_listed(KINDS)}; negative_binomial is nb2."
        )
    return FAMILY_WORDS[plain]


def link_name(name: FamilyName, word: object) -> LinkName:
    """The link of a family that a word means; without one the family's usual link.

    Raises
    ------
    DataError
        If the family has no such link.

    Examples
    --------
    >>> link_name("gamma", None), link_name("gamma", "inverse")
    ('log', 'inverse')
    """
    kind = KINDS[name]
    if word is None:
        return kind.links[0]
    plain = word.strip().lower() if isinstance(word, str) else word
    meant = LINK_WORDS.get(plain, plain) if isinstance(plain, str) else plain
    for link in kind.links:
        if link == meant:
            return link
    given = repr(word) if isinstance(word, str) else f"of type {type(word).__name__}"
    raise DataError(
        f"The family {name} has no link {given}.\n"
        f"Do:   give one of {_listed(kind.links)}; without link= it is {kind.links[0]}."
    )


def require_zeros(name: FamilyName, zero: ZeroKind) -> None:
    """Refuse zeros that a family cannot have beside it.

    Raises
    ------
    DataError
        If it cannot.
    """
    if zero in KINDS[name].zeros:
        return
    able = _listed(other for other, kind in KINDS.items() if zero in kind.zeros)
    what, why = WHY_NO_ZEROS[zero]
    raise DataError(
        f"The family {name} has no {what}.\nDo:   leave it out, or use one of {able}.\nWhy:  {why}."
    )


WHY_NO_ZEROS = {
    "inflated": (
        "zero inflation",
        "zeros are added to those that a family of counts has; a continuous response has none of "
        "its own,\n      and what it has is a hurdle",
    ),
    "hurdle": (
        "hurdle",
        "behind a hurdle are counts from one on, or a continuous response above zero",
    ),
}
"""What is refused, and why."""


def _listed(names: object) -> str:
    return ", ".join(map(str, names))  # type: ignore[call-overload]
