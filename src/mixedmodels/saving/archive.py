"""The container: named members of bytes in one zip file, each with its SHA-256.

Members are stored, not compressed, so that a file never takes more memory than it has bytes, and
are read into memory; nothing is ever extracted to a path. `sha256.txt` has the digests, as
``sha256sum`` writes them, so that ``sha256sum -c sha256.txt`` checks an extracted file.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from mixedmodels.errors import SavedModelError

DIGESTS = "sha256.txt"
"""The member that has the digests of the others."""

MOMENT = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the same model gives the same bytes."""

MOST_MEMBERS = 1_000_000

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,  # what zipfile raises of an encrypted member
    UnicodeError,
    ValueError,
    OSError,
    IndexError,
)
"""What `zipfile` raises of bytes that are no zip file, or one that was changed."""


def packed(members: Mapping[str, bytes]) -> bytes:
    """One file of some members, in this order."""
    lines = [f"{_digest(data)}  {name}\n" for name, data in members.items()]
    whole = {**members, DIGESTS: "".join(lines).encode()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, data in whole.items():
            file.writestr(zipfile.ZipInfo(name, MOMENT), data)
    return out.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The members of a file, after their digests were compared.

    Raises
    ------
    SavedModelError
        If it is no such file, or was changed or cut short.
    """
    if not data.startswith(b"PK"):
        raise no_model("It does not begin as a zip file does.")
    try:
        members = _members(data)
    except UNREADABLE as error:
        raise changed(f"It cannot be read as a zip file ({error}).") from error
    listed = members.pop(DIGESTS, None)
    if listed is None:
        raise no_model(f"It has no member {DIGESTS}.")
    lines = "".join(f"{_digest(content)}  {name}\n" for name, content in members.items())
    if lines.encode() != listed:
        raise changed("Its members do not have the digests that the file gives for them.")
    return members


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = file.infolist()
        names = [entry.filename for entry in entries]
        if len(entries) > MOST_MEMBERS or len(set(names)) < len(names):
            raise changed("It has too many members, or two of one name.")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise changed("It has compressed members, which `save` does not write.")
        if sum(entry.file_size for entry in entries) > len(data):
            raise changed("Its members claim to be larger than the file.")
        return {entry.filename: file.read(entry) for entry in entries}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def no_model(detail: str) -> SavedModelError:
    """That a file holds no model."""
    return SavedModelError(
        "The file is not a model that `save` has written.\n"
        f"      {detail}\n"
        "Do:   give the path of a file made by `model.save(path)`."
    )


def changed(detail: str) -> SavedModelError:
    """That a file is not as it was written."""
    return SavedModelError(
        "The file of the model was changed or cut short after it was saved: nothing was read.\n"
        f"      {detail}\n"
        "Do:   copy it again from where it was saved, or save the model anew.\n"
        "Why:  numbers of a damaged file would be wrong without a sign of it."
    )
