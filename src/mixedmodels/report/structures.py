"""Covariance structures in words."""

from mixedmodels.covariance import Structure
from mixedmodels.design import TermMatrix
from mixedmodels.fit.fit import Fit
from mixedmodels.vocabulary import StructureKind

NAMES: dict[StructureKind, str] = {
    "us": "unstructured",
    "diag": "independent",
    "cs": "compound symmetry",
    "ar1": "AR(1)",
    "toep": "Toeplitz",
    "ante": "antedependence",
    "fa": "factor analytic",
    "rr": "reduced rank",
    "ou": "Ornstein–Uhlenbeck",
    "car1": "continuous AR(1)",
    "arma": "ARMA",
    "expo": "exponential",
    "gauss": "Gaussian",
    "ratio": "rational quadratic",
    "matern": "Matérn",
}

SEVERAL: tuple[StructureKind, ...] = ("cs", "ar1", "toep")
"""Kinds of which it is said that they have a variance for each position, if they do."""


def structure_in_words(structure: Structure) -> str:
    """Such as ``AR(1)`` or ``Toeplitz of 3 bands``."""
    words = NAMES[structure.kind]
    if structure.order is not None:
        words += f"({structure.order[0]}, {structure.order[1]})"
    if structure.rank is not None:
        words += f" of rank {structure.rank}"
    if structure.band is not None:
        words += f" of {structure.band} bands"
    return words


def variances_in_words(structure: Structure) -> str:
    """What there is to say of them, from a comma on."""
    parts = []
    if structure.kind == "diag" and structure.hom:
        parts.append("one variance")
    if structure.kind in SEVERAL and not structure.hom:
        parts.append("a variance for each position")
    if structure.nu is not None:
        parts.append(f"smoothness {structure.nu:g}")
    if structure.nugget:
        parts.append("with a nugget")
    return "".join(f", {part}" for part in parts)


def effects_in_words(term: TermMatrix, q: int) -> str:
    """How the effects of a term go with each other, and its levels: empty, or from a comma on."""
    parts = []
    if not term.structure.is_plain:
        words = structure_in_words(term.structure)
        parts.append(f"{words}{variances_in_words(term.structure)}")
    elif q > 1:
        parts.append("independent" if term.is_independent else "correlated")
    if term.precision is not None:
        parts.append(f"the levels related as {term.precision.name} says")
    if term.members is not None:
        parts.append("several levels to a row")
    if term.part:
        parts.append(f"of {term.part} alone")
    return "".join(f", {part}" for part in parts)


def residual_in_words(fit: Fit) -> str:
    """Such as ``AR(1) over visit within subject; sd by arm``; empty for one variance alone."""
    spec, matrices = fit.spec.residual, fit.matrices
    parts = []
    if spec is not None and spec.blocks is not None:
        term = spec.blocks.term
        over = " and ".join(term.positions) or "the order of rows"
        within = f" within {term.name}" if term.name else ""
        by = f", parameters of its own for each {spec.blocks.by}" if spec.blocks.by else ""
        structure = spec.blocks.structure
        words, more = structure_in_words(structure), variances_in_words(structure)
        parts.append(f"{words} over {over}{within}{more}{by}")
    scale = None if matrices.residual is None else matrices.residual.scale
    if spec is not None and spec.scale is not None and scale is not None:
        if scale.names:
            parts.append(f"log sd linear in {', '.join(scale.names)}")
        for power in dict.fromkeys((p.kind, p.name, p.of_fitted) for p in scale.powers):
            of = "the fitted values (iterated)" if power[2] else power[1]
            constant = "a constant plus " if power[0] == "constpower" else ""
            parts.append(f"sd {constant}a power of {of}")
    if fit.generalised is None and matrices.known_sigma is not None and not _is_held(fit):
        parts.append(f"sd {matrices.known_sigma:g} known")
    if matrices.weights is not None and parts:
        parts.append("variances divided by the weights")
    return "; ".join(parts)


def _is_held(fit: Fit) -> bool:
    """Whether sigma is 1 only as parameters are fixed or tied."""
    return bool(fit.request.fixed or fit.request.tied)
