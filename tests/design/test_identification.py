"""Which variance parameters the data can tell apart: against the matrices themselves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixedmodels.data import Frame
from mixedmodels.design import build, identify
from mixedmodels.errors import DataError
from mixedmodels.formula import parse
from tests.dense import evaluate, marginal_covariance

EXACT = 1e-9
"""Relative singular value of the dense family that is zero: rounding of sums over 40 rows."""

FLAT = 1e-7
"""Change of a dense criterion of some hundreds that is rounding."""

RANDOM_PARTS = [
    "(1 | g)", "(x | g)", "(x || g)", "(0 + x | g)", "(f | g)", "(0 + f | g)", "(0 + f || g)",
    "(between | g)", "(0 + arm | g)", "(arm || g)", "(1 | h)", "(x | h)", "(1 | g:h)", "(f | h)",
    "(z | g)", "(x + z | g)", "(0 + f | row)", "(0 + number | row)", "(x | row)", "(x | one)",
    "(0 + x + z || one)", "(1 | g:f)", "(x | pair)", "(f || pair)", "(x + z || pair)",
]  # fmt: skip
FIXED_PARTS = ["1", "x", "0 + x", "arm", "C(g)", "C(g) * x", "x + z + f", "h + arm"]


def sample(seed, n=40):
    random = np.random.default_rng(seed)
    levels = int(random.integers(2, 8))
    g = np.sort(random.integers(0, levels, n)) if seed % 2 else random.integers(0, levels, n)
    return pd.DataFrame(
        {
            "y": random.normal(size=n),
            "x": random.integers(0, 4, n) + 0.5 * random.normal(size=n),
            "z": random.normal(size=n),
            "number": random.integers(0, 2, n).astype(float),
            "between": np.array([1.0, 2.0, 4.0, 3.0, 2.5, 0.5, 1.0, 2.0])[g],
            "f": random.choice(["u", "v"], n),
            "arm": np.where(g % 2 == 0, "a", "b"),
            "g": g,
            "h": random.integers(0, 3, n),
            "pair": np.arange(n) // 2,
            "row": np.arange(n),
            "one": "all",
            "w": random.uniform(0.5, 2, n),
        }
    )


def family(matrices, *, projected=True):
    """The matrices N G_r N as columns of unit G_r, the residual last: by their definition."""
    root = np.ones(len(matrices.y)) if matrices.weights is None else np.sqrt(matrices.weights)
    N = np.eye(len(root))
    if projected and matrices.X.shape[1]:
        Q = np.linalg.qr(matrices.X * root[:, None])[0]
        N = N - Q @ Q.T
    columns = []
    for term in matrices.terms:
        codes = matrices.groupings[term.group].codes
        same = np.equal.outer(codes, codes)
        Z = term.Z * root[:, None]
        Z = Z / np.linalg.norm(Z, axis=0)
        q = Z.shape[1]
        unit = [np.linalg.norm(np.outer(z, z) * same) for z in Z.T]
        for j in range(q):
            for i in [j] if term.structure.is_independent else range(j, q):
                G = np.outer(Z[:, i], Z[:, j])
                G = (G if i == j else G + G.T) * same
                columns.append((N @ G @ N).ravel() / np.sqrt(unit[i] * unit[j]))
    columns.append(N.ravel() / np.sqrt(len(root)))
    return np.array(columns).T


def matrices_of(text, data, **options):
    """The matrices, also of models that `build` refuses."""
    return build(parse(text), Frame.of(data), **options)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    st.integers(0, 500),
    st.sampled_from(FIXED_PARTS),
    st.lists(st.sampled_from(RANDOM_PARTS), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_the_rank_of_the_family(seed, fixed, parts, weighted):
    data = sample(seed)
    text = f"y ~ {fixed} + {' + '.join(parts)}"
    try:
        _, m = matrices_of(text, data, weights="w" if weighted else None)
    except DataError as error:
        assert any(word in str(error) for word in ("repeats", "one level", "combination"))
        return
    found = identify(m)
    dense = family(m)
    values = np.linalg.svd(dense, compute_uv=False)
    assert found.n_lost == np.count_nonzero(values < EXACT * values[0])
    if not found.n_lost:
        return
    c = found.relations / found.sizes[:, None] * _norms(m)[:, None]
    left = dense @ (c / np.linalg.norm(c, axis=0))
    assert np.abs(left).max() < 1e-7


def _norms(m):
    """What turns a parameter into the coefficient of its column in `family`."""
    root = np.ones(len(m.y)) if m.weights is None else np.sqrt(m.weights)
    out = []
    for term in m.terms:
        codes = m.groupings[term.group].codes
        same = np.equal.outer(codes, codes)
        Z = term.Z * root[:, None]
        unit = np.sqrt([np.linalg.norm(np.outer(z, z) * same) for z in Z.T])
        diagonal = term.structure.is_independent
        pairs = [
            (i, j) for j in range(len(unit)) for i in range(j, j + 1 if diagonal else len(unit))
        ]
        out += [unit[i] * unit[j] for i, j in pairs]
    return np.array([*out, np.sqrt(len(root))])


FLAT_MODELS = [
    ("y ~ x + C(g) + (1 | g)", 1),
    ("y ~ x + C(g) + (x | g)", 2),
    ("y ~ C(g) * x + (x | g)", 3),
    ("y ~ C(g) + (0 + f | g)", 2),
    ("y ~ C(g) + (0 + f || g)", 1),
    ("y ~ x + (x | g) + (z | g)", 1),
    ("y ~ x + (0 + f | row)", 2),
    ("y ~ z + (x | row)", 1),
    ("y ~ x + (0 + arm | g)", 1),
    ("y ~ x + (f | g) + (1 | g:f)", 1),
    ("y ~ 1 + (x | one)", 2),
]


@pytest.mark.parametrize(("text", "lost"), FLAT_MODELS)
def test_the_criterion_is_flat_along_every_relation(text, lost):
    spec, m = matrices_of(text, sample(4))
    known = spec.identification
    assert known.n_lost == lost
    covariances = [2.0 * np.eye(len(term.names)) for term in m.terms]
    reference = evaluate(m, covariances, reml=True).criterion
    for d in range(lost):
        c = known.relations[:, d] / known.sizes
        c = 0.1 * c / np.abs(c).max()
        residual = 1 + c[-1]
        moved = [cov.copy() for cov in covariances]
        for (k, i, j), step in zip(known.parameters, c[:-1], strict=True):
            moved[k][i, j] += step
            if i != j:
                moved[k][j, i] += step
        # V is relative to the residual variance; the criterion profiles its size out.
        at = evaluate(m, [cov / residual for cov in moved], reml=True)
        assert at.criterion == pytest.approx(reference, abs=FLAT)


def test_a_covariance_that_moves_within_the_fixed_part_alone_is_a_relation():
    """The covariance of the response changes along the relation; that of the contrasts does not."""
    spec, m = matrices_of("y ~ x + C(g) + (1 | g)", sample(4))
    assert spec.identification.absorbed == ((0,),)
    one, four = (marginal_covariance(m, [np.array([[v]])]) for v in (1.0, 4.0))
    assert np.abs(one - four).max() == 3.0


@pytest.mark.parametrize(
    "text",
    [
        "y ~ x + (1 | g)", "y ~ x + (x | g)", "y ~ x + (x || g)", "y ~ x + (1 | g) + (1 | h)",
        "y ~ x + (between | g)", "y ~ x + (between || g)", "y ~ x + (1 | g) + (0 + between | g)",
        "y ~ x + (0 + number | row)", "y ~ x + (x | pair)", "y ~ 1 + (0 + x + z || one)",
        "y ~ x + (1 | g) + (0 + f || g)",
    ],
)  # fmt: skip
def test_models_whose_parameters_can_all_be_told(text):
    spec, _ = matrices_of(text, sample(5))
    assert spec.identification.n_lost == 0
    assert spec.identification.identified.all()


def test_some_rows_speak_for_all():
    """Sorted or shuffled, many rows give the answer that few give."""
    data = pd.concat([sample(s).assign(g=lambda d, s=s: d.g + 10 * s) for s in range(60)])
    for frame in (data, data.sample(frac=1, random_state=1)):
        for text, lost in [
            ("y ~ x + (x | g) + (1 | h)", 0),
            ("y ~ x + (x | g) + (z | g)", 1),
            ("y ~ x + C(g) + (1 | g)", 1),
            ("y ~ x + arm + (0 + arm | g)", 1),
        ]:
            spec, _ = matrices_of(text, frame)
            assert spec.identification.n_lost == lost


@pytest.mark.parametrize("shift", [0.0, 2e3, 1e5, 1e7])
def test_a_far_origin_of_a_covariate_does_not_matter(shift):
    data = sample(6).assign(x=lambda d: d.x + shift)
    for text, lost in [
        ("y ~ x + (x | g)", 0),
        ("y ~ x + (x || g)", 0),
        ("y ~ x + (x | g) + (z | g)", 1),
        ("y ~ C(g) * x + (x | g)", 3),
    ]:
        spec, _ = matrices_of(text, data)
        assert spec.identification.n_lost == lost


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("y ~ x + (1 | g) + (x | g)", r"\(1 \| g\) repeats what \(x \| g\) says already"),
        ("y ~ x + (x | g) + (1 + x | g)", r"\(1 \+ x \| g\) repeats"),
        ("y ~ x + (x | g) + (0 + x | g)", r"\(0 \+ x \| g\) repeats"),
        ("y ~ x + (1 | g) + (0 + f | g)", r"\(1 \| g\) repeats"),
        ("y ~ x + (1 | g) + (x || g)", r"\(1 \| g\) repeats"),
        ("y ~ x + (1 | g:h) + (1 | h:g)", "as h:g has the same levels as g:h"),
        ("y ~ x + (1 | g) + (1 | g:arm)", "as g:arm has the same levels as g"),
        ("y ~ x + (1 | g) + (1 | row)", "40 levels, and there are 40 rows"),
    ],
)
def test_a_repeat_is_refused(text, part):
    with pytest.raises(DataError, match=part):
        matrices_of(text, sample(5))
