"""Variances of the errors of prediction, from the joint covariance of beta-hat and b-hat.

At known theta the errors of Henderson's mixed model equations have the covariance (Henderson 1975,
*Biometrics* 31, 423-447; Robinson 1991, *Statistical Science* 6, 15-32)

    Cov(beta-hat - beta, b-hat - b) = sigma^2 [X'WX  X'WZ; Z'WX  Z'WZ + G^-1]^-1

with G = Lambda Lambda', so that with M = Lambda'Z'WZ Lambda + I, C = (X'V^-1 X)^-1 and v = Lambda'z

    Var(x'beta-hat + z'(b-hat - b)) / sigma^2 = v'M^-1 v + u'C u,   u = x - X'WZ Lambda M^-1 v.

A singular T is an ordinary case.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.equations import Equations, Sparse
from mixedmodels.engine.route import AnyPlain
from mixedmodels.prediction.rows import Rows

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorCovariance:
    """The factored mixed model equations at one theta.

    Attributes
    ----------
    equations
        Those of the random effects.
    B
        Shape (effects, p): M^-1 Lambda'Z'WX.
    cov_beta
        C (p, p).
    """

    equations: Equations
    B: Vector
    cov_beta: Vector

    @staticmethod
    def of(problem: AnyPlain, theta: Vector, cov_beta: Vector) -> "ErrorCovariance":
        """Factor the equations at `theta`."""
        eq = problem.equations(theta)
        X = eq.root_weights[:, None] * problem.matrices.X
        return ErrorCovariance(eq, eq.solve(np.asarray(eq.U.T @ X)), cov_beta)

    def solve(self, rows: Rows) -> tuple[list[Vector], Vector]:
        """Per term t (n, levels, q_k), and C u (n, p), of each row: b-hat's and beta-hat's part of
        H^-1 (x, z), where H is the matrix of Henderson's equations and b = Lambda t.
        """
        v = self._spread(rows)
        fixed = np.asarray((rows.X - v @ self.B) @ self.cov_beta)
        t = self.equations.solve(v.toarray().T).T - fixed @ self.B.T
        return self.equations.by_term(t), fixed

    def variances(self, rows: Rows) -> Vector:
        """The variance of the error of each row over sigma^2, (n,); unseen levels add nothing."""
        v = self._spread(rows)
        u = rows.X - v @ self.B
        fixed: Vector = np.einsum("ni,ni->n", u @ self.cov_beta, u)
        return self.equations.inner(v) + fixed

    def _spread(self, rows: Rows) -> Sparse:
        """V of each row, sparse (n, effects)."""
        codes, Z = [term.codes for term in rows.terms], [term.Z for term in rows.terms]
        return self.equations.rows(codes, Z, len(rows.X))
