"""The matrices and the problem of a plan, whose response is a placeholder."""

import numpy as np

from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.fit.generalised import generalised_problem
from mixedmodels.fit.request import Request
from mixedmodels.planning.family import with_response

AnyPlanned = Problem | GeneralisedProblem
"""What replicates are drawn from and fitted to."""


def planned_problem(request: Request, matrices: ModelMatrices) -> AnyPlanned:
    """The problem of the matrices of a request."""
    if request.distribution is None:
        return Problem(matrices)
    return generalised_problem(request, request.distribution, matrices)


def with_placeholder(request: Request, categories: int) -> Frame:
    """The rows with a placeholder, as the matrices do not depend on the response."""
    formula, frame = request.formula, request.frame
    if request.distribution is not None:
        return with_response(frame, formula, request.distribution.family, categories)
    if not formula.response.isidentifier():
        raise DataError(
            f"The response of a plan is {formula.response!r}.\n"
            "Do:   write a plain name, as y; effect sizes are on the scale of what is modelled."
        )
    noise = np.random.default_rng(0).standard_normal(frame.nrows)
    return frame.with_column(formula.response, noise)
