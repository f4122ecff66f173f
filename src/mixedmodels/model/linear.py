"""`LinearMixedModel`: what linear models answer beside what all models do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels import rooms
from mixedmodels.fit import change, variance_components
from mixedmodels.model.mixed import MixedModel
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import (
    DegreesOfFreedom,
    HeterogeneityInterval,
    Interval,
    NewLevels,
    Shape,
    SimulatedEffects,
)

if TYPE_CHECKING:
    from mixedmodels.inference.heterogeneity import Heterogeneity
    from mixedmodels.prediction.parameters import Correlations, Deviations


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LinearMixedModel(MixedModel):
    """A fitted linear mixed model, as `mixedmodels.lmm` returns it. It never changes.

    Labelled vectors and matrices are pandas; tables come in the frame library of the data.

    Attributes
    ----------
    fit : Fit
        The estimates, the matrices and the criterion.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.lmm("Yield ~ 1 + (1 | Batch)", mm.datasets.load("dyestuff"))
    >>> round(model.sigma, 3), model.nobs, model.ngroups
    (49.51, 30, {'Batch': 6})
    """

    @property
    def sigma(self) -> float:
        """Residual standard deviation of a row of weight 1.

        Where it differs between rows, that of the first occasion and of the first part of ``by=``,
        before what ``sigma=`` adds.
        """
        return variance_components.residual_sd(self.fit)

    @property
    def scale(self) -> float:
        """Residual variance, `sigma` squared."""
        return variance_components.residual_sd(self.fit) ** 2

    def predict(
        self,
        newdata: object = None,
        *,
        re: str | Sequence[str] = "all",
        new_levels: NewLevels = "population",
        se: bool = False,
        interval: Interval | None = None,
        level: float = 0.95,
        ddf: DegreesOfFreedom = "satterthwaite",
        seed: Seed = None,
    ) -> Any:
        """Predicted means, with standard errors and limits if asked for.

        Parameters
        ----------
        newdata : frame, optional
            Rows to predict; by default the rows used.
        re : {"all", "none"} or sequence of str
            Random effects to include: every group's, none (the population mean), those of the
            groups named, or single ones by a term as in a formula, ``"(1 | Subject)"``. Where
            `residual=` correlates residuals, ``"all"`` also includes what those of a block tell of
            its new occasions; an occasion that the fit has used has its fitted value.
        new_levels : {"population", "error", "sampled"}
            A level that the fit has not seen, or a missing one, has random effects of zero, is
            an error, or gets random effects drawn from their estimated distribution.
        se : bool
            Standard errors from the joint covariance of the fixed and the random effects; an
            unseen level adds the variance of its random effects.
        interval : {"confidence", "prediction"}, optional
            Limits of the mean, or of one new observation: these add the row's residual variance
            and that of the random effects left out. nan at an occasion that the fit has not seen,
            where `residual=` has a variance for each.
        level : float
            Coverage of the limits.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom
            Degrees of freedom of the limits: Satterthwaite's, of each row's own variance (the
            default: those of the tests where `re` is ``"none"``); Kenward and Roger's, for means
            with ``re="none"``; n - p; or infinitely many.
        seed : int or Generator, optional
            For sampled levels.

        Returns
        -------
        Series or table
            A Series on the index of `newdata`; with `se` or `interval` a table `estimate,
            std_error, df, conf_low, conf_high`. nan where a value of a covariate is missing.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.predict({"Days": [0, 10], "Subject": [308, 308]}).round(1).tolist()
        [253.7, 450.3]
        >>> model.predict({"Days": [0, 10]}, re="none").round(1).tolist()
        [251.4, 356.1]
        >>> new = {"Days": [10, 10], "Subject": ["308", "somebody new"]}
        >>> model.predict(new, interval="prediction").round(1)
           estimate  std_error     df  conf_low  conf_high
        0     450.3       15.9  157.5     390.9      509.8
        1     356.1       67.6   19.5     205.1      507.1
        """
        return rooms.predict(
            self.fit,
            newdata,
            re=re,
            new_levels=new_levels,
            se=se,
            interval=interval,
            level=level,
            ddf=ddf,
            seed=seed,
        )

    def simulate(
        self,
        n: int = 1,
        *,
        seed: Seed = None,
        re: SimulatedEffects = "new",
        effects: Shape = "normal",
        residuals: Shape = "normal",
        newdata: object = None,
        fixed: Mapping[str, float] | None = None,
        sd: Deviations | None = None,
        corr: Correlations | None = None,
        sigma: float | None = None,
        theta: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Responses drawn from the model, at its estimates or other parameters.

        Without a fit, `mixedmodels.planning.plan` makes a model of parameters alone.

        Parameters
        ----------
        n : int
            Number of replicates, the columns of the array (rows, n).
        seed : int or Generator, optional
            Replicate i is the same for one seed whatever `n` is.
        re : {"new", "fitted"}
            Draw new random effects for every replicate, or keep the conditional modes.
        effects, residuals : {"normal", "t", "skewed"}
            Shapes, all of mean 0 and the fit's variance: normal, Student's t with 5 degrees of
            freedom, or a gamma of skewness 1.
        newdata : frame, optional
            Rows to draw for, with the columns that the formula uses but the response, and those of
            weights and offset; by default the rows used. Its levels of the groups are its own; with
            ``re="fitted"`` they must be the fit's. A row with a missing value gets nan.
        fixed : mapping, optional
            Fixed effects by the names of the coefficients; those not named are as estimated.
        sd : mapping, optional
            Standard deviations of random effects, in the units of the response, by group and
            column: ``{"Subject": {"Days": 3}}``. Those not named are as estimated.
        corr : mapping, optional
            Correlations by group: one number for all pairs, numbers by pairs, or the matrix.
        sigma : float, optional
            Residual standard deviation of a row of weight 1; `sd` does not change with it.
        theta : array, optional
            In place of `sd` and `corr`, the relative covariance parameters, in the order of
            `model.theta`; they are multiples of sigma.

        Returns
        -------
        array (rows, n)
            Of the rows used, in their order, or of those of `newdata`.

        Raises
        ------
        DataError
            If an option, name or parameter is not possible, or new data lack what the model needs.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.simulate(1000, seed=1).shape
        (180, 1000)
        >>> new = {"Days": [0, 1, 0, 1], "Subject": ["a", "a", "b", "b"]}
        >>> y = model.simulate(500, seed=1, newdata=new, fixed={"Days": 50}, sigma=1)
        >>> y.shape, bool(45 < (y[1] - y[0]).mean() < 55)
        ((4, 500), True)
        """
        return rooms.simulate(
            self.fit,
            n,
            seed=seed,
            re=re,
            effects=effects,
            residuals=residuals,
            newdata=newdata,
            fixed=fixed,
            sd=sd,
            corr=corr,
            sigma=sigma,
            theta=theta,
        )

    def heterogeneity(
        self, *, interval: HeterogeneityInterval | None = None, level: float = 0.95
    ) -> Heterogeneity:
        """Heterogeneity of a meta-analysis: Q, I², H², and tau² of every random term with limits.

        Parameters
        ----------
        interval : {"q-profile", "profile", "wald"}, optional
            Limits of tau². By default the Q-profile method, which is exact, where there is one
            variance and one row per study; else the profile of the criterion of the fit.
        level : float
            Coverage of the limits.

        Returns
        -------
        Heterogeneity
            Prints; `Q, df, p_value, i2, h2, typical_variance, variances, table()`. Standard errors
            of tau² are from the expected information.

        Raises
        ------
        DataError
            If the residual variances are not known (``sigma=1.0, weights=1/variance``).

        Examples
        --------
        >>> import mixedmodels as mm
        >>> trials = mm.datasets.load("meta_bcg")
        >>> model = mm.lmm("yi ~ 1 + (1 | id)", trials, sigma=1.0, weights=1 / trials["vi"])
        >>> print(model.heterogeneity())
        Heterogeneity: Q = 152.23 on 12 df, p < 0.0001
        I² = 92.2 %, H² = 12.86 (typical variance within studies 0.02642)
            id, Intercept: tau² = 0.3132 (SE 0.17), 95 % from 0.1197 to 1.111, I² = 92.2 %
        Limits by the Q-profile method (Viechtbauer 2007).
        """
        return rooms.heterogeneity(self.fit, interval=interval, level=level)

    def update(
        self, formula: str | None = None, *, reml: bool | None = None, data: object = None
    ) -> LinearMixedModel:
        """A new model with some parts of the request changed.

        Parameters
        ----------
        formula : str, optional
            With R's dots for the old parts: ``". ~ . + x - (1 | g)"``.
        reml : bool, optional
            REML or ML.
        data : frame, optional
            Other data.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
        >>> model.update("~ . - (Days | Subject) + (1 | Subject)", reml=False).formula
        'Reaction ~ Days + (1 | Subject)'
        """
        return LinearMixedModel(change.update(self.fit, formula, reml=reml, data=data))

    def __repr__(self) -> str:
        return (
            f"<LinearMixedModel {self.formula}: {'REML' if self.reml else 'ML'}, n = {self.nobs}>"
        )
