"""Where a search starts, in the order of theta."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mixedmodels.data import by_name, is_unlabelled
from mixedmodels.engine.route import AnyProblem
from mixedmodels.engine.settings import Control
from mixedmodels.errors import DataError
from mixedmodels.fit.labels import theta_names
from mixedmodels.fit.request import Request

WHAT = "Control(start=…)"


def ordered_control(request: Request, problem: AnyProblem) -> Control:
    """The settings of a search; a start with names, such as `model.theta`, goes by its names.

    Raises
    ------
    DataError
        If the names are not those of theta, each once, or the start is not numeric.
    """
    start = request.control.start
    if start is None:
        return request.control
    if isinstance(start, Mapping):
        start = pd.Series(dict(start), dtype=object)
    try:
        values = np.array(start, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{WHAT} is not numeric.\nDo:   give one number per element of `model.theta`."
        ) from error
    if isinstance(start, pd.Series) and not is_unlabelled(start.index):
        names = theta_names(problem)
        places = by_name(WHAT, start.index.tolist(), names)
        if len(places) < len(names):
            lacking = [name for j, name in enumerate(names) if j not in places]
            raise DataError(f"{WHAT} lacks {', '.join(lacking)}.\nDo:   name every element once.")
        values = values[np.argsort(places)]
    return replace(request.control, start=values.tolist())
