"""The rows about whole models: sizes, shares of variance, criteria."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mixedmodels.errors import DataError
from mixedmodels.report.publication.content import Line, Row, Run, cell, line
from mixedmodels.report.publication.labels import group_label
from mixedmodels.report.publication.options import Options, merged
from mixedmodels.report.publication.reading import ReadModel
from mixedmodels.report.publication.style import Style, number
from mixedmodels.vocabulary import Facts

Refused = tuple[int, str]
"""A model and why it has no such fact."""

LABELS: Mapping[str, str] = {
    "llf": "Log-likelihood",
    "aic": "AIC",
    "aicc": "AICc",
    "bic": "BIC",
    "estimation": "Estimation",
    "icc": "ICC",
}

CRITERIA = ("llf", "aic", "aicc", "bic")
"""Facts by which models are compared."""


def fact_rows(
    models: Sequence[ReadModel], options: Options, style: Style
) -> tuple[list[Row], list[Refused]]:
    """One row per fact, or several, and which model cannot have one for what reason."""
    rows, refused = [], []
    for fact in options.facts:
        values: list[Any] = []
        for j, model in enumerate(models):
            value, reason = fact_of(model, fact)
            values.append(value)
            refused += [(j, reason)] if reason else []
        rows += _rows(fact, values, options, style)
    return rows, list(dict.fromkeys(refused))


def fact_of(model: ReadModel, name: str) -> tuple[Any, str]:
    """A fact, or why a model has none: said below the table."""
    fact = model.facts.get(name)
    if fact is None:
        return None, ""
    try:
        return fact(), ""
    except DataError as error:
        return None, str(error).splitlines()[0]


def _rows(fact: Facts, values: list[Any], options: Options, style: Style) -> list[Row]:
    if all(value is None for value in values):
        return []
    if fact == "groups":
        return _group_rows(values, options, style)
    if fact == "r2":
        return [
            _row(
                (*style.letter("R²"), Run(f" {kind}")),
                [_part(v, kind) for v in values],
                style.share,
            )
            for kind in ("marginal", "conditional")
        ]
    if fact == "icc":
        return [_row(line("ICC"), [_part(v, "adjusted") for v in values], style.share)]
    if fact == "nobs":
        return [_row(style.letter("N"), values, _count)]
    write = _criterion if fact in CRITERIA else str
    return [_row(line(LABELS[fact]), values, write)]


def _part(value: Any, kind: str) -> Any:
    return value.get(kind) if isinstance(value, Mapping) else value


def _group_rows(values: list[Any], options: Options, style: Style) -> list[Row]:
    sizes = [value or {} for value in values]
    return [
        _row(
            (*style.letter("N"), Run(f" ({group_label(group, options.rename)})")),
            [own.get(group) for own in sizes],
            _count,
        )
        for group in merged([list(own) for own in sizes])
    ]


def _row(label: Line, values: Sequence[Any], write: Callable[[Any], str]) -> Row:
    cells = tuple(cell("" if value is None else write(value)) for value in values)
    return Row(label, cells, is_spanning=True)


def _count(value: Any) -> str:
    return f"{int(value):,}"


def _criterion(value: Any) -> str:
    return "" if math.isnan(value) else number(float(value), 2)
