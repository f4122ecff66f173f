"""Are p-values of a small trial uniform where there is no effect?

20 subjects in two arms, 4 visits, a tenth of the visits missing, an unstructured covariance with
growing variances. Per method of degrees of freedom: how often the difference of the arms at the
last visit and the interaction of arm and visit (an F test of three contrasts) are found at 5 % and
1 %, and the Kolmogorov-Smirnov distance of p from uniform.

    python -m benchmarks.mmrm_null [replicates]
"""

import sys

import numpy as np
import pandas as pd
from scipy.stats import kstest

import mixedmodels as mm

SUBJECTS, VISITS, MISSING = 20, 4, 0.1

METHODS = (
    "kenward-roger",
    "kenward-roger-linear",
    "satterthwaite",
    "between-within",
    "normal",
)

SD = np.array([1.0, 1.3, 1.6, 2.0])
LAG = np.abs(np.subtract.outer(range(VISITS), range(VISITS)))
SIGMA = np.outer(SD, SD) * 0.7**LAG


def trial(rng: np.random.Generator) -> pd.DataFrame:
    """One trial; the last visit is the reference, so that `arm` is the difference there."""
    y = rng.multivariate_normal(np.zeros(VISITS), SIGMA, size=SUBJECTS)
    subject, visit = np.divmod(np.arange(SUBJECTS * VISITS), VISITS)
    table = pd.DataFrame(
        {
            "y": y.ravel(),
            "subject": subject,
            "arm": np.where(subject % 2, "b", "a"),
            "visit": pd.Categorical.from_codes(visit, list("1234")),
        }
    )
    return table[rng.random(len(table)) > MISSING]


def p_values(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    model = mm.mmrm(
        'y ~ arm * C(visit, contr.treatment("4"))',
        table,
        subject="subject",
        visit="visit",
        fallback=(),
    )
    found = {}
    for ddf in METHODS:
        coefficients = model.coef_table(ddf=ddf).set_index("term")["p_value"]
        found["last visit", ddf] = coefficients["arm[T.b]"]
        terms = model.anova(ddf=ddf).set_index("term")["p_value"]
        [interaction] = [term for term in terms.index if ":" in term]
        found["arm x visit", ddf] = terms[interaction]
    return found


def main(replicates: int) -> None:
    rng = np.random.default_rng(20)
    drawn = pd.DataFrame([p_values(trial(rng)) for _ in range(replicates)])
    print("| test | method | at 5 % | at 1 % | distance from uniform (p) |")
    print("|---|---|---|---|---|")
    for (test, ddf), p in drawn.items():
        found = kstest(p, "uniform")
        rates = " | ".join(f"{100 * (p < size).mean():.1f} %" for size in (0.05, 0.01))
        print(f"| {test} | `{ddf}` | {rates} | {found.statistic:.3f} ({found.pvalue:.2g}) |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
