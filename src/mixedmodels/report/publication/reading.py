"""What a table asks of a model: a fit of this package, or anything that keeps a small protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief

Vector = NDArray[np.float64]

RandomKind = Literal["sd", "correlation", "share", "other"]

NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")


class Tabulable(Protocol):
    """What `mixedmodels.table` needs of a result that is no fit of `lmm` or `glmm`.

    Beside `coef_table` everything is optional, and read where it is there: `variance_components`
    (table `group, term1, term2, vcov, sdcor`), `nobs`, `ngroups`, `llf`, `aic`, `aicc`, `bic`,
    `r2()`, `icc()`, `formula`, and `table_notes`, sentences for below the table.
    """

    def coef_table(self, *, level: float = 0.95) -> object:
        """Table of any library with `term, estimate, std_error`, and as far as there are any
        `df, statistic, p_value, conf_low, conf_high`.

        It may take `ddf`, `cov`, `cluster` and `exponentiate` too.
        """


@dataclass(frozen=True, slots=True)
class RandomValue:
    """A parameter of the random part: an `sd` of one column or of all, a `correlation` of two, or
    another under its own name, a `share` if it does not exceed one.
    """

    group: str
    kind: RandomKind
    names: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Asked:
    """How the coefficients are tested and shown; what is None is left to the model."""

    level: float = 0.95
    exponentiate: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A model as a table shows it.

    Attributes
    ----------
    terms
        Its coefficients.
    factors
        Of each its factors, where they are known: a name of a column may hold a colon.
    numbers
        Per name of `NUMBERS` an array (p,), nan where there is none.
    scale
        What the estimates are: ``Estimate``, ``Odds ratio``, ….
    random
        The random part, in order.
    facts
        Per name of a fact a function that gives a number, text, or a mapping of these.
    response
        Empty if it is not known.
    notes
        Sentences about this model.
    """

    terms: tuple[str, ...]
    factors: Mapping[str, int]
    numbers: Mapping[str, Vector]
    scale: str
    random: tuple[RandomValue, ...]
    facts: Mapping[str, Callable[[], Any]]
    response: str
    notes: tuple[str, ...]

    __repr__ = brief

    @property
    def test(self) -> str:
        """The letter of its test statistics."""
        df = self.numbers["df"]
        return "t" if np.isfinite(df).any() else "z"


def read_results(model: Any, asked: Asked) -> ReadModel:
    """Anything that keeps the protocol.

    Raises
    ------
    DataError
        If it has no table of coefficients, one without the columns that are needed, or does not
        know an option.
    """
    table = getattr(model, "coef_table", None)
    if not callable(table) or isinstance(model, type):
        raise DataError(
            f"An object of type {type(model).__name__} is no model for a table.\n"
            "Do:   give fitted models, one by one: mm.table(first, second).\n"
            "Why:  a table reads coef_table() with the columns term, estimate and std_error."
        )
    frame = Frame.of(table(**_options(model, table, asked)), may_be_empty=True)
    estimate = _estimate_column(model, frame)
    terms = _texts(frame, "term")
    numbers = {
        name: _numbers(frame, estimate if name == "estimate" else name, len(terms))
        for name in NUMBERS
    }
    return ReadModel(
        terms=tuple(term or "" for term in terms),
        factors={},
        numbers=numbers,
        scale=estimate.replace("_", " ").capitalize(),
        random=_random(model),
        facts=_facts(model),
        response=_response(model),
        notes=_notes(model),
    )


def _options(model: Any, table: Callable[..., object], asked: Asked) -> dict[str, Any]:
    wanted = {"level": asked.level, **asked.options}
    wanted |= {"exponentiate": True} if asked.exponentiate else {}
    known = signature(table).parameters
    unknown = [name for name in wanted if name not in known and name != "level"]
    if unknown:
        raise DataError(
            f"The coefficients of a {type(model).__name__} do not take {unknown[0]}.\n"
            f"Do:   leave {unknown[0]} out, or put the model in a table of its own."
        )
    return {name: value for name, value in wanted.items() if name in known}


def _estimate_column(model: Any, frame: Frame) -> str:
    """The column of estimates, which has another name where they are ratios."""
    ratios = [name for name in frame.columns if name.endswith("_ratio")]
    found = "estimate" if "estimate" in frame.columns else (*ratios, "estimate")[0]
    for name in ("term", found, "std_error"):
        if name not in frame.columns:
            raise DataError(
                f"coef_table() of a {type(model).__name__} has no column {name!r}.\n"
                "Do:   give a model whose table has term, estimate and std_error."
            )
    return found


def _texts(frame: Frame, name: str) -> list[str | None]:
    """A column as text, None where a value is missing."""
    if name not in frame.columns or frame.nrows == 0:
        return [None] * frame.nrows
    column = frame.column(name)
    if column.codes is None:
        values = [] if column.numbers is None else column.numbers.tolist()
        missing = column.missing
        return [
            None if missing is not None and missing[i] else str(value)
            for i, value in enumerate(values)
        ]
    levels = [*column.codes.levels, None]
    return [levels[code] for code in column.codes.codes]


def _numbers(frame: Frame, name: str, n: int) -> Vector:
    if name not in frame.columns or n == 0:
        return np.full(n, np.nan)
    column = frame.column(name)
    if column.numbers is None:
        return np.full(n, np.nan)
    values = column.numbers.astype(np.float64)
    return values if column.missing is None else np.where(column.missing, np.nan, values)


def _notes(model: Any) -> tuple[str, ...]:
    """Sentences for below the table."""
    own = getattr(model, "table_notes", ())
    return tuple(str(note).splitlines()[0] for note in own)


def _random(model: Any) -> tuple[RandomValue, ...]:
    table = getattr(model, "variance_components", None)
    if table is None:
        return ()
    frame = Frame.of(table() if callable(table) else table, may_be_empty=True)
    values = _numbers(frame, "sdcor", frame.nrows)
    rows = zip(*(_texts(frame, name) for name in ("group", "term1", "term2")), values, strict=True)
    found = []
    for group, first, second, value in rows:
        kind: RandomKind = "sd" if second is None else "correlation"
        names = tuple(name for name in (first, second) if name is not None)
        found.append(RandomValue(group or "", kind, names, float(value)))
    return tuple(found)


def _facts(model: Any) -> dict[str, Callable[[], Any]]:
    """Looked up when they are shown: a result may refuse what it has no meaning for."""
    names = ("nobs", "ngroups", "llf", "aic", "aicc", "bic", "r2", "icc")
    return {"groups" if n == "ngroups" else n: partial(_value, model, n) for n in names}


def _value(model: Any, name: str) -> Any:
    value = getattr(model, name, None)
    return value() if callable(value) else value


def _response(model: Any) -> str:
    formula = getattr(model, "formula", None)
    if not isinstance(formula, str) or "~" not in formula:
        return ""
    return formula.split("~")[0].strip().replace("`", "")
