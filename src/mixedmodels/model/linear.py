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
    Clusters,
    Covariance,
    DegreesOfFreedom,
    HeterogeneityInterval,
    Interval,
    NewLevels,
    PermutationScheme,
    RowContrast,
    Shape,
    SimulatedEffects,
)

if TYPE_CHECKING:
    from mixedmodels.inference.heterogeneity import Heterogeneity
    from mixedmodels.means import Means
    from mixedmodels.plots.permuted import PermutationTest
    from mixedmodels.posthoc.counterfactuals import Step, Values, Variables
    from mixedmodels.posthoc.points import At
    from mixedmodels.posthoc.specs import By
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
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
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
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`: for means
            with ``re="none"``.
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
            ddf=rooms.test_method(self.fit, ddf, cov, cluster),
            seed=seed,
        )

    def predictions(
        self,
        by: By = None,
        *,
        newdata: object = None,
        at: At = None,
        wts: str | ArrayLike | None = None,
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
        transform: str | None = None,
    ) -> Means:
        """Population means, averaged over rows of data.

        Where `emmeans` has cells alike, rows count as they come: what is averaged are the values
        of ``predict(re="none")``.

        Parameters
        ----------
        by : str or sequence of str, optional
            Average within the values of these columns: any of the data, grouping factors and
            columns that the model does not use too. One average of all rows by default.
        newdata : frame, optional
            Rows to average over in place of those of the fit, in any library. Grids are those of
            `emmeans`.
        at : mapping, optional
            Set all rows to these values first, ``{"treatment": ["A", "B"]}``: one average for each
            combination, of rows that are alike in everything else (standardisation).
        wts : str or array, optional
            Weights of rows in averages: a column, or one number per row.
        ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
            Degrees of freedom.
        cov, cluster
            Another covariance of the estimates, and its clusters, as of `coef_table`.
        level : float
            Coverage of the limits.
        transform : str, optional
            Of the response, as of `emmeans`.

        Returns
        -------
        Means
            Columns of `at` and of `by`, then the numbers. An average over rows of which one is not
            estimable is null, with a `NotEstimableWarning`. Rows with a missing value are left
            out, and a note says how many.

        Raises
        ------
        DataError
            For a column that is not there, a level that the fit has not seen, weights that are
            negative or missing, or no complete row.

        Notes
        -----
        The offset of each row belongs to its prediction. Averages are taken on the scale of the
        model: `Means.response` gives the inverse transform of the average.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("orthodont")
        >>> model = mm.lmm("distance ~ age * Sex + (age | Subject)", data)
        >>> model.predictions("Sex").table()[["Sex", "estimate", "std_error", "df"]].round(3)
              Sex  estimate  std_error    df
        0    Male    24.969      0.486  25.0
        1  Female    22.648      0.586  25.0
        >>> model.predictions(at={"Sex": ["Male", "Female"]}).pairs().table()["estimate"].round(3)
        0    2.321
        Name: estimate, dtype: float64
        """
        return rooms.Means(
            rooms.predictions(
                self.fit,
                by,
                newdata=newdata,
                at=at,
                wts=wts,
                ddf=rooms.test_method(self.fit, ddf, cov, cluster),
                level=level,
                transform=transform,
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
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
        transform: str | None = None,
    ) -> Means:
        """Counterfactual differences: every row at one value of a variable less itself at another.

        The differences are averaged over rows (average treatment effects, g-computation).

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
            Of a covariate, one unit by default: the mean half a step above the row's own value less
            that half a step below. In words a standard deviation of the rows of the fit, or two; or
            all rows at the third quartile less at the first, at the largest value less at the
            smallest.
        values : array, optional
            Values that rows are set to instead: ``(20, 40)`` of a covariate; levels of a factor,
            the first one being the reference.
        at : mapping, optional
            Other columns that all rows are set to, as of `predictions`.
        ddf, cov, cluster, level, transform
            As of `predictions`.

        Returns
        -------
        Means
            Columns `term` (the variable) and `contrast`, those of `at` and `by`, then the numbers.
            All rows are one family: ``test(adjust="holm")`` adjusts for all of them.

        Raises
        ------
        DataError
            For a variable that the fixed part does not use, a step of a factor, a level without
            data, a column whose function has no value half a step away, and as `predictions`.

        Notes
        -----
        Differences of logarithms become ratios with `Means.response`. Other contrasts are those of
        ``predictions(at={variable: values}).contrast(...)``.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("orthodont")
        >>> model = mm.lmm("distance ~ age * Sex + (age | Subject)", data)
        >>> model.comparisons(["age", "Sex"]).table()[["term", "contrast", "estimate"]].round(3)
          term       contrast  estimate
        0  age             +1     0.660
        1  Sex  Female - Male    -2.321
        >>> model.comparisons("Sex", by="age").table()[["contrast", "age", "estimate"]].round(3)
                contrast  age  estimate
        0  Female - Male    8    -1.407
        1  Female - Male   10    -2.016
        2  Female - Male   12    -2.626
        3  Female - Male   14    -3.236
        """
        return rooms.Means(
            rooms.comparisons(
                self.fit,
                variable,
                by,
                newdata=newdata,
                contrast=contrast,
                step=step,
                values=values,
                at=at,
                wts=wts,
                ddf=rooms.test_method(self.fit, ddf, cov, cluster),
                level=level,
                transform=transform,
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
        ddf: DegreesOfFreedom | None = None,
        cov: Covariance = None,
        cluster: Clusters = None,
        level: float = 0.95,
    ) -> Means:
        """Average slopes: the derivative of the population mean along a covariate, at every row.

        Also called average marginal effects.

        Parameters
        ----------
        variable : str or sequence of str
            Covariates of the fixed part, also inside ``poly``, splines or ``np.log``.
        by, newdata, at, wts, ddf, cov, cluster, level
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
        Exact where the covariate stands in the formula as it is, and otherwise by differences as of
        `emtrends`, which gives slopes at single values.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> data = mm.datasets.load("orthodont")
        >>> model = mm.lmm("distance ~ np.log(age) * Sex + (age | Subject)", data)
        >>> model.slopes("age", by="Sex").table()[["term", "contrast", "Sex", "estimate"]].round(3)
          term contrast     Sex  estimate
        0  age    dY/dX    Male     0.783
        1  age    dY/dX  Female     0.486
        """
        return rooms.Means(
            rooms.slopes(
                self.fit,
                variable,
                by,
                newdata=newdata,
                at=at,
                wts=wts,
                ddf=rooms.test_method(self.fit, ddf, cov, cluster),
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

    def permutation_test(
        self,
        test: str | Sequence[str] | ArrayLike,
        n: int = 999,
        *,
        scheme: PermutationScheme = "residuals",
        within: Clusters = None,
        units: Clusters = None,
        level: float = 0.95,
        seed: Seed = None,
    ) -> PermutationTest:
        """Test fixed effects by what exchanges that the null hypothesis allows would give.

        The model is fitted under the null hypothesis, and its covariance V_0 makes rows
        independent. The statistic is the F of the hypothesis by generalised least squares at V_0,
        which is held: the variances are not estimated again.

        Parameters
        ----------
        test : str, list of str, or matrix (k, p)
            A term, of which the hypothesis is that of ``anova(3)``; or coefficients or a linear
            hypothesis, as in `wald_test`. A name of both is the term: write ``"x = 0"`` for the
            coefficient.
        n : int
            Random exchanges. Where not more than n + 1 arrangements are possible, all are looked
            at, and the p-value is exact.
        scheme : {"residuals", "signs", "labels"}
            What changes places: residuals V_0^-1/2 (y - X_0 beta_0) of the null model, added to its
            mean again (Freedman & Lane 1983); the signs of these; or the labels of a term of one
            variable, as they were assigned at random in an experiment.
        within : str, list of str or array, optional
            Blocks within which residuals or labels change places, as those that labels were
            assigned within; by default anywhere. Not for signs.
        units : str, list of str or array, optional
            What labels were assigned to, or what changes its signs together. By default the labels
            of the coarsest group of the model in which they are constant, else of rows; signs of
            rows. Not for residuals.
        level : float
            Coverage of the Monte Carlo limits of the p-value.
        seed : int or Generator, optional
            For the exchanges.

        Returns
        -------
        PermutationTest
            Prints, with what it assumes; `p_value` (1 + #) / (n + 1), `p_interval`, `statistic`,
            `null`, `table`, `plot()`.

        Raises
        ------
        DataError
            If a name or option is not possible; exchanges do not change what is tested, as an
            intercept; labels are elsewhere in the model; over 4000 rows are dependent on each
            other, as those of crossed factors; or the model does not keep its rows.

        Notes
        -----
        Labels assigned at random give a test of its level whatever the distribution of the errors.
        The other schemes hold approximately, the better the more groups: residuals are estimates,
        and so is V_0. V_0 includes what the hypothesis denies, so that a test between few groups is
        conservative, and one of a large effect weaker than `wald_test`, above all where the
        covariance is free (slopes of the covariate tested, `mmrm`); it says so then. A model whose
        structure is wrong makes residuals that cannot be exchanged; signs of whole groups ask for
        less. See also Lee & Braun (2012), *Biometrics* 68, 486-493.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("yield ~ Variety + nitro + (1 | Block/Variety)",
        ...                mm.datasets.load("oats"))
        >>> model.permutation_test("Variety", scheme="labels", within="Block", seed=1)
        Permutation test of Variety
        F = 1.389 (2 df), p = 0.288 (999 of 46,656 arrangements, 95% limits 0.26 to 0.32)
        Exchanged: labels of Variety of whole levels of Block:Variety, within levels of Block.
        Assumes labels that were assigned at random in this way.
        """
        return rooms.PermutationTest(
            rooms.permutation_test(
                self.fit,
                test,
                n,
                scheme=scheme,
                within=within,
                units=units,
                level=level,
                seed=seed,
            )
        )

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
