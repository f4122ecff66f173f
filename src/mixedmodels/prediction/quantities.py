"""What a generalised model predicts of a row: functions of its linear predictor eta and of its
auxiliary parameters.

The mean is the family's. What zero inflation or a hurdle leave apart are the mean of the others,
``"conditional"``, and the probability of a zero of that kind, ``"zero"``. An ordered response has
the probability of each category, F(tau_c - eta) - F(tau_(c-1) - eta).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mixedmodels.errors import DataError
from mixedmodels.families import Family
from mixedmodels.fit.fit import Fit
from mixedmodels.prediction.auxiliary import Auxiliary
from mixedmodels.prediction.integration import Curve, Form
from mixedmodels.prediction.links import IDENTITY, LINKS, LOGIT, Link
from mixedmodels.vocabulary import PredictionType

Vector = NDArray[np.float64]

DIFFERENCE = 1e-5
"""Step of central differences in auxiliary parameters, which are of order one: their error is of
the order of its square.
"""

NEVER = -800.0
"""The logit of a probability of zero to the last digit."""

FORMS: dict[str, Form] = {"identity": "line", "log": "exponential", "probit": "normal"}
"""Of the mean by its link."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A function of eta and the auxiliary parameters of a row.

    Attributes
    ----------
    name : str
        A category, or nothing.
    curve : function
        From eta (n,) to its value, its derivative in eta, and those in every auxiliary parameter.
    link : Link
        On whose scale its limits are symmetric.
    form : str
        What it is in eta, where its mean over eta has a closed form.
    depends_on_eta_alone : bool
        Whether its limits are those of eta, on its own scale.
    """

    name: str
    curve: Curve
    link: Link
    form: Form = "general"
    depends_on_eta_alone: bool = False


def quantities(
    fit: Fit, auxiliary: Auxiliary, type: PredictionType, *, categories: Sequence[str]
) -> list[Quantity]:
    """What is predicted of rows: one quantity, or one for each category.

    Raises
    ------
    DataError
        If the model has nothing of that kind.
    """
    family, k = fit.family, len(auxiliary.values)
    if type == "link":
        return [Quantity("", partial(_line, k), IDENTITY, "line", depends_on_eta_alone=True)]
    _require_kind(family, type)
    if family.response == "ordered":
        link, tau = LINKS[family.link], auxiliary.values
        if type == "expected":
            return [Quantity("", partial(_expected, link, tau), IDENTITY)]
        return [
            Quantity(name, partial(_category, link, tau, c), LOGIT)
            for c, name in enumerate(categories)
        ]
    if type == "zero":
        return [Quantity("", partial(_zero, auxiliary.values), LOGIT, "line")]
    return [_mean(family, auxiliary.values, type)]


def _require_kind(family: Family, type: PredictionType) -> None:
    if type in ("zero", "conditional") and family.zero == "none":
        raise DataError(
            f"type = {type!r} is for models with zero inflation or a hurdle.\n"
            'Do:   write type="response", or fit with zero= or hurdle=.'
        )
    if type == "expected" and family.response != "ordered":
        raise DataError(
            'type = "expected" is for an ordered response: the mean of its category numbers.\n'
            'Do:   write type="response".'
        )


def _mean(family: Family, values: Vector, type: PredictionType) -> Quantity:
    """The mean of the response, or of what zero inflation or a hurdle leave apart: the same where
    the probability of such a zero is none.
    """
    is_hurdle = family.zero == "hurdle"
    free = len(values) if is_hurdle else 0  # parameters that the mean depends on: the first of them
    last = [] if family.zero == "none" else [len(values) - 1]
    if type == "conditional":
        values = np.vstack([values[:-1], np.full(values.shape[1], NEVER)])
        last = []
    depends = sorted({*range(free - 1), *last})
    return Quantity(
        name="",
        curve=partial(_mean_curve, family, values, depends),
        link=LINKS[family.link],
        form="general" if is_hurdle else FORMS.get(family.link, "general"),
        depends_on_eta_alone=not depends and not is_hurdle,
    )


def _line(k: int, eta: Vector) -> Vector:
    return np.vstack([eta, np.ones(len(eta)), np.zeros((k, len(eta)))])


def _zero(values: Vector, eta: Vector) -> Vector:
    out = np.zeros((2 + len(values), len(eta)))
    out[0], out[-1] = LOGIT.inverse(values[-1]), LOGIT.slope(values[-1])
    return out


def _mean_curve(family: Family, values: Vector, depends: Sequence[int], eta: Vector) -> Vector:
    """The family's mean; its derivatives in the parameters that it depends on by differences."""
    out = np.zeros((2 + len(values), len(eta)))
    out[0], out[1] = family.mean(eta, values.T), family.mean_slope(eta, values.T)
    for j in depends:
        shift = np.zeros((len(values), 1))
        shift[j] = DIFFERENCE
        high, low = (family.mean(eta, (values + s * shift).T) for s in (1, -1))
        out[2 + j] = (high - low) / (2 * DIFFERENCE)
    return out


def _category(link: Link, tau: Vector, c: int, eta: Vector) -> Vector:
    """P(Y = c) and its derivatives, those in the thresholds tau (C - 1, n) among them."""
    n = len(eta)
    lower = tau[c - 1] - eta if c else np.full(n, -np.inf)
    upper = tau[c] - eta if c < len(tau) else np.full(n, np.inf)
    out = np.zeros((2 + len(tau), n))
    out[0] = _between(link, lower, upper)
    if c:
        out[1 + c] = -link.slope(lower)
    if c < len(tau):
        out[2 + c] = link.slope(upper)
    out[1] = -out[2:].sum(axis=0)
    return out


def _between(link: Link, lower: Vector, upper: Vector) -> Vector:
    """F(upper) - F(lower); of symmetric F on the side where F is small."""
    flip = (lower > 0) & (link.name != "cloglog")
    low, high = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    return link.inverse(high) - link.inverse(low)


def _expected(link: Link, tau: Vector, eta: Vector) -> Vector:
    """The mean of the category numbers 1, 2, …: one more than the sum of P(Y > c)."""
    out = np.zeros((2 + len(tau), len(eta)))
    out[0] = 1 + sum(1 - link.inverse(t - eta) for t in tau)
    out[2:] = -link.slope(tau - eta)
    out[1] = -out[2:].sum(axis=0)
    return out
