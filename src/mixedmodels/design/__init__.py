"""The design: from a formula and a table to the matrices of a model.

`build` makes the matrices and the specification, `rebuild` the same columns for other data.
"""

from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.build import build
from mixedmodels.design.coordinates import (
    ORIGINAL,
    Coordinates,
    coordinates_of,
    without_origin,
)
from mixedmodels.design.identification import Identification, identify
from mixedmodels.design.magnitude import is_workable, require_magnitude
from mixedmodels.design.matrices import (
    Grouping,
    Members,
    ModelMatrices,
    NewMatrices,
    NewTerm,
    Precision,
    TermMatrix,
    incidence,
)
from mixedmodels.design.reduce import (
    complete_rows,
    droppable_terms,
    is_categorical,
    is_intercept,
    reduced_fixed_part,
    term_label,
)
from mixedmodels.design.residual_matrix import NewResidual, Power, ResidualMatrix, ScaleModel
from mixedmodels.design.restrict import restricted
from mixedmodels.design.row_moments import RowMoments
from mixedmodels.design.spec import (
    ModelSpec,
    columns_of,
    rebuild,
)
from mixedmodels.design.symmetric_factor import symmetric_factor
from mixedmodels.design.terms import TermSpec

__all__ = [
    "ORIGINAL",
    "AuxiliaryMatrix",
    "Coordinates",
    "Grouping",
    "Identification",
    "Members",
    "ModelMatrices",
    "ModelSpec",
    "NewMatrices",
    "NewResidual",
    "NewTerm",
    "Power",
    "Precision",
    "ResidualMatrix",
    "RowMoments",
    "ScaleModel",
    "TermMatrix",
    "TermSpec",
    "build",
    "columns_of",
    "complete_rows",
    "coordinates_of",
    "droppable_terms",
    "identify",
    "incidence",
    "is_categorical",
    "is_intercept",
    "is_workable",
    "rebuild",
    "reduced_fixed_part",
    "require_magnitude",
    "restricted",
    "symmetric_factor",
    "term_label",
    "without_origin",
]
