"""Means of an ordered response: those of the latent variable, from the middle of the thresholds.

The latent variable has no origin of its own: x'beta says how far it is from that of a row whose
columns are zero. Means are taken from the mean of the thresholds, at which lower and higher
categories balance; contrasts do not depend on it.
"""

from dataclasses import replace

import numpy as np

from mixedmodels.posthoc.joint import divided
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.prediction.auxiliary import thresholds_of

NOTE = "of the latent variable, from the mean of the thresholds"


def from_thresholds(functions: LinearFunctions) -> LinearFunctions:
    """Means of an ordered response from the mean of its thresholds; others as they are."""
    fit = functions.fit
    if fit.generalised is None or fit.family.response != "ordered":
        return functions
    tau, slopes = thresholds_of(fit)
    gradient = np.zeros((functions.size, len(fit.psi)))
    gradient[:, len(fit.psi) - slopes.shape[1] :] = -slopes.mean(axis=0)
    return replace(
        functions,
        constant=functions.constant - tau.mean(),
        beside=divided(fit, gradient)[1],
        notes=(*functions.notes, NOTE),
    )
