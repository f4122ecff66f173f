"""The words of formulas: which structure each stands for, and which options it has.

lme4's spellings (``hom=``) and glmmTMB's (``homcs``, ``hetar1``, ``exp``, ``d=``) are both read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mixedmodels.vocabulary import StructureKind, StructureWord


@dataclass(frozen=True, slots=True)
class Word:
    """What a word before the brackets of a bar stands for.

    Attributes
    ----------
    kind
        The structure.
    hom
        Whether there is one standard deviation for all positions, unless the option says otherwise.
    options
        The options that it has, by which the structure is chosen.
    for_terms, for_residuals
        Where it can stand.
    """

    kind: StructureKind
    hom: bool = False
    options: tuple[str, ...] = ()
    for_terms: bool = True
    for_residuals: bool = True


WORDS: Mapping[StructureWord, Word] = {
    "us": Word("us", options=("hom",)),
    "diag": Word("diag", options=("hom",), for_residuals=False),
    "homdiag": Word("diag", hom=True, for_residuals=False),
    "cs": Word("cs", options=("hom",)),
    "homcs": Word("cs", hom=True),
    "hetcs": Word("cs"),
    "ar1": Word("ar1", hom=True, options=("hom",)),
    "homar1": Word("ar1", hom=True),
    "hetar1": Word("ar1"),
    "toep": Word("toep", options=("hom", "band")),
    "homtoep": Word("toep", hom=True, options=("band",)),
    "hettoep": Word("toep", options=("band",)),
    "ante": Word("ante", options=("hom",)),
    "fa": Word("fa", options=("rank", "d"), for_residuals=False),
    "rr": Word("rr", options=("rank", "d"), for_residuals=False),
    "ou": Word("ou", hom=True, options=("nugget",)),
    "car1": Word("car1", hom=True, options=("nugget",)),
    "arma": Word("arma", hom=True, options=("p", "q", "hom"), for_terms=False),
    "expo": Word("expo", hom=True, options=("nugget",)),
    "exp": Word("expo", hom=True, options=("nugget",)),
    "gauss": Word("gauss", hom=True, options=("nugget",)),
    "gau": Word("gauss", hom=True, options=("nugget",)),
    "ratio": Word("ratio", hom=True, options=("nugget",)),
    "matern": Word("matern", hom=True, options=("nugget", "nu")),
    "mat": Word("matern", hom=True, options=("nugget", "nu")),
    "known": Word("us", for_residuals=False),
    "mm": Word("us", for_residuals=False),
}
