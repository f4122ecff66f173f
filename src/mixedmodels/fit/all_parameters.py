"""Every parameter of a generalised model but the fixed effects, by name on its natural scale.

As `covariance_parameters` for linear models, with derivatives in psi = (theta | beta | delta) in
the place of (theta, sigma), and the auxiliary parameters behind those of the random terms.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels.covariance import Quantity
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.report import Reported
from mixedmodels.fit.auxiliary_parameters import auxiliary_parameters
from mixedmodels.fit.covariance_parameters import CovarianceParameters, parameters_at
from mixedmodels.fit.fit import Fit

Vector = NDArray[np.float64]


def parameters_of(fit: Fit) -> CovarianceParameters:
    """At the estimates of a fit; the derivatives are in (theta, sigma), or psi of a generalised
    model.
    """
    if isinstance(fit.problem, GeneralisedProblem):
        return all_parameters_at(fit.problem, fit.psi)
    return parameters_at(fit.problem, fit.theta, fit.sigma)


def all_parameters_at(problem: GeneralisedProblem, psi: Vector) -> CovarianceParameters:
    """At any psi (P,); the Jacobian is (r, P)."""
    m, p = problem.n_theta, problem.n_beta
    random = parameters_at(problem, psi[:m], 1.0)
    own = auxiliary_parameters(problem.family, problem.matrices.auxiliary, psi[m + p :])
    jacobian = np.zeros((len(random.names) + len(own.terms), len(psi)))
    jacobian[: len(random.names), :m] = random.jacobian[:, :m]
    jacobian[len(random.names) :, m + p :] = own.jacobian
    entries = [Reported("auxiliary", j, Quantity(kind)) for j, kind in enumerate(own.kinds)]
    names = [f"{group.lower()}: {term}" for group, term in zip(own.groups, own.terms, strict=True)]
    return replace(
        random,
        names=(*random.names, *names),
        groups=random.groups + own.groups,
        terms=random.terms + own.terms,
        entries=(*random.entries, *entries),
        values=np.append(random.values, own.values),
        jacobian=jacobian,
    )
