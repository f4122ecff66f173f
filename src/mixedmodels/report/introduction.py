"""Makes models known to the package maketables, whenever it is imported."""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

EXTRACTORS = "maketables.extractors"
"""The module that decides who reads a model."""


def prefer_own_form(extractors: ModuleType) -> None:
    """Let what speaks maketables' own form be read by it, before any guess by attributes.

    maketables asks its readers in turn and its own form last. The one for statsmodels takes
    whatever has `params`, `bse` and `pvalues`, and would find no response, R² or groups.
    """
    if not any(isinstance(e, extractors.PluginExtractor) for e in extractors._EXTRACTOR_REGISTRY):
        extractors._EXTRACTOR_REGISTRY.insert(0, extractors.PluginExtractor())


class _Following(Loader):
    """Loads a module as its own loader does, then calls `prefer_own_form`."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        prefer_own_form(module)


class _Watch(MetaPathFinder):
    """Notices when maketables is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == EXTRACTORS else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Following(spec.loader)
        return spec


def connect() -> None:
    """See to it that maketables reads models in its own form, whenever it is imported."""
    loaded: Any = sys.modules.get(EXTRACTORS)
    if loaded is not None:
        prefer_own_form(loaded)
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())
