"""Run one measurement in a fresh process, with a limit on time and memory."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cases import Case

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(__file__).resolve().parent / "peers"
OURS = "ours"
PEERS = (OURS, "lme4", "glmm", "mixedlm", "statsmodels", "gpboost", "gpboost-exact")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use: wall-clock seconds and gigabytes of address space."""

    seconds: float
    gigabytes: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One process: several timed calls of one peer on one case.

    `status` is "ok", "refused", "failed", "too slow" or "out of memory"; the numbers are there only
    when it is "ok". `load` is the machine's load average before the run, to judge the timings by.
    """

    status: str
    note: str = ""
    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    fit: list[float] | None = None
    evaluations: int | None = None
    criterion: float | None = None
    criterion_error: float | None = None
    sds: dict[str, float] = field(default_factory=dict)
    reml: bool = True
    peak_mb: float | None = None
    base_mb: float | None = None
    version: str = ""
    load: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def command(peer: str, case: Case, folder: Path, *, reml: bool) -> list[str]:
    """The command line of one measurement."""
    if peer == "lme4":
        flags = [int(reml), int(case.lmer_derivatives), case.calls, int(bool(case.intercepts))]
        return script("lmer.R", folder, case.formula, *flags)
    line = [sys.executable, "-m", "benchmarks.worker", peer, case.name, str(folder)]
    return line if reml == case.reml else [*line, "--criterion", "reml" if reml else "ml"]


def script(name: str, *arguments: object) -> list[str]:
    """The command line of a script in R."""
    return ["Rscript", "--vanilla", str(SCRIPTS / name), *map(str, arguments)]


def unavailable(peer: str) -> str | None:
    """Why a peer cannot be started here at all."""
    if peer != "lme4":
        return None
    if shutil.which("Rscript") is None:
        return "R is not installed"
    probe = [
        "Rscript",
        "--vanilla",
        "-e",
        "quit(status = !requireNamespace('lme4', quietly = TRUE))",
    ]
    return (
        None
        if subprocess.run(probe, capture_output=True).returncode == 0
        else "lme4 is not installed in R"
    )


def measure(
    peer: str,
    case: Case,
    folder: Path,
    limits: Limits,
    *,
    reml: bool | None = None,
    large: bool = False,
) -> Measurement:
    """Measure `peer` on `case`; failures come back as a status, so one peer cannot stop the suite.

    `reml` overrides the criterion of the case; `large` also measures what takes minutes.
    """
    if peer in case.skipped:
        return Measurement("refused", case.skipped[peer])
    if peer in case.dear and not large:
        return Measurement("refused", "only with `--large`")
    return run(command(peer, case, folder, reml=case.reml if reml is None else reml), limits)


def run(line: list[str], limits: Limits) -> Measurement:
    """Run a command that prints a measurement as its last line of output, in JSON."""
    size = int(limits.gigabytes * 1024**3)
    load = os.getloadavg()[0]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )
    try:
        output, errors = process.communicate(timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Measurement("too slow", f"> {limits.seconds:.0f} s", load=load)
    if process.returncode != 0:
        return failure(process.returncode, errors, load)
    return Measurement(**json.loads(output.strip().splitlines()[-1]), load=load)


def failure(code: int, errors: str, load: float) -> Measurement:
    """A process that ended badly: out of memory, or its last line of error output."""
    memory_words = (
        "MemoryError",
        "cannot allocate",
        "bad_alloc",
        "memory allocation",
        "out of memory",
    )
    if code == -signal.SIGKILL or any(word in errors for word in memory_words):
        return Measurement("out of memory", load=load)
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)] or lines
    return Measurement("failed", named[-1][:200] if named else f"exit status {code}", load=load)
