"""Which of the two problems a model is: a plain one, as fast as can be, or one with structure."""

from mixedmodels import _native
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


def streamed_problem(matrices: ModelMatrices, sums: _native.Sums) -> Problem:
    """The problem of a model whose rows are not kept but summed."""
    return Problem(matrices, sums)


TERMS = "use terms such as (x | g) and (x || g), without residual=, sigma= and known="
"""What a plain model has, in words."""


def plain(problem: AnyProblem, what: str, *, instead: str = TERMS) -> Problem:
    """The problem, where `what` is done with the entries of the templates.

    Parameters
    ----------
    problem
        Either.
    what
        Begins the message.
    instead
        What a user can do with structured covariances.

    Raises
    ------
    DataError
        If the model has structured covariances.
    """
    if isinstance(problem, Problem):
        return problem
    raise DataError(
        f"{what} is not available for models with structured covariances.\n"
        f"Do:   {instead}.\n"
        "Why:  it goes by the entries of the random effects' covariances alone."
    )
