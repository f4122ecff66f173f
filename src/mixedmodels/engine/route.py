"""Which of the two problems a model is: a plain one, as fast as can be, or one with structure."""

from mixedmodels.design import ModelMatrices
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.errors import DataError

AnyProblem = Problem | StructuredProblem
"""Both answer the same questions; after the fit nobody asks which it is."""


def problem_of(matrices: ModelMatrices) -> AnyProblem:
    """The problem of some matrices.

    A model of unstructured and independent terms with residuals that are independent, of a variance
    that is estimated, is plain.
    """
    return Problem(matrices) if matrices.is_plain else StructuredProblem(matrices)


def plain(problem: AnyProblem, what: str) -> Problem:
    """The problem, where `what` is done with the entries of the templates.

    Raises
    ------
    DataError
        If the model has structured covariances.
    """
    if isinstance(problem, Problem):
        return problem
    raise DataError(
        f"{what} is not available for models with structured covariances.\n"
        "Do:   use terms such as (x | g) and (x || g), without residual=, sigma= and known=."
    )
