"""What is asked of an imputation: which columns are filled in, each by which model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixedmodels.data import Frame
from mixedmodels.design.names import check_columns_exist, check_names, used_columns
from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.formula import Formula, parse
from mixedmodels.formula.tokens import quote, unquote
from mixedmodels.imputation.kinds import family_for
from mixedmodels.imputation.levels import (
    Grouped,
    constant_within,
    group_of,
    has_rows,
    is_nested,
)
from mixedmodels.vocabulary import FamilyName


@dataclass(frozen=True, slots=True)
class ColumnModel:
    """How one column is filled in.

    Attributes
    ----------
    name : str
        The column.
    formula : Formula
        Its model.
    family : Family or None
        None for a linear model.
    within : tuple of str
        The columns that together are the group within which it is constant; none of a column that
        varies between rows.
    means : tuple of (str, str)
        Columns that stand for group means in the formula, with the columns that they are means of.
    means_of : tuple of str
        The group that these are means within.
    """

    name: str
    formula: Formula
    family: Family | None
    within: tuple[str, ...] = ()
    means: tuple[tuple[str, str], ...] = ()
    means_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """The models of all columns, in the order in which they are filled in, and notes."""

    models: tuple[ColumnModel, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def question_of(
    frame: Frame,
    formulas: str | Mapping[str, str],
    families: Mapping[str, FamilyName] | None,
) -> Question:
    """Read an analysis model, from which those of its columns are derived, or one per column.

    Raises
    ------
    FormulaError
        If a formula cannot be read.
    DataError
        If nothing is missing, or a column has missing values and no model.
    """
    if isinstance(formulas, str):
        check_names(formulas, frame.columns, {})
        texts, groups, notes = _derived(frame, parse(formulas))
    elif isinstance(formulas, Mapping) and formulas:
        texts, groups, notes = _given(frame, formulas)
    else:
        raise DataError(
            "formulas is neither a formula nor a mapping of columns to formulas.\n"
            'Do:   give the model of the analysis, "y ~ x + (1 | g)", or {"x": "x ~ y + (1 | g)"}.'
        )
    asked = dict(families or {})
    unknown = [name for name in asked if name not in texts]
    if unknown:
        raise DataError(
            f"families names {unknown[0]!r}, which is not filled in.\n"
            f"Do:   name columns among {', '.join(texts)}."
        )
    for text, grouped in texts.values():
        made = () if grouped is None else [mean for mean, _ in grouped.means]
        check_names(text, [*frame.columns, *made], {})
    models = tuple(
        _model(frame, name, made, asked.get(name), groups) for name, made in texts.items()
    )
    columns = _all_columns(frame, models)
    _require_models(frame, columns, texts)
    order = sorted(models, key=lambda model: frame.column(model.name).n_missing)
    return Question(tuple(order), columns, notes)


def _model(
    frame: Frame,
    name: str,
    made: tuple[str, Grouped | None],
    family: FamilyName | None,
    groups: Sequence[tuple[str, ...]],
) -> ColumnModel:
    text, grouped = made
    formula = parse(text)
    within = constant_within(frame, name, groups)
    if within and any(set(within) <= set(term.group) for term in formula.random):
        raise DataError(
            f"The column {name!r} is the same in all rows of a level of {':'.join(within)}, and "
            f"its formula has random effects of that group.\n"
            f"Do:   leave these out of the formula for {name!r}: it is filled in level by level."
        )
    found = family_for(frame, name, family)
    if grouped is None:
        return ColumnModel(name, formula, found, within)
    return ColumnModel(name, formula, found, within, grouped.means, grouped.group)


Texts = dict[str, tuple[str, Grouped | None]]


def _given(
    frame: Frame, formulas: Mapping[str, str]
) -> tuple[Texts, list[tuple[str, ...]], tuple[str, ...]]:
    texts: Texts = {}
    groups: list[tuple[str, ...]] = []
    for name, text in formulas.items():
        formula = parse(text)
        if formula.response not in (name, quote(name)):
            raise DataError(
                f"The formula for {name!r} has the response {formula.response!r}.\n"
                f"Do:   write {name!r} on its left; put a transformed column into the data first.\n"
                "Why:  what is drawn goes into the column as it is."
            )
        if name not in frame.columns:
            raise DataError(f"The data have no column {name!r}.\nDo:   name one of the columns.")
        groups += [term.group for term in formula.random if term.group not in groups]
        if frame.column(name).n_missing:
            texts[name] = (text, None)
    if not texts:
        raise _nothing_missing()
    complete = [name for name in formulas if name not in texts]
    notes = (f"nothing is missing in {', '.join(complete)}",) if complete else ()
    return texts, groups, notes


def _derived(
    frame: Frame, formula: Formula
) -> tuple[Texts, list[tuple[str, ...]], tuple[str, ...]]:
    """The response has the model of the analysis; every other column depends on the response and on
    all others, with intercepts of all groups and the group means of what varies within them.
    """
    response = unquote(formula.response)
    if response not in frame.columns:
        raise DataError(
            f"The response {formula.response!r} is not a column of the data.\n"
            "Do:   put a transformed response into a column of its own, or give one formula per "
            "column."
        )
    groups = list(dict.fromkeys(term.group for term in formula.random))
    texts_used = [formula.fixed, *(term.lhs for term in formula.random)]
    others = [
        name
        for name in frame.columns
        if any(name in used_columns(text, frame.columns) for text in texts_used)
    ]
    texts: Texts = {}
    for name in (response, *others):
        if not frame.column(name).n_missing:
            continue
        if name == response:
            texts[name] = (str(formula), None)
            continue
        predictors = [other for other in (response, *others) if other != name]
        texts[name] = _conditional(frame, name, predictors, groups)
    if not texts:
        check_columns_exist(formula.text, frame.columns)
        raise _nothing_missing()
    derived = [name for name in texts if name != response]
    notes: tuple[str, ...] = ()
    if derived:
        notes = (
            f"models of {', '.join(derived)} are linear in all other columns: products, powers and "
            "random slopes of them in the analysis are not allowed for; give formulas of your own "
            "where there are any",
        )
    return texts, groups, notes


def _conditional(
    frame: Frame, name: str, predictors: Sequence[str], groups: Sequence[tuple[str, ...]]
) -> tuple[str, Grouped | None]:
    within = constant_within(frame, name, groups)
    first = within or (groups[0] if groups else ())
    grouped = group_of(frame, predictors, first)
    means = [quote(mean) for mean, _ in grouped.means]
    if within:  # a row per group: what varies within it stands there as its mean
        own = [quote(p) for p in predictors if p not in grouped.varying]
    else:
        own = [quote(p) for p in predictors]
    outer = [group for group in groups if not within or is_nested(frame, within, group)]
    bars = [f"(1 | {':'.join(map(quote, group))})" for group in outer if has_rows(frame, group)]
    right = " + ".join([*own, *means, *bars]) or "1"
    return f"{quote(name)} ~ {right}", grouped


def _all_columns(frame: Frame, models: Sequence[ColumnModel]) -> tuple[str, ...]:
    """The columns that any model uses, in the order of the data."""
    used = set()
    for model in models:
        made = {mean for mean, _ in model.means}
        used |= {column for _, column in model.means} | set(model.means_of) | set(model.within)
        used |= {*used_columns(model.formula.text, {*frame.columns, *made})} - made
    return tuple(name for name in frame.columns if name in used)


def _require_models(frame: Frame, columns: Sequence[str], texts: Texts) -> None:
    for name in columns:
        n = frame.column(name).n_missing
        if n and name not in texts:
            raise DataError(
                f"The column {name!r} has {n} missing values and no model.\n"
                f"Do:   give a formula for {name!r}, too, or leave it out of the others; rows "
                "without a group cannot be filled in.\n"
                "Why:  the models of the other columns need its values."
            )
        if n == frame.nrows:
            raise DataError(
                f"The column {name!r} has no value at all.\nDo:   leave it out of the formulas."
            )


def _nothing_missing() -> DataError:
    return DataError(
        "Nothing is missing in the columns that are to be filled in.\n"
        "Do:   fit the model to the data as they are; missing values are null, None or nan."
    )
