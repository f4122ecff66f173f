"""Types of the native engine. Every method is pure and releases the interpreter lock."""

import numpy as np
from numpy.typing import NDArray

class EngineError(ValueError):
    """A failure of the engine: args are (kind, message, place).

    `kind` is "perfect", "rank" (place: column, 0), "factorisation" (place: group, level), "code"
    (place: group, row) or "input"; without a place it is None.
    """

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

class Problem:
    """Cross-products of one data set.

    `theta` goes term by term: the lower triangle of T_k column by column ("unstructured") or its
    diagonal ("diagonal"), in the user's units of Z.
    """

    def __new__(
        cls,
        y: NDArray[np.float64],
        X: NDArray[np.float64],
        groups: list[tuple[NDArray[np.int32], int]],
        terms: list[tuple[int, NDArray[np.float64], str]],
        weights: NDArray[np.float64] | None,
    ) -> Problem: ...
    @property
    def n_theta(self) -> int: ...
    @property
    def theta_index(self) -> list[tuple[int, int, int]]: ...
    @property
    def column_scales(self) -> list[NDArray[np.float64]]: ...
    def deviance(self, theta: NDArray[np.float64], reml: bool) -> float: ...
    def gradient(
        self, theta: NDArray[np.float64], reml: bool
    ) -> tuple[float, NDArray[np.float64]]: ...
    def minimise(
        self,
        reml: bool,
        start: NDArray[np.float64] | None,
        max_evaluations: int,
        tolerance: float,
    ) -> Solution: ...
    def estimates(self, theta: NDArray[np.float64], reml: bool) -> Solution: ...
    def conditional_covariance(
        self, theta: NDArray[np.float64], term: int
    ) -> NDArray[np.float64]: ...
    def with_response(self, y: NDArray[np.float64]) -> Problem: ...
