"""Every picture is drawn without a screen, and closed."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import mixedmodels as mm

mpl.use("Agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def sleep() -> mm.LinearMixedModel:
    return mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))


@pytest.fixture(scope="session")
def cake() -> mm.LinearMixedModel:
    return mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", mm.datasets.load("cake"))


@pytest.fixture(scope="session")
def penicillin() -> mm.LinearMixedModel:
    return mm.lmm("diameter ~ 1 + (1 | plate) + (1 | sample)", mm.datasets.load("penicillin"))
