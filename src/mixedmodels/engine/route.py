"""Which of the problems a model is: a plain one, exact or iterative, or one with structure."""

from dataclasses import replace

from mixedmodels import _native
from mixedmodels.design import ModelMatrices
from mixedmodels.engine.generalised import OF_FAMILY, GeneralisedProblem, of_linear_models
from mixedmodels.engine.iterative import IterativeProblem, refuse
from mixedmodels.engine.plan import is_remainder_dear, is_small, planned
from mixedmodels.engine.problem import Problem
from mixedmodels.engine.structured import StructuredProblem
from mixedmodels.engine.structured_terms import StructuredTerms
from mixedmodels.errors import DataError
from mixedmodels.vocabulary import FitMethod

AnyPlain = Problem | IterativeProblem
"""A plain model, by either method."""

AnyLinear = AnyPlain | StructuredProblem
"""A linear model."""

AnyProblem = AnyLinear | GeneralisedProblem
"""All answer the same questions as far as they have a meaning; after the fit nobody asks which it
is."""


def problem_of(matrices: ModelMatrices, method: FitMethod = "auto") -> AnyLinear:
    """The problem of some matrices.

    A model of unstructured and independent terms with residuals that are independent, of a variance
    that is estimated, is plain. By ``"auto"`` it is fitted exactly, unless the sizes tell that this
    would not fit in memory or take very much longer (`engine.plan`).

    Raises
    ------
    DataError
        If a model with structured covariances is to be fitted iteratively.
    """
    if not matrices.is_plain:
        require_no_structure(method)
        return StructuredProblem(matrices)
    if not matrices.terms or method == "exact" or (method == "auto" and is_small(matrices)):
        return Problem(matrices)
    is_iterative = method == "iterative" or planned(matrices).route == "iterative"
    return IterativeProblem(matrices) if is_iterative else Problem(matrices)


def problem_like(problem: AnyProblem, matrices: ModelMatrices) -> AnyProblem:
    """The problem of other matrices, solved as this one is, for models that are compared.

    Parameters of random terms that are held stay so where the terms are the same ones. Without
    random terms there is nothing to integrate, by however many nodes.
    """
    if isinstance(problem, StructuredTerms) and matrices.terms is problem.matrices.terms:
        return replace(problem, matrices=matrices)
    if isinstance(problem, GeneralisedProblem):
        nodes = problem.nodes if matrices.terms else 1
        return replace(problem, matrices=matrices, values=None, nodes=nodes)
    return problem_of(matrices, "iterative" if isinstance(problem, IterativeProblem) else "exact")


def require_no_structure(method: FitMethod) -> None:
    """Refuse structured covariances in an iterative fit."""
    if method == "iterative":
        raise DataError(
            'method="iterative" is not available for models with structured covariances.\n'
            f"Do:   {TERMS}; or leave method out.\n"
            "Why:  its equations are those of plain terms."
        )


def streamed_problem(
    matrices: ModelMatrices, sums: _native.Sums, method: FitMethod = "auto"
) -> AnyPlain:
    """The problem of a plain model whose rows are not kept but summed.

    By ``"auto"`` crossed factors are factorised if the remainder that the largest leaves, taken as
    dense, fits in memory and takes minutes.
    """
    is_dear = method == "auto" and bool(matrices.terms) and is_remainder_dear(sums.remainder())
    is_iterative = bool(matrices.terms) and (method == "iterative" or is_dear)
    return IterativeProblem(matrices, sums) if is_iterative else Problem(matrices, sums)


def linear(problem: AnyProblem, what: str, *, instead: str = OF_FAMILY) -> AnyLinear:
    """The problem, where `what` has a meaning in linear models alone.

    Parameters
    ----------
    problem
        Either.
    what
        Begins the message.
    instead
        What a user can do with a generalised model.

    Raises
    ------
    DataError
        If the model is generalised.
    """
    if isinstance(problem, GeneralisedProblem):
        raise of_linear_models(what, instead=instead)
    return problem


def generalised(problem: AnyProblem, what: str) -> GeneralisedProblem:
    """The problem, where `what` has a meaning in generalised models alone.

    Raises
    ------
    DataError
        If the model is linear.
    """
    if isinstance(problem, GeneralisedProblem):
        return problem
    raise DataError(
        f"{what} is not available for linear models.\nDo:   fit a generalised model by `glmm`."
    )


TERMS = "use terms such as (x | g) and (x || g), without residual=, sigma= and known="
"""What a plain model has, in words."""


def plain(problem: AnyProblem, what: str, *, instead: str = TERMS) -> AnyPlain:
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
    if isinstance(problem, Problem | IterativeProblem):
        return problem
    raise DataError(
        f"{what} is not available for models with structured covariances.\n"
        f"Do:   {instead}.\n"
        "Why:  it goes by the entries of the random effects' covariances alone."
    )


def exact(problem: AnyProblem, what: str, *, instead: str = TERMS) -> Problem:
    """The problem, where `what` needs a factorisation of a plain model.

    Raises
    ------
    DataError
        If the model has structured covariances, or was fitted iteratively.
    """
    found = plain(problem, what, instead=instead)
    if isinstance(found, IterativeProblem):
        refuse(what, 'use method="wald", ddf="satterthwaite" or ddf="normal"')
    return found
