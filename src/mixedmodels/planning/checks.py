"""What a design may be, each refusal with its way out."""

import warnings
from collections.abc import Collection, Mapping
from math import prod

import numpy as np

from mixedmodels.errors import ConfoundingWarning, DataError
from mixedmodels.planning.layout import ROW, Design, Sizes

PARTLY = 0.7
"""Share of the information of an effect below which a design warns that the rest is lost."""

LARGEST = 100_000_000
"""Rows of a design at most: each of its columns then takes nearly a gigabyte."""

SHOWN = 6
"""Effects that a warning names."""


def check_design(design: Design) -> None:
    """Refuse a design that makes no sense, with one DataError."""
    if not design.units:
        raise DataError(
            "The design has no groups: nothing is sampled.\n"
            'Do:   name at least one unit with its number, as {"subject": 30}.'
        )
    for unit, size in design.units.items():
        check_size(unit, size, design.nested)
    _check_nesting(design)
    _check_factors(design)
    for name, unit in design.covariates.items():
        if unit != ROW:
            require_unit(unit, design.units, f"covariates: {name}")
    for unit, (factor, rate) in design.dropout.items():
        require_unit(unit, design.units, "dropout")
        if factor not in design.within:
            raise DataError(
                f"dropout of {unit} is along {factor!r}, which is not a factor of `within`.\n"
                f"Do:   name one of {_listed(design.within)}."
            )
        _check_fraction(f"dropout of {unit}", rate)
    _check_fraction("missing", design.missing)
    if not _is_count(design.repeats):
        raise DataError(f"repeats = {design.repeats!r}: give a whole number of one or more.")
    check_rows(design)


def check_rows(design: Design) -> None:
    """Refuse a design of so many rows that no machine lays it out, before it is laid out."""
    n = design.repeats * prod(len(levels) for levels in design.within.values())
    for unit, size in design.units.items():
        each = np.atleast_1d(np.array(size, dtype=object))
        n *= max(1, int(sum(each)) // len(each)) if unit in design.nested else int(sum(each))
    if n > LARGEST:
        raise DataError(
            f"The design would have about {n:.3g} rows.\n"
            f"Do:   take fewer units; {LARGEST:,} rows are the most."
        )


def check_confounding(design: Design) -> None:
    """Refuse a design that cannot tell its factors apart; warn where it is their interactions, or
    where much of an effect lies between units.
    """
    found = design.efficiencies()
    for one in found:
        if len(one.effect) == 1 and not one.within and one.is_confounded:
            raise DataError(
                f"The design cannot estimate {one.label}: some of its levels are assigned to "
                "nothing, or always together with a level of another factor.\n"
                f"Do:   have more of the unit that it belongs to, or fewer levels.\n"
                f"Why:  {_numbers(design)}."
            )
    lost = [one.label for one in found if one.is_confounded]
    partly = [f"{one.label} ({one.value:.0%} left)" for one in found if 0 < one.value < PARTLY]
    if lost or partly:
        said = [f"  confounded: {label}" for label in lost]
        said += [f"  partly confounded: {label}" for label in partly]
        shown = [*said[:SHOWN], *([f"  and {len(said) - SHOWN} more"] if said[SHOWN:] else [])]
        lines = "\n".join(shown)
        warnings.warn(
            f"The design confounds effects that it crosses, with each other or with differences "
            f"between units:\n{lines}\n"
            f"Do:   {_way_out(design)}; see `balance`.\n"
            f"Why:  {_numbers(design)}.",
            ConfoundingWarning,
            stacklevel=3,
        )


def _way_out(design: Design) -> str:
    leaves = [unit for unit in design.units if unit not in design.nested.values()]
    if design.counterbalanced and len(leaves) == 1:
        return (
            f"cross {leaves[0]} with another unit over which conditions can rotate, as "
            f'{{"{leaves[0]}": 24, "period": 2}}, or write the factor under `between`'
        )
    return (
        "choose numbers of units that are multiples of the lists and groups, or leave these "
        "effects out of the model"
    )


def _numbers(design: Design) -> str:
    """How many units stand against how many cells."""
    said = []
    for unit, index in design.combinations().items():
        cells = prod(len(levels) for levels in design.between.get(unit, {}).values())
        groups = f" for {cells} groups" if cells > 1 else ""
        said.append(f"{int(index.max()) + 1:,} {unit}{groups}")
    lists = prod(len(levels) for levels in design.counterbalanced.values())
    return ", ".join(said) + (f", {lists} counterbalanced conditions" if lists > 1 else "")


def require_unit(unit: object, units: Collection[str], where: str) -> None:
    """Refuse the name of a unit that the design does not have."""
    if not (isinstance(unit, str) and unit in units):
        raise DataError(
            f"{where} names the unit {unit!r}, which the design does not have.\n"
            f"Do:   name one of {_listed(units)}."
        )


def check_size(unit: str, size: Sizes, nested: Mapping[str, str]) -> None:
    """Refuse a size that is not a positive whole number, or a list where nothing is nested."""
    sizes = size if isinstance(size, tuple) else (size,)
    if not sizes or not all(_is_count(value) for value in sizes):
        raise DataError(
            f"The size of {unit!r} is {list(sizes) if isinstance(size, tuple) else size!r}.\n"
            "Do:   give whole numbers of one or more."
        )
    if isinstance(size, tuple) and unit not in nested:
        raise DataError(
            f"The size of {unit!r} is a list, but {unit!r} is in no other unit.\n"
            f'Do:   give one number, or say where it is nested, as nested={{"{unit}": "class"}}.'
        )


def _check_nesting(design: Design) -> None:
    order = list(design.units)
    for unit, parent in design.nested.items():
        require_unit(unit, order, "nested")
        require_unit(parent, order, f"nested: {unit}")
        if order.index(parent) >= order.index(unit):
            raise DataError(
                f"{unit!r} is nested in {parent!r}, which comes later in the units.\n"
                "Do:   write units from the outermost to the innermost."
            )


def _check_factors(design: Design) -> None:
    named = [("within", design.within), ("counterbalanced", design.counterbalanced)]
    for unit, factors in design.between.items():
        require_unit(unit, design.units, "between")
        named.append((f"between {unit}", factors))
    seen = {*design.units}
    for where, factors in named:
        for name, levels in factors.items():
            if len({str(level) for level in levels}) < 2:
                raise DataError(
                    f"The factor {name!r} ({where}) has {len(levels)} levels: {list(levels)}.\n"
                    "Do:   give at least two different ones."
                )
    for where, names in [*named, ("covariates", design.covariates)]:
        for name in names:
            if name in seen:
                raise DataError(
                    f"The design has two columns {name!r}; the second is in {where}.\n"
                    "Do:   give every unit, factor and covariate a name of its own."
                )
            seen.add(name)


def _check_fraction(what: str, value: float) -> None:
    if not (isinstance(value, (int, float, np.number)) and 0 <= value < 1):
        raise DataError(f"{what} is {value!r}: give a fraction of at least 0 and below 1.")


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return bool(value >= 1)


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names)) or "none: there is none"
