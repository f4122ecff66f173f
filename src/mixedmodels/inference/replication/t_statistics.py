"""t statistics of several rows in every replicate, by the formulas that serve a single fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.batch import Refits
from mixedmodels.inference.replication.p_values import method_in

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """k linear functions of beta in r replicates; nan where there is no fit.

    Attributes
    ----------
    estimate, std_error, df : array (r, k)
        Of each row; df are infinite for the normal reference.
    """

    estimate: Vector
    std_error: Vector
    df: Vector


def rows_in(refits: Refits, L: Vector, W: Vector, df: float = np.inf) -> Rows:
    """The rows W L beta.

    Parameters
    ----------
    refits : Refits
        With the pieces of a method for `L`.
    L : array (q, p)
        Linearly independent.
    W : array (k, q)
        What the rows are of them.
    df : float
        Degrees of freedom where the pieces are of no method that finds them.
    """
    shape = len(refits), len(W)
    std_error, found = np.full(shape, np.nan), np.full(shape, np.nan)
    for i in np.flatnonzero(~refits.failed):
        method = method_in(refits, int(i), df)
        std_error[i] = np.sqrt(np.sum((W @ method.covariance) * W, axis=1))
        found[i] = method.single(W)
    return Rows(refits.beta @ L.T @ W.T, std_error, found)
