"""The raw numbers on disk, all of one machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
BOOT = Path("/proc/sys/kernel/random/boot_id")


def machine() -> dict[str, Any]:
    """What the numbers depend on.

    `identity` tells two machines of one kind apart: a digest of what the kernel drew at its start.
    """
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    drawn = BOOT.read_text() if BOOT.exists() else platform.node()
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "gigabytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "identity": hashlib.blake2b(drawn.encode(), digest_size=4).hexdigest(),
    }


def stored() -> dict[str, Any]:
    """What is on disk, whatever machine it is from."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def begun(*, afresh: bool) -> dict[str, Any]:
    """The results that a run adds to.

    Those on disk when they are from this machine, and empty ones otherwise, or when all is measured
    again (`afresh`).
    """
    here = machine()
    if not afresh and RESULTS.exists():
        found = stored()
        if found.get("machine") == here:
            return found
    return {"machine": here, "dates": [], "cases": {}, "tasks": {}}


def save(results: dict[str, Any]) -> None:
    """Write the raw numbers and the report made of them."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    results["dates"] = sorted({*results["dates"], today})
    write(results)


def write(results: dict[str, Any]) -> None:
    """Write without measuring: dates stay."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "RESULTS.md").write_text(report.render(results), encoding="utf-8")
