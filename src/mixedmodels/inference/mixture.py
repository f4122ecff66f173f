"""The distribution of a likelihood ratio that tests variances at zero.

A variance cannot be negative: under the hypothesis that it is zero its estimate is zero half of the
time, and the usual chi-square, which lets it go either way, gives p-values that are too large. The
limit is a mixture of chi-squares with one to several degrees of freedom fewer (Chernoff 1954; Self
& Liang 1987, *JASA* 82, 605-610; for variance components Stram & Lee 1994, *Biometrics* 50,
1171-1177), the distribution of the squared length of the projection of a normal vector on the cone
of directions that the parameters can take:

- one new variance, with or without covariances: the cone is a half-space, and the mixture of
  d - 1 and d degrees of freedom, half each, is exact in the limit. Going from q to q + 1 correlated
  effects d = q + 1; for a single variance the first component is a point at zero.
- j new variances in independent terms: the cone is an orthant times a linear space; the number of
  those that are positive is binomial (j, 1/2) if their estimates are uncorrelated, and about that
  otherwise.
- two or more new effects that are correlated with each other: the cone has positive semidefinite
  matrices in it, and the weights depend on the data. The weights of the even and of the odd
  components still sum to one half each (Shapiro 1988, *International Statistical Review* 56, 49-62;
  Silvapulle & Sen 2005, *Constrained Statistical Inference*, section 3.6), so that half d - 1 and
  half d bounds the p-value from above, and is smaller than the usual one.

These are limits for many levels, and take the variances that are not tested to be positive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from scipy import special

NOTHING = 1e-7
"""A likelihood ratio below this is zero: the two optima differ by where their searches ended."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Chi-square components with weights, and what to say about them.

    Attributes
    ----------
    df
        Degrees of freedom of the components; 0 is a point at zero.
    weights
        Their weights, which sum to 1.
    note
        Which mixture it is.
    """

    df: tuple[int, ...]
    weights: tuple[float, ...]
    note: str

    def tail(self, statistic: float) -> float:
        """P(statistic or more); 1 for a statistic of zero."""
        if statistic <= NOTHING:
            return 1.0
        pairs = zip(self.df, self.weights, strict=True)
        return sum(weight * chi_square_tail(statistic, df) for df, weight in pairs)


def chi_square_tail(statistic: float, df: int) -> float:
    """P(chi-square >= statistic); with no degrees of freedom all of it is at zero."""
    if df == 0:
        return float(statistic <= 0)
    return float(special.chdtrc(df, statistic))


def mixture(df: int, lost: Sequence[int]) -> Mixture | None:
    """The mixture for a test with `df` degrees of freedom; None where nothing is on a boundary.

    Parameters
    ----------
    df
        Difference of the numbers of parameters, fixed effects included.
    lost
        Per unstructured covariance of the larger model, how many of its directions have zero
        variance in the smaller one; one per dispersion or other single parameter that is at the end
        of its range there.
    """
    single = sum(s == 1 for s in lost)
    if max(lost, default=0) > 1:
        note = (
            "variances of correlated effects on their boundary: p_value_boundary is an upper "
            f"bound, half chi-square({df - 1}) and half chi-square({df})"
        )
        return Mixture((df - 1, df), (0.5, 0.5), note)
    if single == 0:
        return None
    components = tuple(df - single + k for k in range(single + 1))
    weights = tuple(comb(single, k) / 2**single for k in range(single + 1))
    if single == 1:
        note = (
            "a parameter on its boundary: p_value_boundary is from half "
            f"chi-square({df - 1}) and half chi-square({df})"
        )
    else:
        note = (
            f"{single} parameters on their boundary: p_value_boundary is from a binomial mixture "
            f"of chi-square({components[0]}) to chi-square({df}), which takes their estimates to "
            "be uncorrelated"
        )
    return Mixture(components, weights, note)
