"""Arguments of any type are taken, or refused by an error of this package."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, MixedModelsError
from mixedmodels.planning import design, plan, resized

THINGS = [
    None, 3, -1, 0, 2.5, float("nan"), float("inf"), 10**30, "x", "", b"x", True, [], [1, 2],
    ["a", "b"], (1, 2), {}, {"x": 1}, {1: 2}, {None: 1}, {("a", "b"): 1}, {"subject": "x"},
    {"subject": None}, {"subject": {}}, {"subject": {"g": 3}}, {"subject": {"g": "ab"}},
    {"subject": ("day", 0.1)}, {"subject": ["day"]}, {"day": [None, 1]}, {"day": [[1], [2]]},
    {"day": {"a": 1}}, {"subject": {"Intercept": "x"}}, {"subject": [1, [2]]}, object(),
    len, np.array([1.0, 2.0]), np.eye(2), pd.Series([1, 2]), pd.DataFrame({"a": [1]}), range(3),
    {"subject": {"g": ["a", None]}}, {"c": ["a", float("nan")]}, {"c": [True, False]},
]  # fmt: skip


def foreign(call, arguments, name, things=THINGS):
    """The values of one argument at which something else than our errors comes out."""
    found = []
    for thing in things:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call(**{**arguments, name: thing})
            except MixedModelsError as error:
                assert str(error).strip()
            except Exception as error:  # what is foreign is the question
                found.append((thing, error))
    return found


DESIGN = {
    "units": {"subject": 4, "item": 4},
    "within": {"day": [0, 1]},
    "counterbalanced": {"c": ["a", "b"]},
    "between": {"subject": {"g": ["u", "v"]}},
    "covariates": {"z": "subject"},
    "dropout": {"subject": ("day", 0.1)},
}


@pytest.mark.parametrize("name", [*DESIGN, "nested", "repeats", "missing", "seed"])
def test_design(name):
    def made(**arguments):
        study = design(arguments.pop("units"), **arguments)
        repr(study)
        study.frame()

    assert foreign(made, DESIGN, name) == []


@pytest.mark.parametrize("name", ["design", "unit", "size"])
def test_resized(name):
    arguments = {"design": design({"subject": 4, "item": 4}), "unit": "subject", "size": 6}
    assert foreign(resized, arguments, name) == []


STUDY = design({"subject": 6, "item": 4}, within={"day": [0, 1]})
PLAN = {
    "data": STUDY,
    "formula": "y ~ day + (1 + day | subject) + (1 | item)",
    "fixed": {"day": 1},
    "sd": {"subject": {"Intercept": 1, "day": 1}, "item": 1},
    "sigma": 1.0,
}


@pytest.mark.parametrize("name", ["fixed", "sd", "corr", "sigma", "contrasts"])
def test_plan(name):
    assert foreign(plan, PLAN, name) == []


@pytest.mark.parametrize(
    "name",
    ["model", "test", "alpha", "method", "level", "effects", "seed", "joint", "side", "null"],
)
def test_power(name):
    arguments = {"model": plan(**PLAN), "test": "day", "n": 2, "method": "normal"}
    # an error of the user's own function of the model is theirs
    things = [thing for thing in THINGS if thing is not len]
    assert foreign(mm.power, arguments, name, things) == []


def test_the_margin_of_a_power():
    arguments = {"model": plan(**PLAN), "test": "day", "n": 2, "side": "equivalence"}
    assert foreign(mm.power, arguments, "delta") == []


@pytest.mark.parametrize("name", ["along", "values", "of"])
def test_power_curve(name):
    arguments = {"model": plan(**PLAN), "test": "day", "n": 2, "along": "subject", "values": [6]}
    things = [thing for thing in THINGS if not isinstance(thing, int) or thing < 1e6]
    assert foreign(mm.power_curve, arguments, name, things) == []


@pytest.mark.parametrize("name", ["target", "largest", "along"])
def test_sample_size(name):
    arguments = {
        "model": plan(**PLAN), "test": "day", "n": 5, "along": "subject", "target": 0.5,
        "largest": 8,
    }  # fmt: skip
    assert foreign(mm.sample_size, arguments, name) == []


@pytest.fixture(scope="module")
def model():
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


@pytest.mark.parametrize(
    "name", ["seed", "re", "effects", "residuals", "fixed", "sd", "corr", "sigma", "theta"]
)
def test_simulate(model, name):
    assert foreign(model.simulate, {"n": 2}, name) == []


@pytest.mark.parametrize("name", ["kind", "statistic", "seed"])
def test_bootstrap(model, name):
    # an error of the user's own function is theirs
    things = [thing for thing in THINGS if thing is not len]
    assert foreign(model.bootstrap, {"n": 2}, name, things) == []


def test_a_design_that_no_machine_holds():
    with pytest.raises(DataError, match=r"about 1e\+12 rows"):
        design({"subject": 10**6, "item": 10**6})
