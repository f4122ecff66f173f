"""Planning a study: the power of a test, along the size of the sample, and the size it needs."""

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from mixedmodels.planning import power_curve as curves
from mixedmodels.planning.plan import plan_of
from mixedmodels.planning.power import Power, Question, answered
from mixedmodels.plots.planned import PlannedCurve, PlannedSize
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import PowerMethod, Shape


def power(
    model: object,
    test: str | Mapping[str, float] | ArrayLike,
    *,
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod = "satterthwaite",
    seed: Seed = None,
    effects: Shape = "normal",
    residuals: Shape = "normal",
    level: float = 0.95,
) -> Power:
    """The power of a test of fixed effects, by simulation.

    Draws `n` data sets from the model, fits each and tests it. Replicate i is the same for one
    seed whatever the number of threads, workers and replicates is.

    Parameters
    ----------
    model : Plan or LinearMixedModel
        What is taken as the truth: `mixedmodels.planning.plan` with effect sizes of your own, or a
        fitted model with its estimates (whose power, for the effect that was estimated, says
        nothing new: set effect sizes that matter).
    test : str, mapping or array
        A coefficient (``"cond[T.b]"``), a term (``"cond"``: all its coefficients, jointly),
        factors by coefficient (``{"cond[T.b]": 1, "cond[T.c]": -1}``), or a matrix with one column
        per coefficient.
    n : int
        Replicates. The interval of a power near 80 % is 5 points wide with 1,000.
    alpha : float
        Level of the test.
    method : {"satterthwaite", "kenward-roger", "lrt", "normal"}
        t or F tests of REML fits with degrees of freedom by the first two, or infinitely many
        ("normal", a z test, which is too eager with few groups); or the likelihood ratio of ML
        fits.
    seed : int or Generator, optional
        The randomness.
    effects, residuals : {"normal", "t", "skewed"}
        Shapes of the distributions, with the same variances, for robustness.
    level : float
        Coverage of the exact binomial interval (Clopper & Pearson 1934).

    Returns
    -------
    Power
        `power`, `interval`, `table`, and what became of the replicates: those with a singular fit
        or a search that did not converge count like all others, those without a fit count as
        not rejected, and all are reported.

    Raises
    ------
    DataError
        If the model can make no such test, or a number or option makes no sense.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> study = mm.planning.design({"subject": 20}, within={"day": range(5)})
    >>> plan = mm.planning.plan(
    ...     study, "y ~ day + (1 | subject)", fixed={"day": 0.2}, sd={"subject": 1}, sigma=1
    ... )
    >>> mm.power(plan, "day", n=500, seed=1).n
    500
    """
    question = Question(test, n, alpha, level, method, effects, residuals)
    return answered(plan_of(model), question, seed)


def power_curve(
    model: object,
    test: str | Mapping[str, float] | ArrayLike,
    *,
    along: str,
    values: Sequence[int],
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod = "satterthwaite",
    seed: Seed = None,
    effects: Shape = "normal",
    residuals: Shape = "normal",
    level: float = 0.95,
) -> PlannedCurve:
    """The power of a test at several sample sizes.

    Parameters
    ----------
    along : str
        The unit of the design, or the grouping column of the data, whose number changes. A design
        is laid out anew; rows of your own are taken level by level, and copied under new names
        where more levels are asked for than there are.
    values : sequence of int
        Its numbers.
    model, test, n, alpha, method, seed, effects, residuals, level
        As in `power`. Each size has random numbers of its own, whatever the other sizes are.

    Returns
    -------
    PlannedCurve
        `table` and `plot()`.

    Raises
    ------
    DataError
        As `power`, or if there is no such unit or a size is not a positive whole number.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> study = mm.planning.design({"subject": 20}, within={"day": range(5)})
    >>> plan = mm.planning.plan(
    ...     study, "y ~ day + (1 | subject)", fixed={"day": 0.2}, sd={"subject": 1}, sigma=1
    ... )
    >>> curve = mm.power_curve(plan, "day", along="subject", values=[10, 20, 40], n=200, seed=1)
    >>> curve.sizes
    (10, 20, 40)
    """
    question = Question(test, n, alpha, level, method, effects, residuals)
    plan = plan_of(model)
    return PlannedCurve(curves.power_curve(plan, question, along=along, values=values, seed=seed))


def sample_size(
    model: object,
    test: str | Mapping[str, float] | ArrayLike,
    *,
    along: str,
    target: float = 0.8,
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod = "satterthwaite",
    seed: Seed = None,
    effects: Shape = "normal",
    residuals: Shape = "normal",
    level: float = 0.95,
    largest: int = 100_000,
) -> PlannedSize:
    """The smallest sample with enough power.

    Sizes are tried where a probit regression of the rejections on the root of the size (exact for a
    z test whose standard error falls with the root) says that the target is, until it says the
    same again; the regression on all of them gives the answer and its limits (Fieller 1954).

    Parameters
    ----------
    along : str
        As in `power_curve`.
    target : float
        The power that is wanted.
    n : int
        Replicates per size.
    largest : int
        No larger size is tried.
    model, test, alpha, method, seed, effects, residuals, level
        As in `power`.

    Returns
    -------
    PlannedSize
        `size`, `interval`, `power` (simulated at the answer), `table` and `plot()`.

    Raises
    ------
    DataError
        As `power_curve`, or if no size up to `largest` is enough.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> study = mm.planning.design({"subject": 20}, within={"day": range(5)})
    >>> plan = mm.planning.plan(
    ...     study, "y ~ day + (1 | subject)", fixed={"day": 0.2}, sd={"subject": 1}, sigma=1
    ... )
    >>> 18 <= mm.sample_size(plan, "day", along="subject", n=500, seed=1).size <= 24
    True
    """
    question = Question(test, n, alpha, level, method, effects, residuals)
    plan = plan_of(model)
    return PlannedSize(
        curves.sample_size(plan, question, along=along, target=target, largest=largest, seed=seed)
    )
