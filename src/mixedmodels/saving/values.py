"""Values as JSON and arrays, and back: numbers, text, sequences, and a closed list of types.

What JSON has not is an object with one key that says what it is:

    {"float": "nan"}  {"tuple": […]}  {"map": [[key, value], …]}  {"set": […]}  {"array": 3}
    {"is": "Coordinates", "steps": {"tuple": []}}

An object of a type goes by the name of the type and its fields, and is made again by the code for
that name in `codecs`: no name is ever imported, and a name that is not there is refused.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mixedmodels.errors import MixedModelsError, SavedModelError
from mixedmodels.saving.archive import changed

Node = Any
"""What JSON can hold."""

SCALARS = (bool, int, str, type(None))

NUMBERS = frozenset(["<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1"])
"""Types of numbers that an array may have."""

MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""What comes of values that are not such as were written."""

NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True)
class Codec:
    """How objects of one type become values with names, and back.

    Attributes
    ----------
    name
        Of the type, in the file.
    type
        The type, of which an object must exactly be.
    split
        Its parts by name.
    make
        The object from its parts; `Reader` gives what is not in the file.
    """

    name: str
    type: type
    split: Callable[[Any], Mapping[str, Any]]
    make: Callable[[dict[str, Any], Reader], Any]


@dataclass(slots=True)
class Writer:
    """Takes values apart, and collects their arrays."""

    codecs: Mapping[type, Codec]
    arrays: list[NDArray[Any]] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)

    def node(self, value: Any) -> Node:
        """A value as JSON.

        Raises
        ------
        SavedModelError
            If a type is not on the list.
        """
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind in (list, tuple):
            items = value if _is_flat(value) else [self.node(item) for item in value]
            return list(items) if kind is list else {"tuple": list(items)}
        if kind is np.ndarray:
            return self._array(value)
        if kind in self.codecs:
            codec = self.codecs[kind]
            parts = {name: self.node(part) for name, part in codec.split(value).items()}
            return {"is": codec.name, **parts}
        return self._other(value)

    def _other(self, value: Any) -> Node:
        if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
            return self.node(value.item())
        if isinstance(value, str):
            return str(value)
        if isinstance(value, Mapping):
            return {"map": [[self.node(k), self.node(v)] for k, v in value.items()]}
        if isinstance(value, set | frozenset):
            return {"set": [self.node(item) for item in sorted(value)]}
        raise _unknown(value)

    def _array(self, value: NDArray[Any]) -> Node:
        if value.dtype.kind in "OU":
            items = [self.node(item) for item in value.ravel().tolist()]
            return {"objects": items, "shape": [*value.shape]}
        plain = np.asarray(value, dtype=value.dtype.newbyteorder("<"))
        if plain.dtype.str not in NUMBERS:
            raise _unknown(value)
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.arrays)
            self.arrays.append(value)
        return {"array": self.numbers[id(value)]}

    def members(self) -> dict[str, bytes]:
        """The arrays as files of NumPy."""
        return {f"arrays/{i}.npy": _npy(a) for i, a in enumerate(self.arrays)}


@dataclass(slots=True)
class Reader:
    """Puts values together.

    Attributes
    ----------
    codecs
        By name.
    members
        The members of the file.
    context
        The caller's functions, which no file holds.
    """

    codecs: Mapping[str, Codec]
    members: Mapping[str, bytes]
    context: Mapping[str, Any]
    arrays: dict[int, NDArray[Any]] = field(default_factory=dict)

    def value(self, node: Node) -> Any:
        """The value of what JSON held."""
        if isinstance(node, list):
            return node if _is_flat(node) else [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "is" in node:
            return self._object(node)
        first: tuple[str, Any] = next(iter(node.items()), ("", None))
        kind, content = first
        match kind:
            case "tuple":
                return tuple(self.value(content))
            case "float":
                return NON_FINITE[content]
            case "map":
                return {self.value(k): self.value(v) for k, v in content}
            case "set":
                return set(self.value(content))
            case "array":
                return self._array(int(content))
            case "objects":
                return self._objects(content, node["shape"])
        raise changed(f"There is no value of the kind {kind!r}.")

    def _object(self, node: dict[str, Any]) -> Any:
        codec = self.codecs.get(node["is"])
        if codec is None:
            raise changed(f"There is no type {node['is']!r} in this version of the package.")
        parts = {name: self.value(part) for name, part in node.items() if name != "is"}
        return codec.make(parts, self)

    def _objects(self, content: list[Node], shape: list[int]) -> NDArray[Any]:
        items = self.value(content)
        found = np.empty(len(items), dtype=object)
        found[:] = items
        return found.reshape(shape)

    def _array(self, number: int) -> NDArray[Any]:
        if number not in self.arrays:
            self.arrays[number] = _from_npy(self.members[f"arrays/{number}.npy"])
        return self.arrays[number]


def to_json(node: Node) -> bytes:
    """JSON as bytes."""
    return json.dumps(node, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Node:
    """JSON from bytes.

    Raises
    ------
    SavedModelError
        If it is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise changed(f"A member is no JSON ({error}).") from error


def read(reader: Reader, node: Node) -> Any:
    """The value of a node, where whatever does not fit raises one error.

    Raises
    ------
    SavedModelError
        If the values are not such as this version writes.
    """
    try:
        return reader.value(node)
    except MixedModelsError:
        raise
    except MALFORMED as error:
        what = f"{type(error).__name__}: {error}"
        raise changed(f"Its values do not fit together ({what}).") from error


def _npy(array: NDArray[Any]) -> bytes:
    is_fortran = bool(array.flags.f_contiguous and array.ndim > 1)
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"))
    header = {"descr": little.dtype.str, "fortran_order": is_fortran, "shape": array.shape}
    out = io.BytesIO()
    npy.write_array_header_1_0(out, header)
    return out.getvalue() + little.tobytes("F" if is_fortran else "C")


def _from_npy(data: bytes) -> NDArray[Any]:
    """An array, whose header is read before anything is made of it."""
    file = io.BytesIO(data)
    if npy.read_magic(file) != (1, 0):
        raise changed("An array has another format than version 1.0 of .npy.")
    shape, is_fortran, dtype = npy.read_array_header_1_0(file)
    rest = len(data) - file.tell()
    fits = min(shape, default=0) >= 0 and math.prod(shape) * dtype.itemsize == rest
    if dtype.str not in NUMBERS or not fits:
        raise changed("An array has a type or a size that does not fit its bytes.")
    flat = np.frombuffer(data, dtype=dtype, offset=file.tell()).copy()
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


def _is_flat(items: Any) -> bool:
    """Whether a sequence holds nothing but what JSON has."""
    return set(map(type, items)) <= set(SCALARS)


def _unknown(value: object) -> SavedModelError:
    kind = type(value)
    return SavedModelError(
        f"The model holds an object of type {kind.__module__}.{kind.__qualname__}, which a file of "
        "plain data cannot hold.\n"
        "Do:   fit the model to columns of numbers, text or categories, with levels that are text "
        "or numbers.\n"
        "Why:  a saved model has no objects of other packages, so that loading it executes nothing."
    )
