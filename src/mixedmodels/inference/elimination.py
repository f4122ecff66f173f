"""Backward elimination: random terms by likelihood ratios, then fixed ones by F tests.

The order and the rules are those of lmerTest's `step` (Kuznetsova, Brockhoff & Christensen 2017,
Journal of Statistical Software 82(13)): among the terms that can go, the one with the largest
p-value goes if that is above alpha, the model is fitted again, and so on. A random effect goes with
its covariances, an intercept when nothing else of its term is left; a fixed term that is part of an
interaction stays as long as the interaction does.

A fixed term whose columns the others span goes before all: the model stays the same, and what the
term shares its columns with can be tested.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from formulaic.parser.types import Term

from mixedmodels.design import is_intercept, term_label
from mixedmodels.errors import DataError
from mixedmodels.fit.change import on_its_rows, update
from mixedmodels.fit.fit import Fit
from mixedmodels.formula.tokens import quote
from mixedmodels.formula.update import written_term
from mixedmodels.inference.contrast import FTest
from mixedmodels.inference.drop1 import (
    SPANNED,
    Drop,
    RatioOfDrop,
    columns_of_ratios,
    columns_of_tests,
    ratios_of_drops,
    tests_of_drops,
)
from mixedmodels.inference.ranova import (
    ReducedModel,
    Reduction,
    columns_of_models,
    reduced_models,
    whole_model,
)
from mixedmodels.options import require_flag, require_probability
from mixedmodels.vocabulary import DegreesOfFreedom

Columns = dict[str, object]


@dataclass(frozen=True, slots=True)
class Elimination:
    """What was eliminated, in order, and what is left.

    Attributes
    ----------
    random, fixed : dict of columns
        Those of `ranova` and `drop1` with `eliminated`: the step at which a term went, 0 if it
        stayed. The tests of eliminated terms are those of the model that they were in.
    fit : Fit
        The last model.
    formula : str
        That of the first.
    """

    random: Columns
    fixed: Columns
    fit: Fit
    formula: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Which terms go.

    Attributes
    ----------
    alpha_random, alpha_fixed
        A term goes if its p-value is above.
    ddf
        Denominator degrees of freedom of F tests.
    keep
        Names of terms that stay.
    """

    alpha_random: float
    alpha_fixed: float
    ddf: DegreesOfFreedom
    keep: frozenset[str]


def eliminate(fit: Fit, rules: Rules, *, reduce_random: bool, reduce_fixed: bool) -> Elimination:
    """Leave terms out as long as one can go.

    Raises
    ------
    DataError
        If an option is not possible, `keep` names no term of the model, or the random part cannot
        be written with less in it.
    """
    require_flag("reduce_random", reduce_random)
    require_flag("reduce_fixed", reduce_fixed)
    require_probability("alpha_random", rules.alpha_random)
    require_probability("alpha_fixed", rules.alpha_fixed)
    _require_names(fit, rules.keep)
    formula = str(fit.spec.formula)
    fit = on_its_rows(fit)
    random: list[tuple[int, ReducedModel]] = []
    if reduce_random and fit.matrices.terms:
        _require_reducible(fit)
        fit, random = _without_random(fit, rules)
    of_kind = _without_fixed if fit.generalised is None else _without_fixed_by_ratios
    fit, columns = of_kind(fit, rules, reduce=reduce_fixed)
    return Elimination(_random_columns(random), columns, fit, formula)


def _random_columns(rows: Sequence[tuple[int, ReducedModel]]) -> Columns:
    return {
        "eliminated": np.array([step for step, _ in rows], dtype=np.int64),
        **columns_of_models([row for _, row in rows]),
    }


def _without_random(fit: Fit, rules: Rules) -> tuple[Fit, list[tuple[int, ReducedModel]]]:
    """The fit without random terms that can go, and the rows of the table."""
    rows = [(0, whole_model(fit))]
    while fit.matrices.terms:
        found = reduced_models(fit)
        p_values = [row.test.p_value if row.label not in rules.keep else np.nan for row in found]
        goes = _largest(p_values, rules.alpha_random)
        if goes is None:
            return fit, [*rows, *((0, row) for row in found)]
        reduction = found[goes].reduction
        assert reduction is not None
        rows.append((len(rows), found[goes]))
        fit = update(fit, _with_parts(fit, random=_reduced_terms(fit, reduction)))
    return fit, rows


def _without_fixed(fit: Fit, rules: Rules, *, reduce: bool) -> tuple[Fit, Columns]:
    """The fit without fixed terms that can go, by F tests, and the table."""
    rows: list[tuple[int, tuple[Drop, FTest]]] = []
    while True:
        found = tests_of_drops(fit, rules.ddf)
        drops = [drop for drop, _ in found]
        goes = _goes(drops, [test.p_value for _, test in found], rules) if reduce else None
        if goes is None:
            break
        rows.append((len(rows) + 1, found[goes]))
        fit = update(fit, _with_parts(fit, fixed=found[goes][0].others))
    rows += [(0, row) for row in found]
    steps = np.array([step for step, _ in rows], dtype=np.int64)
    return fit, {"eliminated": steps, **columns_of_tests([row for _, row in rows])}


def _without_fixed_by_ratios(fit: Fit, rules: Rules, *, reduce: bool) -> tuple[Fit, Columns]:
    """The same by likelihood ratios."""
    rows: list[tuple[int, RatioOfDrop]] = []
    while True:
        found = ratios_of_drops(fit)[1:]
        drops = [row.drop for row in found if row.drop is not None]
        goes = _goes(drops, [row.p_value for row in found], rules) if reduce else None
        if goes is None:
            break
        rows.append((len(rows) + 1, found[goes]))
        fit = update(fit, _with_parts(fit, fixed=drops[goes].others))
    rows += [(0, row) for row in found]
    steps = np.array([step for step, _ in rows], dtype=np.int64)
    return fit, {"eliminated": steps, **columns_of_ratios([row for _, row in rows])}


def _goes(drops: Sequence[Drop], p_values: Sequence[float], rules: Rules) -> int | None:
    """Which of the terms of the fixed part goes next."""
    free = [not _is_kept(drop.label, rules.keep) for drop in drops]
    spanned = [i for i, drop in enumerate(drops) if free[i] and SPANNED in drop.notes]
    if spanned:
        return spanned[-1]
    return _largest(
        [p if may_go else np.nan for p, may_go in zip(p_values, free, strict=True)],
        rules.alpha_fixed,
    )


def _largest(p_values: Sequence[float], alpha: float) -> int | None:
    """The place of the largest p-value above alpha; what has none stays."""
    known = [(p, -i) for i, p in enumerate(p_values) if p > alpha]
    return -max(known)[1] if known else None


def _with_parts(
    fit: Fit, *, fixed: Sequence[Term] | None = None, random: Sequence[str] | None = None
) -> str:
    """The formula with another fixed or random part."""
    formula = fit.spec.formula
    kept = [str(term) for term in formula.random] if random is None else random
    text = formula.fixed if fixed is None else _sum(fixed)
    return f"{formula.response} ~ {' + '.join([text, *kept])}"


def _sum(terms: Sequence[Term]) -> str:
    """Terms as they are written, the constant said where it is missing."""
    written = [written_term(term) for term in terms if not is_intercept(term)]
    has_constant = any(map(is_intercept, terms))
    constant = ["0"] if not has_constant else [] if written else ["1"]
    return " + ".join([*constant, *written])


def _reduced_terms(fit: Fit, reduction: Reduction) -> list[str]:
    """The random terms as they are written, one of them with less in it or gone."""
    written = [str(spec.term) for spec in fit.spec.terms]
    term = fit.spec.terms[reduction.term].term
    has_constant = reduction.adds_intercept or any(map(is_intercept, reduction.others))
    effects = [written_term(other) for other in reduction.others if not is_intercept(other)]
    if not effects and not has_constant:
        del written[reduction.term]
        return written
    constant = ["0"] if not has_constant else [] if effects else ["1"]
    left = " + ".join([*constant, *effects])
    bar = "||" if term.structure.is_independent and effects else "|"
    written[reduction.term] = f"({left} {bar} {':'.join(map(quote, term.group))})"
    return written


def _require_reducible(fit: Fit) -> None:
    request = fit.request
    reason = ""
    if request.fixed or request.tied:
        reason = "parameters of its random effects are held or tied by name, which may be theirs"
    elif len(fit.spec.terms) != len(fit.spec.formula.random):
        reason = "a term has covariances of its own per level (by=), which only go together"
    if reason:
        raise DataError(
            f"The random terms cannot be eliminated: {reason}.\n"
            "Do:   use reduce_random=False, and compare models with fewer random terms by compare()"
            "."
        )


def _is_kept(label: str, keep: Collection[str]) -> bool:
    parts = sorted(label.split(":"))
    return any(sorted(name.split(":")) == parts for name in keep)


def _require_names(fit: Fit, keep: frozenset[str]) -> None:
    """Refuse names of terms to keep that are none."""
    fixed = [term_label(term) for term in fit.spec.fixed.formula if not is_intercept(term)]
    random = [f"(1 | {quote(group.name)})" for group in fit.matrices.groupings]
    random += [row.label for row in reduced_models(fit)] if keep.difference(fixed) else []
    known = [*fixed, *dict.fromkeys(random)]
    for name in keep:
        if name in random or _is_kept(name, known):
            continue
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"keep names {name!r}, which is no term that could be eliminated.{hint}\n"
            f"Do:   use the names {', '.join(known[:12])}."
        )


def kept_names(keep: object) -> frozenset[str]:
    """The names of terms to keep: one, or several.

    Raises
    ------
    DataError
        If they are no names.
    """
    names = [keep] if isinstance(keep, str) else keep
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(
        isinstance(name, str) for name in names
    ):
        raise DataError(
            f"keep = {keep!r} is no list of names of terms.\n"
            'Do:   give names as in the tables, as keep=["treatment"].'
        )
    return frozenset(names)
