"""A mixed model as a regressor of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixedmodels.api.generalised import glmm
from mixedmodels.api.models import lmm
from mixedmodels.compat.estimator_table import (
    Grouping,
    asked_of,
    groups_of,
    is_table,
    missing_groups,
    named_table,
    table_of,
    with_groups,
    with_response,
)
from mixedmodels.compat.scikit_learn import (
    BaseEstimator,
    RegressorMixin,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    r2_score,
    validate_data,
)
from mixedmodels.data import Frame
from mixedmodels.engine.settings import Control
from mixedmodels.errors import EstimatorError
from mixedmodels.families import Family, family_of
from mixedmodels.fit.fit import Fit
from mixedmodels.model import GeneralisedMixedModel, LinearMixedModel
from mixedmodels.prediction.predict import predicted, relative_errors
from mixedmodels.vocabulary import Contrasts, FamilyName, LinkName, Missing

Vector = NDArray[np.float64]


class MixedModelRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A mixed model with the interface of scikit-learn: for its pipelines, searches and splits.

    X is a table whose columns the formula names, or an array of numbers. Rows of groups that the
    fit has seen are predicted with their random effects, others at random effects of zero.

    Parameters
    ----------
    formula : str, optional
        As of `lmm`; its left side, which may be empty, is the name of `y`. Columns of X without
        names are called ``x0``, ``x1``, …, and `groups` ``group``. By default every column of X
        that is no grouping factor has a linear effect.
    random : str, optional
        Random terms in place of a formula, ``"(1 + age | subject)"``: of columns of X, or of
        `groups`. By default an intercept for each factor of `groups`; without these, none, which
        is ordinary least squares.
    family : str
        Distribution of the response, as of `glmm`. Predictions are means of the response. That of
        ordered categories has no one number to predict, and is refused.
    link : str, optional
        What of the mean is linear; by default the family's usual one.
    reml : bool
        REML or maximum likelihood, in linear models.
    contrasts : mapping, optional
        Coding of categorical columns, as of `lmm`.
    missing : {"error", "drop"}
        Rows of a table with a missing value are an error, as scikit-learn has it; or are left out
        of the fit, and predicted as nan. Arrays of numbers may have none.
    control : Control, optional
        Settings of the search.

    Attributes
    ----------
    model_ : LinearMixedModel or GeneralisedMixedModel
        The fitted model, with everything that it tells.
    formula_ : str
        The formula of `model_`.
    groups_in_ : tuple of str
        The names of the factors that came as `groups`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : array of str
        Their names, if they have some.

    Notes
    -----
    `sample_weight` are precisions in a linear model: the residual variance of a row is sigma^2
    over its weight, so that a row of weight 2 has the estimates of two such rows, and variances of
    random effects that differ from theirs. Where there is a family they multiply the
    log-likelihood. Rows of weight zero are left out.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> model = mm.MixedModelRegressor("~ Days + (Days | Subject)")
    >>> model = model.fit(data[["Days", "Subject"]], data["Reaction"])
    >>> model.predict({"Days": [10, 10], "Subject": ["308", "somebody new"]}).round(1)
    array([450.3, 356.1])
    >>> round(model.score(data, data["Reaction"]), 3)
    0.826
    """

    def __init__(
        self,
        formula: str | None = None,
        *,
        random: str | None = None,
        family: FamilyName | Family = "gaussian",
        link: LinkName | None = None,
        reml: bool = True,
        contrasts: Contrasts | None = None,
        missing: Missing = "error",
        control: Control | None = None,
    ) -> None:
        self.formula = formula
        self.random = random
        self.family = family
        self.link = link
        self.reml = reml
        self.contrasts = contrasts
        self.missing = missing
        self.control = control

    def fit(
        self, X: Any, y: Any, *, groups: Any = None, sample_weight: ArrayLike | None = None
    ) -> MixedModelRegressor:
        """Fit the model.

        Parameters
        ----------
        X : table or array (n, p)
            Pandas, polars, pyarrow, or numbers.
        y : array (n,)
            The response. Rows go by their place, as in all of scikit-learn, and not by labels.
        groups : array (n,) or table, optional
            Grouping factors that are no columns of X: one array, which is called ``group``, or a
            table with a column for each. `set_fit_request` lets a search or a pipeline hand it on.
        sample_weight : array (n,), optional
            Weights of rows.

        Returns
        -------
        MixedModelRegressor
            Itself.

        Raises
        ------
        EstimatorError
            If the settings contradict each other, or the rows are not alike in number.
        FormulaError, DataError
            As of `lmm` and `glmm`.
        ValueError, TypeError
            By scikit-learn, for an array that it would not take.
        """
        frame = self._frame(X, reset=True)
        response = _response(self, y, frame.nrows)
        given = groups_of(groups, frame.nrows)
        asked = asked_of(self.formula, self.random, frame.columns, tuple(given))
        frame = with_response(with_groups(frame, given), asked.response, response)
        weights = _weights(sample_weight, frame.nrows)
        if weights is not None and not weights.all():
            kept = np.flatnonzero(weights)
            frame, weights = frame.rows(kept), weights[kept]
        self.formula_ = asked.formula
        self.groups_in_ = tuple(given)
        self.model_ = self._fitted(frame, weights)
        return self

    def predict(self, X: Any, *, groups: Any = None, return_std: bool = False) -> Any:
        """Predicted means of rows.

        Parameters
        ----------
        X : table or array (n, p)
            As in `fit`.
        groups : array (n,) or table, optional
            As in `fit`; without it rows are predicted as if of groups that the fit has not seen.
        return_std : bool
            Also the standard deviation of one new observation about its prediction: its residual's,
            that of the random effects of groups that the fit has not seen, and the error of the
            estimates. For linear models.

        Returns
        -------
        array (n,), or two

        Raises
        ------
        NotFittedError
            By scikit-learn, before `fit`.
        EstimatorError
            If a value is missing, X is another kind of thing than in `fit`, or the fit cannot tell
            the mean of a row.
        """
        check_is_fitted(self)
        frame = self._frame(X, reset=False)
        given = groups_of(groups, frame.nrows)
        self._refuse_other_groups(given)
        frame = with_groups(frame, given)
        effects = self._effects(given)
        mean = self.model_.predict(frame.native, re=effects).to_numpy()
        self._refuse_missing(mean)
        return (mean, self._spread(frame, effects)) if return_std else mean

    def score(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, *, groups: Any = None
    ) -> float:
        """R^2 of the predictions, random effects of groups that the fit has seen included.

        Parameters
        ----------
        X : table or array (n, p)
            Rows.
        y : array (n,)
            Their responses.
        sample_weight : array (n,), optional
            Weights of rows.
        groups : array (n,) or table, optional
            As in `predict`.

        Returns
        -------
        float
            1 for perfect predictions, 0 for those of the mean of `y`.
        """
        return float(r2_score(y, self.predict(X, groups=groups), sample_weight=sample_weight))

    def _frame(self, X: Any, *, reset: bool) -> Frame:
        """X as a table; with `reset` its columns are remembered, else compared."""
        by_name = self.formula is not None or self.random is not None
        if by_name and is_table(X):
            frame = named_table(X, may_be_empty=not reset)
            if reset:
                self.n_features_in_ = len(frame.columns)
                self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
                self._is_by_name = True
            return frame
        if not reset and self._is_by_name:
            raise EstimatorError(
                f"X is of type {type(X).__name__}, and the model was fitted to a table.\n"
                "Do:   give a table with the same columns; in a pipeline, set_output("
                'transform="pandas") of what comes before.'
            )
        values = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1
        )
        if reset:
            self._is_by_name = False
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(values.shape[1])])
        return table_of(values, names)

    def _fitted(
        self, frame: Frame, weights: Vector | None
    ) -> LinearMixedModel | GeneralisedMixedModel:
        family = family_of(self.family, self.link)
        if family.response == "ordered":
            raise EstimatorError(
                f"The family {family.name} has a probability for every category, and a regressor "
                "predicts one number.\n"
                "Do:   use mm.glmm, whose predict gives a table."
            )
        table: object = frame.native  # one table, which is not several imputations
        if family.name == "gaussian" and family.link == "identity":
            return lmm(
                self.formula_,
                table,
                reml=self.reml,
                weights=weights,
                contrasts=self.contrasts,
                missing=self.missing,
                control=self.control,
            )
        return glmm(
            self.formula_,
            table,
            family,
            weights=weights,
            contrasts=self.contrasts,
            missing=self.missing,
            control=self.control,
        )

    def _refuse_other_groups(self, given: Grouping) -> None:
        if given and set(given) != set(self.groups_in_):
            raise EstimatorError(
                f"groups brings {', '.join(given)}, and the fit had "
                f"{', '.join(self.groups_in_) or 'no groups'}.\n"
                "Do:   give the same factors as in fit, or leave groups out for predictions "
                "without random effects."
            )

    def _effects(self, given: Grouping) -> Any:
        """The random effects to include: those of all grouping factors that are there."""
        factors = self.model_.fit.matrices.groupings
        if given or not self.groups_in_:
            return "all"
        there = {name for factor in factors for name in factor.columns} - set(self.groups_in_)
        lost = set(missing_groups([factor.columns for factor in factors], tuple(there)))
        kept = [factor.name for i, factor in enumerate(factors) if i not in lost]
        return kept or "none"

    def _refuse_missing(self, mean: Vector) -> None:
        lost = np.flatnonzero(np.isnan(mean))
        if len(lost) and self.missing == "error":
            raise EstimatorError(
                f"{len(lost)} rows have no prediction; the first is row {lost[0]}, counted from "
                "0.\n"
                'Do:   fill in their missing values, or write missing="drop" for predictions of '
                "nan.\n"
                "Why:  a value is missing there, or the data of the fit cannot tell this mean."
            )

    def _spread(self, frame: Frame, effects: Any) -> Vector:
        fit: Fit = self.model_.fit
        if fit.generalised is not None:
            raise EstimatorError(
                f"return_std=True has no meaning for the family {fit.family.name}: its "
                "observations do not vary about their mean symmetrically.\n"
                'Do:   use model_.predict(X, interval="prediction").'
            )
        of = predicted(fit, frame.native, re=effects)
        variances = relative_errors(fit, of, theta=fit.theta, C=fit.cov_beta_unscaled).observation
        return np.asarray(fit.sigma * np.sqrt(variances))


def _response(estimator: MixedModelRegressor, y: Any, n: int) -> Vector:
    if y is None:
        raise EstimatorError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    values = check_array(
        column_or_1d(y, warn=True), ensure_2d=False, dtype=np.float64, input_name="y"
    )
    check_consistent_length(np.empty(n), values)
    return np.asarray(values)


def _weights(given: Any, n: int) -> Vector | None:
    if given is None:
        return None
    weights = np.asarray(
        check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    )
    if weights.shape != (n,) or np.any(weights < 0) or not weights.any():
        raise EstimatorError(
            f"sample_weight has the shape {weights.shape} for {n} rows, negative values, or "
            "nothing but zeros.\n"
            "Do:   give one number per row, zero or more, and some above zero."
        )
    return weights
