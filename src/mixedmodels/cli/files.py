"""The files that the command writes: none of them may be one that it reads."""

import json
from collections.abc import Mapping
from pathlib import Path

from mixedmodels.cli.source import STANDARD_INPUT
from mixedmodels.errors import DataError


def check_outputs(data: Path, outputs: Mapping[str, Path | None]) -> None:
    """Refuse to write over the data, or two results into one file, before anything is computed.

    Parameters
    ----------
    data : Path
        The file that is read.
    outputs : mapping
        From the option to the file that it names, or None.

    Raises
    ------
    DataError
        If two of them are the same file, under whatever name, a folder does not exist, or results
        as JSON would replace a file that is something else.
    """
    seen = {} if data == STANDARD_INPUT else {"the data": data}
    for option, path in outputs.items():
        if path is None:
            continue
        for what, other in seen.items():
            if _same(path, other):
                raise DataError(
                    f"{option} names {path}, which is the file of {what}: it would be replaced.\n"
                    "Do:   give another name."
                )
        if not path.parent.is_dir():
            raise DataError(
                f"{path} cannot be written: there is no folder {str(path.parent)!r}.\n"
                "Do:   make it, or write elsewhere."
            )
        seen[option] = path
    json_file = outputs.get("--json")
    if json_file is not None and _holds_something_else(json_file):
        raise DataError(
            f"--json names {json_file}, which exists and is not JSON: it would be replaced.\n"
            "Do:   give another name, or remove the file."
        )


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write `content` to `path` as JSON.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error


def _same(one: Path, other: Path) -> bool:
    """Whether both are one file: by name, through links, or as two names of it."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _holds_something_else(path: Path) -> bool:
    """Whether a regular file begins as no JSON object does."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(64).strip()[:1] not in (b"", b"{")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
