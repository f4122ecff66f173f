"""Several models side by side in a table for a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixedmodels import rooms
from mixedmodels.vocabulary import (
    Clusters,
    Covariance,
    DegreesOfFreedom,
    Facts,
    Layout,
    RandomShown,
    Shown,
    TableStyle,
)

if TYPE_CHECKING:
    from mixedmodels.report.publication.table import Table


def table(
    *models: Any,
    names: Sequence[str] | None = None,
    style: TableStyle = "default",
    show: Sequence[Shown] | None = None,
    layout: Layout | None = None,
    random: RandomShown = "sd",
    facts: Sequence[Facts] | None = None,
    digits: int | None = None,
    stars: bool | Mapping[str, float] = False,
    level: float = 0.95,
    exponentiate: bool = False,
    ddf: DegreesOfFreedom | None = None,
    cov: Covariance = None,
    cluster: Clusters = None,
    title: str | None = None,
    notes: str | Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] = (),
) -> Table:
    """Models side by side in a table for a paper: text, HTML, LaTeX, Typst, Markdown or Word.

    Fixed effects with errors, intervals and tests, the random part, and what there is to say of
    each model as a whole; a coefficient that several models have stands in one row. Below the table
    it says how the tests were made, which fits are singular or did not converge, how many rows were
    left out, and which criteria cannot be compared.

    Parameters
    ----------
    *models
        Fitted models of any kind, also side by side; results of `pool` and `rlmm`; and whatever
        else has a `coef_table()` with the columns `term, estimate, std_error` (see
        `mixedmodels.report.publication.reading.Tabulable`).
    names : sequence of str, optional
        What to call them; by default their numbers.
    style : {"default", "apa", "ama"}
        How a journal writes numbers: ``"apa"`` has italic statistics, no zero before the point of
        what cannot exceed one, and p < .001; ``"ama"`` an italic P, and limits with "to". All have
        a true minus sign and three horizontal rules.
    show : sequence of {"estimate", "std_error", "conf_int", "statistic", "df", "p_value"}, optional
        The statistics, by default those of the style.
    layout : {"columns", "stacked"}, optional
        A column for each statistic, the default for one model; or below each other in one column
        for each model, the default for several.
    random : {"sd", "variance", "none"}
        The scale of the random part; correlations stay correlations.
    facts : sequence of str, optional
        Of ``nobs, groups, r2, icc, llf, aic, aicc, bic, estimation``, in this order: by default
        all but `aicc` and `bic`. R² and ICC are Nakagawa's (see `MixedModel.r2`), the latter
        adjusted.
    digits : int, optional
        Decimals of estimates. By default two, or more where the standard error of a row needs
        them to show two digits.
    stars : bool or mapping
        Marks of small p-values, or marks with their limits: ``{"†": 0.1, "*": 0.05}``.
    level : float
        Coverage of the intervals.
    exponentiate : bool
        Ratios of odds, rates, … of the models that have them; the others stay as they are.
    ddf : mixedmodels.vocabulary.DegreesOfFreedom, optional
        Degrees of freedom of the tests, by default those of `coef_table`.
    cov, cluster
        Another covariance of the estimates, such as ``"CR2"``, and its clusters, as of
        `coef_table`; of all models.
    title : str, optional
        Above the table.
    notes : str or sequence of str
        Below it, before its own.
    rename : mapping, optional
        Labels for coefficients, for factors and levels wherever they occur (also in interactions),
        for groups and the response. Coefficients of different models that get one label share a
        row.
    keep, drop : sequence of str
        Coefficients to show or leave out, each by its name or by that of its term, which stands for
        all of them: ``"recipe"``, ``"recipe:temp"``.

    Returns
    -------
    Table
        Prints; `text()`, `html()`, `latex()`, `typst()`, `markdown()`, `frame()`,
        `great_table()`, `save("table.docx")`.

    Raises
    ------
    DataError
        If something is no model, a coefficient that is named does not exist, or an option is not
        known.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> data = mm.datasets.load("sleepstudy")
    >>> slope = mm.lmm("Reaction ~ Days + (1 | Subject)", data)
    >>> slopes = mm.lmm("Reaction ~ Days + (Days | Subject)", data)
    >>> print(mm.table(slope, slopes, facts=["nobs", "aic"]))
    ──────────────────────────────────────────────────────────────────────
                                                        (1)            (2)
    ──────────────────────────────────────────────────────────────────────
    Fixed effects
      Intercept                               251.41 (9.75)  251.41 (6.82)
                                                  p < 0.001      p < 0.001
      Days                                     10.47 (0.80)   10.47 (1.55)
                                                  p < 0.001      p < 0.001
    Random effects
      Subject: SD (Intercept)                         37.12          24.74
      Subject: SD (Days)                                              5.92
      Subject: correlation (Intercept, Days)                          0.07
      Residual: SD                                    30.99          25.59
    Model
      N                                                 180            180
      AIC                                           1794.47        1755.63
    ──────────────────────────────────────────────────────────────────────
    Note: Response: Reaction.
    Estimates with standard errors in parentheses.
    Tests with degrees of freedom by Satterthwaite’s method.
    """
    choices = {
        "names": names,
        "show": show,
        "layout": layout,
        "random": random,
        "facts": facts,
        "digits": digits,
        "stars": stars,
        "level": level,
        "title": title,
        "notes": notes,
        "rename": rename,
        "keep": keep,
        "drop": drop,
    }
    tests = _given(ddf=ddf, cov=cov, cluster=cluster)
    return rooms.table(models, style=style, exponentiate=exponentiate, tests=tests, choices=choices)


def _given(**options: object) -> dict[str, object]:
    """The options that are not left to the models."""
    return {name: value for name, value in options.items() if value is not None}
