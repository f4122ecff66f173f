"""What a measuring process knows of itself; imports nothing that is measured."""

from __future__ import annotations

import importlib.metadata
import resource
import sys
from pathlib import Path


def memory(field: str) -> float:
    """VmRSS or VmHWM of this process in MB.

    The kernel's own peak is preferred to `ru_maxrss`, which a child inherits across fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(
            line for line in status.read_text().splitlines() if line.startswith(f"{field}:")
        )
        return float(line.split()[1]) / 1024
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def version(distribution: str) -> str:
    """The installed version; this library may also run from its source tree."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "source tree"
