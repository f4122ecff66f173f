"""Bars that say how far something is: on a terminal or in a notebook, once it takes a while."""

import sys
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

PATIENCE = 3.0
"""Seconds that a fit may take before a bar appears: most are over by then."""


class Silent:
    """A bar that nobody sees."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, _: int) -> None:
        """Nothing to show."""


def progress(total: int | None, label: str, unit: str, *, shows: bool | None = None) -> Any:
    """A bar that appears after a second, on a terminal or in a notebook; at once and anywhere, or
    never, where `shows` says so.
    """
    if not (is_watched() if shows is None else shows):
        return Silent()
    return _tqdm()(total=total, desc=label, unit=unit, delay=0 if shows else 1)


def is_watched() -> bool:
    """Whether somebody may be looking."""
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    shell: Any = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return type(running).__name__ == "ZMQInteractiveShell"


def _tqdm() -> Any:
    # Without ipywidgets, tqdm's bars for notebooks warn first and are text in the end.
    widgets = _in_notebook() and find_spec("ipywidgets") is not None
    return import_module("tqdm.auto" if widgets else "tqdm").tqdm


class StageBar:
    """The stages of native jobs, one bar after the other, as `_native.Attention` reports them.

    Parameters
    ----------
    patience : float
        Seconds before anything is shown.
    """

    def __init__(self, *, patience: float) -> None:
        self._since = time.monotonic()
        self._patience = patience
        self._stage = ""
        self._bar: Any = None

    def report(self, stage: str, done: int, total: int, best: float) -> None:
        """Show that `done` of `total` steps (0: nobody knows) of a stage are done."""
        if time.monotonic() - self._since < self._patience:
            return
        if stage != self._stage or self._bar is None:
            self.close()
            label, unit = STAGES.get(stage, (stage, " steps"))
            self._stage = stage
            self._bar = _tqdm()(total=total or None, desc=label, unit=unit, leave=False)
        self._bar.n = done
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


STAGES = {
    "working": ("working", " steps"),
    "building": ("sorting levels", " steps"),
    "summing": ("cross-products", " steps"),
    "searching": ("search", " evaluations"),
    "information": ("second derivatives", " steps"),
    "refitting": ("fits", " responses"),
    "solving": ("solving", " steps"),
}
"""What the stages of the engine are called, and what they count."""
