"""The entry points of statsmodels' mixed linear model, over `lmm`.

Scripts written for ``statsmodels.formula.api.mixedlm`` and ``statsmodels.api.MixedLM`` run with
these names unchanged. Nothing is computed here; docs/statsmodels.md lists what differs and why.
"""

from mixedmodels.compat.model import MixedLM, mixedlm
from mixedmodels.compat.params import MixedLMParams
from mixedmodels.compat.results import MixedLMResults

__all__ = ["MixedLM", "MixedLMParams", "MixedLMResults", "mixedlm"]
