"""Points statsmodels' own tests at this package's entry points, before they are collected."""

import statsmodels.api
import statsmodels.formula.api
from statsmodels.regression import mixed_linear_model

from mixedmodels.compat import MixedLM, MixedLMParams, mixedlm

mixed_linear_model.MixedLM = MixedLM
mixed_linear_model.MixedLMParams = MixedLMParams
statsmodels.api.MixedLM = MixedLM
statsmodels.formula.api.mixedlm = mixedlm
