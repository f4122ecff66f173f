"""What was asked and found of many responses: what tables and reports are made of."""

from dataclasses import dataclass

import numpy as np

from mixedmodels.data import Backend
from mixedmodels.responses.blocks import Label
from mixedmodels.responses.entries import Entry
from mixedmodels.responses.estimates import Estimates
from mixedmodels.shortening import brief
from mixedmodels.vocabulary import Adjustment, DegreesOfFreedom


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Fits of one model to r responses.

    Attributes
    ----------
    formula : str
        With ``response`` for each of the responses.
    reml : bool
        Whether by REML.
    ddf, adjust : str
        How degrees of freedom were found, and how p-values are adjusted.
    responses : tuple of str or int
        What they are called.
    terms : tuple of str
        The k coefficients and hypotheses.
    theta_names : tuple of str
        The m relative covariance parameters.
    entries : tuple of Entry
        The v entries of the covariances of the random effects.
    estimates : Estimates
        The numbers.
    backend
        The library of the tables.
    """

    formula: str
    reml: bool
    ddf: DegreesOfFreedom
    adjust: Adjustment
    responses: tuple[Label, ...]
    terms: tuple[str, ...]
    theta_names: tuple[str, ...]
    entries: tuple[Entry, ...]
    estimates: Estimates
    backend: Backend

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.responses)

    @property
    def n_failed(self) -> int:
        """Responses without a fit."""
        return int(np.count_nonzero(np.isnan(self.estimates.sigma)))
