"""A request fitted, wherever its rows are."""

from __future__ import annotations

from mixedmodels.data.cluster import Partitions
from mixedmodels.engine.watching import watched
from mixedmodels.errors import DataError
from mixedmodels.fit.clustered import fit_partitions
from mixedmodels.fit.fit import Fit, fit_model
from mixedmodels.fit.notices import announce_stacked
from mixedmodels.fit.request import Request, owned
from mixedmodels.fit.streamed import fit_source, in_memory


def fit_request(request: Request) -> Fit:
    """Fit what was asked for, to the table, the source or the partitions that it has.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted to the data.
    ConvergenceError
        If the search fails and ``request.control.on_failure`` is ``"raise"``.
    WorkerError
        If the workers that have the rows cannot do their part.
    """
    with watched(request.control):
        source = request.source
        if source is None:
            return _fit_table(request)
        if isinstance(source, Partitions):
            return fit_partitions(request, source)
        return fit_source(request, source)


def fit_generalised_request(request: Request) -> Fit:
    """Fit a generalised model, whose rows are read into memory wherever they are.

    Raises
    ------
    FormulaError, DataError
        If the model cannot be fitted to the data, or these are too large to be held.
    ConvergenceError
        If the search fails and ``request.control.on_failure`` is ``"raise"``.
    """
    with watched(request.control):
        held = held_in_memory(request)
        if held is None:
            raise DataError(
                "A generalised model needs all rows in memory, and these are too many, or on "
                "workers.\n"
                "Do:   give a table in memory, or a sample of the rows.\n"
                "Why:  its likelihood is no function of sums over the rows."
            )
        return _fit_table(held)


def _fit_table(request: Request) -> Fit:
    announce_stacked(request.frame, request.formula)
    return fit_model(owned(request))


def held_in_memory(request: Request) -> Request | None:
    """The request with its data as a table; None where they are on workers or too large."""
    source = request.source
    if source is None or isinstance(source, Partitions):
        return request if source is None else None
    return in_memory(request, source)
