"""The joint test of several rows, by how much their estimated covariance varies.

Q = (L beta-hat)'(L Cov L')^-1 (L beta-hat) is compared with Hotelling's T^2, L Cov L' being taken
for a Wishart matrix whose total variance it has (Zhang's method, "HTZ"). Of rows with
E(L Cov L') = I

    df = q (q + 1) / sum_st Var((L Cov L')_st),     (df - q + 1) / (df q) Q ~ F(q, df - q + 1).

Pustejovsky & Tipton (2018), section 4.2, equation (15) and after.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scatter:
    """p_si'Var(e) p_tj = [i = j] d_i,st - f_si'f_tj for rows s, t and clusters i, j.

    Attributes
    ----------
    d : array (m, q, q)
    f : array (q, m, p)
    """

    d: Vector
    f: Vector

    def mean(self) -> Vector:
        """E(L Cov L') (q, q) under the working model, over sigma^2 and the factor."""
        return np.asarray(self.d.sum(axis=0) - np.einsum("sia,tia->st", self.f, self.f))

    def spread(self) -> float:
        """The sum over s and t of Var((L Cov L')_st)."""
        q, m, p = self.f.shape
        wide = self.f.swapaxes(0, 1).reshape(m, q * p)
        gram = (wide.T @ wide).reshape(q, p, q, p)  # [s, a, t, b]: sum_i f_sia f_tib
        own = np.einsum("iss->is", self.d)
        across = np.einsum("sia,tia->ist", self.f, self.f)
        lengths = np.einsum("iss->is", across)
        # sum_ij P^ss_ij P^tt_ij, and sum_ij P^st_ij P^st_ji
        first = own.sum(axis=1) @ own.sum(axis=1) - 2 * own.sum(axis=1) @ lengths.sum(axis=1)
        first += np.sum(gram**2)
        second = np.sum(self.d**2) - 2 * np.sum(self.d * across)
        second += np.einsum("satb,sbta->", gram, gram)
        return float(first + second)


def hotelling_df(unit: Scatter) -> float:
    """Degrees of freedom of rows whose mean scatter is the identity."""
    q = len(unit.f)
    return q * (q + 1) / unit.spread()
