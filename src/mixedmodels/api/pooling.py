"""Pooling fits of several imputations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mixedmodels import rooms
from mixedmodels.data.imputed import CompletedTables
from mixedmodels.model import MixedModel

if TYPE_CHECKING:
    from mixedmodels.pooling.model import PooledModel


def pool(models: object) -> PooledModel:
    """Pool fits of one model to several imputations of the same data by Rubin's rules.

    `lmm`, `glmm` and `mmrm` do both steps where they are given a list of tables.

    Parameters
    ----------
    models : iterable of fitted models
        A list, tuple, generator or mapping, one model per imputation, all of one formula.

    Returns
    -------
    PooledModel
        Coefficients, intervals, variance components, tests and means, pooled.

    Raises
    ------
    DataError
        If there are fewer than two, or they differ in formula, criterion, family, coefficients or
        variance parameters.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> frames = [data.assign(Reaction=data["Reaction"].where(data.index % 7 > 0, 300 + shift))
    ...           for shift in (-30, -10, 0, 10, 30)]
    >>> pooled = mm.pool(mm.lmm("Reaction ~ Days + (1 | Subject)", frame) for frame in frames)
    >>> pooled.params.round(2).to_dict()
    {'Intercept': 258.96, 'Days': 8.62}
    """
    return rooms.pool(models)


def pooled_over(imputed: CompletedTables, fit_one: Callable[[Any], MixedModel]) -> PooledModel:
    """A model fitted to every imputation, and pooled."""
    models, lost = rooms.fit_each(imputed.frames, fit_one)
    return rooms.pool(models, lost, imputed.notes)
