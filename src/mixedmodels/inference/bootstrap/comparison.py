"""The likelihood ratio of two nested models against its distribution under the smaller one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import Draws, RefitPlan, Refits
from mixedmodels.engine.route import AnyProblem
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.linear_predictor import marginal_mean
from mixedmodels.inference.likelihood_ratio import likelihood_ratio, require_same_data
from mixedmodels.inference.maximum import Maximum, maximum_of
from mixedmodels.inference.replication import AT_ONCE, in_blocks, replicated
from mixedmodels.options import require_count
from mixedmodels.prediction.simulate import draws_of, scaled
from mixedmodels.prediction.streams import Key, Seed, key_of

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BootstrapTest:
    """A likelihood ratio, and what it is in samples from the smaller model.

    Attributes
    ----------
    fit : Fit
        The larger model.
    names : tuple of str
        Formulas of the smaller and of the larger model.
    statistic, df : float
        The likelihood ratio (ML) and the difference of the numbers of parameters.
    p_value : float
        (1 + replicates with at least this ratio) / (1 + replicates) (Davison & Hinkley 1997,
        section 4.2).
    p_value_chi2 : float
        From chi-square.
    replicates : array (r,)
        Likelihood ratios of the samples, nan where one of the two has no fit.
    """

    fit: Fit
    names: tuple[str, str]
    statistic: float
    df: float
    p_value: float
    p_value_chi2: float
    replicates: Vector

    @property
    def n_failed(self) -> int:
        """Samples in which one of the models has no fit, which are left out."""
        return int(np.count_nonzero(~np.isfinite(self.replicates)))

    @property
    def table(self) -> object:
        """Table of one row: `statistic, df, p_value, p_value_chi2, n, failed`."""
        return self.fit.frame.table(
            {
                "statistic": [self.statistic],
                "df": [self.df],
                "p_value": [self.p_value],
                "p_value_chi2": [self.p_value_chi2],
                "n": [len(self.replicates)],
                "failed": [self.n_failed],
            }
        )

    def __repr__(self) -> str:
        return (
            f"Likelihood ratio of\n  {self.names[1]}\nover\n  {self.names[0]}\n"
            f"statistic {self.statistic:.4g}, bootstrap p = {self.p_value:.4g} "
            f"({len(self.replicates):,} replicates, {self.n_failed} without a fit); "
            f"chi-square({self.df:g}) p = {self.p_value_chi2:.4g}"
        )


@dataclass(frozen=True, slots=True)
class RatioJob:
    """Draw from the smaller model, fit both by ML."""

    small: AnyProblem
    large: AnyProblem
    draws: Draws
    small_plan: RefitPlan
    large_plan: RefitPlan

    def run(self, first: int, count: int) -> Vector:
        """The likelihood ratios of some replicates."""
        parts = []
        for at, size in in_blocks(first, count, AT_ONCE):
            Y = self.small.draw(self.draws, at, size)
            small = self.small.refit(Y, self.small_plan)
            large = self.large.refit(Y, self.large_plan)
            parts.append(_ratio(small, large))
        return np.concatenate(parts)


def _ratio(small: Refits, large: Refits) -> Vector:
    return np.maximum(small.deviance - large.deviance, 0.0)


def bootstrap_compare(fits: Sequence[Fit], n: int = 1000, *, seed: Seed = None) -> BootstrapTest:
    """Test the smaller of two nested models; see `mixedmodels.bootstrap_compare`."""
    require_count("n", n)
    small, large = sorted(fits, key=lambda fit: n_parameters(maximum_of(fit)))
    names = str(small.spec.formula), str(large.spec.formula)
    require_same_data(small, large, *names)
    found = [maximum_of(fit, reml=False) for fit in (small, large)]
    ratio = likelihood_ratio(*found)
    if not np.isfinite(ratio.df):
        raise DataError(
            f"The models are not nested:\n      {names[0]}\n      {names[1]}\n"
            "Do:   give two models of which one is a special case of the other.\n"
            f"Why:  {'; '.join(ratio.notes)}."
        )
    plans = [RefitPlan(reml=False, start=start) for start in _starts(found, (small, large))]
    draws = _draws(small, found[0].theta, key_of(seed))
    job = RatioJob(small.problem, large.problem, draws, *plans)
    replicates = np.concatenate(replicated(job, n, label="bootstrap of the likelihood ratio"))
    known = replicates[np.isfinite(replicates)]
    return BootstrapTest(
        fit=large,
        names=names,
        statistic=ratio.statistic,
        df=ratio.df,
        p_value=float((1 + np.count_nonzero(known >= ratio.statistic)) / (1 + len(known))),
        p_value_chi2=ratio.p_value,
        replicates=replicates,
    )


def _starts(maxima: Sequence[Maximum], fits: Sequence[Fit]) -> list[Vector]:
    """Where the searches begin: the optimum by ML of each model."""
    pairs = zip(maxima, fits, strict=True)
    return [m.theta if fit.generalised is None else fit.psi for m, fit in pairs]


def _draws(small: Fit, theta: Vector, key: Key) -> Draws:
    """The distribution of the response in the smaller model, fitted by ML."""
    if small.generalised is not None:
        return draws_of(small, key)
    solution = small.problem.estimates(theta, reml=False)
    m = small.matrices
    return Draws(
        mean=marginal_mean(m.X, solution.beta, m.offset),
        roots=scaled(small.problem.templates(solution.theta), solution.sigma),
        sigma=solution.sigma,
        key=key,
        theta=solution.theta,
    )
