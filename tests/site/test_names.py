"""The reference has every public name, the gallery every picture."""

import inspect
import re
import zlib
from pathlib import Path

import pytest

import mixedmodels as mm
from mixedmodels.means import Means
from mixedmodels.plots import Plots
from mixedmodels.plots.of_means import MeansPlots

GALLERY = Path(__file__).parents[2] / "docs" / "gallery" / "index.md"

NO_PICTURE = {"data", "unregistered", "of_means", "check_figures"}
"""Methods of the accessors that draw nothing of their own."""


@pytest.fixture(scope="module")
def documented(site) -> set[str]:
    """The names in the inventory that other sites link by."""
    raw = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {
        line.split()[0] for line in zlib.decompress(raw).decode().splitlines() if " py:" in line
    }


def public(kind: type) -> list[str]:
    """Methods and properties; a field of a frozen class is told by the text of the class."""
    names = [name for name in dir(kind) if not name.startswith("_")]
    return [n for n in names if not inspect.ismemberdescriptor(inspect.getattr_static(kind, n))]


def test_every_name_is_documented(documented):
    names = [name for name in mm.__all__ if not inspect.ismodule(getattr(mm, name))]
    assert [name for name in names if f"mixedmodels.{name}" not in documented] == []


@pytest.mark.parametrize("kind", [mm.LinearMixedModel, mm.GeneralisedMixedModel])
def test_every_method_of_a_model_is_documented(documented, kind):
    own = f"mixedmodels.{kind.__name__}"
    assert [name for name in public(kind) if f"{own}.{name}" not in documented] == []


def test_every_method_of_means_is_documented(documented):
    own = "mixedmodels.means.Means"
    assert [name for name in public(Means) if f"{own}.{name}" not in documented] == []


def test_every_error_is_documented(documented):
    kinds = (mm.errors.MixedModelsError, mm.errors.MixedModelsWarning)
    names = [
        name
        for name, kind in vars(mm.errors).items()
        if inspect.isclass(kind) and issubclass(kind, kinds)
    ]
    assert len(names) > 10
    assert [name for name in names if f"mixedmodels.errors.{name}" not in documented] == []


@pytest.mark.parametrize("accessor", [Plots, MeansPlots])
def test_the_gallery_has_every_picture(accessor):
    drawn = set(re.findall(r"\.plot\.(\w+)\(", GALLERY.read_text("utf-8")))  # .plot.qq()
    assert set(public(accessor)) - NO_PICTURE - drawn == set()
