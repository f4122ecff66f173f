"""Means, contrasts, trends and joint tests agree with those of R's emmeans (see README.md)."""

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import mixedmodels as mm
from mixedmodels.errors import (
    DroppedColumnsWarning,
    NotEstimableWarning,
    NotIdentifiedWarning,
)
from tests.reference.load import models, posthoc_models, reference
from tests.reference.posthoc_calls import Step, adjustment, run, translate
from tests.reference.posthoc_tables import ours, theirs

ESTIMATES = 1e-6  # relative to the estimate, or to its standard error where that is larger
ERRORS = 1e-6  # relative
DF = {"satterthwaite": 1e-3, "kenward-roger": 1e-4, "asymptotic": 0.0}  # relative
P = 1e-6
P_DIGITS = 1e-2  # relative, however small p is; of unadjusted ones
ADJUSTED_P = {"none": P, "mvt": 1e-3}  # R's mvt is Monte Carlo
OTHER_ADJUSTED_P = 1e-4

# Limits, relative to half their distance: what the df allow, and R's own quantiles: qtukey stops at
# 1e-4, mvtnorm has whole df and Monte Carlo, emmeans' dunnettx a search that stops at 1e-4.
LIMITS = {"satterthwaite": 1e-3, "kenward-roger": 1e-4, "asymptotic": 2e-6}
QUANTILES = {"none": 0.0, "mvt": 3e-3}
OTHER_QUANTILES = 2e-4

# Joint tests are printed with so many digits.
PRINTED_F = 0.5e-3
PRINTED_DF = 0.5e-2
CONFOUNDED = "term = confounded"

LARGE = {"posthoc/fhch2010", "posthoc/star_math", "verbagg"}
QUARTILES = {("alfalfa", "joint_tests(fit)")}  # stored as R's summary of each column

# emmeans takes the constant of log(y + 1) from the formula, and once more from make.tran().
SUBTRACTED_TWICE = 1.0

# pairs() of emmeans drops cross.adjust without a word (summary() and test() take it): stored are
# p-values that are not adjusted by Bonferroni over the three recipes.
GROUPS = 3

# Where emmeans' rule for the df of joint tests, and its unscaled F under Kenward-Roger, do not give
# the test of type 3. Ours do: they are held to R's table of type 3 of the same model.
TYPE_3 = {
    ("posthoc/machines", "kenward-roger"): ("machines_factor_re", "Kenward-Roger"),
    ("posthoc/machines_unbal", "satterthwaite"): ("machines_unbal", "Satterthwaite"),
    ("posthoc/machines_unbal", "kenward-roger"): ("machines_unbal", "Kenward-Roger"),
}

# A contrast of regridded means has the least of their df in emmeans, its own df here.
REGRIDDED = (
    "posthoc/igf_log",
    "pairs(regrid(emmeans(fit, ~ age, at=list(age=c(0,20,40)))))",
    "kenward-roger",
)

CASES = [
    pytest.param(
        name,
        number,
        ddf,
        id=f"{name}-{entry.call.replace(' ', '')}-{ddf}",
        marks=[pytest.mark.large] if name in LARGE else [],
    )
    for name in (*posthoc_models(), *models())
    for number, entry in enumerate(reference(name).called)
    for ddf in entry.tables
    if (name, entry.call) not in QUARTILES
    and not ((name, ddf) in TYPE_3 and entry.call == "joint_tests(fit)")
    and (name, entry.call, ddf) != REGRIDDED
]


@cache
def fit(name: str) -> mm.LinearMixedModel:
    ref = reference(name)
    with warnings.catch_warnings():
        if "hole" in name:
            warnings.simplefilter("ignore", DroppedColumnsWarning)
        warnings.simplefilter("ignore", NotIdentifiedWarning)
        return mm.lmm(ref.python_formula, ref.data(), **ref.fit_arguments())


@pytest.mark.parametrize(("name", "number", "ddf"), CASES)
def test_a_table_is_the_one_of_emmeans(name: str, number: int, ddf: str) -> None:
    ref = reference(name)
    entry = ref.called[number]
    columns = [str(c) for c in ref.data().columns]
    steps = translate(entry.call, ddf)
    expected = theirs(entry.tables[ddf], columns)
    if "genlog" in entry.call:
        expected[["estimate", "conf_low", "conf_high"]] += SUBTRACTED_TWICE
    if "cross.adjust" in entry.call:
        expected["p_value"] = (GROUPS * expected["p_value"]).clip(upper=1)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = ours(made(steps, name), columns)
    assert {w.category for w in told} <= {NotEstimableWarning}
    assert told or not found.isna().any(axis=None)
    assert set(found.index) == set(expected.index)
    found = found.loc[list(expected.index)]
    compare(found, expected, ddf, adjustment(steps))


def compare(found: pd.DataFrame, expected: pd.DataFrame, ddf: str, adjust: str) -> None:
    if "num_df" in expected:
        compare_joint_tests(found, expected, ddf)
        return
    gone = expected["estimate"].isna()
    assert found["estimate"].isna().equals(gone)
    assert found.loc[gone, found.columns.intersection(expected.columns)].isna().all(axis=None)
    found, expected = found[~gone], expected[~gone]
    error, t = expected["std_error"], expected["estimate"] / expected["std_error"]
    close(found["estimate"], expected["estimate"], ESTIMATES * error * np.maximum(t.abs(), 1))
    close(found["std_error"], error, ERRORS * error)
    compare_df(found["df"], expected["df"], ddf)
    if "statistic" in expected:
        scale = 1 + expected["statistic"].abs()
        close(found["statistic"], expected["statistic"], 2 * ESTIMATES * scale)
        p = at_whole_df(found) if adjust == "tukey" and gone.any() else found["p_value"]
        close(p, expected["p_value"], ADJUSTED_P.get(adjust, OTHER_ADJUSTED_P))
    if "statistic" in expected and adjust == "none":
        close(found["p_value"], expected["p_value"], P_DIGITS * expected["p_value"])
    if "conf_low" in expected:
        half = (expected["conf_high"] - expected["conf_low"]) / 2
        far = half * (LIMITS[ddf] + QUANTILES.get(adjust, OTHER_QUANTILES))
        close(found["conf_low"], expected["conf_low"], far)
        close(found["conf_high"], expected["conf_high"], far)
    if "letters" in expected:
        assert found["letters"].tolist() == expected["letters"].tolist()


def at_whole_df(found: pd.DataFrame, n_means: int = 3) -> pd.Series:
    """What Tukey's p-values would be with whole df.

    emmeans has them so in every row of a table that has one that is not estimable (of three means
    in the stored ones); without that row, and in the limits, it has the true df, as we do.
    """
    q = np.sqrt(2) * found["statistic"].abs()
    true = stats.studentized_range.sf(q, n_means, np.minimum(found["df"], 1e6))
    close(found["p_value"], pd.Series(true, found.index), 1e-5)
    whole = stats.studentized_range.sf(q, n_means, np.minimum(np.floor(found["df"]), 1e6))
    return pd.Series(whole, found.index)


def compare_joint_tests(found: pd.DataFrame, expected: pd.DataFrame, ddf: str) -> None:
    assert found["num_df"].tolist() == expected["num_df"].tolist()
    rest = expected.index == CONFOUNDED
    if rest.any():  # compared below, by their rule
        found, expected = found[~rest], expected[~rest]
    close(found["statistic"], expected["statistic"], PRINTED_F)
    finite = expected["den_df"].notna()
    assert np.isinf(found.loc[~finite, "den_df"]).all()
    den_df = expected["den_df"][finite]
    close(found["den_df"][finite], den_df, PRINTED_DF + DF[ddf] * den_df)
    p = expected["p_value"]
    close(found["p_value"], p, P)
    close(found["p_value"], p, P_DIGITS * p)


def by_their_rule(L: np.ndarray, name: str, ddf: str) -> tuple[float, float]:
    """F and its df as emmeans has them: unscaled, and the least df of orthogonalised rows."""
    Q = np.linalg.qr(L.T).Q.T
    k = len(Q)
    pairs = np.vstack([Q, *(Q[i] + Q[j] for i in range(k) for j in range(k))])
    rows = pd.DataFrame(fit(name).t_test(pairs, ddf=ddf))
    variances = rows["std_error"].to_numpy() ** 2
    sums = variances[k:].reshape(k, k)
    V = (sums - variances[:k, None] - variances[None, :k]) / 2
    estimate = rows["estimate"].to_numpy()[:k]
    return float(estimate @ np.linalg.solve(V, estimate) / k), float(rows["df"][:k].min())


@pytest.mark.parametrize(("name", "ddf"), TYPE_3)
def test_a_joint_test_is_of_type_3_where_emmeans_is_not(name: str, ddf: str) -> None:
    other, method = TYPE_3[name, ddf]
    stored = reference(other).raw["anova"][method]["III"]
    (row,) = fit(name).joint_tests(ddf=ddf).to_dict("records")
    assert [row["term"]] == stored["_rows"]
    assert row["statistic"] == pytest.approx(stored["F value"][0], rel=ERRORS)
    assert row["den_df"] == pytest.approx(stored["DenDF"][0], rel=DF[ddf])
    assert row["p_value"] == pytest.approx(stored["Pr(>F)"][0], abs=P)


@pytest.mark.parametrize(("name", "ddf"), TYPE_3)
def test_emmeans_joint_test_follows_from_our_rows_by_its_rule(name: str, ddf: str) -> None:
    (entry,) = [e for e in reference(name).called if e.call == "joint_tests(fit)"]
    table = entry.tables[ddf]
    L = fit(name).emmeans("Machine").contrast("consec").linfct.to_numpy()
    F, den_df = by_their_rule(L, name, ddf)
    assert pytest.approx(table["F.ratio"][0], abs=PRINTED_F) == F
    assert pytest.approx(table["df2"][0], abs=PRINTED_DF) == den_df
    assert pytest.approx(table["p.value"][0], abs=P, rel=1e-4) == stats.f.sf(F, 2, den_df)


@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
def test_what_is_beyond_the_terms_follows_from_our_rows_by_emmeans_rule(ddf: str) -> None:
    """One of 3 x 4 cells is empty: 10 contrasts of the others, 8 of them belong to the terms.

    The F is what the 10 have beyond the 8, the df are those of the test of all 10, and p is of the
    printed numbers.
    """
    name = "posthoc/oats_hole"
    (entry,) = [e for e in reference(name).called if e.call == "joint_tests(fit)"]
    stored = theirs(entry.tables[ddf], []).loc[CONFOUNDED]
    with pytest.warns(NotEstimableWarning):
        cells = fit(name).emmeans("Variety * nitro").linfct.to_numpy()
    (empty,) = np.flatnonzero(np.isnan(cells).any(axis=1))
    cells = np.delete(cells, empty, axis=0)
    differ_3, differ_4 = np.diff(np.eye(3), axis=0), np.diff(np.eye(4), axis=0)
    # the first factor varies fastest
    terms = [np.kron(np.ones(4) / 4, differ_3), np.kron(differ_4, np.ones(3) / 3)]
    terms.append(np.kron(differ_4, differ_3))
    determined = [linalg.null_space(C[:, [empty]].T).T @ C for C in terms]
    of_terms = np.delete(np.vstack(determined), empty, axis=1) @ cells
    F_all, den_df = by_their_rule(np.diff(cells, axis=0), name, ddf)
    F_terms, _ = by_their_rule(of_terms, name, ddf)
    F = (10 * F_all - 8 * F_terms) / 2
    assert pytest.approx(stored["statistic"], abs=PRINTED_F) == F
    assert pytest.approx(stored["den_df"], abs=PRINTED_DF) == den_df
    printed = stats.f.sf(round(F, 3), 2, round(den_df, 2))
    assert pytest.approx(stored["p_value"], rel=1e-4) == printed
    ours_ = ours(fit(name).joint_tests(ddf=ddf), []).loc[CONFOUNDED]
    assert ours_["num_df"] == 2
    if ddf == "satterthwaite":  # where F has no scale
        assert ours_["statistic"] == pytest.approx(F, rel=ERRORS)


def test_a_contrast_of_regridded_means_follows_from_ours_by_emmeans_rule() -> None:
    name, call, ddf = REGRIDDED
    (entry,) = [e for e in reference(name).called if e.call == call]
    expected = theirs(entry.tables[ddf], ["age"])
    means = fit(name).emmeans("age", at={"age": [0, 20, 40]}, ddf=ddf).regrid()
    found = ours(means.pairs().table(), ["age"]).loc[list(expected.index)]
    df = means.table()["df"].to_numpy()
    least = pd.Series([min(df[0], df[1]), min(df[0], df[2]), min(df[1], df[2])], found.index)
    close(least, expected["df"], DF[ddf] * expected["df"])
    close(found["estimate"], expected["estimate"], ESTIMATES * expected["std_error"])
    close(found["std_error"], expected["std_error"], ERRORS * expected["std_error"])
    q = np.sqrt(2) * found["statistic"].abs()
    close(expected["p_value"], pd.Series(stats.studentized_range.sf(q, 3, least), q.index), 1e-4)
    # the difference is that of logarithms, to a constant, but for the slope of exp
    logs = fit(name).emmeans("age", at={"age": [0, 20, 40]}, ddf=ddf).pairs().table()
    np.testing.assert_allclose(found["df"], logs["df"], rtol=0.01)


def compare_df(found: pd.Series, expected: pd.Series, ddf: str) -> None:
    if ddf == "asymptotic":  # R's infinity is stored as null
        assert expected.isna().all()
        assert np.isinf(found).all()
    else:
        close(found, expected, DF[ddf] * expected)


def close(found: pd.Series, expected: pd.Series, within: pd.Series | np.ndarray | float) -> None:
    away = (found - expected).abs()
    bad = ~(away <= within)  # a nan is bad
    shown = pd.DataFrame({"found": found, "expected": expected, "within": within})
    assert not bad.any(), f"{found.name}\n{shown[bad].to_string()}"


# emmeans takes a trend for the difference over a thousandth of the covariate's range. Of a
# quadratic that is the derivative half a step away, where ours is taken to be compared.
CURVED = {"posthoc/oxboys_quadratic", "posthoc/wafer_poly"}
STEP = 1e-3


def made(steps: tuple[Step, ...], name: str) -> pd.DataFrame:
    first = steps[0]
    if first.method != "emtrends" or name not in CURVED:
        return run(steps, fit(name))
    if first.keywords.get("max_degree", 1) == 1:
        return moved(steps, name, 0.5)
    linear, quadratic = moved(steps, name, -0.5), moved(steps, name, 0.0)
    return pd.concat(
        [linear[linear["degree"] == "linear"], quadratic[quadratic["degree"] != "linear"]]
    )


def moved(steps: tuple[Step, ...], name: str, by_steps: float) -> pd.DataFrame:
    """The trends so many of emmeans' steps further on, called as if they were not."""
    first, *rest = steps
    var = first.keywords["var"]
    values = reference(name).data()[var]
    shift = by_steps * STEP * float(values.max() - values.min())
    places = first.keywords.get("at", {}).get(var, [float(values.mean())])
    at = {var: [place + shift for place in places]}
    there = replace(first, keywords={**first.keywords, "at": at})
    table = run((there, *rest), fit(name))
    return table.assign(**{var: table[var] - shift}) if var in table else table


def test_the_quartiles_of_joint_tests_are_those_of_emmeans() -> None:
    """R's summary() had the table in its hands: a text such as ``Median :3.000`` for each."""
    (entry,) = [e for e in reference("alfalfa").called if e.call == "joint_tests(fit)"]
    names = {"df1": "num_df", "df2": "den_df", "F.ratio": "statistic", "p.value": "p_value"}
    compared = 0
    for ddf, stored in entry.tables.items():
        table = run(translate(entry.call, ddf), fit("alfalfa"))
        for column, text in zip(stored["Var2"], stored["Freq"], strict=True):
            if column.strip() not in names or text is None:
                continue
            what, value = text.split(":")
            found = describe(table[names[column.strip()]], what.strip())
            near = float(value) if "Inf" not in value else np.inf
            assert found == pytest.approx(near, rel=1e-3, abs=1e-6)
            compared += 1
    assert compared == 3 * 24


def describe(values: pd.Series, what: str) -> float:
    if what == "Mean":
        return float(values.mean())
    share = {"Min.": 0, "1st Qu.": 0.25, "Median": 0.5, "3rd Qu.": 0.75, "Max.": 1}[what]
    return float(np.quantile(values, share)) if np.isfinite(values).all() else float(values.max())
