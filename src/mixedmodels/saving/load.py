"""Reading a fit from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from mixedmodels.errors import SavedModelError
from mixedmodels.fit.fit import Fit
from mixedmodels.saving.archive import changed, no_model, unpacked
from mixedmodels.saving.fits import BY_NAME
from mixedmodels.saving.save import FORMAT, HEADER, MODEL
from mixedmodels.saving.values import Reader, from_json, read

Source = str | os.PathLike[str] | bytes | IO[bytes]


def load(path: Source, *, context: Mapping[str, Any] | None = None) -> Fit:
    """The fit in a file; see `mixedmodels.load`."""
    members = unpacked(_bytes(path))
    if HEADER not in members or MODEL not in members:
        raise no_model(f"It has no member {HEADER} or {MODEL}.")
    reader = Reader(BY_NAME, members, dict(context or {}))
    _require_version(from_json(members[HEADER]))
    fit = read(reader, from_json(members[MODEL]))
    if not isinstance(fit, Fit):
        raise changed("It holds something else than a fit.")
    return fit


def _bytes(path: Source) -> bytes:
    if isinstance(path, bytes):
        return path
    if not isinstance(path, str | os.PathLike):
        data = path.read() if hasattr(path, "read") else None
        if not isinstance(data, bytes):
            raise no_model("It is neither a path nor a file opened by open(path, 'rb').")
        return data
    try:
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise SavedModelError(
            f"The file {path!r} cannot be read: {error}.\n"
            "Do:   give the path of a file made by `model.save(path)`."
        ) from error


def _require_version(header: Any) -> None:
    number = header.get("format") if isinstance(header, dict) else None
    if not isinstance(number, int) or number < 1:
        raise no_model("Its header names no format.")
    if number > FORMAT:
        raise SavedModelError(
            f"The file was saved by version {header.get('version')} of mixedmodels in format "
            f"{number}, and this version reads formats up to {FORMAT}.\n"
            "Do:   pip install --upgrade mixedmodels."
        )
