"""Writing a fit to a file."""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from mixedmodels.data.unkept import rows_needed
from mixedmodels.errors import DataError
from mixedmodels.fit import criteria, fixed_effects
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.variance_components import told_parameters
from mixedmodels.options import require_flag
from mixedmodels.saving.answers import data_digest_of
from mixedmodels.saving.archive import packed
from mixedmodels.saving.fits import BY_TYPE
from mixedmodels.saving.values import Writer, to_json
from mixedmodels.saving.without_rows import columns_used, without_rows
from mixedmodels.version import own_version

FORMAT = 1
"""Of the file. A later version of the package reads the formats up to its own."""

HEADER, MODEL, ESTIMATES = "header.json", "model.json", "estimates.json"

Target = str | os.PathLike[str] | IO[bytes]


def save(fit: Fit, path: Target, *, rows: bool = False) -> None:
    """Write a fit to a file; see `LinearMixedModel.save`."""
    require_flag("rows", rows)
    data = packed(members_of(fit, rows=rows))
    try:
        if hasattr(path, "write"):
            path.write(data)
        else:
            _write(Path(path), data)
    except (TypeError, OSError, ValueError) as error:
        raise DataError(
            f"The model cannot be written to {path!r}: {error}.\n"
            "Do:   give the path of a file in a directory that exists and can be written to, or a "
            "file opened for writing bytes."
        ) from error


def members_of(fit: Fit, *, rows: bool) -> dict[str, bytes]:
    """The members of the file of a fit."""
    if rows and not fit.matrices.has_rows:
        raise rows_needed()
    digest = data_digest_of(fit) if _has_digest(fit) else None
    kept = _with_used_columns(fit) if rows else without_rows(fit)
    writer = Writer(BY_TYPE)
    model = writer.node(kept)
    header = {
        "format": FORMAT,
        "package": "mixedmodels",
        "version": own_version(),
        "model": "linear" if fit.generalised is None else "generalised",
        "formula": str(fit.spec.formula),
        "rows": rows,
        "nobs": criteria.n_rows(fit),
        "data_sha256": digest,
    }
    return {
        HEADER: to_json(header),
        ESTIMATES: to_json(_estimates(fit)),
        MODEL: to_json(model),
        **writer.members(),
    }


def _has_digest(fit: Fit) -> bool:
    """Whether the data, or their digest, are there: those read in batches are not."""
    return fit.matrices.has_rows or (fit.answers is not None and ("data_digest_of",) in fit.answers)


def _with_used_columns(fit: Fit) -> Fit:
    frame = fit.frame.selected(columns_used(fit))
    return replace(fit, request=replace(fit.request, frame=frame, source=None))


def _estimates(fit: Fit) -> dict[str, Any]:
    """The estimates by name, for readers without this package."""
    parameters, values = told_parameters(fit)
    return {
        "fixed_effects": _plain(fixed_effects.params(fit).to_dict()),
        "std_errors": _plain(fixed_effects.bse(fit).to_dict()),
        "variance_parameters": _plain(dict(zip(parameters.names, values.tolist(), strict=True))),
        "criterion": "REML" if fit.reml else "ML",
        "objective": fit.objective,
        "converged": fit.convergence.converged,
    }


def _plain(numbers: dict[Any, float]) -> dict[str, float | None]:
    """Numbers as JSON has them: null for what is not told."""
    return {str(n): float(v) if math.isfinite(v) else None for n, v in numbers.items()}


def _write(path: Path, data: bytes) -> None:
    """Write all of a file beside its place, then put it there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode if path.exists() else 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """The process's own, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
