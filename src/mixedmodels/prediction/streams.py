"""Random streams: one per replicate, keyed by the seed, so that no replicate depends on others."""

import numpy as np
from numpy.typing import NDArray

from mixedmodels.engine.streams import stream as stream
from mixedmodels.errors import DataError

Seed = int | np.random.Generator | None
"""What every random call takes: a number, a generator that it draws one key from, or nothing."""

Key = NDArray[np.uint64]
"""Two words that say everything about the randomness of one call."""


def key_of(seed: Seed) -> Key:
    """The key of a call.

    Raises
    ------
    DataError
        If `seed` is neither a whole number of zero or more, a Generator nor None.
    """
    if isinstance(seed, np.random.Generator):
        return seed.integers(0, 2**64, size=2, dtype=np.uint64)
    is_number = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if seed is not None and not (is_number and int(seed) >= 0):
        raise DataError(
            f"seed = {seed!r} cannot start a random stream.\n"
            "Do:   give a whole number of zero or more, a numpy Generator, or None."
        )
    entropy = None if seed is None else int(seed)
    return np.random.SeedSequence(entropy).generate_state(2, np.uint64).astype(np.uint64)
