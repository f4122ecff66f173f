"""Tests by another covariance than the model's, as a value in the place of a method's name.

Whatever tests fixed effects is told how by one argument, `ddf`: a word for the model's covariance
with some method of degrees of freedom, or an `OtherCovariance`, which brings its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.degrees_of_freedom.method import Method
from mixedmodels.options import require_option
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import DegreesOfFreedom


@dataclass(frozen=True, slots=True, eq=False)
class OtherCovariance:
    """Tests of one fit with a covariance that is not sigma^2 (X'V^-1 X)^-1.

    Attributes
    ----------
    fit : Fit
        Whose coefficients the covariance is of.
    ddf : str
        How its degrees of freedom are found.
    title : str
        What tables say of it: ``"cluster-robust covariance (CR2, 18 clusters of Subject)"``.
    methods : mapping
        By the words that `ddf` may be, the methods.
    """

    fit: Fit
    ddf: DegreesOfFreedom
    title: str
    methods: Mapping[DegreesOfFreedom, Method]

    __repr__ = brief

    def at(self, fit: Fit) -> Method:
        """The method.

        Raises
        ------
        DataError
            If `fit` is another than the one that the covariance is of.
        """
        if fit is not self.fit:
            raise DataError(
                "A covariance of the estimates of one fit cannot test those of another.\n"
                "Do:   ask the other model for its own, with cov= and cluster=."
            )
        return self.methods[self.ddf]

    def normal(self) -> "OtherCovariance":
        """The same covariance with z and chi-square tests."""
        return replace(self, ddf="normal")


TestMethod = DegreesOfFreedom | OtherCovariance
"""How fixed effects are tested."""


def df_word(ddf: TestMethod) -> DegreesOfFreedom:
    """How degrees of freedom are found."""
    return ddf.ddf if isinstance(ddf, OtherCovariance) else ddf


def worded(ddf: TestMethod, words: Mapping[DegreesOfFreedom, str]) -> str:
    """What `words` say of the degrees of freedom, and which covariance it is if not the model's."""
    if not isinstance(ddf, OtherCovariance):
        return words[ddf]
    own, title = words[ddf.ddf], ddf.title
    if own.endswith("."):
        return f"{own} {title[:1].upper()}{title[1:]}."
    return f"{own}, {title}"


def require_test_method(ddf: object) -> None:
    """Refuse what says nothing about how to test.

    Raises
    ------
    DataError
        If it is neither a method's name nor a covariance.
    """
    if not isinstance(ddf, OtherCovariance):
        require_option("ddf", ddf, get_args(DegreesOfFreedom))


def refuse_other_covariance(ddf: TestMethod, what: str) -> None:
    """Refuse a covariance where it would have no part in the result, which `what` names.

    Raises
    ------
    DataError
        If there is one.
    """
    if isinstance(ddf, OtherCovariance):
        raise DataError(
            f"cov= has no part in {what}.\n"
            "Do:   leave cov= and cluster= out, or ask for tests and intervals at the estimates "
            "(Wald's).\n"
            "Why:  a covariance of the fixed effects' estimates takes the place of the model's in "
            "Wald's\n      tests alone; likelihoods and simulations are of the model."
        )
