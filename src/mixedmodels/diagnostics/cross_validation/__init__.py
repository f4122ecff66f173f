"""Cross-validation without refits: `folds` are left out, `cross_validation` predicts them,
`comparison` tells models apart by it.
"""

from mixedmodels.diagnostics.cross_validation.comparison import (
    CrossValidationComparison as CrossValidationComparison,
)
from mixedmodels.diagnostics.cross_validation.cross_validation import (
    cross_validate as cross_validate,
)
from mixedmodels.diagnostics.cross_validation.result import CrossValidation as CrossValidation
