"""Knapp and Hartung's tests for models whose residual variances are known.

Knapp & Hartung (2003), Stat. Med. 22, 2693: the covariance of beta-hat, which takes the variances
between studies as known, is multiplied by r'V^-1 r / (n - p), and t has n - p degrees of freedom.
"""

import numpy as np

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fitted import residuals
from mixedmodels.fit.once import once
from mixedmodels.inference.degrees_of_freedom.constant import Constant


def knapp_hartung(fit: Fit) -> Constant:
    """The method at a fit with known residual variances.

    Raises
    ------
    DataError
        If sigma is estimated, or there are no more rows than fixed effects.
    """
    m = fit.matrices
    if m.known_sigma is None:
        raise DataError(
            "Knapp and Hartung's method is for models whose residual variances are known.\n"
            'Do:   fit with sigma=1.0 and weights="w", w = 1 / variance of each row, or use '
            'ddf="kenward-roger".\n'
            "Why:  where sigma is estimated the factor that it puts on the covariance is 1."
        )
    df = len(m.y) - len(fit.beta)
    if df < 1:
        raise DataError(
            "There are as many fixed effects as rows: no degrees of freedom are left for tests.\n"
            "Do:   leave out moderators."
        )
    scale = weighted_squares(fit) / (fit.sigma**2 * df)
    return Constant(scale * fit.sigma**2 * fit.cov_beta_unscaled, float(df))


@once
def weighted_squares(fit: Fit) -> float:
    """(y - X beta)'V^-1 (y - X beta) times sigma^2; V^-1 (y - X beta) = R^-1 (y - X beta - Z b)."""
    columns = np.column_stack([residuals(fit, kind) for kind in ("marginal", "response")])
    marginal, conditional = fit.problem.whitened(fit.theta, columns).T
    return float(marginal @ conditional)
