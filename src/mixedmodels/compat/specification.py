"""`Specification`: arrays or formulas of statsmodels' form as a table and one formula."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design.build import columns_of_text
from mixedmodels.design.names import used_columns
from mixedmodels.errors import DataError
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Context

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Component:
    """A variance component: independent effects of one variance.

    Attributes
    ----------
    name
        Of the component.
    labels
        Of its effects in every group, in order of their codes.
    codes : int array (n,)
        The effect of every row.
    values : array (n,)
        What it is multiplied by.
    crossed
        The column whose levels it belongs to, where it does not lie within the groups.
    """

    name: str
    labels: tuple[str, ...]
    codes: NDArray[np.int64]
    values: Vector
    crossed: str | None = None

    @property
    def is_intercept(self) -> bool:
        """Whether nothing is multiplied."""
        return bool(np.all(self.values == 1))


@dataclass(frozen=True, slots=True)
class Specification:
    """A model as one table and one formula.

    Attributes
    ----------
    frame : DataFrame
        The rows used.
    fixed : str
        ``"y ~ x"``.
    random : str
        The left side of the bar of the groups; empty if there is none.
    group : str
        The column of the groups.
    group_name : str
        What statsmodels calls the variance of the intercepts.
    components : tuple of Component
        Variance components.
    exog_names : tuple of str, optional
        Names of the columns of X, if they are not those of the formula.
    re_names : tuple of str, optional
        Names of the random columns, likewise.
    is_pandas : bool
        Whether results come back labelled.
    notes : tuple of str
        How the input was read, where there was a choice.
    n_dropped : int
        Rows with missing values.
    context : mapping
        The caller's functions that the formula uses.
    """

    frame: pd.DataFrame
    fixed: str
    random: str
    group: str
    group_name: str
    components: tuple[Component, ...]
    exog_names: tuple[str, ...] | None
    re_names: tuple[str, ...] | None
    is_pandas: bool
    notes: tuple[str, ...]
    n_dropped: int
    context: Context = field(default_factory=dict)

    __repr__ = brief

    def formula(self, *, independent: bool = False) -> str:
        """The formula of `lmm`; `independent` leaves out the covariances of the random columns."""
        parts = [self.fixed]
        if self.random:
            bar = "||" if independent else "|"
            parts.append(f"({self.random} {bar} {quoted(self.group)})")
        for component in self.components:
            if component.crossed is not None:
                parts.append(f"(1 | {quoted(component.crossed)})")
                continue
            within = f"{quoted(self.group)}:{quoted(code_column(component.name))}"
            if len(component.labels) == 1:
                within = quoted(self.group)
            left = "1" if component.is_intercept else f"0 + {quoted(value_column(component.name))}"
            parts.append(f"({left} | {within})")
        return " + ".join(parts)

    def table(self) -> pd.DataFrame:
        """The rows with the columns of the components."""
        columns: dict[str, Any] = {}
        for component in self.components:
            if component.crossed is None:
                labels = np.array(component.labels, dtype=object)
                columns[code_column(component.name)] = labels[component.codes]
                columns[value_column(component.name)] = component.values
        return self.frame.assign(**columns)


def code_column(name: str) -> str:
    """The column that says which effect of a component a row has."""
    return f"vc {name}"


def value_column(name: str) -> str:
    """The column that says what that effect is multiplied by."""
    return f"vc {name} value"


def quoted(name: str) -> str:
    """A column name as formulas write it."""
    return name if name.isidentifier() else f"`{name}`"


def component_of_matrix(name: str, matrix: pd.DataFrame) -> Component:
    """The component with these columns, of which a row uses one at most.

    Raises
    ------
    DataError
        If rows use several: effects of one variance that add up in a row.
    """
    values = matrix.to_numpy(dtype=np.float64)
    used = values != 0
    if np.any(used.sum(axis=1) > 1):
        raise DataError(
            f"The variance component {name!r} has rows with several of its columns "
            f"({', '.join(map(str, matrix.columns[:4]))}…), whose effects would share one "
            "variance.\n"
            "Do:   give each column a component of its own, or use indicators of which every row "
            "has one."
        )
    codes = used.argmax(axis=1)
    picked = np.take_along_axis(values, codes[:, None], axis=1)[:, 0]
    return Component(name, tuple(map(str, matrix.columns)), codes, picked)


def component_of_formula(name: str, text: str, frame: pd.DataFrame, context: Context) -> Component:
    """The component of a formula such as ``"0 + C(classroom)"``."""
    made = columns_of_text(right_side(text), Frame.of(frame), context=context)
    return component_of_matrix(name, pd.DataFrame(made.matrix, columns=list(made.names)))


def right_side(text: str) -> str:
    """A one-sided formula without its tilde."""
    return text.split("~", 1)[-1].strip()


def variables(texts: Sequence[str], columns: Sequence[Hashable]) -> list[str]:
    """The columns that some formulas use."""
    names: list[str] = []
    known = [str(name) for name in columns]
    for text in texts:
        names += [name for name in used_columns(text, known) if name not in names]
    return names


def rows_by_group(codes: NDArray[np.int64], labels: Sequence[Hashable]) -> Mapping[Any, Any]:
    """The row numbers of every group."""
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(1, len(labels)))
    return dict(zip(labels, np.split(order, ends), strict=True))
