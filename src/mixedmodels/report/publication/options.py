"""What a user may say of a table, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, get_args

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.options import require_option, require_probability
from mixedmodels.report.publication.labels import formula_term
from mixedmodels.report.publication.reading import ReadModel
from mixedmodels.vocabulary import Facts, Layout, RandomShown, Shown

STARS = {"*": 0.05, "**": 0.01, "***": 0.001}
"""Marks of p-values below a number."""

FACTS: tuple[Facts, ...] = ("nobs", "groups", "r2", "icc", "llf", "aic", "estimation")
"""What is shown of every model unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of `mixedmodels.table`, with its defaults."""

    names: tuple[str, ...] | None = None
    show: tuple[Shown, ...] | None = None
    layout: Layout | None = None
    facts: tuple[Facts, ...] = FACTS
    random: RandomShown = "sd"
    digits: int | None = None
    stars: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.95
    rename: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    title: str = ""
    notes: tuple[str, ...] = ()


def checked(given: Mapping[str, Any], n_models: int) -> Options:
    """The options as a user gave them, None for what was left out.

    Raises
    ------
    DataError
        If one of them is not what it may be.
    """
    require_option("layout", given["layout"], (None, *get_args(Layout)))
    require_option("random", given["random"], get_args(RandomShown))
    require_probability("level", given["level"])
    show, facts = given["show"], given["facts"]
    return Options(
        names=_names(given["names"], n_models),
        show=None if show is None else _several("show", show, get_args(Shown)),
        layout=given["layout"],
        facts=FACTS if facts is None else _several("facts", facts, get_args(Facts)),
        random=given["random"],
        digits=checked_digits(given["digits"]),
        stars=_stars(given["stars"]),
        level=float(given["level"]),
        rename=_rename(given["rename"]),
        keep=None if given["keep"] is None else _texts("keep", given["keep"]),
        drop=_texts("drop", given["drop"] or ()),
        title="" if given["title"] is None else str(given["title"]),
        notes=_texts("notes", given["notes"] or ()),
    )


def _texts(name: str, given: object) -> tuple[str, ...]:
    several = (given,) if isinstance(given, str) else given
    if not isinstance(several, Sequence) or not all(isinstance(one, str) for one in several):
        raise DataError(f"{name} = {given!r} is no text.\nDo:   give a text or a list of texts.")
    return tuple(several)


def _several(name: str, given: object, known: Sequence[str]) -> tuple[Any, ...]:
    several = _texts(name, given)
    for one in several:
        require_option(name, one, known)
    if name == "show" and not several:
        raise DataError("show is empty.\nDo:   name at least one statistic, as show=['estimate'].")
    return tuple(dict.fromkeys(several))


def _names(given: object, n_models: int) -> tuple[str, ...] | None:
    if given is None:
        return None
    names = _texts("names", given)
    if len(names) != n_models or len(set(names)) != len(names):
        raise DataError(
            f"names has {len(names)} names, of which {len(set(names))} differ, for {n_models} "
            "models.\nDo:   give every model a name of its own."
        )
    return names


def checked_digits(given: object) -> int | None:
    """A number of decimals, or None for as many as are needed.

    Raises
    ------
    DataError
        If it is neither.
    """
    is_whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if given is not None and not (is_whole and 0 <= int(given) <= 15):  # type: ignore[call-overload]
        raise DataError(
            f"digits = {given!r} is no number of decimals.\n"
            "Do:   give a whole number from 0 to 15, or leave it out."
        )
    return None if given is None else int(given)  # type: ignore[call-overload]


def _stars(given: object) -> dict[str, float]:
    if given is True:
        return STARS
    if given is False or given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(mark, str) for mark in given):
        raise DataError(
            f"stars = {given!r} is not known.\n"
            "Do:   write True, False, or a mapping such as {'*': 0.05, '**': 0.01}."
        )
    for limit in given.values():
        require_probability("A limit of stars", limit)
    return dict(given)


def _rename(given: object) -> dict[str, str]:
    found = {} if given is None else given
    pairs = found.items() if isinstance(found, Mapping) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(label, str) for name, label in pairs):
        raise DataError(
            "rename is no mapping of names to labels.\n"
            "Do:   write it as {'Days': 'Days without sleep'}."
        )
    return dict(found)  # type: ignore[call-overload, no-any-return]


def chosen_terms(terms: Sequence[str], options: Options) -> list[str]:
    """The coefficients that are shown: `keep` gives their order too.

    Raises
    ------
    DataError
        If there is no coefficient of a name.
    """
    known = {name: [term for term in terms if name in (term, formula_term(term))]
             for name in (*(options.keep or ()), *options.drop)}  # fmt: skip
    for name, found in known.items():
        if not found:
            near = get_close_matches(name, [*terms, *map(formula_term, terms)], n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"No model has a coefficient {name!r}.{hint}\n"
                f"Do:   name coefficients or terms, such as {', '.join(map(repr, terms[:6]))}."
            )
    dropped = {term for name in options.drop for term in known[name]}
    kept = terms if options.keep is None else [t for name in options.keep for t in known[name]]
    return [term for term in dict.fromkeys(kept) if term not in dropped]


def merged(orders: Sequence[Sequence[Any]]) -> list[Any]:
    """All keys once: a new one before what follows it in its own order, else at the end."""
    out: list[Any] = []
    for order in orders:
        place = len(out)
        for key in reversed(order):
            if key in out:
                place = out.index(key)
            else:
                out.insert(place, key)
    return out


def shown_of(model: ReadModel, asked: Sequence[Shown]) -> list[Shown]:
    """The statistics that a model has: no degrees of freedom of z tests."""
    return [name for name in asked if name != "df" or model.test == "t" or asked == ("df",)]
