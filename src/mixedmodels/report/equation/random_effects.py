r"""The random effects of an equation: where they enter, and how they are distributed.

Of a term with covariance of its own, \tau_j are standard deviations and \rho_{jk} correlations.
Matrices of more than `MOST` columns have a letter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.design import TermMatrix
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.fit.variance_components import known_covariances
from mixedmodels.report.equation.symbols import Letters, matrix, name, number, of_row, subscript
from mixedmodels.report.structures import structure_in_words

MOST = 4
"""Columns of a covariance matrix that is written out."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effects:
    """One random term.

    Attributes
    ----------
    term : TermMatrix
        Its columns and structure.
    columns : tuple of str
        Their names.
    group, mark : str
        The grouping factor as mathematics, and a number where several terms have the same.
    several : bool
        Whether there are other terms, so that parameters need the name of the group.
    covariance : array (q, q)
        At the estimates.
    n_levels : int
        Of the group.
    """

    term: TermMatrix
    columns: tuple[str, ...]
    group: str
    mark: str
    several: bool
    covariance: Vector
    n_levels: int

    @property
    def owner(self) -> str:
        """The group in an index."""
        return f"{self.group}{self.mark}"


def effects_of(fit: Fit) -> list[Effects]:
    """The random terms in formula order."""
    m = fit.matrices
    groups, labels = group_names(m), column_labels(m)
    covariances = known_covariances(fit)
    seen: dict[int, int] = {}
    out = []
    for k, term in enumerate(m.terms):
        seen[term.group] = seen.get(term.group, 0) + 1
        part = rf"\,({name(term.part)})" if term.part else ""
        mark = rf"\,({seen[term.group]})" if seen[term.group] > 1 and not part else part
        group, covariance = name(groups[term.group]), covariances[k]
        n_levels, several = len(m.groupings[term.group].levels), len(m.terms) > 1
        out.append(Effects(term, labels[k], group, mark, several, covariance, n_levels))
    return out


def summands(effects: Effects, letters: Letters) -> list[str]:
    """What the term adds to the linear predictor of row i."""
    q = len(effects.columns)
    level = f"{effects.group}[i]{effects.mark}"
    if effects.term.members is not None:
        level = f"g{effects.mark}"
    if q > MOST:
        vector = rf"\mathbf{{z}}_{{i}}^{{\top}} \mathbf{{{letters.effect}}}"
        pieces = [vector + subscript(level)]
    else:
        pieces = [
            f"{letters.effect}{subscript(str(j) if q > 1 else '', level)}{_times(column)}"
            for j, column in enumerate(effects.columns)
        ]
    if effects.term.members is None:
        return pieces
    inside = " + ".join(pieces)
    inside = rf"\left({inside}\right)" if len(pieces) > 1 else inside
    return [rf"\sum_{{g \in {effects.group}[i]}} w_{{ig}}\, {inside}"]


def _times(column: str) -> str:
    return "" if column.startswith("Intercept") else rf"\,{of_row(column)}"


def distribution(
    effects: Effects, letters: Letters, *, numbers: bool, digits: int | None
) -> tuple[str, str]:
    """Left and right side of what the effects of a level are distributed as."""
    q = len(effects.columns)
    if q == 1:
        left = f"{letters.effect}{subscript(effects.owner)}"
    elif q <= MOST:
        own = [[f"{letters.effect}{subscript(str(j), effects.owner)}"] for j in range(q)]
        left = matrix(own)
    else:
        left = rf"\mathbf{{{letters.effect}}}{subscript(effects.owner)}"
    zero = "0" if q == 1 else r"\mathbf{0}"
    spread = _numeric(effects, digits) if numbers and q <= MOST else _symbolic(effects, letters)
    known = effects.term.precision
    levels = ""
    if known is not None:
        spread = rf"{spread} \otimes {name(known.name)}"
        levels = rf", \quad {effects.n_levels}\ \text{{levels}}"
    return left, rf"\mathcal{{N}}\left({zero},\, {spread}\right){levels}"


def _numeric(effects: Effects, digits: int | None) -> str:
    cov = effects.covariance
    if len(cov) == 1:
        return number(float(cov[0, 0]), digits)
    return matrix([[number(float(value), digits) for value in row] for row in cov])


def _symbolic(effects: Effects, letters: Letters) -> str:
    """The covariance matrix by its parameters."""
    q, structure = len(effects.columns), effects.term.structure
    owner = effects.owner if effects.several else ""
    hom = structure.hom and structure.kind != "us"
    sds = [f"{letters.sd}{subscript('' if hom or q == 1 else str(j), owner)}" for j in range(q)]
    if q > MOST or (structure.kind not in ("us", "diag", "cs", "ar1") and q > 1):
        words = "" if structure.is_plain else rf"\ ({name(structure_in_words(structure))})"
        diagonal = r"\text{diagonal},\ " if structure.kind == "diag" else ""
        size = rf"\ ({diagonal}{q} \times {q})"
        return rf"\boldsymbol{{\Sigma}}{subscript(owner)}{words or ''}{size}"
    if q == 1:
        return f"{sds[0]}^{{2}}"
    rows = []
    for i in range(q):
        cells = [_entry(structure.kind, letters, sds, i, j, owner) for j in range(q)]
        rows.append(cells)
    return matrix(rows)


def _entry(kind: str, letters: Letters, sds: list[str], i: int, j: int, owner: str) -> str:
    if i == j:
        return f"{sds[i]}^{{2}}"
    if kind == "diag":
        return "0"
    first, second = sorted((i, j))
    index = f"{first}{second}" if kind == "us" else ""
    rho = f"{letters.correlation}{subscript(index, owner)}"
    if kind == "ar1" and second - first > 1:
        rho = f"{rho}^{{{second - first}}}"
    both = f"{sds[0]}^{{2}}" if sds[i] == sds[j] else rf"{sds[first]} {sds[second]}"
    return f"{rho} {both}"
