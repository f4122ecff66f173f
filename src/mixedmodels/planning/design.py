"""Making designs: in one call, and from another one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mixedmodels.errors import DataError
from mixedmodels.planning import arguments
from mixedmodels.planning.checks import (
    check_confounding,
    check_design,
    check_rows,
    check_size,
    require_unit,
)
from mixedmodels.planning.layout import Design
from mixedmodels.prediction.streams import Seed, key_of


def design(
    units: Mapping[str, int | Sequence[int]],
    *,
    nested: Mapping[str, str] | None = None,
    within: Mapping[str, Iterable[Any]] | None = None,
    counterbalanced: Mapping[str, Iterable[Any]] | None = None,
    between: Mapping[str, Mapping[str, Iterable[Any]]] | None = None,
    covariates: Mapping[str, str] | None = None,
    dropout: Mapping[str, tuple[str, float]] | None = None,
    repeats: int = 1,
    missing: float = 0.0,
    seed: Seed = 0,
) -> Design:
    """Lay out a study.

    Parameters
    ----------
    units : mapping
        What is sampled, and how many: ``{"subject": 30, "item": 20}``. Units are crossed, every
        subject with every item, unless `nested` says otherwise. The size of a nested unit is
        per parent; a list of sizes is taken in turn, for groups of unequal size.
    nested : mapping, optional
        Unit to its parent, which comes earlier in `units`: ``{"pupil": "class"}``. Its levels
        have names of their own in every parent.
    within : mapping, optional
        Factors of which every combination of units sees every level: ``{"day": range(10)}``.
    counterbalanced : mapping, optional
        Factors whose levels rotate over the crossed units (a Latin square): every combination of
        units sees one level, every subject all of them on different items. Of several, the
        cells rotate together. The lists of the subjects and the sets of the items are balanced
        within the groups that `between` makes, as far as the numbers allow.
    between : mapping, optional
        Per unit, factors that differ between its levels: ``{"subject": {"group": ["a", "b"]}}``.
        They are assigned evenly within the groups of the units around, and within every parent;
        a level that is written twice gets twice as many.
    covariates : mapping, optional
        Standard normal covariates: name to the unit that has them, or ``"row"``.
    dropout : mapping, optional
        ``{"subject": ("day", 0.05)}``: before every day but the first, each subject that is
        still there leaves for good with probability 0.05.
    repeats : int
        Rows per cell.
    missing : float
        Fraction of the rows that are lost at random.
    seed : int or Generator, optional
        For covariates, dropout and lost rows. By default 0: a design is one layout, the same
        whenever its frame is made.

    Returns
    -------
    Design
        `frame()` gives its rows, `balance` what it can tell apart, and printed it says what was
        assigned; `mixedmodels.planning.plan` adds a model with effect sizes.

    Raises
    ------
    DataError
        If there are no units, a size is not positive, a name or number makes no sense, or the
        numbers are so small that a factor cannot be told from another one.

    Warns
    -----
    ConfoundingWarning
        If an interaction is confounded, or nearly a third or more of the information on an effect
        lies between units within which it should vary.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> study = mm.planning.design(
    ...     {"subject": 4, "item": 2},
    ...     counterbalanced={"cond": ["short", "long"]},
    ...     between={"subject": {"group": ["control", "treated"]}},
    ... )
    >>> study.frame().head(4)
        subject   item   cond    group
    0  subject1  item1  short  control
    1  subject1  item2   long  control
    2  subject2  item1  short  treated
    3  subject2  item2   long  treated
    >>> study
    Design of 4 subject, 2 item; 8 rows
      cond: counterbalanced, short, long
      group: between subject, control (2), treated (2)
      balanced: every effect of these, within every unit that it varies in
    """
    first, second = key_of(seed).tolist()
    made = Design(
        units={
            name: arguments.sizes(size)
            for name, size in arguments.mapping("units", units, example='{"subject": 30}').items()
        },
        nested=arguments.names("nested", nested, example='{"pupil": "class"}'),
        within=arguments.factors("within", within),
        counterbalanced=arguments.factors("counterbalanced", counterbalanced),
        between=arguments.between(between),
        covariates=arguments.names("covariates", covariates, example='{"age": "subject"}'),
        dropout=arguments.dropout(dropout),
        repeats=repeats,
        missing=missing,
        key=(first, second),
    )
    check_design(made)
    check_confounding(made)
    return made


def resized(design: Design, unit: str, size: int | Sequence[int]) -> Design:
    """The same design with another number of one unit.

    Raises
    ------
    DataError
        If there is no such unit, the size is not a positive whole number, or is too small for a
        factor to be told from another one.

    Warns
    -----
    ConfoundingWarning
        As `design`.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> small = mm.planning.design({"subject": 10, "item": 4})
    >>> len(mm.planning.resized(small, "subject", 25).frame())
    100
    """
    made = with_size(design, unit, size)
    check_confounding(made)
    return made


def with_size(design: Design, unit: str, size: int | Sequence[int]) -> Design:
    """The same, whatever it confounds."""
    if not isinstance(design, Design):
        raise DataError(
            f"A {type(design).__name__} is no design.\nDo:   make one with planning.design()."
        )
    require_unit(unit, design.units, "resized")
    sizes = arguments.sizes(size)
    check_size(unit, sizes, design.nested)
    made = replace(design, units={**design.units, unit: sizes})
    check_rows(made)
    return made
