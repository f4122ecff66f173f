"""The variance that the distribution of a generalised model has on the scale of its link.

The residual part of R^2 and ICC (Nakagawa, Johnson & Schielzeth 2017, Journal of the Royal Society
Interface 14, 20170213):

- logit, probit and cloglog of a binomial or ordinal response: the variance of the latent variable,
  pi^2/3, 1 and pi^2/6. A beta-binomial response adds what its probabilities vary, by the delta
  method.
- log: log(1 + V / E^2), the variance of the logarithm of a lognormal variable with the response's
  mean E and variance V.
- other links: V over the squared derivative of the mean (delta method).

V and E are at the mean of the model without covariates, exp(beta_0 + offset + v/2) under the log
link, v being the variance of the random effects there: the paper's lambda. Where it differs between
rows, through an offset, a dispersion formula or random slopes, the variance is the mean over them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.route import problem_like
from mixedmodels.errors import DataError
from mixedmodels.fit.auxiliary import auxiliary_rows
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.maximum import Maximum, search
from mixedmodels.prediction.structured_errors import own_variances

Vector = NDArray[np.float64]


def distribution_variance(fit: Fit) -> float:
    """Of a row, on average over the rows.

    Raises
    ------
    DataError
        If the distribution behind the link has no variance.
    """
    family = fit.family
    if family.link == "cauchit":
        raise DataError(
            "R^2 and ICC are not available with the link cauchit.\n"
            "Do:   use another link, such as logit or probit.\n"
            "Why:  the Cauchy distribution behind it has no variance."
        )
    latent = family.latent_variance
    if latent is not None and family.name != "beta_binomial":
        return latent
    eta, auxiliary = _eta_without_covariates(fit), auxiliary_rows(fit)
    variance = family.variance(None, eta, auxiliary)
    if latent is not None:
        spread = variance / (1 + np.exp(auxiliary[:, 0]))  # of the probabilities
        return float(latent + np.mean(spread / family.mean_slope(eta, auxiliary) ** 2))
    if family.link == "log":
        return float(np.mean(np.log1p(variance / family.mean(eta, auxiliary) ** 2)))
    return float(np.mean(variance / family.mean_slope(eta, auxiliary) ** 2))


def _eta_without_covariates(fit: Fit) -> Vector:
    """The linear predictor (n,) of the model with nothing but a constant in its fixed part, under
    the log link at the mean of the response.
    """
    null = _null(fit)
    m = null.matrices
    eta = m.X @ null.beta + (0.0 if m.offset is None else m.offset)
    if fit.family.link != "log":
        return np.asarray(eta)
    templates = fit.problem.templates(null.theta)
    variances = [own_variances(m, term, T) for term, T in zip(m.terms, templates, strict=True)]
    return np.asarray(eta + sum(variances) / 2)


def _null(fit: Fit) -> Maximum:
    """The model with the constant alone."""
    m = fit.matrices
    constant = np.ones((len(m.y), 1), order="F")
    matrices = replace(m, X=constant, x_names=("Intercept",), coordinates=ORIGINAL)
    problem = problem_like(fit.problem, matrices)
    return search(problem, reml=False, control=fit.request.control, known=fit.identification)
