"""Models from files."""

from __future__ import annotations

import os
from typing import IO

from mixedmodels.model import GeneralisedMixedModel, LinearMixedModel
from mixedmodels.saving.load import load as load_fit
from mixedmodels.vocabulary import Context


def load(
    path: str | os.PathLike[str] | bytes | IO[bytes], *, context: Context | None = None
) -> LinearMixedModel | GeneralisedMixedModel:
    """A fitted model from a file that `save` has written.

    Nothing in a file is executed: it holds numbers, text and the names of a closed list of types
    (docs/saving.md). Its digests are compared before anything of it is used. They tell damage, not
    who wrote the file.

    Parameters
    ----------
    path : path, bytes or binary file
        The file.
    context : mapping, optional
        The functions of your own that the formula uses, which no file holds, by name.

    Returns
    -------
    LinearMixedModel or GeneralisedMixedModel
        With the same estimates, tables, tests, means and predictions as the model that was saved.
        Without its rows, what needs them (residuals, diagnostics, refits, profiles) raises one
        error that says so.

    Raises
    ------
    SavedModelError
        If the file is none of a model, was changed or cut short, or is of a later version; if the
        formula needs functions that `context` does not have, or the tables a library that is not
        installed.

    Examples
    --------
    >>> import io
    >>> import mixedmodels as mm
    >>> model = mm.lmm("Reaction ~ Days + (Days | Subject)", mm.datasets.load("sleepstudy"))
    >>> file = io.BytesIO()
    >>> model.save(file)
    >>> loaded = mm.load(file.getvalue())
    >>> bool((loaded.params == model.params).all())
    True
    """
    fit = load_fit(path, context=context)
    return LinearMixedModel(fit) if fit.generalised is None else GeneralisedMixedModel(fit)
