"""Draws as ArviZ has them: a DataTree of xarray, or the InferenceData of versions before 1."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import log_densities
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.prediction.streams import Seed

if TYPE_CHECKING:
    from mixedmodels.inference.draws.draws import Draws

Vector = NDArray[np.float64]


SAMPLED = ("chain", "draw")
"""The dimensions that all draws have."""


def arviz_data(draws: Draws, *, posterior_predictive: bool, seed: Seed) -> Any:
    """See `Draws.to_arviz`."""
    library = next((name for name in ("arviz_base", "arviz") if find_spec(name)), None)
    if library is None:
        raise DataError(
            'ArviZ is not installed.\nDo:   pip install "mixedmodels[arviz]".\n'
            "Why:  its data are made by the package arviz-base."
        )
    fit = draws.fit
    posterior, coords, dims = _posterior(draws)
    coords["row"] = _labels(fit.matrices.index)
    taken = {*SAMPLED, *posterior, *coords}
    response = _free(_name(fit.spec.formula.response_name), lambda name: name in taken)
    dims[response] = ["row"]
    groups = {"posterior": posterior, "observed_data": {response: fit.matrices.y}}
    if _has_independent_rows(fit):
        density = np.array([log_densities(at) for at in draws.fits()])
        groups["log_likelihood"] = {response: density[None]}
    if posterior_predictive:
        found = draws.predict(kind="response", seed=seed).to_numpy().T
        groups["posterior_predictive"] = {response: found[None]}
    make = import_module(library).from_dict
    if library == "arviz_base":
        return make(groups, coords=coords, dims=dims)
    return make(**groups, coords=coords, dims=dims)


def _posterior(draws: Draws) -> tuple[dict[str, Any], dict[str, Any], dict[str, list[str]]]:
    """Variables, with their leading chain; coordinates; and dimensions."""
    m, labels = draws.fit.matrices, column_labels(draws.fit.matrices)
    variables = {"beta": draws.params.to_numpy()[None], "parameters": draws.values[None]}
    coords: dict[str, Any] = {
        "coefficient": list(m.x_names),
        "parameter": list(parameters_of(draws.fit).names),
    }
    dims = {"beta": ["coefficient"], "parameters": ["parameter"]}
    for g, group in enumerate(group_names(m)):
        own = _free(_name(group), lambda name: f"b_{name}" in variables)
        level, term = f"{own}_level", f"{own}_term"
        variables[f"b_{own}"] = draws.effects(g)[None]
        coords[level] = list(m.groupings[g].levels)
        coords[term] = [name for k in terms_of_group(m, g) for name in labels[k]]
        dims[f"b_{own}"] = [level, term]
    return variables, coords, dims


def _name(text: str) -> str:
    """A name of a variable: a slash would lead into a group of a DataTree."""
    return text.replace(" / ", " of ").replace("/", "_")


def _free(name: str, is_taken: Callable[[str], bool]) -> str:
    """The name, with as many underscores after it as it needs to stand for one thing alone."""
    while is_taken(name):
        name += "_"
    return name


def _labels(index: pd.Index) -> NDArray[Any]:
    """Labels of rows: those of several levels as text, of which a coordinate has one."""
    return np.asarray(index.map(str) if isinstance(index, pd.MultiIndex) else index)


def _has_independent_rows(fit: Fit) -> bool:
    residual = fit.matrices.residual
    return residual is None or residual.structure is None or residual.structure.is_independent
