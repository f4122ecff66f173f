"""The door to scikit-learn, which need not be installed until an estimator is made."""

from __future__ import annotations

from typing import Any

from mixedmodels.errors import DataError

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.metrics import r2_score
    from sklearn.utils.validation import (
        check_array,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ImportError as _reason:
    _MISSING = str(_reason)

    class BaseEstimator:  # type: ignore[no-redef]
        """What stands where scikit-learn's class would: nothing can be made of it."""

        def __new__(cls, *args: object, **settings: object) -> Any:
            """Refuse."""
            raise DataError(
                f"{cls.__name__} needs scikit-learn 1.6 or later: {_MISSING}.\n"
                'Do:   pip install "mixedmodels[sklearn]".'
            )

    class RegressorMixin:  # type: ignore[no-redef]
        """As `BaseEstimator`."""

    r2_score = check_array = check_consistent_length = check_is_fitted = None
    column_or_1d = validate_data = None

__all__ = [
    "BaseEstimator",
    "RegressorMixin",
    "check_array",
    "check_consistent_length",
    "check_is_fitted",
    "column_or_1d",
    "r2_score",
    "validate_data",
]
