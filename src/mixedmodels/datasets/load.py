"""The data sets as frames."""

from importlib.resources import files
from typing import Any, Literal, overload

import pandas as pd

from mixedmodels.datasets.backends import convert
from mixedmodels.datasets.catalogue import describe
from mixedmodels.datasets.read import read
from mixedmodels.vocabulary import Backend


@overload
def load(name: str, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
@overload
def load(name: str, backend: Literal["polars", "pyarrow"]) -> Any: ...
def load(name: str, backend: Backend = "pandas") -> Any:
    """A bundled data set.

    Parameters
    ----------
    name
        One of `names`.
    backend
        The library of the frame. Pandas is the default because it is always installed.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        A new frame. Categorical columns carry their documented levels in order (polars: ``Enum``,
        pyarrow: dictionaries); pandas and pyarrow also know which of them are ordered.

    Raises
    ------
    DataError
        If there is no data set of this name, or the library is not installed.

    Examples
    --------
    >>> import mixedmodels as mm
    >>> mm.datasets.load("sleepstudy").head(2)
       Reaction  Days Subject
    0  249.5600     0     308
    1  258.7047     1     308
    """
    return convert(read(describe(name), files(__package__).joinpath("values")), backend)
