"""From a file to text: compression, encoding, and files that are no tables of text."""

import bz2
import gzip
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from mixedmodels.errors import DataError

STANDARD_INPUT = Path("-")

MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""Byte-order marks; the longer ones stand first."""

BROKEN = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)

OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document",
    b"$FL2": "an SPSS file",
    b"<stata": "a Stata file",
    b"ARROW1": "an Arrow file",
    b"%PDF": "a PDF",
}
"""First bytes of files that hold tables in another form."""


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file, and what is to be said of how it was read."""

    text: str
    notes: tuple[str, ...]


def read_bytes(path: Path) -> bytes:
    """The content of a file, or of standard input for ``-``, without its compression.

    Raises
    ------
    DataError
        If it is not there, cannot be read, or is broken.
    """
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.\nDo:   check the name and folder.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    for mark, unpack in PACKED.items():
        if content.startswith(mark):
            try:
                return unpack(content)
            except BROKEN as error:
                raise DataError(
                    f"{path} cannot be read: it is compressed, and broken or cut short.\n"
                    "Do:   unpack it yourself, or get it again."
                ) from error
    return content


def decode(content: bytes, path: Path, encoding: str | None) -> Text:
    """The text of `content`: by `encoding`, else by its byte-order mark, else UTF-8 if it is that.

    What is none of these is taken as Windows' Western European (or Latin-1), and a note says so.

    Raises
    ------
    DataError
        If the encoding is not known or does not fit, or there is no text.
    """
    for mark, kind in OTHERS.items():
        if content.startswith(mark):
            raise _no_text(path, f"is {kind}")
    if encoding is not None:
        return Text(_by(encoding, content, path), ())
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    text, notes = (_by(marked, content, path), ()) if marked else _guessed(content, path)
    if "\0" in text:
        raise _no_text(path, "holds bytes that are no text")
    return Text(text, notes)


def _by(encoding: str, content: bytes, path: Path) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not in {encoding}: byte {error.start} (line {line}) does not fit.\n"
            "Do:   give another --encoding, such as latin-1 or utf-16, or leave it out."
        ) from error
    except (LookupError, UnicodeError) as error:  # also names of what is no encoding of text
        raise DataError(
            f"There is no encoding {encoding!r}.\nDo:   give one such as utf-8, utf-16, latin-1."
        ) from error


def _guessed(content: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    sample = content[:4096]
    if 4 * sample.count(0) > len(sample):
        wide = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        return _by(wide, content, path), (f"{path} is read as {wide}, as its bytes suggest.",)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    try:
        name, text = "windows-1252", content.decode("windows-1252")
    except UnicodeDecodeError:
        name, text = "latin-1", content.decode("latin-1")
    return text, (
        f"{path} is not in UTF-8 (line {line}), and is read as {name}; --encoding says otherwise.",
    )


def _only_member(content: bytes) -> bytes:
    """The file in a zip archive that holds one."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        if any(name.startswith(("xl/", "word/")) or name == "mimetype" for name in names):
            raise DataError("The file is a spreadsheet or document.\nDo:   save its sheet as CSV.")
        names = [name for name in names if not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise DataError(
                f"The archive holds {len(names)} files.\nDo:   unpack it, and name one of them."
            )
        return archive.read(names[0])


PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    b"PK\x03\x04": _only_member,
}
"""How to unpack what begins with these bytes, whatever the file is called."""


def _no_text(path: Path, what: str) -> DataError:
    return DataError(f"{path} cannot be read: it {what}.\nDo:   save the data as CSV or Parquet.")
