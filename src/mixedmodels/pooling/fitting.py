"""One model fitted to every imputation: what fails and what is warned of is told once for all."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mixedmodels.errors import DataError, MixedModelsError, PoolingWarning
from mixedmodels.fit.fit import Fit
from mixedmodels.fit.notices import user_level
from mixedmodels.pooling.agreement import Lost, named


class Fitted(Protocol):
    """A model around a fit."""

    @property
    def fit(self) -> Fit:
        """The fit."""


def fit_each(
    frames: Sequence[object], fit_one: Callable[[Any], Fitted]
) -> tuple[tuple[Fitted, ...], tuple[Lost, ...]]:
    """The fitted models, and the imputations that have none.

    Warnings that several fits give are given once, and say in which imputations. An imputation
    that cannot be fitted is left out with a `PoolingWarning`.

    Raises
    ------
    MixedModelsError
        The first error, if fewer than two models can be fitted.
    """
    models: list[Fitted] = []
    lost: list[tuple[int, MixedModelsError]] = []
    told: dict[tuple[type[Warning], str], list[int]] = {}
    for number, frame in enumerate(frames, 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                models.append(fit_one(frame))
            except MixedModelsError as error:
                lost.append((number, error))
        for one in caught:
            told.setdefault((one.category, str(one.message)), []).append(number)
    if len(models) < 2 and lost:
        raise _failed(lost, len(frames)) from lost[0][1]
    for (category, message), numbers in told.items():
        where = "" if len(numbers) == len(frames) else f"In {named(numbers)}: "
        warnings.warn(f"{where}{message}", category, stacklevel=user_level())
    found = tuple(Lost(number, str(error).splitlines()[0]) for number, error in lost)
    if found:
        _announce(found, len(frames))
    return tuple(models), found


def _failed(lost: Sequence[tuple[int, MixedModelsError]], n: int) -> MixedModelsError:
    number, error = lost[0]
    if len({str(failure) for _, failure in lost}) == 1 and len(lost) == n:
        return error
    return DataError(
        f"{len(lost)} of {n} imputations cannot be fitted; of imputation {number}:\n{error}"
    )


def _announce(lost: Sequence[Lost], n: int) -> None:
    listed = "\n".join(f"      {one.imputation}: {one.reason}" for one in lost[:8])
    warnings.warn(
        f"{len(lost)} of {n} imputations cannot be fitted, and the others are pooled without them:"
        f"\n{listed}\n"
        "Do:   look at these data (`failures` has all of them), and mend the imputation or the "
        "model.\n"
        "Why:  if what fails is not a matter of chance, the pooled results are biased.",
        PoolingWarning,
        stacklevel=user_level(),
    )
