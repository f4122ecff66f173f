"""What users can write, read from the source: names, signatures, attributes, closed options.

``python -m tests.architecture.public_api`` writes `public_api.txt` anew. One line per name, sorted,
so that the changes of two branches merge. It begins at the names of the package, of its public
modules and of `ENTRIES`, and follows annotations to the classes of what they return.
"""

import ast
import inspect
import types
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import mixedmodels as mm
from tests.architecture.source import PACKAGE, tree

FILE = Path(__file__).with_name("public_api.txt")

ENTRIES = ("mixedmodels.compat.marginaleffects.as_marginaleffects",)
"""What is public below the names of the package."""

INSIDE = {"data", "design", "engine", "fit", "formula"}
"""Rooms of which users meet `SHOWN` alone: no promise is made of the other classes."""

SHOWN = {"Convergence", "Cost", "MonteCarlo", "SingularTerm"}

WRITTEN_ELSEWHERE = {"Column", "LinearFunctions", "MixedModel"}
"""Of `posthoc` what `Means` shows, and of `model` what both kinds of model inherit."""

VOCABULARY, NATIVE = "mixedmodels.vocabulary", "mixedmodels._native"

Found = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


@cache
def lines() -> list[str]:
    """Every line of the file."""
    found: set[str] = set()
    waiting = list(_entries())
    seen: set[tuple[str, str]] = set()
    while waiting:
        shown, module, name = waiting.pop()
        if (shown, module) in seen:
            continue
        seen.add((shown, module))
        node = _definition(module, name)
        if node is None:
            continue
        for line, annotations in _described(shown, module, node):
            found.add(line)
            for annotation in annotations:
                waiting += _reached(module, annotation)
    return sorted(found)


def _entries() -> Iterator[tuple[str, str, str]]:
    """Shown name, module and name there of what the package offers."""
    for name in mm.__all__:
        value = getattr(mm, name)
        if isinstance(value, types.ModuleType):
            for inner in _public(value):
                yield f"{name}.{inner}", *_home(getattr(value, inner), inner)
        else:
            yield name, *_home(value, name)
    for path in ENTRIES:
        module, _, name = path.rpartition(".")
        yield path.removeprefix("mixedmodels."), module, name


def _public(module: types.ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    return list(listed) if listed else [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]  # fmt: skip


def _home(value: object, name: str) -> tuple[str, str]:
    return getattr(value, "__module__", ""), getattr(value, "__name__", name)


def _described(shown: str, module: str, node: Found) -> Iterator[tuple[str, list[ast.expr]]]:
    """Lines of a function, class or set of options, with the annotations to follow."""
    if isinstance(node, ast.FunctionDef):
        yield f"{shown}{_signature(node)}", _annotations(node)
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        yield f"{shown}: class({bases})", []
        for owner, member in _members(module, node):
            for line, annotations in _member(shown, member):
                yield line, [_placed(annotation, owner) for annotation in annotations]
    elif node.value is not None:
        yield f"{shown} = {ast.unparse(node.value)}", [node.value]


def _members(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.stmt]]:
    """The body of a class and of those that it inherits from, with the modules that they are in."""
    for kind in inspect.getmro(getattr(import_module(module), node.name)):
        if kind.__module__.startswith("mixedmodels"):
            body = _definition(kind.__module__, kind.__name__)
            assert isinstance(body, ast.ClassDef)
            yield from ((kind.__module__, statement) for statement in body.body)


def _member(shown: str, node: ast.stmt) -> Iterator[tuple[str, list[ast.expr]]]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        name = node.target.id
        default = "" if node.value is None else f" = {ast.unparse(node.value)}"
        if not name.startswith("_"):
            line = f"{shown}.{name}: {ast.unparse(node.annotation)}{default}"
            yield line, [node.annotation]
    elif isinstance(node, ast.FunctionDef) and _is_public(node.name):
        decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
        if decorators & {"property", "cached_property"}:
            returned = [] if node.returns is None else [node.returns]
            text = ", ".join(map(ast.unparse, returned))
            yield f"{shown}.{node.name}: {text}", returned
        else:
            yield f"{shown}.{node.name}{_signature(node)}", _annotations(node)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


def _signature(node: ast.FunctionDef) -> str:
    returned = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"({ast.unparse(node.args)}){returned}"


def _annotations(node: ast.FunctionDef) -> list[ast.expr]:
    a = node.args
    given = [part.annotation for part in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return [part for part in (*given, node.returns) if part is not None]


def _placed(annotation: ast.expr, module: str) -> ast.expr:
    """An annotation that remembers the module in which its names mean something."""
    annotation.module = module  # type: ignore[attr-defined]
    return annotation


def _reached(module: str, annotation: ast.expr) -> Iterator[tuple[str, str, str]]:
    """The classes and sets of options of this package that an annotation names."""
    module = getattr(annotation, "module", module)
    for name in set(_names(annotation)) - WRITTEN_ELSEWHERE:
        home = _imported_from(module, name)
        if home == VOCABULARY:
            yield f"vocabulary.{name}", home, name
        elif home is not None and isinstance(_definition(home, name), ast.ClassDef):
            kind = getattr(import_module(home), name)
            is_shown = _room(home) not in INSIDE or name in SHOWN
            if is_shown and name not in mm.__all__ and not issubclass(kind, BaseException):
                yield f"{_room(home)}.{name}", *_home(kind, name)
        elif home is not None and home != module:
            yield f"{_room(home)}.{name}", home, name


def _names(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
            yield str(node.value)  # a quoted name, or an option that is none


def _room(module: str) -> str:
    return module.split(".")[1]


def _imported_from(module: str, name: str) -> str | None:
    """The module of this package in which what a module calls by a name is written."""
    if module == NATIVE:
        return None
    if _definition(module, name) is not None:
        return module
    imports = [node for node in ast.walk(tree(_path(module))) if isinstance(node, ast.ImportFrom)]
    homes = [node.module for node in imports if any(_calls(alias, name) for alias in node.names)]
    own = [home for home in homes if home is not None and home.startswith("mixedmodels")]
    return _imported_from(own[0], name) if own else None


def _calls(alias: ast.alias, name: str) -> bool:
    return (alias.asname or alias.name) == name


def _definition(module: str, name: str) -> Found | None:
    if not module.startswith("mixedmodels") or module == NATIVE:
        return None
    for node in reversed(tree(_path(module)).body):  # what is overloaded is written last
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            return node
        targets = node.targets if isinstance(node, ast.Assign) else (
            [node.target] if isinstance(node, ast.AnnAssign) else []
        )  # fmt: skip
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(node, (ast.Assign, ast.AnnAssign))
            return node
    return None


def _path(module: str) -> str:
    below = module.removeprefix("mixedmodels").lstrip(".").replace(".", "/")
    file = f"{below}.py"
    return file if (PACKAGE / file).is_file() else f"{below}/__init__.py".lstrip("/")


def main() -> None:
    """Write the file."""
    FILE.write_text("\n".join(lines()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
