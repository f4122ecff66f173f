"""`Draws`: a sample of everything that a model estimates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixedmodels.fit.all_parameters import parameters_of
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names, terms_of_group
from mixedmodels.inference.draws.arviz_data import arviz_data
from mixedmodels.inference.draws.conditional import with_effects
from mixedmodels.inference.draws.predicted_draws import predicted_draws
from mixedmodels.options import require_probability
from mixedmodels.prediction.streams import Seed
from mixedmodels.shortening import middle_cut
from mixedmodels.vocabulary import DrawKind, NewLevels

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Draws:
    """Draws of coefficients, variance parameters and random effects, as `model.draws()` gives them.

    One after the other a draw is of the same joint distribution: its coefficients and random
    effects belong to its variances. Draw i depends on the seed and on i alone.

    Attributes
    ----------
    fit : Fit
        The estimates.
    held : tuple of str
        Variance parameters at the end of their range (a standard deviation of zero, a correlation
        of a singular term), which every draw has at their estimates.
    theta, sigma, beta, delta : arrays (n, m), (n,), (n, p), (n, a)
        In the working coordinates of the fit.
    b : tuple of arrays (n, levels, q_k)
        Per term, in working coordinates.
    values : array (n, r)
        The variance parameters on their natural scale.
    """

    fit: Fit
    held: tuple[str, ...]
    theta: Vector
    sigma: Vector
    beta: Vector
    delta: Vector
    b: tuple[Vector, ...]
    values: Vector

    def __len__(self) -> int:
        return len(self.beta)

    @property
    def params(self) -> pd.DataFrame:
        """Fixed effects, a row per draw."""
        m = self.fit.matrices
        values = m.coordinates.reported(self.beta)
        return pd.DataFrame(values, columns=pd.Index(m.x_names, dtype=object)).rename_axis("draw")

    @property
    def variance_parameters(self) -> pd.DataFrame:
        """Standard deviations, correlations and other parameters by name, a row per draw."""
        names = pd.Index(parameters_of(self.fit).names, dtype=object)
        return pd.DataFrame(self.values, columns=names).rename_axis("draw")

    @property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Per group the random effects, a row per draw and a column per level and term."""
        m, labels, out = self.fit.matrices, column_labels(self.fit.matrices), {}
        for g, group in enumerate(group_names(m)):
            names = [name for k in terms_of_group(m, g) for name in labels[k]]
            levels = m.groupings[g].levels
            columns = pd.MultiIndex.from_product([levels, names], names=[group, "term"])
            values = self.effects(g).reshape(len(self), -1)
            out[group] = pd.DataFrame(values, columns=columns).rename_axis("draw")
        return out

    def effects(self, group: int) -> Vector:
        """The random effects of a grouping factor, by number, (n, levels, columns)."""
        m = self.fit.matrices
        parts = [m.terms[k].coordinates.reported(self.b[k]) for k in terms_of_group(m, group)]
        return np.concatenate(parts, axis=2)

    def fits(self) -> Iterator[Fit]:
        """The fit with the parameters and random effects of each draw."""
        for i in range(len(self)):
            own = self.fit.generalised
            if own is not None:
                own = replace(own, auxiliary=self.delta[i])
            at = replace(self.fit, theta=self.theta[i], sigma=float(self.sigma[i]), generalised=own)
            yield with_effects(at, self.beta[i], [b[i] for b in self.b])

    def frame(self, *, random_effects: bool = False) -> Any:
        """A table with a row per draw, in the frame library of the data.

        Columns `draw`, the fixed effects, the variance parameters by their names in full, and if
        asked for the random effects, as ``b(Subject:308:Days)``.
        """
        columns: dict[str, Any] = {"draw": np.arange(len(self))}
        for part in (self.params, self.variance_parameters):
            columns |= {str(name): part[name].to_numpy() for name in part}
        for group, effects in self.random_effects.items() if random_effects else ():
            values = effects.to_numpy()
            for j, (level, term) in enumerate(effects.columns):
                columns[f"b({group}:{level}:{term})"] = values[:, j]
        return self.fit.frame.table(columns)

    def summary(self, level: float = 0.95) -> Any:
        """Table `group, term, estimate, std_error, conf_low, conf_high` of the draws.

        Mean, standard deviation and quantiles: of the fixed effects, whose group is null, then of
        the variance parameters.
        """
        require_probability("level", level)
        found, names = parameters_of(self.fit), self.fit.matrices.x_names
        values = np.hstack([self.params.to_numpy(), self.values])
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return self.fit.frame.table(
            {
                "group": np.array([None] * len(names) + list(found.groups), dtype=object),
                "term": np.array([*names, *found.terms], dtype=object),
                "estimate": values.mean(axis=0),
                "std_error": values.std(axis=0, ddof=min(1, len(values) - 1)),
                "conf_low": low,
                "conf_high": high,
            }
        )

    def predict(
        self,
        newdata: object = None,
        *,
        kind: DrawKind = "mean",
        re: str | Sequence[str] = "all",
        new_levels: NewLevels = "sampled",
        seed: Seed = None,
    ) -> pd.DataFrame:
        """Predictions of each draw: a row per row predicted, a column per draw.

        Parameters
        ----------
        newdata : frame, optional
            Rows to predict; by default the rows used.
        kind : {"mean", "link", "response"}
            The mean of the response given the random effects; the linear predictor, which is the
            same in a linear model; or new responses, drawn around it. New residuals are independent
            of those of the fit.
        re : {"all", "none"} or sequence of str
            Random effects to include, as in `LinearMixedModel.predict`.
        new_levels : {"sampled", "population", "error"}
            A level that the fit has not seen gets random effects drawn from the distribution that
            the draw has for them, random effects of zero, or is an error.
        seed : int or Generator, optional
            For new levels and responses.

        Returns
        -------
        DataFrame
            nan where a value is missing.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> found = model.draws(400, seed=1).predict({"Days": [9], "Subject": ["new"]}, seed=2)
        >>> found.shape
        (1, 400)
        """
        return predicted_draws(
            self.fit,
            list(self.fits()),
            newdata,
            kind=kind,
            re=re,
            new_levels=new_levels,
            seed=seed,
        )

    def to_arviz(self, *, posterior_predictive: bool = False, seed: Seed = None) -> Any:
        """The draws for ArviZ: one chain, with names of coefficients, parameters and levels.

        Groups `posterior` (`beta`, `parameters`, and `b_` with the name of every grouping factor),
        `observed_data`, `log_likelihood` of the rows given the random effects (where these are
        independent given them), and `posterior_predictive` if asked for.

        Returns
        -------
        DataTree or InferenceData
            What the installed ArviZ has: a DataTree of xarray from version 1 on.

        Raises
        ------
        DataError
            If neither arviz-base nor arviz is installed.
        """
        return arviz_data(self, posterior_predictive=posterior_predictive, seed=seed)

    def __repr__(self) -> str:
        found = self.fit.matrices
        effects = sum(b[0].size for b in self.b)
        lines = [
            f"<{len(self)} draws of {len(found.x_names)} fixed effects, {self.values.shape[1]} "
            f"variance parameters and {effects} random effects>"
        ]
        if self.held:
            lines.append(f"at the end of their range, and held there: {', '.join(self.held[:6])}")
        return "\n".join(middle_cut(line, 118) for line in lines)
