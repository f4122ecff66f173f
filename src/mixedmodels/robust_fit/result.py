"""What a robust fit found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.fit import criteria
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import PsiFunction

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupWeights:
    """Weights of the levels of a grouping factor for some of their effects.

    Attributes
    ----------
    group : int
        The grouping factor.
    term : int, optional
        The random term; None for all that a level has.
    columns : tuple of int
        Its columns.
    weights : array (levels,)
    """

    group: int
    term: int | None
    columns: tuple[int, ...]
    weights: Vector


@dataclass(frozen=True, slots=True, eq=False)
class RobustFit:
    """Estimates, in the form that tables and predictions read, and how much everything counted.

    Attributes
    ----------
    fit : Fit
        The estimates. Its criterion is nan but for Student's t, and `cov_beta_unscaled` is the
        robust covariance of beta-hat over sigma^2.
    psi : {"smoothed_huber", "huber", "bisquare", "t"}
        What bounds the influence.
    efficiency : float
        Of the location at normal data, nan for Student's t.
    tuning : tuple of float
        Constants: of the residuals, then of every part of the random effects.
    df : float
        Degrees of freedom of Student's t, else nan.
    is_df_estimated : bool
        Whether they were.
    row_weights : array (n,)
        From 0 to 1, for Student's t about 1.
    group_weights : tuple of GroupWeights
    trace : tuple of float
        Log-likelihoods of the iterations for Student's t; none otherwise.
    """

    fit: Fit
    psi: PsiFunction
    efficiency: float
    tuning: tuple[float, ...]
    df: float
    is_df_estimated: bool
    row_weights: Vector
    group_weights: tuple[GroupWeights, ...]
    trace: tuple[float, ...] = ()

    __repr__ = brief


def row_weights(found: RobustFit) -> pd.Series:
    """The weights of the rows, on their index."""
    return pd.Series(found.row_weights, index=found.fit.matrices.index, name="weight")


def group_weights(found: RobustFit) -> dict[str, pd.DataFrame]:
    """Per group the weights of its levels, a column per set of effects that share one."""
    m = found.fit.matrices
    names, labels = group_names(m), column_labels(m)
    out: dict[str, pd.DataFrame] = {}
    for part in found.group_weights:
        grouping = m.groupings[part.group]
        name = names[part.group]
        if name not in out:
            out[name] = pd.DataFrame(index=pd.Index(grouping.levels, name=name))
        column = "weight"
        if part.term is not None:
            column = " + ".join(labels[part.term][j] for j in part.columns)
        out[name][column] = part.weights
    return out


def weights_table(found: RobustFit) -> object:
    """Table `group, level, term, weight` of the levels, then of the rows, whose group is null."""
    m = found.fit.matrices
    parts: dict[str, list[object]] = {name: [] for name in ("group", "level", "term", "weight")}
    for name, frame in group_weights(found).items():
        for column in frame.columns:
            parts["group"] += [name] * len(frame)
            parts["level"] += [str(label) for label in frame.index]
            parts["term"] += [None if column == "weight" else column] * len(frame)
            parts["weight"] += frame[column].tolist()
    n = len(m.index)
    parts["group"] += [None] * n
    parts["level"] += [str(label) for label in m.index]
    parts["term"] += [None] * n
    parts["weight"] += found.row_weights.tolist()
    columns = {name: np.array(values, dtype=object) for name, values in parts.items()}
    return found.fit.frame.table(columns | {"weight": np.array(parts["weight"], dtype=np.float64)})


def log_likelihood(found: RobustFit, name: str) -> float:
    """The last log-likelihood of the iteration, for the number that `name` asks for.

    Raises
    ------
    DataError
        Of estimating equations, which have none.
    """
    if found.trace:
        return found.trace[-1]
    raise DataError(
        f"{name} is not there: robust estimating equations have no likelihood.\n"
        'Do:   use psi="t" for a robust fit with one, or lmm() for the normal one.'
    )


def information_criterion(found: RobustFit, name: str, penalty: float) -> float:
    """-2 log-likelihood and a penalty per parameter; degrees of freedom count if estimated.

    Raises
    ------
    DataError
        As `log_likelihood`.
    """
    n_parameters = criteria.n_parameters(found.fit) + found.is_df_estimated
    return penalty * n_parameters - 2 * log_likelihood(found, name)
