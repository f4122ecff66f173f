"""statsmodels' own tests of its mixed models, pointed at our entry points.

They run in a process of their own, with the plugin beside this file; every test that fails has to
be named in differences.toml, and every name there has to fail.
"""

import os
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("statsmodels")

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EXPECTED = tomllib.loads((HERE / "differences.toml").read_text("utf-8"))
MARKERS = "[pytest]\nmarkers =\n    slow\n    smoke\n    high_memory\n"


def outcome(folder: Path) -> dict[str, bool]:
    """Whether each test passed, by class and name without parameters."""
    settings, report = folder / "pytest.ini", folder / "report.xml"
    settings.write_text(MARKERS, "utf-8")
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join([str(ROOT), *map(os.path.abspath, given)])
    left_out = [name.split(".") for table in ("private", "regularized") for name in EXPECTED[table]]
    names = {first if first != "TestMixedLM" else test for first, test in left_out}
    command = [
        sys.executable, "-m", "pytest", "-q", "-c", str(settings), "--rootdir", str(folder),
        "-p", "tests.compat.plugin", "-p", "no:cacheprovider", "-W", "ignore",
        "--pyargs", "statsmodels.regression.tests.test_lme", f"--junitxml={report}",
        "-k", " and ".join(f"not {name}" for name in sorted(names)),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        parts = [p for p in (case.get("classname") or "").split(".") if p.startswith("Test")]
        name = ".".join([*parts, (case.get("name") or "").partition("[")[0]])
        passed = case.find("failure") is None and case.find("error") is None
        found[name] = found.get(name, True) and passed
    return found


def test_all_but_the_named_differences_pass(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    assert len(found) > 25
    named = {*EXPECTED["intended"], *EXPECTED["missing"]}
    assert {name for name, passed in found.items() if not passed} == named
