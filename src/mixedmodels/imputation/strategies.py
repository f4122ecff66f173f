"""What is assumed of missing visits in a trial: at random, or as in the reference arm.

Carpenter, Roger & Kenward (2013), Journal of Biopharmaceutical Statistics 23, 1352-1371. A subject
has a joint normal distribution of all visits; missing ones are drawn given those that were seen.
With mu the mean in its own arm, mu_r that in the reference arm, and t the last visit seen:

    mar   mu                                     at all visits
    j2r   mu up to t, mu_r after it              (jump to reference)
    cr    mu_r                                   (copy reference)
    cir   mu up to t, mu(t) + mu_r - mu_r(t)     (copy increments in reference)

Where arms have covariances of their own, what is missing depends on what was seen as in the
reference arm, but under mar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixedmodels.imputation.repeated import Parameters, Pattern
from mixedmodels.vocabulary import TrialMethod

Vector = NDArray[np.float64]


def drawn_visits(
    one: Pattern, method: TrialMethod, at: Parameters, rng: np.random.Generator
) -> Vector:
    """Responses (k, missing) of the visits that the subjects of a pattern missed."""
    mean = assumed_means(one, method, at.beta)
    part = one.part if method == "mar" else one.reference_part
    S = at.covariances[part][np.ix_(one.visits, one.visits)]
    seen, gone = np.flatnonzero(one.seen), np.flatnonzero(~one.seen)
    centre, spread = mean[:, gone], S[np.ix_(gone, gone)]
    if len(seen):
        B = np.linalg.solve(S[np.ix_(seen, seen)], S[np.ix_(seen, gone)])
        centre = centre + (one.y[:, seen] - mean[:, seen]) @ B
        spread = spread - S[np.ix_(gone, seen)] @ B
    root = np.linalg.cholesky(spread)
    noise = rng.standard_normal((len(one.rows), len(gone)))
    return np.asarray(centre + noise @ root.T + one.offset[:, gone])


def assumed_means(one: Pattern, method: TrialMethod, beta: Vector) -> Vector:
    """Means (k, v) of all visits under an assumption, without the offset."""
    own, reference = one.X @ beta, one.X_reference @ beta
    if method == "mar":
        return own
    if method == "cr" or not one.seen.any():
        return reference
    last = int(np.flatnonzero(one.seen)[-1])
    after = np.arange(len(one.visits)) > last
    if method == "cir":
        reference = own[:, [last]] + reference - reference[:, [last]]
    return np.where(after, reference, own)
