"""How much memory this process may still take: what needs much is held against it."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_CGROUP = Path("/sys/fs/cgroup")
"""Where Linux tells a process in a container of its limits (version 2 of control groups)."""


_PAGE = 2 * 2**30
"""What a web page may hold: WebAssembly has addresses of 32 bits, of which engines grant half or
more, and nobody tells how much is taken.
"""


def available_memory(limit: int | None = None) -> int:
    """Bytes that the process may still take.

    The least of what the machine has left, what is left of the limit on the process's address
    space (`ulimit -v`), what is left to its container, and what is left of `limit` bytes for all
    that the process holds.
    In a web page (Pyodide), where psutil is not and nothing is told, `limit` or 2 GiB.
    """
    if sys.platform == "emscripten":
        return _PAGE if limit is None else min(limit, _PAGE)
    psutil: Any = import_module("psutil")
    limits = [psutil.virtual_memory().available, _left_of_address_space(psutil), _left_of_group()]
    if limit is not None:
        limits.append(limit - int(psutil.Process().memory_info().rss))
    return max(0, min(int(limit) for limit in limits if limit is not None))


def _left_of_address_space(psutil: Any) -> int | None:
    if sys.platform == "win32":
        return None
    resource: Any = import_module("resource")
    limit = int(resource.getrlimit(resource.RLIMIT_AS)[0])
    if limit == resource.RLIM_INFINITY:
        return None
    return limit - int(psutil.Process().memory_info().vms)


def _left_of_group() -> int | None:
    limit, used = (_CGROUP / name for name in ("memory.max", "memory.current"))
    if not (limit.is_file() and used.is_file()):
        return None
    text = limit.read_text().strip()
    return int(text) - int(used.read_text()) if text.isdecimal() else None
