"""Which directions of a term's covariance have zero variance, and how to say so.

A covariance is judged on the scale of the residual: D T_k, where D holds the root of the weighted
mean square of each column of Z_k, has as its singular values the standard deviations that the term
adds to an average observation, in units of sigma. They do not depend on the units of the
covariates, of the response or of the weights, and in working coordinates not on the origin of a
covariate. A direction below `NEGLIGIBLE` is called zero: it would take some 1e8 rows per level to
tell it from nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from mixedmodels.design import Coordinates

Vector = NDArray[np.float64]

NEGLIGIBLE = 1e-4  # standard deviation relative to sigma
PERFECT = 1e-4  # distance of a correlation from 1 at which it is reported as 1
MOST_DIRECTIONS = 3  # directions spelled out per term; the rest are counted


@dataclass(frozen=True, slots=True)
class TermFacts:
    """What the message about one term needs."""

    lhs: str
    group: str
    columns: tuple[str, ...]
    is_independent: bool
    n_levels: int
    written: str = ""

    @property
    def label(self) -> str:
        """The term as written in a formula; `written` is that of a structure."""
        if self.written:
            return self.written
        bar = "||" if self.is_independent and len(self.columns) > 1 else "|"
        return f"({self.lhs} {bar} {self.group})"


@dataclass(frozen=True, slots=True)
class SingularTerm:
    """A term whose covariance is singular.

    `term` counts random terms in formula order, `n_zero` the directions without variance;
    `findings` says which they are, `message` what to do and why.
    """

    term: int
    label: str
    n_zero: int
    findings: tuple[str, ...]
    message: str


def singular_terms(
    T: Sequence[Vector],
    scales: Sequence[Vector],
    facts: Sequence[TermFacts],
    coordinates: Sequence[Coordinates],
) -> tuple[SingularTerm, ...]:
    """The singular ones among the terms.

    Parameters
    ----------
    T : sequence of (q_k, q_k) arrays
        Relative covariance factors, in working coordinates.
    scales : sequence of (q_k,) arrays
        Root-mean-square of the columns of Z_k, weights included.
    facts : sequence of TermFacts
    coordinates : sequence of Coordinates
        Those of Z_k.
    """
    found = []
    for k, (T_k, scale, fact) in enumerate(zip(T, scales, facts, strict=True)):
        S = scale[:, None] * T_k
        n_zero = _directions_without_variance(S)
        if n_zero:
            findings = (
                _moved_directions(S, scale, fact.columns, n_zero, coordinates[k])
                if coordinates[k].steps
                else describe_directions(S, scale, fact.columns, n_zero)
            )
            message = _message(fact, n_zero, findings)
            found.append(SingularTerm(k, fact.label, n_zero, findings, message))
    return tuple(found)


def _directions_without_variance(S: Vector) -> int:
    """How many singular values are negligible."""
    if not S.size:
        return 0
    _, values, _, failed = lapack.dgesdd(S, compute_uv=0)  # NumPy's costs as much as a small fit
    if failed:
        values = np.linalg.svd(S, compute_uv=False)
    return sum(value < NEGLIGIBLE for value in values.tolist())


def describe_directions(
    S: Vector, scale: Vector, columns: Sequence[str], n_zero: int
) -> tuple[str, ...]:
    """In words: zero variances first, then correlations of 1, then general combinations."""
    sd = np.sqrt((S**2).sum(axis=1))
    findings = [f"variance of {columns[j]} = 0" for j in np.flatnonzero(sd < NEGLIGIBLE).tolist()]
    free: list[int] = []
    for j in np.flatnonzero(sd >= NEGLIGIBLE).tolist():
        twin = _perfect_twin(S, sd, j, free)
        if twin is None or len(findings) >= n_zero:
            free.append(j)
        else:
            sign = "-" if S[j] @ S[twin] < 0 else ""
            findings.append(f"correlation of {columns[twin]} and {columns[j]} = {sign}1.00")
    remaining = n_zero - len(findings)
    if remaining > 0 and len(free) == 2:
        sign = "-" if S[free[0]] @ S[free[1]] < 0 else ""
        findings.append(f"correlation of {columns[free[0]]} and {columns[free[1]]} = {sign}1.00")
    elif remaining > 0:
        directions = np.linalg.svd(S[free])[0][:, len(free) - remaining :].T
        names = [columns[j] for j in free]
        findings += [
            f"variance of {_combination(v, scale[free], names)} = 0"
            for v in directions[:MOST_DIRECTIONS]
        ]
        if remaining > MOST_DIRECTIONS:
            findings.append(f"and {remaining - MOST_DIRECTIONS} more such combinations")
    return tuple(findings)


def _moved_directions(
    S: Vector, scale: Vector, columns: Sequence[str], n_zero: int, coordinates: Coordinates
) -> tuple[str, ...]:
    """The same where the columns have moved: combinations of the formula's effects."""
    zero = np.sqrt((S**2).sum(axis=1)) < NEGLIGIBLE
    free = np.flatnonzero(~zero)
    directions = np.eye(len(S))[zero]
    if len(directions) < n_zero:
        others = np.zeros((n_zero - len(directions), len(S)))
        others[:, free] = np.linalg.svd(S[free])[0][:, len(free) - len(others) :].T
        directions = np.vstack([directions, others])
    directions = directions[:MOST_DIRECTIONS]
    pairs = zip(directions, coordinates.original(directions * scale), strict=True)
    findings = [f"variance of {_sum(v, factors, columns)} = 0" for v, factors in pairs]
    if n_zero > MOST_DIRECTIONS:
        findings.append(f"and {n_zero - MOST_DIRECTIONS} more such combinations")
    return tuple(findings)


def _perfect_twin(S: Vector, sd: Vector, j: int, free: Sequence[int]) -> int | None:
    for i in free:
        if abs(S[j] @ S[i]) >= (1 - PERFECT**2) * sd[i] * sd[j]:
            return i
    return None


def _combination(direction: Vector, scale: Vector, names: Sequence[str]) -> str:
    """The combination of random effects, its most important member first with coefficient 1."""
    return _sum(direction, np.where(np.abs(direction) > 1e-3, direction * scale, 0.0), names)


def _sum(direction: Vector, coefficients: Vector, names: Sequence[str]) -> str:
    """A sum of multiples of effects, in the order of their shares in a direction."""
    order = [int(j) for j in np.argsort(-np.abs(direction)) if coefficients[j] != 0]
    coefficients = coefficients / coefficients[order[0]]
    text = names[order[0]]
    for j in order[1:]:
        sign = "-" if coefficients[j] < 0 else "+"
        text += f" {sign} {abs(coefficients[j]):.3g} {names[j]}"
    return text


def _message(fact: TermFacts, n_zero: int, findings: Sequence[str]) -> str:
    q = len(fact.columns)
    few = f"{fact.n_levels} levels of {fact.group} are few"
    if q == 1:
        what = f"The variance of {fact.label} is zero."
        advice = "zero is the estimate: keep the fit, or leave the term out."
        reason = f"the levels of {fact.group} differ no more than the residual variation explains."
    elif fact.is_independent:
        what = f"The covariance of {fact.label} is singular: {_zero(n_zero, 'variance', 'is')}."
        advice = "keep the fit if prediction is the aim; otherwise leave those columns out."
        reason = f"{few} for {q} variances, or those effects do not vary between them."
    elif fact.written:
        have = "one direction has" if n_zero == 1 else f"{n_zero} directions have"
        what = f"The covariance of {fact.label} is singular: {have} zero variance."
        advice = "keep the fit if prediction is the aim; otherwise try fewer columns."
        reason = f"{few} for the structure, or an effect does not vary between them."
    else:
        have = "one direction has" if n_zero == 1 else f"{n_zero} directions have"
        what = f"The covariance of {fact.label} is singular: {have} zero variance."
        advice = (
            "keep the fit if prediction is the aim; otherwise try "
            f"({fact.lhs} || {fact.group}) or fewer columns."
        )
        reason = (
            f"{few} for {q * (q + 1) // 2} parameters, or an effect does not vary between them."
        )
    lines = [what, *(f"    {finding}" for finding in findings)]
    return "\n".join([*lines, f"Do:   {advice}", f"Why:  {reason}"])


def _zero(count: int, noun: str, verb: str) -> str:
    return f"one {noun} {verb} zero" if count == 1 else f"{count} {noun}s are zero"
