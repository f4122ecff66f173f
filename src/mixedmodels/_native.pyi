"""Types of the native engine. Every method is pure and releases the interpreter lock."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mixedmodels.vocabulary import QuantityKind

Owner = Literal["term", "part", "spread"]

class EngineError(ValueError):
    """A failure of the engine: args are (kind, message, place).

    `kind` is "perfect", "rank" (place: column, 0), "factorisation" (place: group, level), "code"
    (place: group, row), "memory", "traces", "time" or "input"; without a place it is None.
    """

class Attention:
    """A limit of time, counted from its making, for every native call of the block `with` it on
    this thread; `report(stage, done, total, best)` is called a few times a second while one that
    is foreseen to be long goes on (total: 0 if unknown; best: the criterion so far, nan if none).
    """

    def __init__(
        self, seconds: float | None, report: Callable[[str, int, int, float], object] | None
    ) -> None: ...
    @property
    def left(self) -> float | None: ...
    def __enter__(self) -> Attention: ...
    def __exit__(self, kind: object, value: object, traceback: object) -> None: ...

class Solution:
    """One point of the criterion, with everything that follows from it.

    Where the covariance of a term is singular, `theta` is exactly rank-deficient; its diagonal is
    never negative.
    """

    @property
    def theta(self) -> NDArray[np.float64]: ...
    @property
    def deviance(self) -> float: ...
    @property
    def reml(self) -> bool: ...
    @property
    def beta(self) -> NDArray[np.float64]: ...
    @property
    def cov_beta_unscaled(self) -> NDArray[np.float64]: ...
    @property
    def sigma(self) -> float: ...
    @property
    def pwrss(self) -> float: ...
    @property
    def b(self) -> list[NDArray[np.float64]]: ...
    @property
    def gradient(self) -> NDArray[np.float64]: ...
    @property
    def n_evaluations(self) -> int: ...
    @property
    def status(self) -> str: ...
    @property
    def trace(self) -> list[float]: ...
    @property
    def monte_carlo(self) -> MonteCarlo | None: ...

class MonteCarlo:
    """What the probes of an iterative fit leave open; see `engine.convergence.MonteCarlo`."""

    @property
    def probes(self) -> int: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def criterion(self) -> float: ...
    @property
    def theta(self) -> NDArray[np.float64]: ...
    @property
    def sigma(self) -> float: ...
    @property
    def share(self) -> NDArray[np.float64]: ...
    @property
    def standard_errors(self) -> NDArray[np.float64]: ...
    @property
    def residual(self) -> float: ...
    @property
    def of_solving(self) -> float: ...

class Information:
    """Second-order facts at one theta, in the user's units.

    `hessian` (m + 1, m + 1) of the criterion in (theta, sigma); `covariance` is 2 H^+, in which
    flat directions do not count, nor does a known sigma; `jacobian` (m, p, p) is
    d(X'V^-1 X)^-1 / d theta.
    """

    @property
    def hessian(self) -> NDArray[np.float64]: ...
    @property
    def covariance(self) -> NDArray[np.float64]: ...
    @property
    def jacobian(self) -> NDArray[np.float64]: ...

class KenwardRoger:
    """The pieces of Kenward and Roger's method, over the R components of V.

    The components are the entries of T_k T_k' that theta reaches, relative to sigma^2 and in
    coordinates of the engine's choice, then the residual unless sigma is known. `information`
    (R, R) holds
    tr(P G_r P G_s); `slopes` (R, p, p) C X'V^-1 G_r V^-1 X C; `bends` (R (R + 1) / 2, p, p)
    C X'V^-1 G_r P G_s V^-1 X C for r >= s, ordered (0, 0), (1, 0), (1, 1), ...; `curves`, None
    where V is linear in its parameters, C X'V^-1 (d2V / dgamma_r dgamma_s) V^-1 X C likewise.
    """

    @property
    def information(self) -> NDArray[np.float64]: ...
    @property
    def slopes(self) -> NDArray[np.float64]: ...
    @property
    def bends(self) -> NDArray[np.float64]: ...
    @property
    def curves(self) -> NDArray[np.float64] | None: ...

class Slopes:
    """The parts of the criterion at one theta with their derivatives, in the user's units.

    At (theta, sigma) the ML deviance is log_det + n log(2 pi sigma^2) + pwrss / sigma^2. Per term
    `traces` (q_k, q_k) holds sum_j Z_j'V^-1 Z_j, the derivative of log_det in T_k T_k', and `grams`
    (q_k, q_k, p + 1, p + 1) sum_j A_j[a, c] A_j[b, d] with A_j = Z_j'V^-1 [X, y - X beta].
    """

    @property
    def log_det(self) -> float: ...
    @property
    def pwrss(self) -> float: ...
    @property
    def beta(self) -> NDArray[np.float64]: ...
    @property
    def cov_beta_unscaled(self) -> NDArray[np.float64]: ...
    @property
    def traces(self) -> list[NDArray[np.float64]]: ...
    @property
    def grams(self) -> list[NDArray[np.float64]]: ...

class Refits:
    """One row per replicate; nan where there is no fit (status 3).

    `status` is 0 (converged), 1 (out of evaluations), 2 (stalled) or 3 (failed). `pieces` is empty
    or holds, one flattened row per replicate, L C L', the first derivatives through L, the
    (m + 1, m + 1) matrix of the method, and the second derivatives through L.
    """

    @property
    def status(self) -> NDArray[np.int8]: ...
    @property
    def singular(self) -> NDArray[np.bool_]: ...
    @property
    def n_evaluations(self) -> NDArray[np.int64]: ...
    @property
    def deviance(self) -> NDArray[np.float64]: ...
    @property
    def sigma(self) -> NDArray[np.float64]: ...
    @property
    def theta(self) -> NDArray[np.float64]: ...
    @property
    def beta(self) -> NDArray[np.float64]: ...
    @property
    def bse(self) -> NDArray[np.float64]: ...
    @property
    def pieces(self) -> list[NDArray[np.float64]]: ...

class Foresight:
    """What a fit would cost: counts of nonzeros, multiplications of an evaluation, bytes."""

    @property
    def nonzeros(self) -> float: ...
    @property
    def factor(self) -> float: ...
    @property
    def remainder(self) -> int: ...
    @property
    def flops(self) -> float: ...
    @property
    def building(self) -> float: ...
    @property
    def exact(self) -> float: ...
    @property
    def iterative_flops(self) -> float: ...
    @property
    def iterative(self) -> float: ...
    @property
    def is_bound(self) -> bool: ...

def foresee(
    n: int,
    k: int,
    z: int,
    n_theta: int,
    groups: Sequence[tuple[NDArray[np.int32], int]],
    widths: Sequence[int],
) -> Foresight:
    """Foresee the cost of a fit of `n` rows, `k` right-hand columns, `z` random columns."""

class Equations:
    """M = Lambda'Z'WZ Lambda + I at one theta, factorised.

    Its rows and columns are the spherical random effects, ordered by grouping factor, level and
    column. Sparse matrices (r, effects) are given by rows: (indptr, indices, data). `solve` takes
    columns (effects, r) in Fortran order and gives M^-1 times them as rows (r, effects); `inner`
    gives v_i'M^-1 w_i (r,) for the rows of two matrices, or of one with itself; `gram` V M^-1 V'.
    """

    def solve(self, b: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def inner(
        self,
        left: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
        right: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None = None,
    ) -> NDArray[np.float64]: ...
    def gram(
        self, rows: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
    ) -> NDArray[np.float64]: ...

def draw(
    X: NDArray[np.float64],
    groups: list[tuple[NDArray[np.int32], int]],
    terms: list[tuple[int, NDArray[np.float64], str]],
    weights: NDArray[np.float64] | None,
    draws: object,
    first: int,
    count: int,
) -> NDArray[np.float64]:
    """Responses of replicates as rows; `draws` has the attributes of `engine.batch.Draws`."""

class Relationship:
    """A^-1 of a pedigree: sparse columns with rows ascending, F of each animal, and log|A|."""

    @property
    def inbreeding(self) -> NDArray[np.float64]: ...
    @property
    def indptr(self) -> NDArray[np.int32]: ...
    @property
    def indices(self) -> NDArray[np.int32]: ...
    @property
    def data(self) -> NDArray[np.float64]: ...
    @property
    def log_det(self) -> float: ...

def relationship(sires: NDArray[np.int32], dams: NDArray[np.int32]) -> Relationship:
    """The inverse relationship matrix from codes of parents, -1 for unknown ones.

    Raises `EngineError` ("loop", message, animals) where animals are their own ancestors, each
    followed by one of its parents, and ("variance", message, [animal]) where A is singular.
    """

class Sums:
    """Cross-products of rows that are pushed in pieces and need not be kept.

    Whatever the pieces and their order, the same rows give the same numbers. `terms` are grouping
    factor, number of columns and "unstructured" or "diagonal" each. `origin` is subtracted from
    every response, so that squares keep their digits far from zero, and put back into the
    coefficient of the `constant`, the column of X that is one in every row; without one it is zero.
    Codes are those of all pieces: the number of levels may grow from one to the next.
    """

    def __new__(
        cls,
        n_fixed: int,
        n_groups: int,
        terms: list[tuple[int, int, str]],
        origin: float = 0.0,
        constant: int | None = None,
    ) -> Sums: ...
    @staticmethod
    def from_bytes(data: bytes) -> Sums:
        """What `to_bytes` made, perhaps in another process."""
    def to_bytes(self) -> bytes: ...
    def push(
        self,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        groups: list[tuple[NDArray[np.int32], int]],
        terms: list[tuple[int, NDArray[np.float64], str]],
        weights: NDArray[np.float64] | None,
    ) -> None:
        """Add rows."""
    def merge(self, other: Sums) -> None:
        """Add the sums of other rows."""
    def relabel(self, group: int, codes: NDArray[np.int32], n_levels: int) -> None:
        """Level j of a group becomes level `codes[j]` of `n_levels`."""
    def select(self, columns: list[int]) -> Sums:
        """The same rows with some of the columns of X."""
    def gram(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[X y]'W[X y] (p + 1, p + 1), y less the origin, and what rounding left out of it."""
    def remainder(self) -> int:
        """Random effects beyond the factor with the most levels; 0 of nested factors."""
    @property
    def n(self) -> int: ...
    @property
    def n_levels(self) -> list[int]: ...
    @property
    def nbytes(self) -> int: ...

class Problem:
    """Cross-products of one data set.

    `theta` goes term by term: the lower triangle of T_k column by column ("unstructured") or its
    diagonal ("diagonal"), in the user's units of Z. `available` tells the bytes that the process
    may still take; it is asked only where much is needed. `sigma` is the residual standard
    deviation where it is known; else it is profiled out.
    """

    def __new__(
        cls,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        groups: list[tuple[NDArray[np.int32], int]],
        terms: list[tuple[int, NDArray[np.float64], str]],
        weights: NDArray[np.float64] | None,
        available: Callable[[], int | None],
    ) -> Problem: ...
    @staticmethod
    def of_sums(sums: Sums, available: Callable[[], int | None]) -> Problem:
        """The problem of rows that are not kept: it has no other response and no refits."""
    @property
    def n_theta(self) -> int: ...
    @property
    def theta_index(self) -> list[tuple[int, int, int]]: ...
    @property
    def column_scales(self) -> list[NDArray[np.float64]]: ...
    def deviance(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> float: ...
    def gradient(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> tuple[float, NDArray[np.float64]]: ...
    def minimise(
        self,
        reml: bool,
        start: NDArray[np.float64] | None,
        max_evaluations: int,
        tolerance: float,
        sigma: float | None = None,
    ) -> Solution: ...
    def estimates(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Solution: ...
    def conditional_covariance(
        self, theta: NDArray[np.float64], term: int
    ) -> NDArray[np.float64]: ...
    def information(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Information: ...
    def kenward_roger(
        self, theta: NDArray[np.float64], sigma: float | None = None
    ) -> KenwardRoger: ...
    def slopes(self, theta: NDArray[np.float64]) -> Slopes: ...
    def equations(self, theta: NDArray[np.float64]) -> Equations: ...
    def with_response(self, y: NDArray[np.float64]) -> Problem: ...
    def refit(self, Y: NDArray[np.float64], plan: object) -> Refits: ...
    def refit_drawn(self, draws: object, first: int, count: int, plan: object) -> Refits: ...

class Family:
    """A distribution of a response with its link, asked by rows.

    `y`, `size` (trials; None for 1) and `eta` are (n,); `auxiliary` is (n, n_auxiliary), save that
    an ordered response takes all thresholds, (n, categories - 1), where no category is given.
    """

    def __new__(
        cls, name: str, link: str, zero: str | None = None, categories: int = 0
    ) -> Family: ...
    @property
    def n_auxiliary(self) -> int: ...
    @property
    def eta_range(self) -> tuple[float, float]:
        """The open interval of eta that has a meaning."""

    def log_density(
        self,
        y: NDArray[np.float64],
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]: ...
    def saturated(
        self,
        y: NDArray[np.float64],
        size: NDArray[np.float64] | None,
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The largest log-density over eta, or its limit."""

    def tails(
        self,
        y: NDArray[np.float64],
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """P(Y < y), P(Y = y), P(Y > y) as columns, each accurate where it is small."""

    def mean(
        self,
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]: ...
    def mean_slope(
        self,
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]: ...
    def variance(
        self,
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]: ...
    def information(
        self,
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]: ...
    def draw(
        self,
        key: tuple[int, int],
        first: int,
        size: NDArray[np.float64] | None,
        eta: NDArray[np.float64],
        auxiliary: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Responses (r, n) of replicates first, first + 1, ..., at the rows of eta (r, n)."""

class GeneralisedSolution:
    """What a search, or a single evaluation, found: psi = (theta, beta, auxiliary).

    `hessian` and `covariance` (twice its inverse) are over psi; the latter is None where the
    Hessian is not positive definite. `covariance_conditional` is (X'V^-1 X)^-1 at the modes.
    """

    theta: NDArray[np.float64]
    beta: NDArray[np.float64]
    auxiliary: NDArray[np.float64]
    deviance: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64] | None
    covariance: NDArray[np.float64] | None
    covariance_conditional: NDArray[np.float64]
    b: list[NDArray[np.float64]]
    eta: NDArray[np.float64]
    trace: NDArray[np.float64]
    status: str

class GeneralisedRefits:
    """Many fits, a row for each response; nan where there is none, and why in `messages`."""

    psi: NDArray[np.float64]
    bse: NDArray[np.float64]
    deviance: NDArray[np.float64]
    status: list[str]
    n_evaluations: list[int]
    messages: list[str | None]

class GeneralisedProblem:
    """One data set with a family.

    `terms` are read by their attributes (see `engine.structured`). `sources` say where each
    auxiliary of the family comes from: a matrix (n, k) in Fortran order, or how many categories
    have thresholds spaced in which way, for the two of an ordered response.
    """

    def __new__(
        cls,
        y: NDArray[np.float64],
        size: NDArray[np.float64] | None,
        X: NDArray[np.float64],
        terms: Sequence[object],
        weights: NDArray[np.float64] | None,
        offset: NDArray[np.float64] | None,
        family: Family,
        sources: Sequence[NDArray[np.float64] | tuple[str, int]],
        values: list[tuple[float, int | None]] | None,
        nodes: int,
        available: Callable[[], int | None],
    ) -> GeneralisedProblem: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def n_beta(self) -> int: ...
    @property
    def n_auxiliary(self) -> int: ...
    @property
    def covariances(self) -> StructuredProblem: ...
    @property
    def start(self) -> NDArray[np.float64]: ...
    def with_response(self, y: NDArray[np.float64]) -> GeneralisedProblem: ...
    def deviance(self, psi: NDArray[np.float64]) -> float: ...
    def gradient(self, psi: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]: ...
    def minimise(
        self,
        start: NDArray[np.float64] | None,
        max_evaluations: int,
        tolerance: float,
        hessian: bool,
    ) -> GeneralisedSolution: ...
    def estimates(self, psi: NDArray[np.float64], hessian: bool = True) -> GeneralisedSolution: ...
    def conditional_covariance(
        self, psi: NDArray[np.float64], term: int
    ) -> NDArray[np.float64]: ...
    def solve(
        self, psi: NDArray[np.float64], right: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...
    def row_variance(self, psi: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def mode_slopes(self, psi: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def draw(
        self,
        psi: NDArray[np.float64],
        eta: NDArray[np.float64],
        key: NDArray[np.uint64],
        effects: str | None,
        first: int,
        count: int,
    ) -> NDArray[np.float64]: ...
    def refit(
        self,
        Y: NDArray[np.float64],
        start: NDArray[np.float64],
        max_evaluations: int,
        tolerance: float,
    ) -> GeneralisedRefits: ...
    def working(
        self, psi: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

class StructuredProblem:
    """One data set with structured covariances; `theta` holds the free coordinates.

    `terms` and `residual` are read by their attributes (see `engine.structured`), `spreads` are
    (kind, column) of the log of the residual's standard deviation. `values` are per structure
    parameter a constant, or the index of the element of theta that it equals.
    """

    def __new__(
        cls,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        terms: Sequence[object],
        residual: object | None,
        spreads: Sequence[tuple[str, NDArray[np.float64]]],
        weights: NDArray[np.float64] | None,
        values: list[tuple[float, int | None]] | None,
        sigma: float | None,
        available: Callable[[], int | None],
    ) -> StructuredProblem: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def n_full(self) -> int: ...
    @property
    def term_ends(self) -> list[int]: ...
    @property
    def start(self) -> NDArray[np.float64]: ...
    @property
    def units(self) -> NDArray[np.float64]: ...
    @property
    def values(self) -> list[tuple[float, int | None]]: ...
    def with_response(self, y: NDArray[np.float64]) -> StructuredProblem: ...
    def deviance(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> float: ...
    def gradient(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> tuple[float, NDArray[np.float64], float]: ...
    def minimise(
        self,
        reml: bool,
        sigma: float | None,
        start: NDArray[np.float64] | None,
        max_evaluations: int,
        tolerance: float,
    ) -> Solution: ...
    def estimates(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Solution: ...
    def draw(
        self,
        theta: NDArray[np.float64],
        sigma: float,
        mean: NDArray[np.float64],
        key: NDArray[np.uint64],
        effects: str | None,
        residuals: str,
        first: int,
        count: int,
    ) -> NDArray[np.float64]: ...
    def refit(
        self,
        Y: NDArray[np.float64],
        start: NDArray[np.float64],
        reml: bool,
        sigma: float | None,
        max_evaluations: int,
        tolerance: float,
    ) -> Refits: ...
    def conditional_covariance(
        self, theta: NDArray[np.float64], term: int
    ) -> NDArray[np.float64]: ...
    def information(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Information: ...
    def kenward_roger(
        self, theta: NDArray[np.float64], sigma: float | None = None
    ) -> KenwardRoger: ...
    def templates(self, theta: NDArray[np.float64]) -> list[NDArray[np.float64]]: ...
    def report(
        self, theta: NDArray[np.float64]
    ) -> tuple[
        list[tuple[Owner, int, QuantityKind, int, int]], NDArray[np.float64], NDArray[np.float64]
    ]: ...
    def coordinates(self, report: NDArray[np.float64]) -> NDArray[np.float64] | None: ...
    def residual_covariance(
        self, theta: NDArray[np.float64], part: int, at: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...
    def row_sd(self, theta: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def whitened(
        self, theta: NDArray[np.float64], columns: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...

class IterativeProblem:
    """Crossed data whose equations are never factorised: conjugate gradients and fixed probes.

    Arguments as those of `Problem`; theta is in the user's units.
    """

    @staticmethod
    def of_rows(
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        groups: Sequence[tuple[NDArray[np.int32], int]],
        terms: Sequence[tuple[int, NDArray[np.float64], str]],
        weights: NDArray[np.float64] | None,
        available: Callable[[], int | None],
    ) -> IterativeProblem: ...
    @staticmethod
    def of_sums(sums: Sums, available: Callable[[], int | None]) -> IterativeProblem: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def theta_index(self) -> list[tuple[int, int, int]]: ...
    @property
    def column_scales(self) -> list[NDArray[np.float64]]: ...
    def minimise(
        self,
        reml: bool,
        start: NDArray[np.float64] | None,
        max_evaluations: int,
        tolerance: float,
        sigma: float | None = None,
    ) -> Solution: ...
    def estimates(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Solution: ...
    def gradient(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> tuple[float, NDArray[np.float64]]: ...
    def information(
        self, theta: NDArray[np.float64], reml: bool, sigma: float | None = None
    ) -> Information: ...
    def equations(self, theta: NDArray[np.float64]) -> Equations: ...
    def conditional_covariance(
        self, theta: NDArray[np.float64], term: int
    ) -> tuple[NDArray[np.float64], float]: ...
