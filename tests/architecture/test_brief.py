"""What an object says of itself fits a screen, however large its data are."""

import types
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm

LINES, WIDTH = 40, 120

DOCUMENTS = {"Summary", "Checks", "CompatSummary"}
"""What prints itself in full, as a table does."""

KNOWN = (
    str, int, float, np.ndarray, np.generic, pd.DataFrame, pd.Series, pd.Index, type(None), type,
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType,
)  # fmt: skip


def reachable(thing: object, seen: dict[type, object]) -> Iterator[object]:
    """Every object of ours that public attributes lead to, one of each type."""
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, (list, tuple)):
        for part in thing[:2]:
            yield from reachable(part, seen)
        return
    if isinstance(thing, KNOWN) or not type(thing).__module__.startswith("mixedmodels"):
        return
    if type(thing) in seen:
        return
    seen[type(thing)] = thing
    yield thing
    for name in dir(thing):
        if not name.startswith("_"):
            try:
                part = getattr(thing, name)
            except mm.errors.MixedModelsError:
                continue
            yield from reachable(part, seen)


def results() -> list[object]:
    random = np.random.default_rng(8)
    n = 3000
    name = "the score of the second questionnaire after the third session"
    data = pd.DataFrame({"y": random.normal(size=n), name: random.normal(size=n)})
    data["patient"] = [f"{name} of patient {i}" for i in random.integers(700, size=n)]
    data["f"] = [f"{name} {i}" for i in random.integers(60, size=n)]
    data["y"] += data.groupby("patient")[name].transform("mean") + data[name]
    model = mm.lmm(f"y ~ `{name}` + f + (1 | patient)", data)
    return [
        model,
        model.bootstrap(30, seed=1),
        model.permutation_test("f", 19, seed=1),
        model.influence("patient"),
        model.cross_validate("patient"),
        mm.lmm(f"y ~ `{name}`", data.head(50)).profile(),
        mm.power(model, name, n=10, seed=1),
        mm.mixedlm("y ~ 1", data, groups="patient").fit(),
        mm.datasets.describe("sleepstudy"),
        mm.Control(),
    ]


def test_every_object_is_brief() -> None:
    seen: dict[type, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [thing for result in results() for thing in reachable(result, seen)]
    assert len(found) > 25
    for thing in found:
        kind = type(thing).__name__
        if kind not in DOCUMENTS:
            assert len(repr(thing)) < LINES * WIDTH, kind
            assert len(repr(thing).splitlines()) < LINES, kind


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_analysis_of_variance_shows_its_degrees_of_freedom_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    data = mm.datasets.load("cake", backend=backend)  # type: ignore[arg-type]
    model = mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", data)
    with pd.option_context("display.width", 80, "display.max_columns", 0):
        shown = str(model.anova())
    for name in ("term", "num_df", "den_df", "statistic", "p_value"):
        assert name in shown
    assert max(len(line) for line in shown.splitlines()) <= 100
