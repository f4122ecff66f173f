"""A `Fit` as plain data: the request, the recipe, the problem and the estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mixedmodels.design.environment import OwnFunction
from mixedmodels.design.known import LabelledPrecision
from mixedmodels.design.spec import ModelSpec
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.iterative import IterativeProblem
from mixedmodels.engine.plain import sums_from
from mixedmodels.engine.problem import KenwardRoger, Problem
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import SavedModelError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.request import Request
from mixedmodels.saving import foreign, frames, recipes
from mixedmodels.saving.records import RECORDS, record, require_fields
from mixedmodels.saving.values import Codec, Reader

Parts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionName:
    """Stands for a function of the caller's, which no file holds."""

    name: str


@dataclass(frozen=True, slots=True)
class SavedPrecision:
    """A precision matrix that knows its levels, as that of a pedigree."""

    labels: tuple[Any, ...]
    precision: Any
    log_det: float


def named(functions: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The caller's functions by name alone, and the numbers as they are."""
    if functions is None:
        return None
    return {n: FunctionName(n) if callable(f) else f for n, f in functions.items()}


def _given(functions: Mapping[str, Any] | None, reader: Reader) -> dict[str, Any] | None:
    """The functions that the caller gives anew, in the place of their names."""
    if functions is None:
        return None
    wanted = [n for n, f in functions.items() if isinstance(f, FunctionName)]
    lacking = [name for name in wanted if name not in reader.context]
    if lacking:
        raise needs_functions(lacking)
    return {
        n: OwnFunction(n, reader.context[n]) if isinstance(f, FunctionName) else f
        for n, f in functions.items()
    }


def needs_functions(names: list[str]) -> SavedModelError:
    """That a formula uses functions of the caller's."""
    return SavedModelError(
        f"The formula of the model uses functions of your own: {', '.join(names)}.\n"
        f"Do:   give them, as load(path, context={{{', '.join(f'{n!r}: {n}' for n in names)}}}).\n"
        "Why:  a file holds no code; it holds the names of these functions alone."
    )


def _request_parts(request: Request) -> Parts:
    parts = {f.name: getattr(request, f.name) for f in fields(Request)}
    known = request.known
    return parts | {
        "context": named(request.context),
        "source": None,
        "known": None if known is None else {n: _plain_matrix(k) for n, k in known.items()},
    }


def _plain_matrix(matrix: Any) -> Any:
    if isinstance(matrix, LabelledPrecision) and not isinstance(matrix, SavedPrecision):
        return SavedPrecision(tuple(matrix.labels), matrix.precision, float(matrix.log_det))
    return matrix


def _request(parts: Parts, reader: Reader) -> Request:
    names = [f.name for f in fields(Request)]
    require_fields("Request", parts, names, {"formula", "frame"})
    return Request(**parts | {"context": _given(parts["context"], reader)})


def _spec_parts(spec: ModelSpec) -> Parts:
    parts = {f.name: getattr(spec, f.name) for f in fields(ModelSpec)}
    return parts | {"functions": named(spec.functions)}


def _spec(parts: Parts, reader: Reader) -> ModelSpec:
    names = [f.name for f in fields(ModelSpec)]
    require_fields("ModelSpec", parts, names, set(names[:11]))
    return ModelSpec(**parts | {"functions": _given(parts["functions"], reader)})


def _plain_parts(problem: Problem | IterativeProblem) -> Parts:
    sums = problem.sums
    data = None if sums is None else np.frombuffer(sums.to_bytes(), dtype=np.uint8)
    return {"matrices": problem.matrices, "sums": data}


def _plain(kind: type[Problem] | type[IterativeProblem]) -> Codec:
    def make(parts: Parts, reader: Reader) -> Any:
        del reader
        data = parts["sums"]
        return kind(parts["matrices"], sums_from(None if data is None else data.tobytes()))

    return Codec(kind.__name__, kind, _plain_parts, make)


def _structured_parts(problem: StructuredProblem) -> Parts:
    return {"matrices": problem.matrices, "values": problem.values}


def _structured(parts: Parts, reader: Reader) -> StructuredProblem:
    del reader
    return StructuredProblem(**parts)


def _generalised_parts(problem: GeneralisedProblem) -> Parts:
    own = {"family": problem.family, "nodes": problem.nodes}
    return {"matrices": problem.matrices, "values": problem.values, **own}


def _generalised(parts: Parts, reader: Reader) -> GeneralisedProblem:
    del reader
    return GeneralisedProblem(**parts)


@dataclass(frozen=True, slots=True)
class SavedKenwardRoger:
    """The pieces of Kenward and Roger's method, as `engine.problem.KenwardRoger` has them."""

    information: Any
    slopes: Any
    bends: Any
    curves: Any


def _kenward_roger(kind: type) -> Codec:
    names = tuple(f.name for f in fields(SavedKenwardRoger))

    def split(pieces: Any) -> Parts:
        return {name: getattr(pieces, name) for name in names}

    def make(parts: Parts, reader: Reader) -> SavedKenwardRoger:
        del reader
        require_fields("KenwardRoger", parts, names, set(names))
        return SavedKenwardRoger(**parts)

    return Codec("KenwardRoger", kind, split, make)


CODECS = (
    *map(record, (*RECORDS, FunctionName, SavedPrecision, Fit)),
    *map(_kenward_roger, (KenwardRoger, SavedKenwardRoger)),
    *recipes.CODECS,
    *foreign.CODECS,
    frames.CODEC,
    Codec("Request", Request, _request_parts, _request),
    Codec("ModelSpec", ModelSpec, _spec_parts, _spec),
    _plain(Problem),
    _plain(IterativeProblem),
    Codec("StructuredProblem", StructuredProblem, _structured_parts, _structured),
    Codec("GeneralisedProblem", GeneralisedProblem, _generalised_parts, _generalised),
)
"""Every type that a file may hold, beside numbers, text, sequences and arrays."""

BY_TYPE = {codec.type: codec for codec in CODECS}
BY_NAME = {codec.name: codec for codec in CODECS}
