"""Planning a study: the power of a test, along the size of the sample, and the size it needs."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

from numpy.typing import NDArray

from mixedmodels.api.asking import OfMeans, SeveralWords, Words, read
from mixedmodels.planning import power_curve as curves
from mixedmodels.planning import sample_size as searches
from mixedmodels.planning.plan import method_of, plan_of
from mixedmodels.planning.power import Power, Powers, answered
from mixedmodels.planning.questions import Question, are_several
from mixedmodels.plots.planned import PlannedCurve, PlannedSize
from mixedmodels.posthoc.linear_functions import Testing
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import PowerMethod, Shape, Side


@overload
def power(  # type: ignore[overload-overlap]  # a str is a sequence of str, an empty mapping is both
    model: object,
    test: str | Mapping[str, float] | Sequence[Sequence[float]] | NDArray[Any],
    *,
    joint: bool = ...,
    side: Side = ...,
    null: float = ...,
    delta: float = ...,
    n: int = ...,
    alpha: float = ...,
    method: PowerMethod | None = ...,
    seed: Seed = ...,
    effects: Shape = ...,
    residuals: Shape = ...,
    level: float = ...,
) -> Power: ...


@overload
def power(
    model: object,
    test: Sequence[str] | Sequence[str | Mapping[str, float] | OfMeans] | Mapping[str, Words],
    *,
    joint: bool = ...,
    side: Side = ...,
    null: float = ...,
    delta: float = ...,
    n: int = ...,
    alpha: float = ...,
    method: PowerMethod | None = ...,
    seed: Seed = ...,
    effects: Shape = ...,
    residuals: Shape = ...,
    level: float = ...,
) -> Powers: ...


@overload
def power(
    model: object,
    test: OfMeans,
    *,
    joint: bool = ...,
    side: Side = ...,
    null: float = ...,
    delta: float = ...,
    n: int = ...,
    alpha: float = ...,
    method: PowerMethod | None = ...,
    seed: Seed = ...,
    effects: Shape = ...,
    residuals: Shape = ...,
    level: float = ...,
) -> Power | Powers: ...


def power(
    model: object,
    test: Words | SeveralWords,
    *,
    joint: bool = False,
    side: Side = "two-sided",
    null: float = 0.0,
    delta: float = 0.0,
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod | None = None,
    seed: Seed = None,
    effects: Shape = "normal",
    residuals: Shape = "normal",
    level: float = 0.95,
) -> Power | Powers:
    """The power of tests of fixed effects, by simulation.

    Draws `n` data sets from the model, fits each and tests it. Replicate i is the same for one
    seed whatever the number of threads, workers and replicates is.

    Parameters
    ----------
    model : Plan or LinearMixedModel
        What is taken as the truth: `mixedmodels.planning.plan` with effect sizes of your own, or a
        fitted model with its estimates (whose power, for the effect that was estimated, says
        nothing new: set effect sizes that matter).
    test : str, mapping, array, or several of these
        A coefficient (``"cond[T.b]"``), a term (``"cond"``: all its coefficients, jointly),
        factors by coefficient (``{"cond[T.b]": 1, "cond[T.c]": -1}``), or a matrix with one column
        per coefficient. Or means and what is made of them after a fit, as a function of the model:
        ``lambda model: model.emmeans("cond").pairs()`` (of a fitted model also the means
        themselves). Their rows are tested one by one with their adjustment; of several, "any" and
        "all" count the replicates in which at least one, or every one, is rejected. A list of all
        these (``["cond", "group", "cond:group"]``) or a mapping of names to them makes all tests in
        the same replicates.
    joint : bool
        Test the rows of means jointly, one F test per group of `by`.
    side, null, delta
        Of tests of single rows, as of `Means.test`: one-sided tests, equivalence, non-inferiority
        and the like with the margin `delta`.
    n : int
        Replicates. The interval of a power near 80 % is 5 points wide with 1,000.
    alpha : float
        Level of the test.
    method : {"satterthwaite", "kenward-roger", "lrt", "normal"}, optional
        t or F tests of REML fits with degrees of freedom by the first two (the first is the
        default), or infinitely many ("normal", a z test, which is too eager with few groups); or
        the likelihood ratio of ML fits. Generalised models have the last two, and by default the z
        test.
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
        not rejected, and all are reported. Of several tests `Powers`, whose `table` has a row per
        test.

    Raises
    ------
    DataError
        If the model can make no such test, or a number or option makes no sense.
    WorkerError
        If workers of joblib's active backend die again and again.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> study = mm.planning.design({"subject": 20}, within={"day": range(5)})
    >>> plan = mm.planning.plan(
    ...     study, "y ~ day + (1 | subject)", fixed={"day": 0.2}, sd={"subject": 1}, sigma=1
    ... )
    >>> mm.power(plan, "day", n=500, seed=1).n
    500
    >>> mm.power(plan, ["Intercept", "day"], n=500, seed=1).table["test"].tolist()
    ['Intercept', 'day']

    Comparisons with a control, adjusted:

    >>> trial = mm.planning.design({"subject": 60}, between={"subject": {"arm": ["a", "b", "c"]}})
    >>> plan = mm.planning.plan(
    ...     trial, "y ~ arm", fixed={"arm[T.b]": 0.5, "arm[T.c]": 1}, sigma=1
    ... )
    >>> found = mm.power(
    ...     plan, lambda model: model.emmeans("arm").contrast("trt.vs.ctrl"), n=200, seed=1
    ... )
    >>> found.table["test"].tolist()
    ['b - a', 'c - a', 'any', 'all']
    """
    testing = Testing(side=side, null=null, delta=delta)
    asked = read(model, test)
    plan = plan_of(model)
    how = method_of(plan, method)
    question = Question(asked, n, alpha, level, how, effects, residuals, joint, testing)
    found = answered(plan, question, seed)
    return Powers(found) if are_several(asked) or len(found) > 1 else found[0]


def power_curve(
    model: object,
    test: Words | SeveralWords,
    *,
    along: str,
    values: Sequence[int],
    of: str | None = None,
    joint: bool = False,
    side: Side = "two-sided",
    null: float = 0.0,
    delta: float = 0.0,
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod | None = None,
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
        Its numbers. One with which the model cannot be fitted, as the first levels lack one of a
        factor, is kept in the table with the reason.
    of : str, optional
        Which test, if there are several: the name of one (``"B - A"``), or ``"any"`` or ``"all"``
        of the rows of some means. Means are those of the plan as it is, at every size.
    model, test, joint, side, null, delta, n, alpha, method, seed, effects, residuals, level
        As in `power`. Each size has random numbers of its own, whatever the other sizes are.

    Returns
    -------
    PlannedCurve
        `table` and `plot()`.

    Raises
    ------
    DataError
        As `power`, or if there is no such unit, a size is not a positive whole number, or the
        model can be fitted with none of them.

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
    testing = Testing(side=side, null=null, delta=delta)
    asked = read(model, test)
    plan = plan_of(model)
    how = method_of(plan, method)
    question = Question(asked, n, alpha, level, how, effects, residuals, joint, testing, of)
    return PlannedCurve(curves.power_curve(plan, question, along=along, values=values, seed=seed))


def sample_size(
    model: object,
    test: Words | SeveralWords,
    *,
    along: str,
    target: float = 0.8,
    of: str | None = None,
    joint: bool = False,
    side: Side = "two-sided",
    null: float = 0.0,
    delta: float = 0.0,
    n: int = 1000,
    alpha: float = 0.05,
    method: PowerMethod | None = None,
    seed: Seed = None,
    effects: Shape = "normal",
    residuals: Shape = "normal",
    level: float = 0.95,
    largest: int = 100_000,
) -> PlannedSize:
    """The smallest sample with enough power.

    Sizes are tried where a probit regression of the rejections on the root of the size (exact for a
    z test whose standard error falls with the root) says that the target is, until it says the
    same again; the regression gives the answer and its limits (Fieller 1954). Where all sizes do
    not lie on one curve (power levels off if other units set a limit), it is of those near the
    answer; where they leave the limits open, more are tried.

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
    of
        As in `power_curve`.
    model, test, joint, side, null, delta, alpha, method, seed, effects, residuals, level
        As in `power`.

    Returns
    -------
    PlannedSize
        `size`, `interval`, `power` (simulated at the answer; after an interrupt, at the size
        nearest to it), `table` and `plot()`. The interval is finite, or nan after an interrupt;
        where even the smallest possible size has enough power, `note` says so.

    Raises
    ------
    DataError
        As `power_curve`; if no size up to `largest` is enough; or if the power changes so little
        with the size that the limits would be zero and infinity.

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
    testing = Testing(side=side, null=null, delta=delta)
    asked = read(model, test)
    plan = plan_of(model)
    how = method_of(plan, method)
    question = Question(asked, n, alpha, level, how, effects, residuals, joint, testing, of)
    return PlannedSize(
        searches.sample_size(plan, question, along=along, target=target, largest=largest, seed=seed)
    )
