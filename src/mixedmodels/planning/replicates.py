"""What is done in every replicate of a power analysis: draw, fit, test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from mixedmodels.design import ORIGINAL
from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.generalised import GeneralisedProblem
from mixedmodels.engine.problem import Problem
from mixedmodels.errors import DataError
from mixedmodels.inference.replication import replicated
from mixedmodels.inference.replication.p_values import of_rows, p_values
from mixedmodels.inference.replication.t_statistics import rows_in
from mixedmodels.inference.replication.wald_pieces import with_wald_pieces
from mixedmodels.planning.comparisons import Comparisons
from mixedmodels.planning.hypothesis import Hypothesis
from mixedmodels.planning.plan import Plan, one_response
from mixedmodels.planning.planned import AnyPlanned
from mixedmodels.posthoc.replicates import adjusted_in_replicates
from mixedmodels.posthoc.results import BY_P, across, departure
from mixedmodels.posthoc.results import p_values as student_p_values
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import PowerMethod

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replicates:
    """A test of r replicates, or several, one after the other; p-values of replicates without a
    fit are nan.
    """

    p_value: Vector
    singular: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    failed: NDArray[np.bool_]

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Tested:
    """One question in r replicates, before any adjustment.

    Attributes
    ----------
    p_value : array (r, k)
        Of a joint hypothesis (k = 1), or of k rows.
    statistic, df : array (r, k)
        Of the rows' t tests; nan where there are none.
    """

    p_value: Vector
    statistic: Vector
    df: Vector

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Part:
    """Some replicates: every question, and what became of the fits."""

    tested: tuple[Tested, ...]
    singular: NDArray[np.bool_]
    converged: NDArray[np.bool_]
    failed: NDArray[np.bool_]

    __repr__ = brief


Asked = Hypothesis | Comparisons


def replicates(
    plan: Plan, asked: Sequence[Asked], draws: Draws, method: PowerMethod, n: int
) -> tuple[Replicates, ...]:
    """Every test of `n` replicates, one for each label of what is asked."""
    job = _job(plan, asked, draws, method)
    label = ", ".join(label for one in asked for label in one.labels)
    parts = replicated(job, n, label=f"power of {label}")
    states = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("singular", "converged", "failed")
    ]
    covariance = _covariance(plan)
    found = []
    for i, one in enumerate(asked):
        p = _p_values(one, _joined([part.tested[i] for part in parts]), covariance)
        found += [Replicates(column, *states) for column in p.T]
    return tuple(found)


def _covariance(plan: Plan) -> Vector:
    """Of the fixed effects (p, p) in the design, up to a factor; of a generalised model at the
    parameters of the plan and one response that it draws.
    """
    problem = one_response(plan)
    if isinstance(problem, GeneralisedProblem):
        return problem.solution(plan.psi).covariance_conditional
    return problem.estimates(plan.theta, reml=True).cov_beta_unscaled


@dataclass(frozen=True, slots=True)
class WaldJob:
    """Draw, fit by REML, make every test by t or F: `plan.L` has their rows, `at` says whose."""

    problem: Problem
    draws: Draws
    plan: RefitPlan
    asked: tuple[Asked, ...]
    at: tuple[slice, ...]

    def run(self, first: int, count: int) -> Part:
        """The tests of these replicates."""
        refits = self.problem.refit_drawn(self.draws, first, count, self.plan)
        return _tests(refits, self.asked, self.at)


@dataclass(frozen=True, slots=True)
class FamilyWaldJob:
    """Draw from the family, fit, make every test by z or chi-square: `L` has their rows."""

    problem: GeneralisedProblem
    draws: Draws
    plan: RefitPlan
    L: Vector
    asked: tuple[Asked, ...]
    at: tuple[slice, ...]

    def run(self, first: int, count: int) -> Part:
        """The tests of these replicates."""
        Y = self.problem.draw(self.draws, first, count)
        refits = with_wald_pieces(self.problem, self.problem.refit(Y, self.plan), Y, self.L)
        return _tests(refits, self.asked, self.at)


def _tests(refits: Refits, asked: Sequence[Asked], at: Sequence[slice]) -> Part:
    return _part(
        refits, [_by_wald(of_rows(refits, rows), one) for rows, one in zip(at, asked, strict=True)]
    )


@dataclass(frozen=True, slots=True)
class RatioJob:
    """Draw, fit the model and the model under every hypothesis by ML, compare the criteria;
    `nulls` are the models under the rows of every question, with the plans of their fits.
    """

    nulls: tuple[tuple[tuple[AnyPlanned, RefitPlan], ...], ...]
    problem: AnyPlanned
    draws: Draws
    plan: RefitPlan
    df: tuple[int, ...]

    def run(self, first: int, count: int) -> Part:
        """The tests of these replicates."""
        large = self.problem.refit_drawn(self.draws, first, count, self.plan)
        tested = []
        for nulls, df in zip(self.nulls, self.df, strict=True):
            small = [null.refit_drawn(self.draws, first, count, own) for null, own in nulls]
            deviance = np.column_stack([fit.deviance for fit in small])
            statistic = np.maximum(deviance - large.deviance[:, None], 0.0)
            tested.append(_without_t(special.chdtrc(df, statistic)))
        return _part(large, tested)


def _part(refits: Refits, tested: Sequence[Tested]) -> Part:
    return Part(tuple(tested), refits.singular, refits.converged, refits.failed)


def _job(
    plan: Plan, asked: Sequence[Asked], draws: Draws, method: PowerMethod
) -> WaldJob | FamilyWaldJob | RatioJob:
    if method == "lrt":
        for one in asked:
            _require_ratio(one)
        nulls = tuple(tuple(_null(plan, L) for L in _rows_of(one)) for one in asked)
        df = tuple(len(one.L) if isinstance(one, Hypothesis) else 1 for one in asked)
        return RatioJob(nulls, plan.problem, draws, RefitPlan(reml=False, start=plan.psi), df)
    L = np.vstack([one.L for one in asked])
    ends = np.cumsum([len(one.L) for one in asked]).tolist()
    at = tuple(slice(end - len(one.L), end) for one, end in zip(asked, ends, strict=True))
    if isinstance(plan.problem, GeneralisedProblem):
        fitting = RefitPlan(reml=False, start=plan.psi)
        return FamilyWaldJob(plan.problem, draws, fitting, L, tuple(asked), at)
    pieces = "wald" if method == "normal" else method
    fitting = RefitPlan(reml=True, start=plan.theta, L=L, pieces=pieces)
    return WaldJob(plan.problem, draws, fitting, tuple(asked), at)


def _by_wald(refits: Refits, one: Asked) -> Tested:
    if isinstance(one, Hypothesis):
        return _without_t(p_values(refits, one.L, rhs=one.rhs)[:, None])
    rows = rows_in(refits, one.L, one.W)
    with np.errstate(invalid="ignore"):
        statistic = departure(rows.estimate + one.constant, one.testing) / rows.std_error
    p = student_p_values(statistic, rows.df, one.testing.side)
    return Tested(p, statistic, rows.df)


def _without_t(p: Vector) -> Tested:
    nothing = np.full(p.shape, np.nan)
    return Tested(p, nothing, nothing)


def _joined(parts: Sequence[Tested]) -> Tested:
    names = ("p_value", "statistic", "df")
    return Tested(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _p_values(one: Asked, found: Tested, covariance: Vector) -> Vector:
    """Adjusted (r, tests); of comparisons with the least for "any" and the largest for "all"."""
    if isinstance(one, Hypothesis):
        return found.p_value
    testing, p = one.testing, found.p_value.copy()
    for rows in one.families:
        p[:, rows] = adjusted_in_replicates(
            found.p_value[:, rows],
            found.statistic[:, rows],
            found.df[:, rows],
            testing.adjust,
            n_means=int(one.n_means[rows].max(initial=0)),
            L=one.W[rows] @ one.L,
            covariance=covariance,
            side=testing.side,
            seed=testing.seed,
        )
    if testing.cross_adjust != "none":
        p = np.array([across(one.families, row, testing.cross_adjust) for row in p])
    if len(one.names) == 1:
        return p
    return np.column_stack([p, p.min(axis=1), p.max(axis=1)])


def _rows_of(one: Asked) -> list[Vector]:
    """What each model without a hypothesis leaves out."""
    return [one.L] if isinstance(one, Hypothesis) else [row[None] @ one.L for row in one.W]


def _require_ratio(one: Asked) -> None:
    """Refuse what a likelihood ratio does not answer."""
    if isinstance(one, Hypothesis):
        is_plain = one.rhs is None
    else:
        is_plain = one.side == "two-sided" and not (one.testing.null or one.constant.any())
    if not is_plain or one.adjust not in BY_P:
        raise DataError(
            f"A likelihood ratio is no test of {', '.join(one.labels)} as asked for.\n"
            'Do:   use another method, or two-sided tests of zero with adjust="holm" or its like.\n'
            "Why:  it has no side and no margin, and no t statistic that an adjustment such as "
            "Tukey's could use."
        )


def _null(plan: Plan, L: Vector) -> tuple[AnyPlanned, RefitPlan]:
    """The model in which L beta is zero, and how it is fitted."""
    left = linalg.null_space(L)
    names = tuple(f"x{j}" for j in range(left.shape[1]))
    X = np.asfortranarray(plan.problem.matrices.X @ left)
    matrices = replace(plan.problem.matrices, X=X, x_names=names, coordinates=ORIGINAL)
    if isinstance(plan.problem, GeneralisedProblem):
        start = np.concatenate([plan.theta, left.T @ plan.beta, plan.auxiliary])
        return replace(plan.problem, matrices=matrices), RefitPlan(reml=False, start=start)
    return Problem(matrices), RefitPlan(reml=False, start=plan.theta)
