"""`GeneralisedMixedModel`: what generalised models answer beside what all models do."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mixedmodels.families import Family
from mixedmodels.fit import auxiliary, change, fitted
from mixedmodels.model.mixed import MixedModel


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
