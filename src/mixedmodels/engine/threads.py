"""How many threads numpy's linear algebra uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for numpy's and scipy's linear algebra, for loops over many small matrices.

    There the threads of a BLAS wait for each other longer than they work, and on a busy machine a
    hundred times longer. It holds for the whole process while the block runs.
    """
    threadpoolctl: Any = import_module("threadpoolctl")
    with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
        yield
