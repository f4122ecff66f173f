"""The types of this package that a file may hold field by field: a closed list.

The fields of a type in a file are those of the dataclass. A field that a later version adds needs a
default, which files without it then get; one that is renamed or leaves needs a line in `make`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from mixedmodels.covariance import Quantity, Structure
from mixedmodels.design.auxiliary import AuxiliarySpec
from mixedmodels.design.auxiliary_matrix import AuxiliaryMatrix
from mixedmodels.design.coordinates import Coordinates, Step
from mixedmodels.design.distribution import Distribution
from mixedmodels.design.estimability import FixedColumns, Relations
from mixedmodels.design.grouping import LevelMap
from mixedmodels.design.identification import Identification
from mixedmodels.design.matrices import Grouping, Members, ModelMatrices, Precision, TermMatrix
from mixedmodels.design.members import MemberMap
from mixedmodels.design.occasions import Occasions
from mixedmodels.design.residual import BlockSpec, ResidualSpec
from mixedmodels.design.residual_matrix import Power, ResidualMatrix, ScaleModel
from mixedmodels.design.row_moments import RowMoments
from mixedmodels.design.scale import ScaleSpec
from mixedmodels.design.sites import Sites
from mixedmodels.design.terms import Part, TermSpec
from mixedmodels.design.variables import Variable
from mixedmodels.engine.convergence import Convergence, MonteCarlo
from mixedmodels.engine.settings import Control
from mixedmodels.engine.singularity import SingularTerm
from mixedmodels.families import Family
from mixedmodels.fit.generalised import Generalised
from mixedmodels.fit.level_information import LevelInformation
from mixedmodels.fit.once import Refusal
from mixedmodels.formula.formula import Formula, RandomTerm
from mixedmodels.formula.part import PartFormula
from mixedmodels.formula.residual import ResidualTerm
from mixedmodels.formula.scale import PowerTerm, ScaleFormula
from mixedmodels.formula.structure import Option, StructureCall
from mixedmodels.inference.explained_variance import ExplainedVariance
from mixedmodels.inference.information import Information
from mixedmodels.inference.interval import Intervals
from mixedmodels.inference.marginality import Hypothesis
from mixedmodels.inference.variance_intervals import VarianceIntervals
from mixedmodels.saving.archive import changed
from mixedmodels.saving.values import Codec, Reader

RECORDS: tuple[type, ...] = (
    AuxiliaryMatrix,
    AuxiliarySpec,
    BlockSpec,
    Control,
    Convergence,
    Coordinates,
    Distribution,
    ExplainedVariance,
    Family,
    FixedColumns,
    Formula,
    Generalised,
    Grouping,
    Hypothesis,
    Identification,
    Information,
    Intervals,
    LevelInformation,
    LevelMap,
    MemberMap,
    Members,
    ModelMatrices,
    MonteCarlo,
    Occasions,
    Option,
    Part,
    PartFormula,
    Power,
    PowerTerm,
    Precision,
    Quantity,
    RandomTerm,
    Refusal,
    Relations,
    ResidualMatrix,
    ResidualSpec,
    ResidualTerm,
    RowMoments,
    ScaleFormula,
    ScaleModel,
    ScaleSpec,
    SingularTerm,
    Sites,
    Step,
    Structure,
    StructureCall,
    TermMatrix,
    TermSpec,
    Variable,
    VarianceIntervals,
)


def record(kind: type) -> Codec:
    """The codec of a dataclass, field by field."""
    known: Sequence[Field[Any]] = fields(kind)
    names = tuple(field.name for field in known if field.init)
    needed = {f.name for f in known if f.default is MISSING and f.default_factory is MISSING}

    def split(value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) for name in names}

    def make(parts: dict[str, Any], reader: Reader) -> Any:
        del reader
        require_fields(kind.__name__, parts, names, needed)
        return kind(**parts)

    return Codec(kind.__name__, kind, split, make)


def require_fields(
    name: str, parts: dict[str, Any], known: Sequence[str], needed: set[str]
) -> None:
    """Refuse fields that a type does not have, or lacks."""
    more, less = set(parts) - set(known), needed - set(parts)
    if more or less:
        raise changed(f"The fields {sorted(more | less)} of {name} are not those of this version.")
