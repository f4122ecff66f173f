"""What ``C(x, coding, levels=[…])`` and ``hashed(x, levels=10)`` make: factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers.types import FactorValues
from formulaic.transforms import C, hashed
from formulaic.transforms.contrasts import CustomContrasts, TreatmentContrasts

from mixedmodels.data import label
from mixedmodels.design.contrasts import Encoder, table_coding
from mixedmodels.design.place import Place

UNSET = TreatmentContrasts().base
"""The base of a treatment coding that compares with the first level."""


def factor_of(
    place: Place,
    text: str,
    labels: pd.Series,
    options: Mapping[str, Any],
    state: dict[str, Any],
) -> Any:
    """The factor that a call makes.

    Parameters
    ----------
    place
        Of the call, for messages.
    text
        The call as it is written.
    labels
        The values that it makes a factor of.
    options
        Its other arguments.
    state
        What was learned of the call in the fit; filled where it is empty. A coding is checked
        against all levels of the fit, of which other data may lack some.

    Raises
    ------
    DataError
        If the data have levels that are not listed, or the coding does not fit the levels.
    FormulaError
        If the levels are no list, or one is named twice.
    """
    levels, coding = options.get("levels"), options.get("contrasts")
    if levels is not None:
        _check_levels(place, labels, levels)
    if not state:
        known = pd.Categorical(labels).categories.tolist() if levels is None else levels
        state["coding"] = _fitting(place, text, coding, known)
    coding = state["coding"]
    if not isinstance(coding, CustomContrasts):
        return C(labels, **{**options, "contrasts": coding})
    values = labels if levels is None else pd.Series(pd.Categorical(labels, categories=levels))
    spans = options.get("spans_intercept", True)
    return FactorValues(values, kind="categorical", spans_intercept=spans, encoder=Encoder(coding))


def hashed_labels(labels: pd.Series, number: int) -> pd.Series:
    """Labels in at most `number` classes: the same for a level whatever type holds it."""
    codes, values = pd.factorize(labels)
    texts = pd.Series([label(value) for value in values], dtype=object)
    return pd.Series(np.asarray(hashed(texts, levels=number))[codes])


def _fitting(place: Place, text: str, coding: Any, levels: Sequence[Any]) -> Any:
    """The coding, in the order of the levels if it is a table, once it is known to fit them."""
    if isinstance(coding, CustomContrasts):
        coding = pd.DataFrame(coding.contrasts, columns=coding.contrast_names)
    if isinstance(coding, (list, dict, pd.DataFrame)):
        return table_coding(text, coding, levels)
    is_treatment = isinstance(coding, TreatmentContrasts)
    if is_treatment and coding.base != UNSET and coding.base not in levels:
        listed = ", ".join(map(repr, levels[:12])) + (", …" if levels[12:] else "")
        raise place.data_error(
            f"There is no level {coding.base!r} to compare with.", f"use one of {listed}."
        )
    return coding


def _check_levels(place: Place, labels: pd.Series, levels: Any) -> None:
    """Refuse what is no list of different levels, and data with levels that it lacks."""
    if not isinstance(levels, list) or len(set(map(repr, levels))) < len(levels):
        raise place.formula_error(
            f"levels lists every level once, as levels=['a', 'b'], not {levels!r}."
        )
    present = [level for level in pd.unique(labels).tolist() if level not in levels]
    if present:
        listed = ", ".join(map(repr, present[:12])) + (", …" if present[12:] else "")
        raise place.data_error(
            f"The data have levels that levels= does not list: {listed}.",
            "list all levels, or leave out the rows of the others.",
        )
