"""The user's objects: façades of one-line methods over one `Fit`."""

from mixedmodels.model.generalised import GeneralisedMixedModel
from mixedmodels.model.linear import LinearMixedModel
from mixedmodels.model.mixed import MixedModel

__all__ = ["GeneralisedMixedModel", "LinearMixedModel", "MixedModel"]
