"""Results of tests of fixed effects under statsmodels' names."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from mixedmodels.errors import DataError

Vector = NDArray[np.float64]


class ContrastError(DataError, ValueError):
    """A test that the model cannot make; a ValueError for those who expect statsmodels'."""


@dataclass(frozen=True)
class ContrastResults:
    """Tests of linear combinations of the fixed effects, one each.

    Attributes
    ----------
    effect, sd, tvalue, pvalue, df_denom : array (k,)
        Estimates, standard errors, t, p and Satterthwaite's degrees of freedom.
    """

    effect: Vector
    sd: Vector
    tvalue: Vector
    pvalue: Vector
    df_denom: Vector

    def conf_int(self, alpha: float = 0.05) -> Vector:
        """Limits (k, 2)."""
        half = special.stdtrit(self.df_denom, 1 - alpha / 2) * self.sd
        return np.column_stack([self.effect - half, self.effect + half])

    def summary_frame(self, alpha: float = 0.05) -> pd.DataFrame:
        """One row per combination."""
        limits = self.conf_int(alpha)
        return pd.DataFrame(
            {
                "coef": self.effect,
                "std err": self.sd,
                "df": self.df_denom,
                "t": self.tvalue,
                "P>|t|": self.pvalue,
                "Conf. Int. Low": limits[:, 0],
                "Conf. Int. Upp.": limits[:, 1],
            }
        )

    def summary(self) -> pd.DataFrame:
        """As `summary_frame`."""
        return self.summary_frame()

    def __str__(self) -> str:
        return str(self.summary_frame())


@dataclass(frozen=True)
class WaldResults:
    """A joint test: F, its degrees of freedom and p."""

    statistic: float
    pvalue: float
    df_num: int
    df_denom: float

    def __str__(self) -> str:
        return (
            f"<F test: F = {self.statistic:.6g}, p = {self.pvalue:.4g}, df_num = {self.df_num}, "
            f"df_denom = {self.df_denom:.4g}>"
        )
