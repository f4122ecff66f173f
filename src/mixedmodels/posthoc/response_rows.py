"""Average predictions, comparisons and slopes of a generalised model on the response's scale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom import (
    TestMethod,
    refuse_other_covariance,
    require_test_method,
)
from mixedmodels.options import require_flag, require_option, require_probability
from mixedmodels.posthoc.counterfactuals import (
    Step,
    Values,
    Variables,
    comparisons_of,
    variables_of,
)
from mixedmodels.posthoc.data_rows import GroupedRows, grouped_rows
from mixedmodels.posthoc.emmeans import require_fixed_part
from mixedmodels.posthoc.labels import as_labels
from mixedmodels.posthoc.linear_functions import Kind, LinearFunctions, Testing
from mixedmodels.posthoc.points import At, Points, points_of, require_apart
from mixedmodels.posthoc.response_averages import (
    Averages,
    Scale,
    averages_of,
    compared_values,
    linear_functions,
    set_to,
    slope_values,
)
from mixedmodels.posthoc.row_averages import comparisons, predictions, slopes
from mixedmodels.posthoc.specs import By
from mixedmodels.posthoc.trends import require_covariate
from mixedmodels.prediction.links import IDENTITY, LINKS, LOGIT, Link
from mixedmodels.vocabulary import PredictionType, RowContrast

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ResponseRows:
    """Rows of which something is averaged on the scale of the response.

    Attributes
    ----------
    fit : Fit
        The model.
    rows : GroupedRows
        The rows.
    points : Points
        Values that all of them are set to.
    scale : Scale
        What is averaged.
    testing : Testing
        How the averages are tested.
    """

    fit: Fit
    rows: GroupedRows
    points: Points
    scale: Scale
    testing: Testing

    @staticmethod
    def of(
        fit: Fit,
        by: By,
        newdata: object,
        at: At,
        wts: str | ArrayLike | None,
        scale: Scale,
        testing: Testing,
        *,
        apart: Sequence[str] = (),
    ) -> "ResponseRows":
        """The rows and the values that they are set to, the variables `apart` excluded."""
        require_fixed_part(fit)
        require_apart(fit, at, apart)
        rows = grouped_rows(fit, by, newdata=newdata, wts=wts)
        return ResponseRows(fit, rows, points_of(fit, at, rows.labels), scale, testing)

    @property
    def labels(self) -> dict[str, NDArray[Any]]:
        """Columns (points * groups,) that name averages."""
        return self.points.labels(self.rows.labels, self.rows.n_groups)

    def averages(self, name: str = "", values: Sequence[NDArray[Any]] = ()) -> list[list[Averages]]:
        """Per value (n,) of a column `name`, or once, the averages of each quantity at all points,
        (points * groups,).
        """
        found = []
        for changes in [{name: own} for own in values] or [{}]:
            parts: list[list[Averages]] = []
            for place in range(self.points.size):
                here = {
                    column: set_to(self.points.at[column], int(codes[place]), len(self.rows.group))
                    for column, codes in self.points.codes.items()
                }
                made = averages_of(self.fit, self.rows, here | changes, self.scale)
                parts.append([*made.values()])
            found.append([Averages.stacked(of_one) for of_one in zip(*parts, strict=True)])
        return found

    def quantities(self) -> list[str]:
        """The names of what is averaged: categories, or nothing."""
        ordered = self.fit.family.response == "ordered" and self.scale.type == "response"
        return [str(v) for v in self.fit.spec.response_levels] if ordered else [""]

    def functions(
        self, kind: Kind, labels: dict[str, NDArray[Any]], parts: Sequence[Averages]
    ) -> LinearFunctions:
        """Averages of every quantity as rows, one quantity below the other."""
        names, size = self.quantities(), len(next(iter(labels.values())))
        if names != [""]:
            labels = {name: np.tile(values, len(names)) for name, values in labels.items()}
            labels = {"category": np.repeat(as_labels(names), size)} | labels
        return linear_functions(
            self.fit,
            kind,
            labels,
            Averages.stacked(parts),
            self.testing,
            bounds=self._bounds(),
            notes=(*self.rows.notes, self.scale.note),
        )

    def _bounds(self) -> Link:
        family = self.fit.family
        if self.scale.type == "expected":
            return IDENTITY
        is_probability = family.response == "ordered" or self.scale.type == "zero"
        return LOGIT if is_probability else LINKS[family.link]


def response_predictions(
    fit: Fit,
    by: By = None,
    *,
    newdata: object = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    type: PredictionType = "response",
    re: str | Sequence[str] = "none",
    marginal: bool = False,
    ddf: TestMethod = "normal",
    level: float = 0.95,
) -> LinearFunctions:
    """Average predictions, as `GeneralisedMixedModel.predictions` explains them."""
    scale, testing = _asked(type, re, marginal, ddf, level)
    if type == "link":
        return predictions(fit, by, newdata=newdata, at=at, wts=wts, ddf=ddf, level=level)
    asked = ResponseRows.of(fit, by, newdata, at, wts, scale, testing)
    [parts] = asked.averages()
    return asked.functions("mean", asked.labels or {"1": as_labels(["overall"])}, parts)


def response_comparisons(
    fit: Fit,
    variable: Variables,
    by: By = None,
    *,
    newdata: object = None,
    contrast: RowContrast = "reference",
    step: Step | None = None,
    values: Values | None = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    type: PredictionType = "response",
    re: str | Sequence[str] = "none",
    marginal: bool = False,
    ddf: TestMethod = "normal",
    level: float = 0.95,
) -> LinearFunctions:
    """Average differences, as `GeneralisedMixedModel.comparisons` explains them."""
    scale, testing = _asked(type, re, marginal, ddf, level)
    if type == "link":
        return comparisons(
            fit,
            variable,
            by,
            newdata=newdata,
            contrast=contrast,
            step=step,
            values=values,
            at=at,
            wts=wts,
            ddf=ddf,
            level=level,
        )
    compared = comparisons_of(fit, variable, contrast=contrast, step=step, values=values)
    names = [c.variable.name for c in compared]
    asked = ResponseRows.of(fit, by, newdata, at, wts, scale, testing, apart=names)
    every = [(c.variable.name, c.names, compared_values(fit, asked.rows, c)) for c in compared]
    found = _contrasted(asked, "contrast", every)
    is_all_pairs = len(compared) == 1 and compared[0].is_pairwise
    if not is_all_pairs or found.size != len(compared[0].C):
        return found
    return replace(found, n_means=np.full(found.size, len(compared[0].variable.values)))


def response_slopes(
    fit: Fit,
    variable: str | Sequence[str],
    by: By = None,
    *,
    newdata: object = None,
    at: At = None,
    wts: str | ArrayLike | None = None,
    type: PredictionType = "response",
    re: str | Sequence[str] = "none",
    marginal: bool = False,
    ddf: TestMethod = "normal",
    level: float = 0.95,
) -> LinearFunctions:
    """Average slopes, as `GeneralisedMixedModel.slopes` explains them."""
    scale, testing = _asked(type, re, marginal, ddf, level)
    if type == "link":
        return slopes(fit, variable, by, newdata=newdata, at=at, wts=wts, ddf=ddf, level=level)
    names = variables_of(fit, variable)
    for name in names:
        require_covariate(fit, name)
    asked = ResponseRows.of(fit, by, newdata, at, wts, scale, testing, apart=names)
    every = [(name, ("dY/dX",), slope_values(fit, asked.rows, name)) for name in names]
    return _contrasted(asked, "trend", every)


def _asked(
    type: PredictionType,
    re: str | Sequence[str],
    marginal: bool,
    ddf: TestMethod,
    level: float,
) -> tuple[Scale, Testing]:
    """What is averaged and how it is tested, checked."""
    require_option("type", type, get_args(PredictionType))
    require_flag("marginal", marginal)
    require_test_method(ddf)
    refuse_other_covariance(ddf, "averages on the scale of the response of a generalised model")
    require_probability("level", level)
    is_all = isinstance(re, str) and re == "all"
    is_none = isinstance(re, str) and re == "none"
    if type == "link" and (marginal or not is_none):
        raise DataError(
            'type="link" averages the linear predictor at random effects of zero.\n'
            'Do:   leave re and marginal out, or write type="response".'
        )
    if marginal and is_all:
        raise DataError(
            'marginal=True integrates over the random effects, and re="all" includes them.\n'
            "Do:   give one of the two; groups that re names are included, and the others "
            "integrated over."
        )
    return Scale(type, re, marginal), Testing(ddf=ddf, level=level)


Contrasted = tuple[str, Sequence[str], tuple[list[NDArray[Any]], Vector]]
"""A column, names of contrasts, values that it is set to, and the contrasts of what is found."""


def _contrasted(asked: ResponseRows, kind: Kind, columns: Sequence[Contrasted]) -> LinearFunctions:
    """Contrasts of averages at several values of a column, one column below the other."""
    each = asked.points.size * asked.rows.n_groups
    parts: list[list[Averages]] = []
    for name, _, (values, C) in columns:
        found = asked.averages(name, values)
        whole = np.asarray(np.kron(C, np.eye(each)), dtype=np.float64)
        parts.append([Averages.stacked(one).combined(whole) for one in zip(*found, strict=True)])
    flat = [(name, contrast) for name, names, _ in columns for contrast in names]
    labels: dict[str, NDArray[Any]] = {
        "term": np.repeat(as_labels([term for term, _ in flat]), each),
        "contrast": np.repeat(as_labels([contrast for _, contrast in flat]), each),
    }
    for name, own in asked.labels.items():
        labels[f"{name}_" if name in labels else name] = np.tile(own, len(flat))
    return asked.functions(kind, labels, [Averages.stacked(q) for q in zip(*parts, strict=True)])
