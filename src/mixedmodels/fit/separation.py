"""Separation: coefficients that have no finite estimate, as zeros and ones (or counts of zero, or
categories) can be told apart by the columns of the fixed part without a mistake.

Which demands a row makes of a direction of the coefficients (see `recession`): a response at the
end of its range, such as no success or all of them, has a probability that rises as far as its
linear predictor goes to that side; any other one has a peak. With thresholds the lowest and highest
category have one end, and the others two: the threshold above must not come nearer, nor the one
below. Of counts only zeros have an end, and of a hurdle model's positive ones only the ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixedmodels.fit.recession import Demands, Recession, recession

Vector = NDArray[np.float64]
Ends = NDArray[np.int8]

MOST_NAMES = 8
"""Coefficients that a message spells out; the rest are counted."""

PEAKED, IDLE = 0, 2
"""Ends of rows whose log-density has a peak, and of those that it does not depend on."""


@dataclass(frozen=True, slots=True)
class Separation:
    """What has no finite estimate, and why.

    Attributes
    ----------
    part : str
        Of which linear predictor: empty for the fixed part, or as ``"the zero inflation"``.
    names : tuple of str
        Columns without a finite coefficient.
    signs : tuple of int
        Where each goes: -1, 1, or 0 where it may go either way.
    is_complete : bool
        Whether every response is told without a mistake.
    n_rows : int
        Rows whose fitted probability goes to 1.
    place : str
        Which these are, in words; may be empty.
    outcome : str
        What all responses there are, in words.
    """

    part: str
    names: tuple[str, ...]
    signs: tuple[int, ...]
    is_complete: bool
    n_rows: int
    place: str
    outcome: str

    @property
    def headline(self) -> str:
        """What has no finite estimate, in a line."""
        kind = "Complete" if self.is_complete else "Quasi-complete"
        part = f" in {self.part}" if self.part else ""
        return f"{kind} separation{part}: there is no finite estimate of {self._listed()}."

    @property
    def message(self) -> str:
        """What it is, what to do and why."""
        one = len(self.names) == 1
        return "\n".join([self.headline, *_DO[self.is_complete, one], f"Why:  {self._why()}"])

    def _listed(self) -> str:
        goes = {
            -1: "goes to -infinity",
            1: "goes to +infinity",
            0: "goes to -infinity or +infinity",
        }
        if len(self.names) == 1:
            return f"{self.names[0]}, which {goes[self.signs[0]]}"
        sides = {-1: " (-)", 1: " (+)", 0: ""}
        shown = [f"{n}{sides[s]}" for n, s in zip(self.names, self.signs, strict=True)]
        if len(shown) > MOST_NAMES:
            shown = [*shown[:MOST_NAMES], f"{len(shown) - MOST_NAMES} more"]
        return f"{', '.join(shown[:-1])} and {shown[-1]}, which go to infinity together"

    def _why(self) -> str:
        rows = "the only row" if self.n_rows == 1 else f"all {self.n_rows} rows"
        where = f" with {self.place}" if self.place else " that these coefficients tell apart"
        have = "has" if self.n_rows == 1 else "have"
        return (
            f"{rows}{where} {have} {self.outcome}:\n      the likelihood rises as their fitted "
            "probability goes to 1, and has no maximum."
        )


_DO = {
    (False, True): (
        "Do:   merge the level with another or leave the column out; to test it, compare the model",
        "      with the one without it. Its estimate, standard error and z mean nothing, those of",
        "      the other coefficients and the log-likelihood are right.",
    ),
    (False, False): (
        "Do:   merge levels or leave a column out; to test it, compare the model with the one",
        "      without it. Estimates, standard errors and z of these coefficients mean nothing,",
        "      but for combinations that stay finite; the log-likelihood is right.",
    ),
    (True, True): (
        "Do:   leave the column out: it repeats the response. No standard error and no z of this",
        "      model means anything.",
    ),
    (True, False): (
        "Do:   leave columns out until the response is no longer told exactly. No standard error",
        "      and no z of this model means anything.",
    ),
}


def ends_of_shares(successes: Vector, size: Vector) -> Ends:
    """Of binomial rows (n,): 1 for all successes, -1 for none, `PEAKED` between."""
    top = (successes == size).astype(np.int8)
    return np.asarray(top - (successes == 0), dtype=np.int8)


def ends_of_counts(counts: Vector, lowest: int = 0) -> Ends:
    """Of counts (n,) from `lowest` on, with a log link: -1 for the lowest, `PEAKED` above, `IDLE`
    below.
    """
    ends = np.where(counts == lowest, -1, np.where(counts < lowest, IDLE, PEAKED))
    return ends.astype(np.int8)


def found_by_ends(
    X: Vector, ends: Ends, forms: Vector
) -> tuple[Recession, NDArray[np.bool_]] | None:
    """The directions that separate rows of one linear predictor `X` (n, d), and the rows (n,) that
    they move; None where there are none.

    `forms` (k, d) are the coefficients asked about.
    """
    bound = np.abs(ends) == 1
    demands = Demands(ends[bound, None] * X[bound], X[ends == PEAKED])
    found = recession(demands, forms)
    if found is None:
        return None
    moved = np.zeros(len(X), dtype=np.bool_)
    moved[bound] = found.moved
    return found, moved


def found_by_categories(
    X: Vector, y: Vector, thresholds: Vector, forms: Vector
) -> tuple[Recession, NDArray[np.bool_]] | None:
    """The same of ordered categories y (n,), 0 to C - 1, whose thresholds (C - 1) are `thresholds`
    (C - 1, d) times a direction; a direction is of the coefficients (p) and what else moves these.
    """
    n, p = X.shape
    places = y.astype(np.int64)
    below, above = places > 0, places < len(thresholds)
    slopes = np.hstack([X, np.zeros((n, thresholds.shape[1] - p))])
    upper = thresholds[places[above]] - slopes[above]
    lower = slopes[below] - thresholds[places[below] - 1]
    found = recession(Demands(np.vstack([upper, lower]), np.zeros((0, slopes.shape[1]))), forms)
    if found is None:
        return None
    moved = np.zeros(n, dtype=np.bool_)
    moved[above] |= found.moved[: len(upper)]
    moved[below] |= found.moved[len(upper) :]
    return found, moved


def named(found: Recession, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The coefficients without a finite estimate, and where each goes."""
    gone = np.flatnonzero(found.low | found.high).tolist()
    signs = found.high.astype(np.int64) - found.low
    return tuple(names[j] for j in gone), tuple(int(signs[j]) for j in gone)
