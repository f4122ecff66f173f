"""`Family`: a distribution of the response, its link, and what zeros have beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixedmodels import _native
from mixedmodels.errors import DataError
from mixedmodels.families.catalogue import KINDS, Kind, family_name, link_name, require_zeros
from mixedmodels.families.responses import check_response, check_values
from mixedmodels.vocabulary import (
    AuxiliaryKind,
    FamilyName,
    FamilyWord,
    LinkName,
    LinkWord,
    ResponseKind,
    ZeroKind,
)

Vector = NDArray[np.float64]

RATIOS: dict[tuple[ResponseKind, LinkName], str] = {
    ("trials", "logit"): "odds ratio",
    ("trials", "cloglog"): "hazard ratio",
    ("unit", "logit"): "odds ratio",
    ("ordered", "logit"): "odds ratio",
}
"""What exponentials of coefficients are, by response and link. With cloglog a proportion has no
hazard, and the hazards of ordered categories have the inverse ratio."""

RATIOS_OF_LOG: dict[ResponseKind, str] = {"count": "rate ratio", "trials": "risk ratio"}
"""The same of the log link, by response; of others a ratio of means."""

LATENT: dict[LinkName, float] = {"logit": np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6}
"""Variances of the logistic, the normal and the extreme value distribution."""


@dataclass(frozen=True, slots=True)
class Family:
    """A distribution of the response given the random effects.

    Its methods take rows: the linear predictor eta (n,), trials `size` (n,) or None for one trial
    each, and auxiliary parameters (n, k) in the order of `auxiliary` on their unbounded scales. An
    ordered response has its thresholds (n, categories - 1) there, or in what is asked of a known
    category those below and above it (n, 2), -inf and inf at the ends.

    Parameters
    ----------
    name
        ``"binomial"``, ``"poisson"``, ``"nb2"`` (variance mu + mu^2/size), ``"nb1"`` (variance
        mu (1 + alpha)), ``"gamma"``, ``"inverse_gaussian"``, ``"beta"``, ``"beta_binomial"``,
        ``"student_t"``, ``"gaussian"`` or ``"ordinal"``.
    link
        One of the links of the family.
    zero
        What zeros have beside it: ``"inflated"`` by a probability of a zero that is none of the
        family's, ``"hurdle"`` by the probability of any zero.
    categories
        Of an ordered response, once they are known; 0 elsewhere.

    Examples
    --------
    >>> family_of("negative_binomial", zero="inflated").auxiliary
    ('dispersion', 'zero')
    """

    name: FamilyName
    link: LinkName
    zero: ZeroKind = "none"
    categories: int = 0

    @property
    def kind(self) -> Kind:
        """What every family of this name has."""
        return KINDS[self.name]

    @property
    def response(self) -> ResponseKind:
        """What values it has."""
        return self.kind.response

    @property
    def auxiliary(self) -> tuple[AuxiliaryKind, ...]:
        """Its parameters beside the mean, in the order of the engine."""
        return (*self.kind.auxiliary, *(() if self.zero == "none" else ("zero",)))

    @property
    def native(self) -> _native.Family:
        """The engine's own."""
        zero = None if self.zero == "none" else self.zero
        return _native.Family(self.name, self.link, zero, self.categories)

    @property
    def is_canonical(self) -> bool:
        """Whether the linear predictor is the natural parameter: then observed and expected
        information are the same.
        """
        return self.link == self.kind.canonical and self.zero == "none"

    @property
    def ratio(self) -> str | None:
        """What the exponential of a coefficient is: an odds, hazard, rate, risk or mean ratio; None
        with a link of which it is no ratio.

        With cloglog thresholds less the linear predictor are the logarithm of a cumulative hazard,
        so that the exponential of an ordinal model's coefficient is one over a hazard ratio.

        Examples
        --------
        >>> family_of("poisson").ratio, family_of("binomial", "log").ratio
        ('rate ratio', 'risk ratio')
        """
        if self.link == "log":
            return RATIOS_OF_LOG.get(self.response, "mean ratio")
        return RATIOS.get((self.response, self.link))

    @property
    def latent_variance(self) -> float | None:
        """Variance of the latent variable behind a probability: pi^2/3 (logit), 1 (probit), pi^2/6
        (cloglog); None where there is no such variable, or it has no variance (cauchit).
        """
        is_probability = self.response in ("trials", "ordered")
        return LATENT.get(self.link) if is_probability else None

    def with_categories(self, categories: int) -> Family:
        """The same over a number of ordered categories."""
        return replace(self, categories=categories)

    def check_response(self, y: Vector, size: Vector | None, text: str) -> None:
        """Refuse a response that the family cannot have.

        Parameters
        ----------
        y
            Shape (n,): the response, successes, or places of ordered categories.
        size
            Shape (n,): trials; None where every row is one.
        text
            What it is called in the message.

        Raises
        ------
        DataError
            If a value is outside the family's range or no whole number where it has to be one, if
            there are more successes than trials, or if nothing varies.
        """
        check_response(y, size, text, name=self.name, response=self.response, zero=self.zero)
        if self.categories:
            _require_every_category(y, self.categories, text)

    def check_values(self, y: Vector, size: Vector | None, text: str) -> None:
        """Refuse single values that the family cannot have; see `check_response`.

        Rows that are no whole sample, such as new ones, need not vary.

        Raises
        ------
        DataError
            If a value is outside the family's range or no whole number where it has to be one, or
            if there are more successes than trials.
        """
        check_values(y, size, text, name=self.name, response=self.response, zero=self.zero)

    def mean(self, eta: Vector, auxiliary: Vector) -> Vector:
        """Mean of the response (n,): of one trial; of the number of an ordered category, from 0.

        Examples
        --------
        >>> import numpy as np
        >>> family_of("binomial").mean(np.array([0.0, 2.0]), np.empty((2, 0))).round(3)
        array([0.5  , 0.881])
        """
        return self.native.mean(None, _row(eta), auxiliary)

    def mean_slope(self, eta: Vector, auxiliary: Vector) -> Vector:
        """Derivative of `mean` in eta (n,)."""
        return self.native.mean_slope(None, _row(eta), auxiliary)

    def variance(self, size: Vector | None, eta: Vector, auxiliary: Vector) -> Vector:
        """Variance of the response (n,), of the count of `size` trials."""
        return self.native.variance(_sizes(size), _row(eta), auxiliary)

    def log_density(self, y: Vector, size: Vector | None, eta: Vector, auxiliary: Vector) -> Vector:
        """Logarithm of the density of the responses (n,), constants included; -inf where eta has no
        meaning.
        """
        return self.native.log_density(_row(y), _sizes(size), _row(eta), auxiliary)

    def saturated(self, y: Vector, size: Vector | None, auxiliary: Vector) -> Vector:
        """The largest log-density over eta (n,), or its limit: what a deviance residual compares
        with.
        """
        return self.native.saturated(_row(y), _sizes(size), auxiliary)

    def cumulative(
        self, y: Vector, size: Vector | None, eta: Vector, auxiliary: Vector
    ) -> tuple[Vector, Vector]:
        """P(Y < y) and P(Y <= y) (n,)."""
        below, at, above = self.native.tails(_row(y), _sizes(size), _row(eta), auxiliary).T
        return below, np.where(above < 0.5, 1 - above, below + at)


GAUSSIAN = Family("gaussian", "identity")
"""The family of every linear model."""


def family_of(
    family: FamilyName | FamilyWord | Family,
    link: LinkName | LinkWord | None = None,
    zero: ZeroKind = "none",
) -> Family:
    """The family of a name and a link.

    Parameters
    ----------
    family
        A name, another package's word for it, or a family, of which `link` and `zero` replace the
        own ones where they are given.
    link
        By default the family's usual one: logit of probabilities, log of counts and positive
        responses, so that every linear predictor has a mean; identity of others.
    zero
        What zeros have beside it.

    Raises
    ------
    DataError
        If there is no such family, or it has no such link or zeros.

    Examples
    --------
    >>> family_of("Gamma")
    Family(name='gamma', link='log', zero='none', categories=0)
    """
    if isinstance(family, Family):
        own, used = family.name, family.link if link is None else link_name(family.name, link)
        zero = family.zero if zero == "none" else zero
        require_zeros(own, zero)
        return replace(family, link=used, zero=zero)
    name = family_name(family)
    require_zeros(name, zero)
    return Family(name, link_name(name, link), zero)


def _require_every_category(y: Vector, categories: int, text: str) -> None:
    counts = np.bincount(y.astype(np.int64), minlength=categories)
    if len(counts) > categories or not counts.all():
        empty = int(np.flatnonzero(counts == 0)[0]) if not counts.all() else categories
        raise DataError(
            f"The response {text!r} has no row in category {empty + 1} of {categories}.\n"
            "Do:   leave the category out of its levels.\n"
            "Why:  the thresholds on either side of it would fall together."
            if empty < categories
            else f"The response {text!r} has more than the {categories} categories of the model.\n"
            "Do:   give categories numbered from 0 on."
        )


def _row(values: Vector) -> Vector:
    return np.ascontiguousarray(values, dtype=np.float64)


def _sizes(size: Vector | None) -> Vector | None:
    return None if size is None else _row(size)
