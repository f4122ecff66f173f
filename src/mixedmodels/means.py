"""`Means`: marginal means, trends and contrasts, a façade over rows of linear functions."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixedmodels.plots.of_means import MeansPlots
from mixedmodels.posthoc import tables
from mixedmodels.posthoc.coefficients import USUAL_DEGREE, Method, Reference
from mixedmodels.posthoc.contrasts import Interaction, Regrouping, contrast
from mixedmodels.posthoc.effect_size import Divisor, effect_size
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.posthoc.response_scale import regrid, response
from mixedmodels.prediction.streams import Seed
from mixedmodels.report.means import as_html, as_text
from mixedmodels.vocabulary import Adjustment, Side


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Means:
    """Marginal means, trends, or contrasts of them: linear functions of the fixed effects.

    `LinearMixedModel.emmeans`, `emtrends`, `comparisons` and their like return it, and so do its
    own methods that make rows of rows. It never changes. Tables come in the frame library of the
    data.

    Attributes
    ----------
    functions : LinearFunctions
        The rows, their labels, and how they are tested.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> cake = mm.datasets.load("cake")
    >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
    >>> means = model.emmeans("recipe")
    >>> means.table()[["recipe", "estimate", "std_error", "df"]].round(3)
      recipe  estimate  std_error    df
    0      A    33.122      1.737  42.0
    1      B    31.644      1.737  42.0
    2      C    31.600      1.737  42.0
    >>> means.pairs().table()[["contrast", "estimate", "p_value"]].round(3)
      contrast  estimate  p_value
    0    A - B     1.478     0.82
    1    A - C     1.522     0.81
    2    B - C     0.044     1.00
    """

    functions: LinearFunctions

    def table(self) -> Any:
        """All numbers: the columns that name rows, then `estimate, std_error, df, statistic,
        p_value, conf_low, conf_high`; null where a row is not estimable.

        P-values and limits have the adjustment of the rows (none for means).
        """
        return tables.table(self.functions)

    @property
    def grid(self) -> Any:
        """Table of the columns that name rows."""
        return tables.grid(self.functions)

    @property
    def linfct(self) -> pd.DataFrame:
        """L: one row per row of the table, one column per coefficient of `params`."""
        return tables.linfct(self.functions)

    @property
    def plot(self) -> MeansPlots:
        """Pictures: `plot()` with intervals, `plot("interaction")`, `plot("p_values")`."""
        return MeansPlots(self.functions)

    def contrast(
        self,
        method: Method = "pairwise",
        *,
        by: Regrouping = ...,
        adjust: Adjustment | None = None,
        cross_adjust: Adjustment = "none",
        interaction: Interaction = None,
        ref: Reference | None = None,
        max_degree: int = USUAL_DEGREE,
        seed: Seed = None,
    ) -> "Means":
        """Contrasts of the rows, within each group of `by`.

        Parameters
        ----------
        method
            ``"pairwise"`` and ``"revpairwise"`` (Tukey); ``"trt.vs.ctrl"`` against `ref`, by
            default the first, ``"trt.vs.ctrlk"`` against the last (Dunnett's approximation);
            ``"eff"`` and ``"del.eff"`` against the average of all or of the others (false discovery
            rate); ``"consec"`` and ``"mean_chg"`` along an order (multivariate t); ``"poly"``
            orthogonal polynomials of equally spaced levels, ``"helmert"``, ``"identity"``
            (unadjusted). In brackets what `adjust` is by default, as in R's emmeans. Contrasts of
            your own: a mapping ``{"high - low": [-1, 0, 1]}`` or ``{"x": {"high": 1, "low": -1}}``,
            a table with one column per contrast, or a matrix with one row per contrast.
        by : str, sequence of str or None
            Columns within whose values rows are compared; by default those of the means, None
            for none.
        adjust
            For the rows of one group together: ``"none"``, ``"tukey"`` (the studentised range),
            ``"dunnett"`` (exact, common correlation 1/2), ``"dunnettx"`` (R's approximation to it),
            ``"mvt"`` (the multivariate t of the contrasts' own correlations), ``"bonferroni"``,
            ``"sidak"``, ``"scheffe"``, ``"holm"``, ``"hochberg"``, ``"hommel"``, ``"fdr"``,
            ``"by"``.
        cross_adjust
            Further adjustment over the groups of `by`, row by row.
        interaction
            Products of contrasts of every column: one method for all, a list, or a mapping.
        ref : str, int or list
            The control of ``"trt.vs.ctrl"``: its name, its position from zero, or several.
        max_degree : int
            Of ``"poly"``.
        seed
            Of the integration of ``"mvt"``; fixed by default, so that results repeat.

        Returns
        -------
        Means

        Raises
        ------
        DataError
            If a name is not known, own coefficients do not fit, or there is nothing to compare.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> cake = mm.datasets.load("cake")
        >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
        >>> trend = model.emmeans("temperature").contrast("poly", max_degree=2)
        >>> trend.table()[["contrast", "estimate", "p_value"]].round(3)
            contrast  estimate  p_value
        0     linear    55.311    0.000
        1  quadratic    -3.533    0.568
        """
        return Means(
            contrast(
                self.functions,
                method,
                by=by,
                adjust=adjust,
                cross_adjust=cross_adjust,
                interaction=interaction,
                ref=ref,
                max_degree=max_degree,
                seed=seed,
            )
        )

    def pairs(
        self,
        reverse: bool = False,
        *,
        by: Regrouping = ...,
        adjust: Adjustment | None = None,
        cross_adjust: Adjustment = "none",
        seed: Seed = None,
    ) -> "Means":
        """All pairwise differences within each group of `by`, adjusted by Tukey's method.

        Parameters
        ----------
        reverse : bool
            Later less earlier.
        by, adjust, cross_adjust, seed
            As of `contrast`.
        """
        return self.contrast(
            "revpairwise" if reverse else "pairwise",
            by=by,
            adjust=adjust,
            cross_adjust=cross_adjust,
            seed=seed,
        )

    def test(
        self,
        null: float = 0.0,
        *,
        delta: float = 0.0,
        side: Side = "two-sided",
        joint: bool = False,
        adjust: Adjustment | None = None,
    ) -> Any:
        """Table of tests: the columns that name rows, then `estimate, std_error, df, statistic,
        p_value`.

        Parameters
        ----------
        null : float
            Value of the hypothesis, on the scale of the model.
        delta : float
            Margin, above zero.
        side
            ``"two-sided"``, ``"less"``, ``"greater"``; or, with `delta`, ``"equivalence"`` (within
            the margin on both sides; two one-sided tests, Schuirmann 1987), ``"noninferiority"``
            (above -delta), ``"nonsuperiority"`` (below delta), ``"superiority"`` (above delta).
        joint : bool
            One F test that all rows of a group are `null`: `num_df, den_df, statistic, p_value`.
        adjust
            By default that of the rows. Tukey's is for two-sided tests, and becomes Šidák's.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> cake = mm.datasets.load("cake")
        >>> model = mm.lmm("angle ~ recipe * temperature + (1 | recipe:replicate)", cake)
        >>> pairs = model.emmeans("recipe").pairs(adjust="none")
        >>> pairs.test(delta=4, side="equivalence").round(3)
          contrast  estimate  std_error    df  statistic  p_value
        0    A - B     1.478      2.456  42.0     -1.027    0.155
        1    A - C     1.522      2.456  42.0     -1.009    0.159
        2    B - C     0.044      2.456  42.0     -1.610    0.057
        """
        return tables.test(
            self.functions, null=null, delta=delta, side=side, joint=joint, adjust=adjust
        )

    def conf_int(self, level: float | None = None, adjust: Adjustment | None = None) -> Any:
        """Table of limits: the columns that name rows, then `estimate, std_error, df, conf_low,
        conf_high`.

        Parameters
        ----------
        level : float
            Coverage, of all rows of a group together with an adjustment; by default that of the
            means.
        adjust
            By default that of the rows. Methods that adjust p-values alone (Holm and its like) have
            Bonferroni's limits.
        """
        return tables.conf_int(self.functions, level, adjust=adjust)

    def letters(
        self, alpha: float = 0.05, adjust: Adjustment | None = None, *, by: Regrouping = ...
    ) -> Any:
        """Compact letter display: means in ascending order, with `letters`.

        Two means share a letter if their difference is not significant (Piepho 2004, Journal of
        Computational and Graphical Statistics 13, 456-466). Sharing a letter does not show that two
        means are equal: report differences with limits where you can. A mean that
        is not estimable has none.

        Parameters
        ----------
        alpha : float
            Level of the pairwise tests.
        adjust
            Of these tests, by default Tukey's; limits of means are then those of the means. With an
            adjustment that is asked for, limits have it too (Šidák's where it is Tukey's).
        by
            As of `contrast`.
        """
        return tables.letters(self.functions, alpha=alpha, adjust=adjust, by=by)

    def effect_size(self, sigma: Divisor = "total", edf: float | None = None) -> "Means":
        """Differences divided by a standard deviation, with the uncertainty of both.

        Parameters
        ----------
        sigma : float, "residual" or "total"
            The divisor: a number; the residual standard deviation; or that of one observation
            around the population mean, random effects included (on average over the rows used).
        edf : float, optional
            Degrees of freedom of the divisor; of the model's own ones by Satterthwaite's method
            unless given. Infinitely many for a number that is known.

        Returns
        -------
        Means
            Of means, the pairwise effect sizes; of contrasts, theirs. With d = L beta / sigma,
            var(d) = var(L beta) / sigma^2 + d^2 / (2 edf) (delta method; Hedges 2007, Journal of
            Educational and Behavioral Statistics 32, 341-370).
        """
        return Means(effect_size(self.functions, sigma, edf=edf))

    def regrid(self) -> "Means":
        """The means on the scale of the response, as rows of their own.

        Differences of these are differences of the response, where those of `response` are ratios.
        Rows are linear approximations (delta method).
        """
        return Means(regrid(self.functions))

    def response(
        self, bias_adjust: bool = False, *, marginal: bool = False, sigma: float | None = None
    ) -> "Means":
        """The same rows, shown on the scale of the response; tests stay on that of the model.

        Parameters
        ----------
        bias_adjust : bool
            Give the mean of the response rather than its value at the mean: adds h''(eta) sigma^2
            / 2 for the inverse transform h.
        marginal : bool
            Of a generalised model, the mean over its random effects, exactly what `bias_adjust`
            approximates: E h(eta + e), e normal with their mean variance over the rows, whose
            uncertainty the standard error includes. Random slopes have another variance at
            every value of their column: there write ``predictions(at=..., marginal=True)``.
        sigma : float, optional
            Standard deviation around the population mean; by default that of the model, random
            effects included (of a generalised model these alone).

        Raises
        ------
        DataError
            If the response has no transform that is known.

        Examples
        --------
        >>> import mixedmodels as mm
        >>> model = mm.lmm("log(conc) ~ age + (1 | Lot)", mm.datasets.load("igf"))
        >>> means = model.emmeans("age", at={"age": [0, 40]}).response()
        >>> means.table()[["age", "estimate", "conf_low", "conf_high"]].round(3)
            age  estimate  conf_low  conf_high
        0   0.0     5.257     5.032      5.491
        1  40.0     5.273     5.082      5.471
        """
        return Means(response(self.functions, bias_adjust, marginal=marginal, sigma=sigma))

    def __str__(self) -> str:
        return as_text(self.functions)

    def __repr__(self) -> str:
        return as_text(self.functions)

    def _repr_html_(self) -> str:
        return as_html(self.functions)
