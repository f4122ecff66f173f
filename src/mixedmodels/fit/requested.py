"""A request fitted, wherever its rows are."""

from __future__ import annotations

from mixedmodels.data.cluster import Partitions
from mixedmodels.fit.clustered import fit_partitions
from mixedmodels.fit.fit import Fit, fit_model
from mixedmodels.fit.request import Request, owned
from mixedmodels.fit.streamed import fit_source


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
    source = request.source
    if source is None:
        return fit_model(owned(request))
    if isinstance(source, Partitions):
        return fit_partitions(request, source)
    return fit_source(request, source)
