"""Fits of the reference models with the search carried further than by default.

A default search leaves theta accurate to about four digits; what follows from theta can be compared
with the reference to more digits when the search goes on.
"""

import warnings
from functools import cache

import mixedmodels as mm
from mixedmodels.errors import ConvergenceWarning, DroppedColumnsWarning, NotIdentifiedWarning
from tests.reference.load import reference

FURTHER = mm.Control(tolerance=1e-14)


@cache
def fit(name: str, *, reml: bool = True) -> mm.LinearMixedModel:
    """One model at its optimum; where rounding stops the search first, it is there all the same."""
    ref = reference(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedColumnsWarning)
        warnings.simplefilter("ignore", NotIdentifiedWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mm.lmm(
            ref.python_formula, ref.data(), reml=reml, control=FURTHER, **ref.fit_arguments()
        )
