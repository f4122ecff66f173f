"""Fitted models made one pooled model."""

from collections.abc import Iterable, Mapping

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.pooling.agreement import Lost, require_alike
from mixedmodels.pooling.fitting import Fitted
from mixedmodels.pooling.model import PooledModel


def pool(models: object, lost: tuple[Lost, ...] = (), remarks: tuple[str, ...] = ()) -> PooledModel:
    """See `mixedmodels.pool`.

    Raises
    ------
    DataError
        If these are no fitted models, fewer than two, or not of one model.
    """
    if isinstance(models, PooledModel):
        return models
    if isinstance(models, Mapping):
        models = models.values()
    if not isinstance(models, Iterable):
        raise _no_models(models)
    found = tuple(_fitted(model) for model in models)
    require_alike([model.fit for model in found])
    return PooledModel(found, lost, remarks)


def _fitted(model: object) -> Fitted:
    if not isinstance(getattr(model, "fit", None), Fit):
        raise _no_models(model)
    return model  # type: ignore[return-value]  # it has a fit


def _no_models(thing: object) -> DataError:
    return DataError(
        f"pool() was given an object of type {type(thing).__name__} where a fitted model belongs.\n"
        "Do:   pass a list of fitted models, as pool([lmm(formula, frame) for frame in frames]); "
        "or give\n      the frames to lmm itself."
    )
