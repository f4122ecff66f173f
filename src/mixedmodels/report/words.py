"""A model in words, as an equation, and as the sentence of a methods section."""

from collections.abc import Sequence

from mixedmodels.design import Grouping, TermMatrix, is_intercept, term_label
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.labels import column_labels, group_names
from mixedmodels.inference.degrees_of_freedom import TestMethod, df_word, worded
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
    "clusters": "the number of clusters less one",
}


def in_words(fit: Fit) -> list[str]:
    """A sentence on the mean, and one per random term."""
    fixed = fixed_terms(fit)
    mean = f"depends on {listed(fixed)}" if fixed else "is the same for all rows"
    sentences = [f"{_predicted_in_words(fit)} {mean}."]
    sentences += [
        f"Every one of the {len(grouping.levels)} levels of {grouping.name} has {effects}."
        for grouping, effects in _random_terms(
            fit, intercept="its own intercept", slope="a slope of"
        )
    ]
    if not fit.matrices.terms:
        independent = "" if residual_in_words(fit) else ": rows are independent"
        sentences.append(f"There are no random effects{independent}.")
    sentences.append(f"{_distribution_in_words(fit)}.")
    return sentences


def _predicted_in_words(fit: Fit) -> str:
    """What the linear predictor is of."""
    response, link = fit.spec.formula.response_name, fit.family.link
    if fit.family.response == "ordered":
        if link == "cloglog":  # the one link that is not symmetric
            return f"Minus the {link} of the probability of a lower category of {response}"
        return f"The {link} of the probability of a higher category of {response}"
    mean = "probability" if fit.family.response == "trials" else "mean"
    of_mean = f"mean of {response}" if mean == "mean" else f"probability in {response}"
    return f"The {of_mean}" if link == "identity" else f"The {link} of the {of_mean}"


def _distribution_in_words(fit: Fit) -> str:
    """What the response is, given the linear predictor."""
    if fit.generalised is None:
        return f"What is left is normal{_what_is_left(fit)}"
    return f"Given these, the distribution of the response is {family_in_words(fit)}"


def family_in_words(fit: Fit) -> str:
    """The family, and what zeros have beside it."""
    zeros = {"inflated": " with further zeros", "hurdle": ", with zeros of their own (a hurdle)"}
    return f"{fit.family.kind.title}{zeros.get(fit.family.zero, '')}"


def _what_is_left(fit: Fit) -> str:
    residual = residual_in_words(fit)
    if residual:
        return f": {residual}"
    weighted = " divided by the weight of the row" if fit.matrices.weights is not None else ""
    return f" with one variance{weighted}"


def methods_sentence(fit: Fit, ddf: TestMethod, version: str) -> str:
    """The sentence to paste."""
    fixed = fixed_terms(fit)
    criterion = "restricted maximum likelihood" if fit.reml else "maximum likelihood"
    mixed = "mixed " if fit.matrices.terms else ""
    kind, how = f"linear {mixed}model", ""
    if fit.generalised is not None:
        kind = f"generalised linear {mixed}model ({family_in_words(fit)}; {fit.family.link} link)"
        how = f" with {integral_in_words(fit)}" if fit.matrices.terms else ""
    parts = [
        f"We fitted a {kind} of {fit.spec.formula.response_name} by {criterion}{how} "
        f"(mixedmodels {version})"
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
    tests = f"Fixed effects were tested with degrees of freedom by {worded(ddf, TESTS)}."
    if df_word(ddf) == "normal" and fit.generalised is not None:
        tests = "Fixed effects were tested by Wald's z and chi-square."
    return f"{parts[0]} with {listed(effects)}, on {counted}. {tests}"


def integral_in_words(fit: Fit) -> str:
    """How the likelihood of a generalised model was integrated over the random effects."""
    nodes = 1 if fit.generalised is None else fit.generalised.nodes
    if nodes == 1:
        return "Laplace's approximation"
    return f"adaptive Gauss-Hermite quadrature, {nodes} nodes"


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
    if fit.generalised is not None:
        return [*_of_link(fit, " + ".join([*mean, *random, *known])), *distributions]
    error = _error(fit)
    line = " + ".join([*mean, *random, *known, "ε"])
    return [f"{fit.spec.formula.response_name} = {line}", *distributions, error]


def _of_link(fit: Fit, line: str) -> list[str]:
    """The equation of the linear predictor, and the distribution of the response."""
    response, link = fit.spec.formula.response_name, fit.family.link
    distribution = f"{response} ~ {family_in_words(fit)}"
    if fit.family.response == "ordered":
        return [f"{link} P({response} ≤ c) = τ[c] − η, η = {line}", distribution]
    of = "P" if fit.family.response == "trials" else "E"
    left = f"{of}({response})" if link == "identity" else f"{link} {of}({response})"
    return [f"{left} = {line}", distribution]


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
