"""In words: the variance parameters that the data cannot tell apart, and what they do determine."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from mixedmodels.design import Identification, ModelMatrices
from mixedmodels.fit.labels import column_labels, group_names

Vector = NDArray[np.float64]

NOTHING = 1e-6
"""A coefficient of a determined combination, relative to the largest, that counts as zero."""

MOST = 6
"""Parameters or combinations that a message spells out; the rest are counted."""


def undetermined(
    matrices: ModelMatrices, known: Identification, covariances: Sequence[Vector], residual: float
) -> tuple[str, ...]:
    """A message for every set of parameters that depend on each other in this way.

    Parameters
    ----------
    matrices, known
        The model and what the data can tell of it.
    covariances
        Sigma_k (q_k, q_k) of every term at the estimates.
    residual
        sigma^2.
    """
    if not known.n_lost:
        return ()
    names = parameter_names(matrices, known)
    gamma = np.array([*(covariances[k][i, j] for k, i, j in known.parameters), residual])
    told = _absorbed_parameters(known)
    out = [_taken_up(matrices, known, k) for k, columns in enumerate(known.absorbed) if columns]
    out += [
        _one_block(known, block, [names[r] for r in block], gamma[block])
        for block in _blocks(known)
        if not told.issuperset(block)
    ]
    return tuple(out)


def parameter_names(matrices: ModelMatrices, known: Identification) -> list[str]:
    """Such as ``variance of x | g``, in the order of the parameters; the residual variance last."""
    labels, groups = _labels(matrices), group_names(matrices)
    names = []
    for k, i, j in known.parameters:
        group = groups[matrices.terms[k].group]
        if i == j:
            names.append(f"variance of {labels[k][i]} | {group}")
        else:
            names.append(f"covariance of {labels[k][j]} and {labels[k][i]} | {group}")
    return [*names, "residual variance"]


def _labels(matrices: ModelMatrices) -> list[tuple[str, ...]]:
    """Of the columns of every Z_k: those that stand for effects elsewhere than at zero say so."""
    out = []
    for term, labels in zip(matrices.terms, column_labels(matrices), strict=True):
        moved = {source for step in term.coordinates.steps for source in step.sources}
        names = (
            f"{label} near the data" if j in moved else label for j, label in enumerate(labels)
        )
        out.append(tuple(names))
    return out


def _absorbed_parameters(known: Identification) -> set[int]:
    return {
        r
        for r, (k, i, j) in enumerate(known.parameters)
        if {i, j} & set(known.absorbed[k]) and not known.identified[r]
    }


def _taken_up(matrices: ModelMatrices, known: Identification, term: int) -> str:
    labels, group = column_labels(matrices)[term], group_names(matrices)[matrices.terms[term].group]
    names = ", ".join(f"{labels[j]} | {group}" for j in known.absorbed[term])
    return (
        f"The variance of {names} cannot be estimated: the fixed part takes up these effects.\n"
        "    It is left at zero, and no value of it would fit the data better or worse.\n"
        f"Do:   leave the term out, or take out of the fixed part what tells the levels of {group} "
        "apart.\n"
        "Why:  as the model stands, tests of fixed effects that do not vary within the levels of "
        f"{group}\n      speak of these very levels, not of others like them."
    )


def _blocks(known: Identification) -> Iterator[list[int]]:
    """The parameters that are not identified, in sets that no relation connects."""
    projector = np.abs(known.relations @ known.relations.T) > NOTHING
    left = set(np.flatnonzero(~known.identified).tolist())
    while left:
        block, new = set(), {min(left)}
        while new:
            block |= new
            reached = np.flatnonzero(projector[sorted(new)].any(axis=0)).tolist()
            new = (set(reached) & left) - block
        left -= block
        yield sorted(block)


def _one_block(known: Identification, block: list[int], names: list[str], gamma: Vector) -> str:
    combinations = _determined(known.relations[block]) * known.sizes[block]
    lines = [f"    determined: {_in_words(row, names, gamma)}" for row in combinations[:MOST]]
    if len(combinations) > MOST:
        lines.append(f"    and {len(combinations) - MOST} more such combinations")
    shown = names if len(names) <= MOST else [*names[:MOST], f"{len(names) - MOST} more"]
    return "\n".join(
        [
            f"The data cannot tell{' apart' if lines else ''}: {', '.join(shown)}.",
            *lines,
            f"Do:   {_advice(known, block)}",
            "Why:  the likelihood is the same at other values of them, so that there is no "
            f"estimate and no\n      interval; {_counted(len(combinations))}.",
        ]
    )


def _advice(known: Identification, block: list[int]) -> str:
    residual = len(known.parameters)
    if all(r < residual and known.parameters[r][1] != known.parameters[r][2] for r in block):
        return "write the term with ||, which has no covariances: the fit is the same."
    if residual in block:
        return (
            "take an effect out of the random part that differs from row to row as the residual "
            "does."
        )
    if len({known.parameters[r][0] for r in block}) == 1:
        return (
            "give a factor that does not vary within the groups one column per level, as "
            "(0 + f || g),\n      or leave out what the other columns of the term say already."
        )
    return "leave out what the random part has twice: the fit is the same without it."


def _counted(n: int) -> str:
    if not n:
        return "they do not count as parameters"
    return f"together they count as {n} parameter{'' if n == 1 else 's'}"


def _determined(relations: Vector) -> Vector:
    """Combinations (rows) that are the same along the relations (r, d), as simple as may be."""
    rows = linalg.null_space(relations.T, rcond=NOTHING).T
    place = 0
    for column in range(rows.shape[1]):
        if place == len(rows):
            break
        pivot = place + int(np.argmax(np.abs(rows[place:, column])))
        if abs(rows[pivot, column]) <= NOTHING:
            continue
        rows[[place, pivot]] = rows[[pivot, place]]
        rows[place] /= rows[place, column]
        others = np.arange(len(rows)) != place
        rows[others] -= np.outer(rows[others, column], rows[place])
        place += 1
    return np.asarray(rows)


def _in_words(row: Vector, names: Sequence[str], gamma: Vector) -> str:
    row = row / row[np.flatnonzero(np.abs(row) > NOTHING * np.abs(row).max())[0]]
    text = ""
    for coefficient, name in zip(row, names, strict=True):
        if abs(coefficient) <= NOTHING * np.abs(row).max():
            continue
        sign = "-" if coefficient < 0 else "+"
        factor = "" if abs(abs(coefficient) - 1) < NOTHING else f"{abs(coefficient):.4g} × "
        text += f" {sign} {factor}{name}" if text else f"{factor}{name}"
    return f"{text} = {float(row @ gamma):.5g}"
