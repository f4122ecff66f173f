"""The reports that pages show as examples, written while the site is built."""

from pathlib import Path

import matplotlib as mpl
from sphinx.application import Sphinx

import mixedmodels as mm

MODELS = {
    "sleepstudy": lambda data: mm.lmm("Reaction ~ Days + (Days | Subject)", data),
    "cake": lambda data: mm.lmm("angle ~ recipe * temp + (1 | recipe:replicate)", data),
    "cbpp": lambda data: mm.glmm("incidence / size ~ period + (1 | herd)", data),
}


def write(app: Sphinx, failure: Exception | None) -> None:
    """Write a report of each model into the built site, unless it is there."""
    if failure is not None or app.builder.name != "html":
        return
    mpl.use("Agg")
    folder = Path(app.outdir) / "examples"
    folder.mkdir(exist_ok=True)
    for name, fit in MODELS.items():
        fit(mm.datasets.load(name)).report(folder / f"{name}.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this module an extension of Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
