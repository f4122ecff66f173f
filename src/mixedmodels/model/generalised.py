"""`GeneralisedMixedModel`: what generalised models answer beside what all models do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from mixedmodels import rooms
from mixedmodels.families import Family
from mixedmodels.fit import auxiliary, change, fitted
from mixedmodels.fit.degrees_of_freedom import ddf_of
from mixedmodels.model.mixed import MixedModel
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import (
    DegreesOfFreedom,
    Interval,
    NewLevels,
    PredictionType,
    RowContrast,
    Shape,
    SimulatedEffects,
)

if TYPE_CHECKING:
    from mixedmodels.means import Means
    from mixedmodels.posthoc.counterfactuals import Step, Values, Variables
    from mixedmodels.posthoc.points import At
    from mixedmodels.posthoc.specs import By
    from mixedmodels.prediction.parameters import Correlations, Deviations


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GeneralisedMixedModel(MixedModel):
    """A fitted generalised linear mixed model, as `mixedmodels.glmm` returns it.

    It never changes. Fixed effects, random effects and their covariances are on the scale of the
    linear predictor, fitted values on that of the response.

    Attributes
    ----------
    fit : Fit
        The estimates, the matrices and the criterion.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
    >>> model.family.name, model.family.link, model.nobs, model.ngroups
    ('binomial', 'logit', 56, {'herd': 15})
    """

    @property
    def family(self) -> Family:
        """The distribution of the response given the random effects, with its link."""
        return self.fit.family

    @property
    def response_levels(self) -> tuple[object, ...]:
        """Categories of a response that is no number, in order: of two the second is a success."""
        return self.fit.spec.response_levels

    @property
    def linear_predictor(self) -> pd.Series:
        """X beta + Z b + offset, on the index of the rows used."""
        return fitted.linear_predictor_values(self.fit)

    @property
    def auxiliary_params(self) -> dict[str, pd.Series]:
        """Parameters of the parts beside the mean, by part and name.

        ``"dispersion"`` and ``"shape"``: coefficients of the logarithm. ``"zero"``: of the logit of
        the probability of a zero beside the family's, or of the hurdle. ``"thresholds"``: between
        the categories of an ordinal response, on the scale of the linear predictor.
        """
        return auxiliary.auxiliary_params(self.fit)

    def auxiliary_table(self, level: float = 0.95) -> object:
        """Table `part, term, estimate, std_error, statistic, p_value, conf_low, conf_high`.

        Of `auxiliary_params`; tests are by z, of coefficients for which zero means something.

        Parameters
        ----------
        level : float
            Coverage of the normal limits.
        """
        return auxiliary.auxiliary_table(self.fit, level=level)

    def predict(
        self,
        newdata: object = None,
        *,
        type: PredictionType = "response",
        re: str | Sequence[str] = "all",
        marginal: bool = False,
        new_levels: NewLevels = "population",
        se: bool = False,
        interval: Interval | None = None,
        level: float = 0.95,
        seed: Seed = None,
    ) -> Any:
        """Predictions on the scale of the response, with standard errors and limits if asked for.

        Parameters
        ----------
        newdata : frame, optional
            Rows to predict, with the columns of offset and exposure if the model has them; by
            default the rows used.
        type : {"response", "link", "conditional", "zero", "expected"}
            The mean of the response (a share of successes, not their number; of an ordered response
            the probability of each category), or the linear predictor. Of a model with zero
            inflation or a hurdle ``"response"`` is the mean of all rows, ``"conditional"`` that of
            the rows that are not zeros of that kind, and ``"zero"`` the probability of such a zero.
            ``"expected"`` is the mean category of an ordered response, counted from 1.
        re : {"all", "none"} or sequence of str
            Random effects to include: every group's, none, those of the groups named, or single
            ones by a term as in a formula, ``"(1 | herd)"``. Without them a prediction is that at
            random effects of zero, a typical level, not the mean over levels.
        marginal : bool
            The mean over the random effects: E h(x'beta + z'u), u ~ N(0, Sigma), of all groups but
            those that `re` names. This is what the population has on average.
        new_levels : {"population", "error", "sampled"}
            A level that the fit has not seen, or a missing one, has random effects of zero, is
            an error, or gets random effects drawn from their estimated distribution.
        se : bool
            Standard errors, by the delta method, from the joint covariance of all parameters,
            variances included, and the random effects, as TMB has them; an unseen level adds the
            variance of its random effects.
        interval : {"confidence", "prediction"}, optional
            Limits of what is predicted: those of the linear predictor taken back (of what depends
            on more, symmetric on the scale of the link, or of the logit of a probability). Or of
            one new observation of the response: quantiles of its family at a linear predictor that
            varies with its error and the random effects left out. New rows need their trials.
        level : float
            Coverage of the limits.
        seed : int or Generator, optional
            For sampled levels.

        Returns
        -------
        Series or table
            A Series on the index of `newdata`; of categories a table with a column for each. With
            `se` or `interval` a table `estimate, std_error, df, conf_low, conf_high`, where
            categories are rows with their name in `category`. nan where a value is missing.

        Raises
        ------
        DataError
            For an unknown group, column or option, a new level of a *fixed* factor, a new level of
            a group if so asked, or a type that the model has not.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
        >>> new = {"period": ["1", "4"], "herd": ["1", "1"]}
        >>> model.predict(new, interval="confidence").round(3)
           estimate  std_error   df  conf_low  conf_high
        0     0.308      0.081  inf     0.175      0.483
        1     0.084      0.041  inf     0.031      0.207
        >>> model.predict(new, re="none").round(3).tolist()
        [0.198, 0.048]
        >>> model.predict(new, marginal=True).round(3).tolist()
        [0.216, 0.057]
        """
        return rooms.predict_response(
            self.fit,
            newdata,
            type=type,
            re=re,
            marginal=marginal,
            new_levels=new_levels,
            se=se,
            interval=interval,
            level=level,
            seed=seed,
        )

    def predictions(
        self,
        by: By = None,
        *,
        newdata: object = None,
        at: At = None,
        wts: str | ArrayLike | None = None,
        type: PredictionType = "response",
        re: str | Sequence[str] = "none",
        marginal: bool = False,
        ddf: DegreesOfFreedom | None = None,
        level: float = 0.95,
    ) -> Means:
        """Predictions on the scale of the response, averaged over rows of data.

        Where `emmeans` has cells alike and averages linear predictors, rows count as they come,
        and what is averaged are the values of `predict`.

        Parameters
        ----------
        by : str or sequence of str, optional
            Average within the values of these columns: any of the data, grouping factors and
            columns that the model does not use too. One average of all rows by default.
        newdata : frame, optional
            Rows to average over in place of those of the fit, in any library.
        at : mapping, optional
            Set all rows to these values first, ``{"treatment": ["A", "B"]}``: one average for each
            combination, of rows that are alike in everything else (standardisation).
        wts : str or array, optional
            Weights of rows in averages: a column, or one number per row.
        type : {"response", "link", "conditional", "zero", "expected"}
            As of `predict`. ``"link"`` averages linear predictors without random effects.
        re : {"none", "all"} or sequence of str
            Random effects to include, as of `predict`: by default none, a typical level of each
            group. R's marginaleffects has ``"all"``: the levels that the rows have.
        marginal : bool
            Integrate over the random effects that `re` does not name, as of `predict`: averages of
            the population.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Normal by default: infinitely many degrees of freedom.
        level : float
            Coverage of the limits, which are symmetric on the scale of the link.

        Returns
        -------
        Means
            Columns of `at` and of `by`, of an ordered response `category`, then the numbers. Their
            contrasts are differences on the scale of the response.

        Raises
        ------
        DataError
            For a column that is not there, a level that the fit has not seen, weights that are
            negative or missing, no complete row, or a type that the model has not.

        Notes
        -----
        Standard errors by the delta method, from the joint covariance of all parameters; with
        random effects that take part, from their errors too, which marginaleffects leaves out.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
        >>> means = model.predictions(at={"period": ["1", "2"]}, marginal=True)
        >>> means.table()[["period", "estimate", "std_error", "conf_low", "conf_high"]].round(3)
          period  estimate  std_error  conf_low  conf_high
        0      1     0.216      0.036     0.153      0.296
        1      2     0.097      0.027     0.056      0.164
        >>> means.pairs().table()[["contrast", "estimate", "std_error"]].round(3)
                    contrast  estimate  std_error
        0  period1 - period2     0.119      0.036
        """
        return rooms.Means(
            rooms.response_predictions(
                self.fit,
                by,
                newdata=newdata,
                at=at,
                wts=wts,
                type=type,
                re=re,
                marginal=marginal,
                ddf=ddf_of(self.fit, ddf),
                level=level,
            )
        )

    def comparisons(
        self,
        variable: Variables,
        by: By = None,
        *,
        newdata: object = None,
        contrast: RowContrast = "reference",
        step: Step | None = None,
        values: Values | None = None,
        at: At = None,
        wts: str | ArrayLike | None = None,
        type: PredictionType = "response",
        re: str | Sequence[str] = "none",
        marginal: bool = False,
        ddf: DegreesOfFreedom | None = None,
        level: float = 0.95,
    ) -> Means:
        """Counterfactual differences on the scale of the response, averaged over rows.

        Every row at one value of a variable less itself at another: risk differences, differences
        of mean counts (average treatment effects, g-computation).

        Parameters
        ----------
        variable : str, sequence of str or mapping
            The columns, of the fixed part, whose values are changed, one at a time. A mapping says
            of each what is compared: ``{"dose": 10, "age": "sd", "arm": "pairwise"}``.
        by, newdata, wts
            As of `predictions`: `by` groups rows by their own values.
        contrast : {"reference", "sequential", "pairwise"}
            Of a factor's levels, or of `values`: each less the first, each less the one before, or
            all pairs, the later less the earlier.
        step : float or {"sd", "2sd", "iqr", "minmax"}, optional
            Of a covariate, one unit by default, half of it on either side of the row's own value.
            In words a standard deviation of the rows of the fit, or two; or all rows at the third
            quartile less at the first, at the largest value less at the smallest.
        values : array, optional
            Values that rows are set to instead; levels of a factor, the first one being the
            reference.
        at : mapping, optional
            Other columns that all rows are set to, as of `predictions`.
        type, re, marginal, ddf, level
            As of `predictions`. With ``type="link"`` differences are of linear predictors, which
            `Means.response` shows as odds ratios or ratios of means.

        Returns
        -------
        Means
            Columns `term` (the variable) and `contrast`, those of `at` and `by`, then the numbers.

        Raises
        ------
        DataError
            For a variable that the fixed part does not use, a step of a factor, a level without
            data, and as `predictions`.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
        >>> found = model.comparisons("period", marginal=True)
        >>> found.table()[["term", "contrast", "estimate", "std_error"]].round(3)
             term contrast  estimate  std_error
        0  period    2 - 1    -0.119      0.036
        1  period    3 - 1    -0.130      0.036
        2  period    4 - 1    -0.159      0.037
        """
        return rooms.Means(
            rooms.response_comparisons(
                self.fit,
                variable,
                by,
                newdata=newdata,
                contrast=contrast,
                step=step,
                values=values,
                at=at,
                wts=wts,
                type=type,
                re=re,
                marginal=marginal,
                ddf=ddf_of(self.fit, ddf),
                level=level,
            )
        )

    def slopes(
        self,
        variable: str | Sequence[str],
        by: By = None,
        *,
        newdata: object = None,
        at: At = None,
        wts: str | ArrayLike | None = None,
        type: PredictionType = "response",
        re: str | Sequence[str] = "none",
        marginal: bool = False,
        ddf: DegreesOfFreedom | None = None,
        level: float = 0.95,
    ) -> Means:
        """Average slopes on the scale of the response: derivatives along a covariate at every row.

        Also called average marginal effects.

        Parameters
        ----------
        variable : str or sequence of str
            Covariates of the fixed part, also inside ``poly``, splines or ``np.log``.
        by, newdata, at, wts, type, re, marginal, ddf, level
            As of `predictions`.

        Returns
        -------
        Means
            Columns `term`, `contrast` (``dY/dX``), those of `at` and `by`, then the numbers.

        Raises
        ------
        DataError
            For a factor or a variable that the fixed part does not use, and as `predictions`.

        Notes
        -----
        By differences between four places a thousandth of a standard deviation apart, exact to
        about ten digits where the formula is smooth there.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("contraception")
        >>> model = mm.glmm("use ~ age + urban + (1 | district)", data, family="binomial")
        >>> found = model.slopes("age", by="urban", marginal=True).table()
        >>> found[["term", "contrast", "urban", "estimate", "std_error"]].round(4)
          term contrast urban  estimate  std_error
        0  age    dY/dX     N    0.0019     0.0012
        1  age    dY/dX     Y    0.0022     0.0013
        """
        return rooms.Means(
            rooms.response_slopes(
                self.fit,
                variable,
                by,
                newdata=newdata,
                at=at,
                wts=wts,
                type=type,
                re=re,
                marginal=marginal,
                ddf=ddf_of(self.fit, ddf),
                level=level,
            )
        )

    def simulate(
        self,
        n: int = 1,
        *,
        seed: Seed = None,
        re: SimulatedEffects = "new",
        effects: Shape = "normal",
        newdata: object = None,
        fixed: Mapping[str, float] | None = None,
        sd: Deviations | None = None,
        corr: Correlations | None = None,
        theta: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Responses drawn from the model, at its estimates or other parameters.

        Parameters
        ----------
        n : int
            Number of replicates, the columns of the array (rows, n).
        seed : int or Generator, optional
            Replicate i is the same for one seed whatever `n` is.
        re : {"new", "fitted"}
            Draw new random effects for every replicate, or keep the conditional modes.
        effects : {"normal", "t", "skewed"}
            Shape of new random effects, of mean 0 and the fit's variance.
        newdata : frame, optional
            Rows to draw for, with the columns that the formulas use but the response, and those of
            offset, exposure and trials; by default the rows used. Its levels of the groups are its
            own; with ``re="fitted"`` they must be the fit's. A row with a missing value gets nan.
        fixed : mapping, optional
            Fixed effects by the names of the coefficients; those not named are as estimated.
        sd : mapping, optional
            Standard deviations of random effects on the scale of the linear predictor, by group and
            column: ``{"herd": 0.5}``. Those not named are as estimated.
        corr : mapping, optional
            Correlations by group: one number for all pairs, numbers by pairs, or the matrix.
        theta : array, optional
            In place of `sd` and `corr`, the covariance parameters, in the order of `model.theta`.

        Returns
        -------
        array (rows, n)
            Numbers, counts, successes of the row's trials, or the places 0, 1, … of categories in
            `response_levels`; zeros of zero inflation and of hurdles among them. What is drawn can
            be refitted with `refit`.

        Raises
        ------
        DataError
            If an option, name or parameter is not possible, new data lack what the model needs, or
            the model has weights, which multiply log-likelihoods and are of no distribution.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
        >>> y = model.simulate(1000, seed=1)
        >>> y.shape, bool((y <= model.fit.matrices.size[:, None]).all())
        ((56, 1000), True)
        """
        return rooms.simulate(
            self.fit,
            n,
            seed=seed,
            re=re,
            effects=effects,
            newdata=newdata,
            fixed=fixed,
            sd=sd,
            corr=corr,
            theta=theta,
        )

    def update(self, formula: str | None = None, *, data: object = None) -> GeneralisedMixedModel:
        """A new model with some parts of the request changed.

        Parameters
        ----------
        formula : str, optional
            With R's dots for the old parts: ``". ~ . + x - (1 | g)"``.
        data : frame, optional
            Other data.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.glmm("incidence / size ~ period + (1 | herd)", mm.datasets.load("cbpp"))
        >>> model.update("~ . - period").params.round(2).to_dict()
        {'Intercept': -2.05}
        """
        return GeneralisedMixedModel(change.update(self.fit, formula, data=data))

    def __repr__(self) -> str:
        return (
            f"<GeneralisedMixedModel {self.formula}: {self.family.name} ({self.family.link}), "
            f"n = {self.nobs}>"
        )
