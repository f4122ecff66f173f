"""Models laid out as one table: rows shared by all, a column or several for each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mixedmodels.errors import DataError
from mixedmodels.report.publication.content import (
    Cell,
    Content,
    Line,
    Part,
    Row,
    Run,
    Spanner,
    cell,
    line,
)
from mixedmodels.report.publication.facts import fact_rows
from mixedmodels.report.publication.labels import degree, distinct, readable
from mixedmodels.report.publication.notes import notes_of
from mixedmodels.report.publication.options import Options, chosen_terms, merged, shown_of
from mixedmodels.report.publication.random_part import random_rows
from mixedmodels.report.publication.reading import ReadModel
from mixedmodels.report.publication.style import Style, decimals_of
from mixedmodels.vocabulary import Layout, Shown

FIXED, RANDOM, MODEL = "Fixed effects", "Random effects", "Model"


@dataclass(frozen=True, slots=True)
class Placed:
    """A model with its name and the statistics that are shown of it."""

    model: ReadModel
    name: str
    shown: tuple[Shown, ...]


def laid_out(models: Sequence[ReadModel], options: Options, style: Style) -> Content:
    """The table of some models.

    Raises
    ------
    DataError
        If a coefficient that is to be kept or dropped does not exist, or two coefficients of one
        model are to share a label.
    """
    layout = options.layout or ("columns" if len(models) == 1 else "stacked")
    asked = options.show or (style.columns if layout == "columns" else style.stacked)
    names = options.names or tuple(f"({j + 1})" for j in range(len(models)))
    placed = [
        Placed(model, name, tuple(shown_of(model, asked)))
        for model, name in zip(models, names, strict=True)
    ]
    facts, refused = fact_rows(models, options, style)
    parts = [
        Part(FIXED, tuple(_fixed_rows(placed, options, style, layout))),
        Part(RANDOM, tuple(_aligned(placed, random_rows(models, options, style), layout))),
        Part(MODEL, tuple(facts)),
    ]
    return Content(
        title=options.title,
        stub="",
        spanners=tuple(_spanners(placed, options, layout)),
        columns=tuple(_heads(placed, options, style, layout)),
        parts=tuple(part for part in parts if part.rows),
        notes=notes_of(models, names, refused, options, style, layout, asked),
    )


def _spanners(placed: Sequence[Placed], options: Options, layout: Layout) -> list[Spanner]:
    responses = [options.rename.get(p.model.response, p.model.response) for p in placed]
    shows_response = len(placed) == 1 or len(set(responses)) > 1
    spanners = []
    for one, response in zip(placed, responses, strict=True):
        is_named = options.names is not None or len(placed) > 1
        head = [one.name] if is_named else []
        head += [response] if shows_response and response else []
        columns = len(one.shown) if layout == "columns" else 1
        spanners.append(Spanner(tuple(line(text) for text in head), columns))
    return spanners


def _heads(placed: Sequence[Placed], options: Options, style: Style, layout: Layout) -> list[Line]:
    if layout == "stacked":
        return [() for _ in placed]
    return [
        style.head(name, level=options.level, estimate=one.model.scale, test=one.model.test)
        for one in placed
        for name in one.shown
    ]


def _fixed_rows(
    placed: Sequence[Placed], options: Options, style: Style, layout: Layout
) -> list[Row]:
    whole = sorted(merged([one.model.terms for one in placed]), key=degree)
    terms = chosen_terms(whole, options)
    factors = {name: n for one in placed for name, n in one.model.factors.items()}
    labels = [readable(term, options.rename, factors.get(term)) for term in terms]
    labels = distinct(terms, labels, options.rename)
    sharing: dict[str, list[str]] = {}
    for term, label in zip(terms, labels, strict=True):
        sharing.setdefault(label, []).append(term)
    write = _columns if layout == "columns" else _stacked
    rows = []
    for label, names in sharing.items():
        places = [_place(one, names, label) for one in placed]
        cells: list[Cell] = []
        for one, place in zip(placed, places, strict=True):
            errors = [
                float(other.model.numbers["std_error"][there])
                for other, there in zip(placed, places, strict=True)
                if there is not None and _are_alike(one.model, other.model)
            ]
            written = Written(options, style, decimals_of(errors, options.digits))
            cells += write(one, place, written)
        rows.append(Row(line(label), tuple(cells)))
    return rows


def _are_alike(one: ReadModel, other: ReadModel) -> bool:
    """Whether the estimates of two models are in the same units, and have the same decimals."""
    return (one.response, one.scale) == (other.response, other.scale)


def _place(one: Placed, names: Sequence[str], label: str) -> int | None:
    found = [j for j, term in enumerate(one.model.terms) if term in names]
    if len(found) > 1:
        raise DataError(
            f"The coefficients {', '.join(map(repr, names))} of model {one.name} have one label, "
            f"{label!r}.\nDo:   give each a label of its own in rename."
        )
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Written:
    """How the numbers of one row are written."""

    options: Options
    style: Style
    decimals: int

    def text(self, model: ReadModel, place: int, name: Shown) -> str:
        """A statistic of a coefficient."""
        value = {key: float(values[place]) for key, values in model.numbers.items()}
        style, decimals = self.style, self.decimals
        texts: dict[Shown, Callable[[], str]] = {
            "estimate": lambda: style.number(value["estimate"], decimals) + self.mark(value),
            "std_error": lambda: style.number(value["std_error"], decimals),
            "conf_int": lambda: style.interval(value["conf_low"], value["conf_high"], decimals),
            "statistic": lambda: style.number(value["statistic"], 2),
            "df": lambda: degrees(value["df"]),
            "p_value": lambda: style.p_value(value["p_value"]),
        }
        return texts[name]()

    def mark(self, value: dict[str, float]) -> str:
        """The star of the smallest limit that the p-value is below."""
        below = {mark: p for mark, p in self.options.stars.items() if value["p_value"] < p}
        return min(below, key=below.__getitem__) if below else ""


def degrees(df: float) -> str:
    """Degrees of freedom: whole ones without decimals."""
    if math.isnan(df) or math.isinf(df):
        return "∞" if df > 0 else ""
    return f"{df:.0f}" if abs(df - round(df)) < 5e-3 else f"{df:.2f}"


def _columns(one: Placed, place: int | None, written: Written) -> list[Cell]:
    if place is None:
        return [() for _ in one.shown]
    return [cell(written.text(one.model, place, name)) for name in one.shown]


def _stacked(one: Placed, place: int | None, written: Written) -> list[Cell]:
    """The estimate with its standard error, then a line for each of the others."""
    if place is None:
        return [()]
    texts = {name: written.text(one.model, place, name) for name in one.shown}
    lines: list[Line] = []
    first = [texts[name] for name in ("estimate",) if name in texts]
    first += [f"({texts['std_error']})"] if texts.get("std_error") else []
    if any(first):
        lines.append(line(" ".join(first)))
    if texts.get("conf_int"):
        lines.append(line(texts["conf_int"]))
    statistic = _phrase(one.model.test, texts, written.style)
    p = float(one.model.numbers["p_value"][place])
    phrase = written.style.p_phrase(p) if "p_value" in texts else ()
    joined = (*statistic, Run(", "), *phrase) if statistic and phrase else (*statistic, *phrase)
    return [(*lines, joined) if joined else tuple(lines)]


def _phrase(test: str, texts: dict[Shown, str], style: Style) -> Line:
    """``t(17) = 6.77``."""
    gap = " " if style.spaced else ""
    df = f"({texts['df']})" if texts.get("df") else ""
    if texts.get("statistic"):
        return (*style.letter(test), Run(f"{df}{gap}={gap}{texts['statistic']}"))
    return (*style.letter("df"), Run(f"{gap}={gap}{texts['df']}")) if df else ()


def _aligned(placed: Sequence[Placed], rows: Sequence[Row], layout: Layout) -> list[Row]:
    """Rows of one cell per model, below the column of the estimates where there is one."""
    if layout == "stacked" or any("estimate" not in one.shown for one in placed):
        return list(rows)
    out = []
    for row in rows:
        cells: list[Any] = []
        for one, own in zip(placed, row.cells, strict=True):
            cells += [own if name == "estimate" else () for name in one.shown]
        out.append(Row(row.label, tuple(cells)))
    return out
