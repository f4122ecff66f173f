"""A model in words, as an equation, and as the sentence of a methods section."""

from collections.abc import Sequence

from mixedmodels.design import Grouping, TermMatrix, is_intercept, term_label
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.report.structures import (
    effects_in_words,
    residual_in_words,
    structure_in_words,
)
from mixedmodels.vocabulary import DegreesOfFreedom

MOST_TERMS = 6
"""Coefficients that an equation writes out."""

TESTS: dict[DegreesOfFreedom, str] = {
    "satterthwaite": "Satterthwaite's method",
    "kenward-roger": "the method of Kenward and Roger",
    "kenward-roger-linear": "the method of Kenward and Roger without second derivatives",
    "between-within": "between-within degrees of freedom",
    "containment": "containment degrees of freedom",
    "knapp-hartung": "the method of Knapp and Hartung",
    "residual": "the residual degrees of freedom",
    "normal": "the normal approximation",
}


def in_words(fit: Fit) -> list[str]:
    """A sentence on the mean, and one per random term."""
    response, fixed = fit.spec.formula.response, fixed_terms(fit)
    mean = f"depends on {listed(fixed)}" if fixed else "is the same for all rows"
    sentences = [f"The mean of {response} {mean}."]
    sentences += [
        f"Every one of the {len(grouping.levels)} levels of {grouping.name} has {effects}."
        for grouping, effects in _random_terms(
            fit, intercept="its own intercept", slope="a slope of"
        )
    ]
    if not fit.matrices.terms:
        independent = "" if residual_in_words(fit) else ": rows are independent"
        sentences.append(f"There are no random effects{independent}.")
    sentences.append(f"What is left is normal{_what_is_left(fit)}.")
    return sentences


def _what_is_left(fit: Fit) -> str:
    residual = residual_in_words(fit)
    if residual:
        return f": {residual}"
    weighted = " divided by the weight of the row" if fit.matrices.weights is not None else ""
    return f" with one variance{weighted}"


def methods_sentence(fit: Fit, ddf: DegreesOfFreedom, version: str) -> str:
    """The sentence to paste."""
    fixed = fixed_terms(fit)
    criterion = "restricted maximum likelihood" if fit.reml else "maximum likelihood"
    parts = [
        f"We fitted a linear {'mixed ' if fit.matrices.terms else ''}model of "
        f"{fit.spec.formula.response} by {criterion} (mixedmodels {version})"
    ]
    effects = [f"fixed effects of {listed(fixed)}" if fixed else "an overall mean"]
    effects += [
        f"{text} by {grouping.name}"
        for grouping, text in _random_terms(fit, intercept="intercept", slope="slope of")
    ]
    sizes = [f"{len(g.levels)} levels of {g.name}" for g in fit.matrices.groupings]
    counted = listed([f"{len(fit.matrices.y)} observations", *sizes])
    residual = residual_in_words(fit)
    counted += f", with residuals {residual}" if residual else ""
    tests = f"Fixed effects were tested with degrees of freedom by {TESTS[ddf]}."
    return f"{parts[0]} with {listed(effects)}, on {counted}. {tests}"


def equation(fit: Fit) -> list[str]:
    """Lines of plain text with Unicode letters."""
    names = fit.matrices.x_names
    labels, groups = column_labels(fit.matrices), group_names(fit.matrices)
    if len(names) <= MOST_TERMS:
        mean = [f"β{_index(j)}{_times(name)}" for j, name in enumerate(names)]
    else:
        mean = ["x′β"]
    random, distributions = [], []
    for k, term in enumerate(fit.matrices.terms):
        letter = "b" if len(fit.matrices.terms) == 1 else f"b{_index(k + 1)}"
        group = groups[term.group]
        q = len(term.names)
        if q <= MOST_TERMS:
            random += [
                f"{letter}{_index(j) if q > 1 else ''}[{group}]{_times(name)}"
                for j, name in enumerate(labels[k])
            ]
        else:
            random.append(f"z′{letter}[{group}]")
        distributions.append(f"{letter}[{group}] ~ N(0, {_spread(term, q)})")
    known = ["offset"] if fit.matrices.offset is not None else []
    error = _error(fit)
    line = " + ".join([*mean, *random, *known, "ε"])
    return [f"{fit.spec.formula.response} = {line}", *distributions, error]


def _spread(term: TermMatrix, q: int) -> str:
    if not term.structure.is_plain:
        words = structure_in_words(term.structure)
        spread = f"Σ {words} ({q} × {q})"
    else:
        kind = "diagonal " if term.is_independent and q > 1 else ""
        spread = f"Σ {kind}({q} × {q})" if q > 1 else "τ²"
    return spread if term.precision is None else f"{term.precision.name} ⊗ {spread}"


def _error(fit: Fit) -> str:
    residual = residual_in_words(fit)
    if residual:
        return f"ε ~ N(0, σ²R), R: {residual}"
    return "ε ~ N(0, σ² / w)" if fit.matrices.weights is not None else "ε ~ N(0, σ²)"


def fixed_terms(fit: Fit) -> list[str]:
    """The terms of the fixed part but for the intercept."""
    return [term_label(term) for term in fit.spec.fixed.term_slices if not is_intercept(term)]


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _random_terms(fit: Fit, *, intercept: str, slope: str) -> list[tuple[Grouping, str]]:
    """Per random term its group and its effects, in the words given for either kind."""
    out = []
    for term, names in zip(fit.matrices.terms, column_labels(fit.matrices), strict=True):
        own = [intercept if n.startswith("Intercept") else f"{slope} {n}" for n in names]
        how = effects_in_words(term, len(names))
        out.append((fit.matrices.groupings[term.group], f"{listed(own)}{how}"))
    return out


def _index(j: int) -> str:
    return "".join(chr(0x2080 + int(digit)) for digit in str(j))


def _times(name: str) -> str:
    return "" if name.startswith("Intercept") else f" {name}"
