"""Fitting responses block by block: those with the same rows together."""

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import is_workable
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.watching import watched
from mixedmodels.errors import DataError, StoppedEarlyWarning, TimeLimitError
from mixedmodels.inference.replication import progress
from mixedmodels.responses.blocks import Block, Label, blocks_of, count_of
from mixedmodels.responses.design import Design, by_missingness, design_of
from mixedmodels.responses.entries import entries_of
from mixedmodels.responses.estimates import Estimates, empty, joined
from mixedmodels.responses.request import ManyRequest
from mixedmodels.responses.results import Results
from mixedmodels.responses.singly import fits_singly
from mixedmodels.responses.together import fits_together, is_together

Vector = NDArray[np.float64]


def results_of(asked: ManyRequest, responses: object) -> Results:
    """Fit the model to every response, block by block.

    On an interrupt from the keyboard, and when the time allowed is over, the responses that are
    done come back with a `StoppedEarlyWarning`; if there are none the interrupt goes on.

    Raises
    ------
    FormulaError, DataError
        If the formula, the data or the responses cannot be used.
    TimeLimitError
        If no block of responses is done in the time allowed.
    """
    parts: list[Estimates] = []
    labels: list[Label] = []
    # The limits are those of the whole call, and there is one bar for it.
    with watched(replace(asked.request.control, progress=False)):
        design = design_of(asked)
        try:
            for block, found in _fitted(design, responses):
                parts.append(found)
                labels += block.labels
        except (KeyboardInterrupt, TimeLimitError) as stop:
            if not parts:
                raise
            is_late = isinstance(stop, TimeLimitError)
            why = "The time allowed is over" if is_late else "Interrupted"
            message = f"{why}: the result is of the first {len(labels):,} responses."
            warnings.warn(message, StoppedEarlyWarning, stacklevel=4)
    request = design.asked.request
    return Results(
        formula=request.formula.text,
        reml=request.reml,
        ddf=asked.ddf,
        adjust=asked.adjust,
        responses=tuple(labels),
        terms=design.labels,
        theta_names=design.theta_names,
        entries=entries_of(design.matrices),
        estimates=joined(parts),
        backend=request.frame.backend,
    )


def _fitted(design: Design, responses: object) -> Iterator[tuple[Block, Estimates]]:
    shows = design.asked.request.control.progress
    with progress(count_of(responses), "many", " responses", shows=shows) as bar:
        for block in blocks_of(responses, design.asked.request.frame):
            yield block, block_estimates(design, block)
            bar.update(len(block.labels))


def block_estimates(design: Design, block: Block) -> Estimates:
    """The fits of one block."""
    values = block.values
    if not design.matrices.kept.all():
        values = values[design.matrices.kept]
    out = empty(design, values.shape[1])
    missing = np.isnan(values)
    if not missing.any():
        _put(out, design, values, np.arange(values.shape[1]))
        return out
    _require_allowed(design, block, missing)
    for rows, places in by_missingness(missing):
        out.nobs[places] = np.count_nonzero(rows)
        try:
            part = design if rows.all() else design.on(rows)
        except DataError as error:
            out.lose(places, "not_estimable", str(error).split("\n")[0])
            continue
        _put(out, part, values[:, places][rows], places)
    return out


def _require_allowed(design: Design, block: Block, missing: NDArray[np.bool_]) -> None:
    if design.asked.request.missing == "error":
        first = int(np.argmax(missing.any(axis=0)))
        raise DataError(
            f"The response {block.labels[first]!r} is missing in "
            f"{np.count_nonzero(missing[:, first])} rows.\n"
            "Do:   fill or remove them, or use missing='drop' to leave these rows out of the fit "
            "of this response."
        )


def _put(out: Estimates, design: Design, Y: Vector, places: NDArray[np.intp]) -> None:
    """Fit complete columns of `Y` (n, r), and write what was found to their places."""
    out.nobs[places] = len(Y)
    usable = _usable(out, Y, places)
    if not usable.any():
        return
    chosen = Y if usable.all() else Y[:, usable]
    if is_together(design) and isinstance(design.problem, Problem):
        found = fits_together(design, design.problem, chosen)
    else:
        found = fits_singly(design, chosen)
    out.put(places[usable], found)


def _usable(out: Estimates, Y: Vector, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which columns of `Y` (n, r) can be a response; the others are marked with the reason."""
    infinite = ~np.isfinite(Y).all(axis=0)
    finite = np.where(infinite, 0.0, Y)
    constant = ~infinite & (finite.max(axis=0) == finite.min(axis=0))
    out.lose(places[infinite], "infinite", "a value is infinite")
    out.lose(places[constant], "constant", "the response has the same value in every row")
    sizes = np.abs(finite).max(axis=0)
    extreme = ~infinite & ~constant & ~is_workable(sizes)
    for j in np.flatnonzero(extreme).tolist():
        reason = f"it has numbers of the order {sizes[j]:.0e}: choose another unit"
        out.lose(places[j], "failed", reason)
    usable: NDArray[np.bool_] = ~(infinite | constant | extreme)
    return usable
