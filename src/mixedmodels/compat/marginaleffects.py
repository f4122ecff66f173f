"""A fitted model as the Python package marginaleffects takes models.

That package is found when it is asked for, and nothing of it is used here: it calls the methods of
this class. Its numbers are those of the fixed effects with normal limits, or any degrees of freedom
that are given, the same for every row; `LinearMixedModel.predictions`, `comparisons` and `slopes`
give each row its own, and exact derivatives.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixedmodels.data import Column, encode
from mixedmodels.errors import DataError
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.fixed_effects import cov_params, params
from mixedmodels.fit.once import once
from mixedmodels.model import MixedModel
from mixedmodels.options import require_positive
from mixedmodels.posthoc.grid_variables import fixed_variables, rows_of
from mixedmodels.prediction.links import LINKS
from mixedmodels.prediction.rows import new_rows

if TYPE_CHECKING:
    import polars as pl

Vector = NDArray[np.float64]


def as_marginaleffects(model: MixedModel, *, df: float = np.inf) -> "MarginalEffectsModel":
    """The model for functions of the package marginaleffects.

    Parameters
    ----------
    model : LinearMixedModel or GeneralisedMixedModel
        The model.
    df : float
        Degrees of freedom of its limits and tests; infinite, for the normal distribution, unless
        given.

    Returns
    -------
    MarginalEffectsModel
        For `avg_predictions`, `comparisons`, `slopes`, `hypotheses` and their like. Predictions are
        those of ``predict(re="none")``. Of a linear model they are linear in the coefficients, so
        that the package's standard errors are right to the last digits with ``eps_vcov=1``, and
        else have the error of its small differences (up to a few per cent for slopes).

    Raises
    ------
    DataError
        If the packages marginaleffects and polars are not installed, `df` is not positive, or
        means depend on more than the fixed effects: with zero inflation, a hurdle, or an ordered
        response.
    """
    _require_mean_of_fixed_effects(model.fit)
    for package in ("marginaleffects", "polars"):
        if find_spec(package) is None:
            raise DataError(
                f"The package {package} is not installed.\n"
                'Do:   pip install "mixedmodels[marginaleffects]".'
            )
    df = require_positive("df", df)
    # Its functions take subclasses of this abstract class, to which any class may be added.
    import_module("marginaleffects.classes").ModelAbstract.register(MarginalEffectsModel)
    return MarginalEffectsModel(model.fit, df)


def _require_mean_of_fixed_effects(fit: Fit) -> None:
    if fit.family.zero != "none" or fit.family.response == "ordered":
        raise DataError(
            "The package marginaleffects takes predictions that are functions of the fixed effects "
            "alone, and those of this model are not.\n"
            "Do:   use model.predictions, comparisons and slopes."
        )


@dataclass(frozen=True, eq=False)
class MarginalEffectsModel:
    """The methods that marginaleffects calls.

    Attributes
    ----------
    fit : Fit
        The model.
    df_resid : float
        Degrees of freedom of limits and tests.
    """

    fit: Fit
    df_resid: float

    @property
    def response_name(self) -> str:
        """The first column of the response."""
        return self.fit.spec.response_columns[0]

    def find_response(self) -> str:
        """The first column of the response."""
        return self.response_name

    def find_predictors(self) -> list[str]:
        """The columns that the fixed part uses."""
        return list(fixed_variables(self.fit))

    def find_variables(self) -> list[str]:
        """The response and the columns that the fixed part uses."""
        return [self.response_name, *self.find_predictors()]

    def get_formula(self) -> str:
        """The columns that rows must have."""
        return " + ".join(f"`{name}`" for name in self.find_predictors()) or "1"

    def get_formula_engine(self) -> str:
        """Whose formulas these are."""
        return "formulaic"

    def get_package(self) -> str:
        """Whose model it is."""
        return "mixedmodels"

    def get_autodiff_args(self) -> None:
        """No automatic differentiation: predictions are linear."""

    def get_coef(self) -> Vector:
        """Fixed effects (p,), of the columns as the formula has them."""
        return np.array(params(self.fit), dtype=np.float64)

    def get_coefnames(self) -> NDArray[np.str_]:
        """Their names (p,)."""
        return np.array(list(self.fit.spec.x_names))

    def get_vcov(self, vcov: object = True) -> Vector | None:
        """Their covariance (p, p); None where none is wanted."""
        if vcov is None or vcov is False:
            return None
        if vcov is not True:
            raise DataError(
                f"vcov = {vcov!r} is not one that a mixed model has.\n"
                "Do:   give True, False or a matrix."
            )
        return np.array(cov_params(self.fit), dtype=np.float64)

    def get_variable_type(self, name: str | None = None) -> Any:
        """What a column is: ``"numeric"``, ``"integer"``, ``"binary"``, ``"boolean"`` or
        ``"character"``; of all columns by name without one.
        """
        found = {v: _type(self.fit, v) for v in self.find_predictors()}
        return found if name is None else found.get(name, "unknown")

    def get_modeldata(self) -> "pl.DataFrame":
        """The rows used, with all columns of the data; text as levels in the order of the fit."""
        return _modeldata(self.fit)

    def get_exog(self, newdata: "pl.DataFrame") -> Vector:
        """Columns (n, p + 1): those of the coefficients, then the offset."""
        rows = new_rows(self.fit, newdata, (), left_out=False)
        X = self.fit.spec.coordinates.original(rows.X)
        offset = np.zeros(len(X)) if rows.offset is None else rows.offset
        return np.column_stack([X, offset])

    def get_predict(self, params: Vector, newdata: Any) -> "pl.DataFrame":
        """Table of `rowid, estimate`: means of the response where random effects are zero, at any
        fixed effects `params` (p,).
        """
        exog = newdata if isinstance(newdata, np.ndarray) else self.get_exog(newdata)
        mean = LINKS[self.fit.family.link].inverse(exog[:, :-1] @ params + exog[:, -1])
        rowid = np.arange(len(mean), dtype=np.int32)
        return _polars_frame({"rowid": rowid, "estimate": mean})


def _type(fit: Fit, name: str) -> str:
    variable = fixed_variables(fit)[name]
    if variable.is_boolean:
        return "boolean"
    if variable.is_factor:
        return "character"
    values = rows_of(fit, name)
    if np.isin(values, (0, 1)).all():
        return "binary"
    return "integer" if values.dtype.kind == "i" else "numeric"


@once
def _modeldata(fit: Fit) -> "pl.DataFrame":
    """The rows used: factors and text as levels, what cannot be read left out."""
    found = {name: _readable(fit, name) for name in fit.frame.columns}
    return _polars_frame({n: _series(fit, n, c) for n, c in found.items() if c is not None})


def _series(fit: Fit, name: str, column: Column) -> Any:
    polars, variable = import_module("polars"), fixed_variables(fit).get(name)
    levels = variable.labels if variable is not None and variable.levels else None
    if column.numbers is not None and levels is None:
        lost = column.missing if column.missing is not None else np.zeros(len(column.numbers), bool)
        pairs = zip(column.numbers.tolist(), lost.tolist(), strict=True)
        return polars.Series(name, [None if gone else value for value, gone in pairs])
    codes = encode(column)
    texts = [None if code < 0 else codes.levels[code] for code in codes.codes.tolist()]
    return polars.Series(name, texts, dtype=polars.Enum(list(levels or codes.levels)))


def _polars_frame(columns: dict[str, Any]) -> "pl.DataFrame":
    frame: pl.DataFrame = import_module("polars").DataFrame(columns)
    return frame


def _readable(fit: Fit, name: str) -> Column | None:
    try:
        return fit.frame.column(name).take(fit.matrices.kept)
    except DataError:  # marginaleffects has no need of columns of lists and the like
        return None
