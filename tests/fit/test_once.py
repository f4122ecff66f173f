"""A result that is computed once per fit is dropped with it, and never shared between fits."""

import gc
import weakref

import numpy as np

import mixedmodels as mm
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.once import once

FORMULA = "Reaction ~ Days + (Days | Subject)"


def test_it_is_computed_once_per_fit_and_argument(sleepstudy) -> None:
    calls = []

    @once
    def double(fit: Fit, which: int = 0) -> float:
        calls.append(which)
        return 2 * float(fit.beta[which])

    one, other = (mm.lmm(FORMULA, sleepstudy, reml=reml).fit for reml in (True, False))
    assert double(one) == double(one) == 2 * one.beta[0]
    assert double(one, 1) == 2 * one.beta[1]
    assert double(other, 1) == 2 * other.beta[1]
    assert calls == [0, 1, 1]


def test_it_does_not_keep_the_fit_alive(sleepstudy) -> None:
    model = mm.lmm(FORMULA, sleepstudy)
    model.influence("Subject")
    model.coef_table("kenward-roger")
    fit = weakref.ref(model.fit)
    del model
    gc.collect()
    assert fit() is None


def test_a_changed_table_changes_no_later_one(sleepstudy) -> None:
    model = mm.lmm(FORMULA, sleepstudy)
    first = model.influence("Subject")
    kept = first.without.copy()
    first.without[:] = 0.0
    assert np.array_equal(model.influence("Subject").without, kept)
