"""`Many`: the same model of many responses, with its tables."""

from dataclasses import dataclass

from mixedmodels.responses import document, tables
from mixedmodels.responses.blocks import Label
from mixedmodels.responses.fitting import results_of
from mixedmodels.responses.request import ManyRequest
from mixedmodels.responses.results import Results


@dataclass(frozen=True, slots=True, eq=False)
class Many:
    """Fits of one model to many responses. Tables have the type of the data's.

    Attributes
    ----------
    results : Results
        What was asked and found, the numbers as arrays with a row per response.
    """

    results: Results

    def __len__(self) -> int:
        return len(self.results)

    @property
    def responses(self) -> tuple[Label, ...]:
        """What the responses are called."""
        return self.results.responses

    @property
    def n_failed(self) -> int:
        """Responses without a fit."""
        return self.results.n_failed

    @property
    def coefficients(self) -> object:
        """Table `response, term, estimate, std_error, df, statistic, p_value, p_adjusted`.

        A row per response and coefficient or hypothesis, null where a response has no fit.
        `p_adjusted` is for one term over all responses that have a test of it.
        """
        return tables.coefficients(self.results)

    @property
    def variances(self) -> object:
        """Table `response, group, term1, term2, vcov, sdcor`, as `variance_components` has it."""
        return tables.variances(self.results)

    @property
    def fits(self) -> object:
        """Table `response, nobs, sigma, …, criterion, converged, status, singular, n_evaluations`.

        Between sigma and the criterion stand the relative covariance parameters, by their names.
        `status` is how the search ended, or why there is no fit: "constant", "exact" (nothing is
        left for the residual), "infinite", "not_estimable" (its rows do not tell the
        coefficients), "failed".
        """
        return tables.fits(self.results)

    @property
    def failures(self) -> object:
        """Table `response, status, reason` of the responses without a fit."""
        return tables.failures(self.results)

    def __repr__(self) -> str:
        return document.as_text(self.results)

    def _repr_html_(self) -> str:
        return document.as_html(self.results)


def fit_many(asked: ManyRequest, responses: object) -> Many:
    """Fit the model to every response; see `mixedmodels.responses.fitting`."""
    return Many(results_of(asked, responses))
