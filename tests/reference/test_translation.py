"""Every reference model is read as R read it: the same rows, columns, levels and criterion.

The last needs no search: at R's estimates of the covariances, dense algebra on our matrices must
give R's criterion, coefficients and modes. It tests the data, the translation, the design and the
dense algebra at once, and nothing of the engine.
"""

import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Frame
from mixedmodels.design import ModelMatrices, ModelSpec, build
from mixedmodels.formula import parse
from tests.dense import evaluate
from tests.reference.load import Method, Reference, Values, frame, models, reference

DENSE_ROWS = 1000  # n^3 takes a second there

SMALL = [
    (name, method)
    for name in models()
    for method in reference(name).methods
    if len(frame(reference(name).raw["dataset"])) <= DENSE_ROWS
]

CRITERION = 1e-6  # R's values have 15 digits; cancellation between log-determinants costs some
ESTIMATES = 1e-6  # relative, in standard errors or standard deviations


def design(ref: Reference) -> tuple[ModelSpec, ModelMatrices]:
    return build(parse(ref.python_formula), Frame.of(ref.data()), **ref.fit_arguments())


def relative_covariances(m: ModelMatrices, values: Values) -> list[np.ndarray]:
    found = {(c.group, c.term1, c.term2): c.vcov / values.sigma**2 for c in values.components}
    covariances = []
    for term in m.terms:
        group = m.groupings[term.group].name
        G = np.diag([found.pop((group, name, None)) for name in term.names])
        if not term.is_independent:
            for j, first in enumerate(term.names):
                for i, second in enumerate(term.names[j + 1 :], j + 1):
                    G[i, j] = G[j, i] = found.pop((group, first, second))
        covariances.append(G)
    assert not found
    return covariances


@pytest.mark.parametrize("name", [name for name in models() if reference(name).methods])
def test_columns_groups_and_rows_are_those_of_lme4(name: str) -> None:
    ref = reference(name)
    spec, m = design(ref)
    values = ref.values("REML")
    assert list(m.x_names) == values.params.index.tolist()
    assert spec.aliased == values.dropped
    assert len(m.y) == values.nobs
    assert {g.name: len(g.levels) for g in m.groupings} == values.ngroups
    for g in m.groupings:
        labels = {str(level) for level in g.levels}
        assert set(values.modes[g.name].values.index) <= labels
    expected = {(c.group, c.term1) for c in values.components}
    assert {(m.groupings[t.group].name, c) for t in m.terms for c in t.names} == expected


@pytest.mark.parametrize(("name", "method"), SMALL)
def test_dense_algebra_at_the_reference_gives_the_reference(name: str, method: Method) -> None:
    ref = reference(name)
    values = ref.values(method)
    _, m = design(ref)
    dense = evaluate(m, relative_covariances(m, values), reml=method == "REML")
    assert dense.criterion == pytest.approx(values.criterion, abs=CRITERION)
    assert dense.sigma == pytest.approx(values.sigma, rel=ESTIMATES)
    np.testing.assert_allclose((dense.beta - values.params) / values.bse, 0, atol=ESTIMATES)
    errors = dense.sigma * np.sqrt(np.diag(dense.cov_beta_unscaled))
    np.testing.assert_allclose(errors, values.bse, rtol=ESTIMATES)
    for term, b in zip(m.terms, dense.b, strict=True):
        grouping = m.groupings[term.group]
        stored = values.modes[grouping.name].values[list(term.names)]
        mine = pd.DataFrame(b, [str(x) for x in grouping.levels], list(term.names))
        size = np.abs(b).max() + ESTIMATES * values.sigma
        np.testing.assert_allclose(mine.loc[stored.index] / size, stored / size, atol=ESTIMATES)
