"""Methods of denominator degrees of freedom, one file each, and their registry."""

from mixedmodels.inference.degrees_of_freedom.other_covariance import (
    OtherCovariance,
    TestMethod,
    df_word,
    refuse_other_covariance,
    require_test_method,
    worded,
)
from mixedmodels.inference.degrees_of_freedom.registry import method_of

__all__ = [
    "OtherCovariance",
    "TestMethod",
    "df_word",
    "method_of",
    "refuse_other_covariance",
    "require_test_method",
    "worded",
]
