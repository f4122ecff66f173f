"""`drop1`: is each term of the fixed part needed, given all the others?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from formulaic.parser.types import Term
from numpy.typing import NDArray

from mixedmodels.design import (
    ORIGINAL,
    columns_of,
    droppable_terms,
    reduced_fixed_part,
    term_label,
)
from mixedmodels.engine.route import problem_like
from mixedmodels.errors import DataError
from mixedmodels.fit.criteria import aic, n_parameters
from mixedmodels.fit.fit import Fit
from mixedmodels.inference.contrast import NOTHING_TO_TEST, FTest, f_test
from mixedmodels.inference.degrees_of_freedom import (
    OtherCovariance,
    TestMethod,
    refuse_other_covariance,
)
from mixedmodels.inference.likelihood_ratio import NAN, differences
from mixedmodels.inference.maximum import (
    FREES_VARIANCES,
    Maximum,
    caveats,
    frees_variances,
    maximum_of,
    rows_held_back,
    search,
)
from mixedmodels.inference.mixture import NOTHING, chi_square_tail
from mixedmodels.inference.nested import column_space, outside
from mixedmodels.options import require_option
from mixedmodels.vocabulary import DropTest

Vector = NDArray[np.float64]

SPANNED = "the other terms span its columns: nothing to test"


@dataclass(frozen=True, slots=True)
class Drop:
    """A model without one term: its name, the columns (n, p_0) and the terms that stay, what is to
    be said.
    """

    label: str
    X: Vector
    others: tuple[Term, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RatioOfDrop:
    """A model without one term by maximum likelihood, against the whole.

    Attributes
    ----------
    drop
        What was left out; None in the whole model.
    maximum
        The model at its optimum.
    statistic, df
        The likelihood ratio and its degrees of freedom; nan without a test.
    notes
        What is to be said of it.
    """

    drop: Drop | None
    maximum: Maximum
    statistic: float
    df: float
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """What tables call it."""
        return "<none>" if self.drop is None else self.drop.label

    @property
    def p_value(self) -> float:
        """From chi-square."""
        return chi_square_tail(self.statistic, int(self.df)) if self.df > 0 else NAN


def drop1(fit: Fit, test: DropTest = "lrt", *, ddf: TestMethod = "satterthwaite") -> object:
    """Test every term of the fixed part that is in no interaction by leaving it out.

    Parameters
    ----------
    fit : Fit
        The model. Under REML the likelihood ratios are of ML fits, as REML criteria with
        different fixed effects cannot be compared; the note says so.
    test : {"lrt", "f", "wald"}
        Likelihood ratios, for which the model is fitted again without each term, on the same rows
        even where the term alone had missing values; or tests of the same hypothesis, that the
        mean is in the column space of the other terms, at the fit as it is: F tests, of linear
        models alone, or Wald chi-squares, which take the variances as known.
    ddf : mixedmodels.vocabulary.DegreesOfFreedom
        Denominator degrees of freedom of the F tests.

    Returns
    -------
    table
        ``"lrt"``: `term, npar, aic, note, statistic, df, p_value`, the model itself first, as
        ``<none>``; `npar` and `aic` are those of the model without the term. ``"f"``: `term,
        num_df, den_df, note, statistic, p_value`. ``"wald"``: `term, df, note, statistic, p_value`.

    Raises
    ------
    DataError
        If `test` or `ddf` is not known, or an F test is asked for of a generalised model.
    """
    require_option("test", test, get_args(DropTest))
    if test == "lrt":
        refuse_other_covariance(ddf, "likelihood ratios")
        return fit.frame.table(columns_of_ratios(ratios_of_drops(fit)))
    if test == "wald":
        normal: TestMethod = ddf.normal() if isinstance(ddf, OtherCovariance) else "normal"
        return _chi_squares(fit, normal)
    if fit.generalised is not None:
        raise DataError(
            'test="f" is not available for a generalised model.\n'
            'Do:   use test="wald", or test="lrt", whose p-values are better in small samples.\n'
            "Why:  F compares with an estimated residual variance, of which there is none: the "
            "tests\n      are of chi-square."
        )
    return fit.frame.table(columns_of_tests(tests_of_drops(fit, ddf)))


def hypothesis_of_columns(X: Vector, X_0: Vector, *, is_centred: bool = False) -> Vector:
    """L (p - p_0, p), such that L beta = 0 if and only if X beta is in the space of `X_0`.

    X_0 (n, p_0) spans a part of the space of X (n, p), both of full rank. With M the projection
    onto what is orthogonal to X_0, the condition is M X beta = 0; L is a basis of the rows of M X,
    which has rank p - p_0. It is orthonormal, since Satterthwaite's joint degrees of freedom depend
    on the basis that a hypothesis is written in: this one gives for a factor what the rows of its
    own coefficients give. With `is_centred` both are told up to a constant.
    """
    if is_centred:
        X, X_0 = X - X.mean(axis=0), X_0 - X_0.mean(axis=0)
    scale = np.linalg.norm(X, axis=0)
    rest = np.linalg.qr(outside(column_space(X_0), X / scale), mode="r")
    rows = np.linalg.svd(rest)[2][: X.shape[1] - X_0.shape[1]]
    L: Vector = np.linalg.qr((rows * scale).T)[0].T
    return L


def _drops(fit: Fit) -> list[Drop]:
    terms = list(fit.spec.fixed.formula)
    return [
        _drop(fit, term, [other for other in terms if other is not term])
        for term in droppable_terms(terms)
    ]


def _drop(fit: Fit, term: Term, others: Sequence[Term]) -> Drop:
    """The model of the other terms, on the rows of the fit."""
    spec, kept = fit.spec, fit.matrices.kept
    X = reduced_fixed_part(spec, fit.frame, terms=others, kept=kept)
    columns = columns_of(others, spec).union(
        spec.response_columns,
        *(columns_of(random.recipe.formula, spec) for random in spec.terms),
        *(level_map.columns for level_map in spec.level_maps),
    )
    notes = rows_held_back(fit, columns)
    if X.shape[1] == len(fit.beta):
        notes.append(SPANNED)
    return Drop(term_label(term), X, tuple(others), tuple(notes))


def ratios_of_drops(fit: Fit) -> list[RatioOfDrop]:
    """The model itself, fitted by ML, then without each term that can go."""
    full = maximum_of(fit, reml=False)
    first = ["refitted by ML"] if fit.reml else []
    whole = RatioOfDrop(None, full, NAN, NAN, (*first, *caveats(full)))
    return [whole, *(_ratio(fit, drop, full) for drop in _drops(fit))]


def columns_of_ratios(rows: Sequence[RatioOfDrop]) -> dict[str, object]:
    """The columns `term, npar, aic, note, statistic, df, p_value`."""
    return {
        "term": np.array([row.label for row in rows], dtype=object),
        "npar": np.array([n_parameters(row.maximum) for row in rows], dtype=np.int64),
        "aic": np.array([aic(row.maximum) for row in rows], dtype=np.float64),
        "note": np.array(["; ".join(row.notes) for row in rows], dtype=object),
        "statistic": np.array([row.statistic for row in rows], dtype=np.float64),
        "df": np.array([row.df for row in rows], dtype=np.float64),
        "p_value": np.array([row.p_value for row in rows], dtype=np.float64),
    }


def _ratio(fit: Fit, drop: Drop, full: Maximum) -> RatioOfDrop:
    row = _without(fit, drop, full)
    without = frees_variances(row, full)
    change = row.objective - full.objective
    return RatioOfDrop(
        drop=drop,
        maximum=row,
        statistic=NAN if without else change if change > NOTHING else 0.0,
        df=NAN if without else float(n_parameters(full) - n_parameters(row)),
        notes=(
            *drop.notes,
            *([FREES_VARIANCES] if without else []),
            *differences(row, full),
            *caveats(row),
        ),
    )


def _without(fit: Fit, drop: Drop, full: Maximum) -> Maximum:
    if drop.X.shape[1] == len(fit.beta):
        return full
    names = tuple(f"column {j}" for j in range(drop.X.shape[1]))
    matrices = replace(fit.matrices, X=drop.X, x_names=names, coordinates=ORIGINAL)
    problem = problem_like(fit.problem, matrices)
    return search(problem, reml=False, control=fit.request.control)


def tests_of_drops(fit: Fit, ddf: TestMethod) -> list[tuple[Drop, FTest]]:
    """Every term that can go with the F test of its hypothesis."""
    return [(drop, _f_of(fit, drop, ddf)) for drop in _drops(fit)]


def columns_of_tests(rows: Sequence[tuple[Drop, FTest]]) -> dict[str, object]:
    """The columns `term, num_df, den_df, note, statistic, p_value`."""
    tests = [test for _, test in rows]
    return {
        "term": np.array([drop.label for drop, _ in rows], dtype=object),
        "num_df": np.array([test.num_df for test in tests], dtype=np.int64),
        "den_df": np.array([test.den_df for test in tests], dtype=np.float64),
        "note": np.array(["; ".join(drop.notes) for drop, _ in rows], dtype=object),
        "statistic": np.array([test.statistic for test in tests], dtype=np.float64),
        "p_value": np.array([test.p_value for test in tests], dtype=np.float64),
    }


def _chi_squares(fit: Fit, normal: TestMethod) -> object:
    rows = tests_of_drops(fit, normal)
    return fit.frame.table(
        {
            "term": np.array([drop.label for drop, _ in rows], dtype=object),
            "df": np.array([test.num_df for _, test in rows], dtype=np.int64),
            "note": np.array(["; ".join(drop.notes) for drop, _ in rows], dtype=object),
            "statistic": np.array([test.num_df * test.statistic for _, test in rows], dtype=float),
            "p_value": np.array([test.p_value for _, test in rows], dtype=np.float64),
        }
    )


def _f_of(fit: Fit, drop: Drop, ddf: TestMethod) -> FTest:
    if drop.X.shape[1] == len(fit.beta):
        return NOTHING_TO_TEST
    is_ordinal = fit.family.response == "ordered"
    L = hypothesis_of_columns(fit.matrices.X, drop.X, is_centred=is_ordinal)
    return f_test(fit, L, ddf=ddf)
