"""A formula is data: whatever its text, it executes nothing and reads nothing but columns."""

import builtins
import contextlib
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixedmodels as mm
from mixedmodels.cli.main import main
from mixedmodels.design.environment import CATEGORICAL, ELEMENTWISE, STATEFUL
from mixedmodels.errors import FormulaError, MixedModelsError
from mixedmodels.formula import parse

RANDOM = np.random.default_rng(29)
DATA = pd.DataFrame(
    {
        "y": RANDOM.normal(size=48),
        "x": np.arange(48.0),
        "f": np.tile(["a", "b", "c"], 16),
        "g": np.repeat(np.arange(8), 6),
    }
)
ATTEMPTS = [
    "__import__('os').system('touch {path}')",
    "I(x + __import__('os').system('touch {path}'))",
    "{{__import__('os').system('touch {path}')}}",
    "open('{path}', 'w')",
    'eval(\'open("{path}", "w")\')',
    'exec(\'open("{path}", "w")\')',
    "np.save('{path}', x)",
    "np.savetxt('{path}', x)",
    "np.memmap('{path}', mode='w+', shape=3)",
    "np.lib.format.open_memmap('{path}', mode='w+', shape=3)",
    "x.to_csv('{path}')",
    "x.tofile('{path}')",
    "I(x).tofile('{path}')",
    "`x`.tofile('{path}')",
    "np.vectorize(open)('{path}', 'w')",
    "np.frompyfunc(open, 2, 1)('{path}', 'w')",
    "hashed(f, levels=3, hash_func=open)",
    "C(f, open('{path}', 'w'))",
    "C(f, contr.custom(open('{path}', 'w')))",
    "C(f, contr.mro()[0])",
    "poly(x, open('{path}', 'w'))",
    "poly(x, 2, _spec=open('{path}', 'w'))",
    "poly.__globals__['os'].system('touch {path}')",
    "I(np.__builtins__['open']('{path}', 'w'))",
    "(lambda: open('{path}', 'w'))()",
    "I([open('{path}', 'w') for i in (1,)])",
    "I(f'{{open(chr(47))}}')",
    "print('{path}')",
    "Q('__import__')",
]


def every_way(text, tmp_path):
    """All entry points that take a formula or a part of one."""
    model = mm.lmm("y ~ x + (1 | g)", DATA)
    study = mm.planning.design({"g": 8}, within={"f": ["a", "b"]})
    csv = tmp_path / "data.csv"
    DATA.to_csv(csv, index=False)
    yield lambda: mm.lmm(f"y ~ {text} + (1 | g)", DATA)
    yield lambda: mm.lmm(f"{text} ~ x + (1 | g)", DATA)
    yield lambda: mm.lmm(f"y ~ x + ({text} | g)", DATA)
    yield lambda: mm.lmm(f"y ~ x + (1 | {text})", DATA)
    yield lambda: model.update(f". ~ . + {text}")
    planned = {"fixed": {}, "sd": {"g": 1}, "sigma": 1}
    yield lambda: mm.planning.plan(study, f"y ~ {text} + (1 | g)", **planned)
    yield lambda: mm.mixedlm(f"y ~ {text}", DATA, groups="g").fit()
    yield lambda: mm.mixedlm("y ~ x", DATA, groups="g", re_formula=text).fit()
    yield lambda: mm.mixedlm("y ~ x", DATA, groups="g", vc_formula={"v": text}).fit()
    yield lambda: mm.mixedlm("y ~ x", DATA, groups=text).fit()
    yield lambda: mm.MixedModelRegressor(f"~ {text} + (1 | g)").fit(DATA, DATA["y"])
    yield lambda: mm.MixedModelRegressor(random=f"({text} | g)").fit(DATA, DATA["y"])
    yield lambda: mm.lmm("y ~ x + (1 | g)", DATA, sigma=f"~ {text}")
    yield lambda: mm.lmm("y ~ x + (1 | g)", DATA, residual=f"ar1({text} | g)")
    yield lambda: mm.glmm("g ~ x + (1 | f)", DATA, "poisson", zero=f"~ {text}")
    yield lambda: model.t_test(text)
    yield lambda: model.wald_test(text)
    yield lambda: mm.power(model, text, n=2)
    yield lambda: main(["fit", str(csv), f"y ~ {text} + (1 | g)"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_entry_point_executes(attempt, tmp_path, monkeypatch, capsys):
    called = []
    monkeypatch.setattr(os, "system", lambda *a: called.append(a) or 0)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: called.append(a))
    path = tmp_path / "made_by_a_formula"
    for way in every_way(attempt.format(path=path), tmp_path):
        with contextlib.suppress(MixedModelsError, SystemExit):
            way()
    assert not called
    assert not path.exists()


@pytest.mark.parametrize("name", [n for n in dir(builtins) if callable(getattr(builtins, n))])
def test_no_builtin_is_within_reach(name):
    if name in ELEMENTWISE:
        return
    with pytest.raises(FormulaError):
        mm.lmm(f"y ~ {name}(x) + (1 | g)", DATA)


UNLISTED = [f"np.{n}" for n in dir(np) if callable(getattr(np, n)) and f"np.{n}" not in ELEMENTWISE]


@pytest.mark.parametrize("name", UNLISTED)
def test_no_other_function_of_numpy_is_within_reach(name):
    with pytest.raises(FormulaError, match=r"single values|center\(x\)|scale\(x\)"):
        mm.lmm(f"y ~ {name}(x) + (1 | g)", DATA)


def test_options_cannot_take_an_argument_that_holds_code():
    transforms = {name: made.options for name, made in STATEFUL.items()}
    for name, options in {**transforms, **CATEGORICAL}.items():
        assert "hash_func" not in options, name
        assert not any(option.startswith("_") for option in options), name


@pytest.mark.parametrize("text", ["np.log(x, x)", "np.add(x, 1, x)", "np.log(x, out=x)"])
def test_no_function_writes_to_a_column(text):
    before = DATA.copy()
    with pytest.raises(FormulaError, match="takes"):
        mm.lmm(f"y ~ {text} + (1 | g)", DATA)
    pd.testing.assert_frame_equal(DATA, before)


WORDS = """
x f y np np.log poly C contr __import__ lambda for in I 1 'os' ( ) [ ] { } . , = : := + * ** ~ `x`
x.__class__ .__class__ | 2 if else f'' %in% ^ - / not hashed contr.sum bs df=4 ( ) ( )
"""
words = st.sampled_from(WORDS.split())


@settings(deadline=None, max_examples=400)
@given(st.lists(words, min_size=1, max_size=9).map("".join))
@pytest.mark.filterwarnings("ignore")
def test_any_text_is_fitted_or_refused_by_an_error_of_ours(text):
    with contextlib.suppress(MixedModelsError):
        mm.lmm(f"y ~ {text} + (1 | g)", DATA)


def test_formulas_are_read_without_their_columns():
    formula = parse("y ~ I(a + log(b)) + poly(c, 2):d")
    assert [str(term) for term in formula.fixed_sum][1:] == ["I(a + log(b))", "poly(c, 2):d"]
