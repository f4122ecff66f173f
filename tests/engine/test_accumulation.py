"""Sums of parts are the sums of the whole, whatever the parts and their order."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from mixedmodels.data import Frame
from mixedmodels.design.streamed.finish import Finished, finished
from mixedmodels.design.streamed.question import Question, question_of
from mixedmodels.design.streamed.recipe import BatchRecipe, recipe_of_batches
from mixedmodels.design.streamed.survey import NOTHING, Survey, needs_of, surveyed
from mixedmodels.engine.accumulation import Partial, partial
from mixedmodels.engine.route import streamed_problem
from mixedmodels.engine.settings import Control
from mixedmodels.formula import parse

FORMULA = "y ~ x * f + C(k) + scale(x) + (x | g) + (1 | f:k)"


def data(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "y": random.normal(size=n) + 1e6,
            "x": random.normal(size=n),
            "f": random.choice(["b", "a", "c"], n),
            "k": random.integers(0, 3, n),
            "g": random.choice(["u", "z", "v", "w"], n),
        }
    )


def recipe_of(parts: Sequence[pd.DataFrame]) -> tuple[Question, BatchRecipe]:
    frames = [Frame.of(part) for part in parts]
    question = question_of(parse(FORMULA), frames[0].columns)
    needs, learned = needs_of(question, frames[0]), NOTHING
    for turn in range(needs.turns):
        found = Survey()
        for frame in frames:
            found.absorb(surveyed(question, needs, frame, turn, learned))
        learned = learned.after(needs, turn, found, question)
    return question, recipe_of_batches(question, learned)


def fitted(recipe: BatchRecipe, sums: Partial) -> tuple[Finished, np.ndarray, np.ndarray]:
    made = finished(recipe, sums.tally, sums.gram())
    for group, codes in enumerate(made.codes):
        sums.sums.relabel(group, codes, len(codes))
    problem = streamed_problem(made.matrices, sums.sums.select(made.columns))
    solution = problem.minimise(reml=True, control=Control())
    return made, solution.theta, solution.beta


def test_merged_in_any_order_to_the_bit() -> None:
    parts = [data()[start : start + 100] for start in range(0, 400, 100)]
    _, recipe = recipe_of(parts)
    made, theta, beta = fitted(recipe, partial(recipe, map(Frame.of, parts)))
    assert made.matrices.groupings[0].levels == ("u", "v", "w", "z")
    for order in itertools.permutations(range(4)):
        sums = [partial(recipe, [Frame.of(parts[i])]) for i in order]
        whole = Partial.from_bytes(sums[0].to_bytes())
        for other in sums[1:]:
            whole.absorb(Partial.from_bytes(other.to_bytes()))
        again, same_theta, same_beta = fitted(recipe, whole)
        assert np.array_equal(theta, same_theta)
        assert np.array_equal(beta, same_beta)
        assert again.spec.x_names == made.spec.x_names
        for first, second in zip(again.spec.level_maps, made.spec.level_maps, strict=True):
            assert first.parts == second.parts
            assert np.array_equal(first.members, second.members)
        first, second = again.matrices.moments, made.matrices.moments
        assert first is not None
        assert second is not None
        assert first.counts is not None
        assert first.counts.sum() == 400
        assert pytest.approx(second.X) == first.X
        assert again.spec.variables["x"].mean == pytest.approx(made.spec.variables["x"].mean)


def test_surveys_merge() -> None:
    parts = [data()[start : start + 150] for start in range(0, 400, 150)]
    _, forward = recipe_of(parts)
    _, backward = recipe_of(parts[::-1])
    assert forward.fixed.names == backward.fixed.names
    first, second = (recipe.learned.state["scale(x)"] for recipe in (forward, backward))
    x = data()["x"]
    assert first["center"] == second["center"] == pytest.approx(x.mean(), rel=1e-14, abs=1e-16)
    assert first["scale"] == second["scale"] == pytest.approx(x.std(), rel=1e-14)


def test_batches_without_rows_change_nothing() -> None:
    table = data()
    _, recipe = recipe_of([table])
    empty = table.assign(y=np.nan)
    whole = partial(recipe, [Frame.of(table)])
    more = partial(recipe, [Frame.of(empty), Frame.of(table), Frame.of(empty)])
    assert np.array_equal(whole.gram()[0], more.gram()[0])
    assert more.tally.n_missing == 800
    assert more.tally.missing == {"y": 800}
