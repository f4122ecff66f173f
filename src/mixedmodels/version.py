"""The version of the package, for whatever says by which it was made."""

from importlib import import_module


def own_version() -> str:
    """That of the source that runs, which an editable installation may be older than."""
    return str(import_module("mixedmodels").__version__)
