"""`PooledMeans`: marginal means, trends and contrasts of all imputations, pooled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixedmodels.fit.fit import Fit
from mixedmodels.options import require_probability
from mixedmodels.pooling import rows as pooled
from mixedmodels.pooling.complete import CompleteDf, asked_df
from mixedmodels.pooling.document import rows_html, rows_text
from mixedmodels.posthoc.coefficients import USUAL_DEGREE, Method, Reference
from mixedmodels.posthoc.contrasts import Interaction, Regrouping, contrast
from mixedmodels.posthoc.linear_functions import LinearFunctions
from mixedmodels.prediction.streams import Seed
from mixedmodels.vocabulary import Adjustment, DegreesOfFreedom, Side


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PooledMeans:
    """Rows of L beta of every imputation, pooled by Rubin's rules. It never changes.

    `PooledModel.emmeans` and `emtrends` return it, on the scale of the model.

    Attributes
    ----------
    rows : PooledRows
        The rows of each imputation.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("orthodont")
    >>> frames = [data.assign(distance=data["distance"].where(data.index % 9 > 0, 24 + shift))
    ...           for shift in (-1, 0, 1)]
    >>> pooled = mm.lmm("distance ~ age * Sex + (1 | Subject)", frames)
    >>> pooled.emmeans("Sex").pairs().table()[["contrast", "estimate", "df", "fmi"]].round(2)
            contrast  estimate     df   fmi
    0  Male - Female      2.03  23.15  0.08
    """

    rows: pooled.PooledRows

    def table(self) -> Any:
        """All numbers: the columns that name rows, then `estimate, std_error, df, statistic,
        p_value, conf_low, conf_high, riv, fmi`.
        """
        return pooled.table(self.rows, fmi=True)

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
    ) -> "PooledMeans":
        """Contrasts of the rows, as `Means.contrast`; each is pooled as a row of its own."""
        made = [
            contrast(
                functions,
                method,
                by=by,
                adjust=adjust,
                cross_adjust=cross_adjust,
                interaction=interaction,
                ref=ref,
                max_degree=max_degree,
                seed=seed,
            )
            for functions in self.rows.each
        ]
        return PooledMeans(replace(self.rows, each=tuple(made)))

    def pairs(
        self,
        reverse: bool = False,
        *,
        by: Regrouping = ...,
        adjust: Adjustment | None = None,
    ) -> "PooledMeans":
        """All pairwise differences within each group of `by`, adjusted by Tukey's method."""
        return self.contrast("revpairwise" if reverse else "pairwise", by=by, adjust=adjust)

    def test(
        self,
        null: float = 0.0,
        *,
        delta: float = 0.0,
        side: Side = "two-sided",
        joint: bool = False,
        adjust: Adjustment | None = None,
    ) -> Any:
        """Table of tests, as `Means.test`; a joint test is D1 of the rows of each group."""
        return pooled.test(self.rows, null=null, delta=delta, side=side, joint=joint, adjust=adjust)

    def conf_int(self, level: float | None = None, adjust: Adjustment | None = None) -> Any:
        """Table of limits, as `Means.conf_int`."""
        changes: dict[str, Any] = {} if adjust is None else {"adjust": adjust}
        if level is not None:
            require_probability("level", level)
            changes["level"] = level
        columns = ("estimate", "std_error", "df", "conf_low", "conf_high")
        return pooled.table(self.rows.tested(**changes), columns)

    def __str__(self) -> str:
        return rows_text(self.rows)

    def __repr__(self) -> str:
        return rows_text(self.rows)

    def _repr_html_(self) -> str:
        return rows_html(self.rows)


def pooled_means(
    fits: Sequence[Fit],
    ddf: CompleteDf,
    make: Callable[[Fit, DegreesOfFreedom], LinearFunctions],
) -> PooledMeans:
    """The rows that `make` gives of a fit and a method of degrees of freedom, of all fits.

    Raises
    ------
    DataError
        If they cannot be made, or mean something else in each.
    """
    word, number = asked_df(fits[0], ddf)
    return PooledMeans(pooled.pooled_rows([make(fit, word) for fit in fits], number))
