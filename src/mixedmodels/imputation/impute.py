"""Two-level multiple imputation by mixed models: see `mixedmodels.impute`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mixedmodels.data import Column, Frame, encode
from mixedmodels.imputation.chain import Chain, Schedule, run
from mixedmodels.imputation.imputations import ColumnTrace, Imputations
from mixedmodels.imputation.question import ColumnModel, question_of
from mixedmodels.imputation.working import missing_rows
from mixedmodels.options import require_count
from mixedmodels.prediction.streams import Seed, key_of, stream
from mixedmodels.vocabulary import FamilyName


def impute(
    data: object,
    formulas: str | Mapping[str, str],
    n: int = 20,
    *,
    seed: Seed = None,
    burn_in: int = 10,
    thin: int = 5,
    families: Mapping[str, FamilyName] | None = None,
) -> Imputations:
    """See `mixedmodels.impute`.

    Raises
    ------
    FormulaError
        If a formula cannot be read.
    DataError
        If nothing is missing, a column has missing values and no model, has values for which there
        is no model, or a model cannot be fitted.
    """
    require_count("n", n, what="imputations")
    require_count("thin", thin, what="cycles")
    if burn_in != 0:
        require_count("burn_in", burn_in, what="cycles")
    frame = Frame.of(data)
    question = question_of(frame, formulas, families)
    schedule = Schedule(int(n), int(burn_in), int(thin))
    if len(question.models) == 1:  # draws do not depend on those before
        schedule = Schedule(int(n), 0, 1)
    chain = run(frame, question, schedule, stream(key_of(seed), 0))
    frames = tuple(completed(frame, draw) for draw in chain.draws)
    traces = tuple(
        ColumnTrace(
            name=model.name,
            formula=str(model.formula),
            method=_method(model),
            rows=missing_rows(frame, model.name),
            means=chain.means[:, j],
            sds=chain.sds[:, j],
        )
        for j, model in enumerate(question.models)
    )
    notes = (*question.notes, *_warned(chain, schedule))
    return Imputations(frame, frames, traces, schedule.burn_in, notes)


def completed(frame: Frame, draw: Mapping[str, pd.Series]) -> Frame:
    """The table with the values of one imputation in its holes."""
    for name, values in draw.items():
        rows = values.index.to_numpy(dtype=np.intp)
        frame = frame.filled(name, rows, _cells(frame.column(name), values))
    return frame


def _cells(column: Column, values: pd.Series) -> list[object]:
    """Values in the type of the column: its own levels, truth values, or numbers."""
    if column.codes is not None:
        own = dict(zip(encode(column).levels, encode(column).values, strict=True))
        return [own[str(value)] for value in values]
    if column.kind == "boolean":
        return [bool(value) for value in values]
    is_whole = column.numbers is not None and column.numbers.dtype.kind in "iu"
    if is_whole and (values % 1 == 0).all():
        return [int(value) for value in values]
    return [float(value) for value in values]


def _method(model: ColumnModel) -> str:
    kind = "linear" if model.family is None else model.family.name
    return f"{kind}, level of {':'.join(model.within)}" if model.within else kind


def _warned(chain: Chain, schedule: Schedule) -> tuple[str, ...]:
    return tuple(
        f"{count} of {schedule.cycles} fits of {name} gave a {kind}"
        for name, counts in chain.warned.items()
        for kind, count in counts.items()
    )
