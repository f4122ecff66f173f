"""Zeros of counts beside those of responses simulated from the whole model."""

import numpy as np

from mixedmodels.diagnostics.scaled import (
    REPLICATES,
    TESTED_ROWS,
    ScaledTest,
    can_be_drawn,
    drawn_responses,
    some_rows,
)
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.streams import Seed, key_of


def zeros_test(fit: Fit, *, seed: Seed = None) -> ScaledTest | None:
    """The number of zeros, two-sided, among replicates with new random effects; None for responses
    that are no counts, or where neither the data nor the replicates have any.
    """
    if fit.family.response != "count" or not can_be_drawn(fit):
        return None
    key = key_of(seed)
    chosen = some_rows(len(fit.matrices.y), TESTED_ROWS, key)
    drawn = (drawn_responses(fit, chosen, key, 0, REPLICATES) == 0).sum(axis=0).astype(np.float64)
    zeros = float((fit.matrices.y[chosen] == 0).sum())
    expected = float(drawn.mean())
    if not zeros and not drawn.any():
        return None
    away = np.abs(np.append(drawn, zeros) - expected)
    share = float((away >= away[-1]).mean())
    return ScaledTest("zeros", zeros, expected, share)
