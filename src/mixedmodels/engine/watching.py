"""What holds while one fit is made: its limits of time and memory, and the bar of its progress.

They belong to the thread and to a block of code rather than to the objects that the fit is made of:
the same problem can be searched again without them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from mixedmodels import _native
from mixedmodels.data.memory import available_memory
from mixedmodels.engine.progress import PATIENCE, StageBar, is_watched
from mixedmodels.engine.settings import Control, bytes_of

_ACTIVE: ContextVar[Control | None] = ContextVar("control", default=None)


@contextmanager
def watched(control: Control) -> Iterator[None]:
    """Within the limits of `control`, counted from here; a block inside another has the outer's."""
    shows = control.progress or (control.progress is None and is_watched())
    is_free = control.time_limit is None and control.memory_limit is None
    if _ACTIVE.get() is not None or (is_free and not shows):
        yield
        return
    token = _ACTIVE.set(control)
    bar = StageBar(patience=0.0 if control.progress else PATIENCE) if shows else None
    try:
        with _native.Attention(control.time_limit, None if bar is None else bar.report):
            yield
    finally:
        _ACTIVE.reset(token)
        if bar is not None:
            bar.close()


def memory_left() -> Callable[[], int]:
    """What tells the bytes that a problem made here may take, now and later."""
    active = _ACTIVE.get()
    limit = None if active is None else bytes_of(active.memory_limit)
    return available_memory if limit is None else partial(available_memory, limit)
