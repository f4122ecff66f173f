"""Random streams: one per replicate, so that no replicate depends on others."""

import numpy as np
from numpy.typing import NDArray


def stream(key: NDArray[np.uint64], replicate: int) -> np.random.Generator:
    """The generator of one replicate.

    A counter-based generator (Philox; Salmon, Moraes, Dror & Shaw 2011) whose highest counter word
    is the replicate: the streams of two replicates meet after 2^192 numbers.
    """
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, replicate]))
