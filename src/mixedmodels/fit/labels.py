"""Names of random-effect columns, unique within each grouping factor."""

from collections import Counter

from mixedmodels.design import Grouping, ModelMatrices
from mixedmodels.engine.route import AnyProblem
from mixedmodels.engine.structured_terms import StructuredTerms


def column_labels(matrices: ModelMatrices) -> tuple[tuple[str, ...], ...]:
    """Per term, the names of its columns.

    Two terms on one group may share a column, such as the intercepts of (a | g) + (b | g). The
    second one becomes `Intercept.1`, the third `Intercept.2`.
    """
    taken: dict[int, set[str]] = {}
    for term in matrices.terms:
        taken.setdefault(term.group, set()).update(term.names)
    seen: Counter[tuple[int, str]] = Counter()
    labels = []
    for term in matrices.terms:
        names = []
        for name in term.names:
            label = name
            while seen[term.group, name] and label in taken[term.group]:
                label = f"{name}.{seen[term.group, name]}"
                seen[term.group, name] += 1
            seen[term.group, name] += label == name
            taken[term.group].add(label)
            names.append(label)
        labels.append(tuple(names))
    return tuple(labels)


def theta_names(problem: AnyProblem) -> tuple[str, ...]:
    """Per element of theta its group, row and column, as in `subject.days.Intercept`.

    Coordinates of a structure have the name of the group, or `Residual`, and a number.
    """
    matrices = problem.matrices
    labels, groups = column_labels(matrices), group_names(matrices)
    names = []
    if isinstance(problem, StructuredTerms):
        seen: Counter[str] = Counter()
        for owner in problem.owners:
            group = "Residual" if owner is None else groups[matrices.terms[owner].group]
            seen[group] += 1
            names.append(f"{group}.{seen[group]}")
        return tuple(names)
    for k, row, column in problem.theta_index:
        parts = [groups[matrices.terms[k].group], labels[k][row]]
        names.append(".".join(parts if row == column else [*parts, labels[k][column]]))
    return tuple(names)


def largest_group(matrices: ModelMatrices) -> Grouping | None:
    """The grouping factor with the most random effects, the first of equals; None without one."""

    def effects(group: int) -> int:
        widths = [len(matrices.terms[k].names) for k in terms_of_group(matrices, group)]
        return sum(widths) * len(matrices.groupings[group].levels)

    found = max(range(len(matrices.groupings)), key=effects, default=None)
    return None if found is None else matrices.groupings[found]


def group_names(matrices: ModelMatrices) -> tuple[str, ...]:
    """The grouping factors, in order of first appearance in the formula."""
    return tuple(grouping.name for grouping in matrices.groupings)


def terms_of_group(matrices: ModelMatrices, group: int) -> list[int]:
    """The random terms on a grouping factor, in formula order."""
    return [k for k, term in enumerate(matrices.terms) if term.group == group]
