"""One column filled in: its model fitted where it has values, its parameters drawn, new values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.data import Frame
from mixedmodels.design.distribution import Distribution
from mixedmodels.engine.batch import Draws
from mixedmodels.engine.settings import Control
from mixedmodels.fit.fit import Fit, fit_model
from mixedmodels.fit.request import Request
from mixedmodels.imputation.posterior import posterior_draw
from mixedmodels.imputation.question import ColumnModel
from mixedmodels.prediction.new_design import new_design
from mixedmodels.prediction.predict import predicted
from mixedmodels.prediction.streams import key_of

Vector = NDArray[np.float64]


def draw_column(
    model: ColumnModel, table: pd.DataFrame, known: pd.Series, rng: np.random.Generator
) -> pd.Series:
    """Values for the rows of `table` in which `known` has none.

    Parameters
    ----------
    model : ColumnModel
        Of the column.
    table : DataFrame
        All columns complete.
    known : Series
        The column with its missing values.
    rng : Generator
        The randomness.

    Raises
    ------
    FormulaError, DataError, ConvergenceError
        If the model cannot be fitted.
    """
    own = table.assign(**{model.name: known})
    fit = posterior_draw(fitted(model, own), rng)
    gone = known.isna().to_numpy()
    return _values(known, drawn_responses(fit, table.loc[gone], rng), model)


def fitted(model: ColumnModel, table: pd.DataFrame) -> Fit:
    """The model of a column at the rows that have a value."""
    distribution = None if model.family is None else Distribution(model.family)
    return fit_model(
        Request(
            formula=model.formula,
            frame=Frame.of(table),
            reml=distribution is None,
            control=Control(progress=False),
            distribution=distribution,
        )
    )


def drawn_responses(fit: Fit, rows: pd.DataFrame, rng: np.random.Generator) -> Vector:
    """New responses (n,) at the parameters and random effects of a fit; those of levels that it has
    not seen are drawn.
    """
    rows = rows.reset_index(drop=True)
    found = predicted(fit, rows, new_levels="sampled", seed=rng, left_out=False)
    if fit.generalised is None:
        return found.estimate + fit.sigma * rng.standard_normal(len(found.estimate))
    design = new_design(fit, rows, seen=False)
    draws = Draws(
        mean=found.estimate[design.complete],
        roots=(),
        sigma=1.0,
        key=key_of(rng),
        theta=fit.theta,
        auxiliary=fit.delta,
    )
    y = fit.problem.draw(draws, 0, 1, matrices=design.matrices)
    return np.asarray(design.spread(y)[:, 0])


def _values(known: pd.Series, drawn: Vector, model: ColumnModel) -> pd.Series:
    """Draws as values of the column: of a factor the levels that its numbers stand for."""
    codes = drawn.astype(np.intp)
    if isinstance(known.dtype, pd.CategoricalDtype):
        used = known.cat.remove_unused_categories().cat.categories
        return pd.Series(pd.Categorical(used[codes], dtype=known.dtype), name=known.name)
    if model.family is not None and model.family.response == "ordered":
        return pd.Series(np.unique(known.dropna().to_numpy())[codes], name=known.name)
    return pd.Series(drawn, name=known.name)
