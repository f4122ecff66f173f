"""Power along the size of the sample."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixedmodels.errors import DataError, StoppedEarlyWarning
from mixedmodels.planning.extend import extended, require_along
from mixedmodels.planning.plan import Plan
from mixedmodels.planning.power import Power, answered
from mixedmodels.planning.questions import Question, require_one
from mixedmodels.prediction.streams import Key, Seed, key_of

MOST_REASON = 160
"""Characters of a reason in a printed curve."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A size at which nothing can be simulated.

    Attributes
    ----------
    size : int
        The number of levels.
    reason : str
        Why, as one line.
    """

    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """Power at several sizes.

    Attributes
    ----------
    along : str
        The unit or grouping column whose number changes.
    sizes : tuple of int
        Its numbers, ascending, as far as the model can be fitted with them.
    powers : tuple of Power
        One per size.
    failures : tuple of Failure
        The sizes with which it cannot, and why.
    """

    along: str
    sizes: tuple[int, ...]
    powers: tuple[Power, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def table(self) -> object:
        """Table: the size under the name of the unit, the columns of `Power.table` and `reason`.

        A size with which the model cannot be fitted has no replicates, a power of nan, and the
        reason.
        """
        rows = [
            {self.along: size, **power.row, "reason": ""}
            for size, power in zip(self.sizes, self.powers, strict=True)
        ]
        rows += [self._lost(failure) for failure in self.failures]
        rows.sort(key=lambda row: int(str(row[self.along])))
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return self.powers[0].plan.request.frame.table(columns)

    def _lost(self, failure: Failure) -> dict[str, object]:
        empty = dict.fromkeys(("n", "rejected", "singular", "not_converged", "failed"), 0)
        unknown = dict.fromkeys(("power", "conf_low", "conf_high"), float("nan"))
        reason = {"reason": failure.reason}
        return {self.along: failure.size, **self.powers[0].row, **empty, **unknown, **reason}

    def __repr__(self) -> str:
        lines = {}
        for size, power in zip(self.sizes, self.powers, strict=True):
            low, high = power.interval
            lines[size] = f"{size:>8,} {self.along}: {power.power:6.1%}  [{low:.1%}, {high:.1%}]"
        for failure in self.failures:
            said = failure.reason[:MOST_REASON]
            lines[failure.size] = f"{failure.size:>8,} {self.along}: not possible. {said}"
        first = self.powers[0]
        return "\n".join(
            [f"Power of {first.test} ({first.method})", *(lines[size] for size in sorted(lines))]
        )


def power_curve(
    plan: Plan, question: Question, *, along: str, values: Sequence[int], seed: Seed
) -> PowerCurve:
    """Power at several sizes; see `mixedmodels.power_curve`."""
    require_one(question, plan.spec)
    require_along(plan, along)
    key = key_of(seed)
    powers: dict[int, Power] = {}
    failures: dict[int, DataError] = {}
    for size in _sizes(values):
        try:
            powers[size] = power_at(plan, along, size, question, key)
        except DataError as error:
            failures[size] = error
        except KeyboardInterrupt:
            if not powers:
                raise
            say_interrupted(along, size)
            break
        if size in powers and powers[size].n < question.n:  # interrupted
            break
    if not powers:
        raise _no_size_works(along, failures)
    lost = tuple(Failure(size, in_one_line(error)) for size, error in failures.items())
    return PowerCurve(along, tuple(powers), tuple(powers.values()), lost)


def power_at(plan: Plan, along: str, size: int, question: Question, key: Key) -> Power:
    """Every size has a stream of its own, whatever the other sizes are."""
    made = extended(plan, along, size)
    words = np.random.SeedSequence([*(int(word) for word in key), size])
    found = answered(made, question, np.random.default_rng(words))
    return next(power for power in found if question.of in (None, power.test))


def in_one_line(error: DataError) -> str:
    """What a message says first, before what to do."""
    return " ".join(str(error).partition("\nDo:")[0].split())


def say_interrupted(along: str, size: int) -> None:
    """Warn that what is left of a run ends before this size."""
    warnings.warn(
        f"Interrupted at {size:,} {along}: the result is of the sizes before.",
        StoppedEarlyWarning,
        stacklevel=4,
    )


def _sizes(values: Sequence[int]) -> list[int]:
    """Ascending, each once."""
    try:
        sizes = sorted({int(v) if float(v).is_integer() else v for v in values})
    except (TypeError, ValueError) as error:
        raise DataError(
            f"values = {values!r} are no sizes.\nDo:   give whole numbers, as [20, 40, 60]."
        ) from error
    if not sizes:
        raise DataError("values is empty.\nDo:   give the sizes to try, as [20, 40, 60].")
    for size in sizes:
        if not isinstance(size, int) or size < 1:
            raise DataError(
                f"values has the size {size!r}.\nDo:   give whole numbers of one or more."
            )
    return sizes


def _no_size_works(along: str, failures: dict[int, DataError]) -> DataError:
    sizes = ", ".join(f"{size:,}" for size in failures)
    last = failures[max(failures)]
    return DataError(f"The model cannot be fitted with {sizes} {along}.\n{last}")
