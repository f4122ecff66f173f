"""From a file of values and its description to a frame with its types and level orders."""

from importlib.resources.abc import Traversable

import pandas as pd

from mixedmodels.datasets.catalogue import Column, Dataset


def read(dataset: Dataset, folder: Traversable) -> pd.DataFrame:
    """The values of a data set as a pandas frame.

    Parameters
    ----------
    dataset
        Its description.
    folder
        Where its file is.

    Returns
    -------
    pandas.DataFrame
        Categorical columns have their documented levels in order, ordered ones are ordered.
        A column of whole numbers that has missing values is float64.
    """
    text = {column.name: str for column in dataset.columns if column.categorical}
    with folder.joinpath(dataset.file).open("rb") as stream:
        table = pd.read_csv(
            stream,
            dtype=text,
            keep_default_na=False,  # "NA" and "None" may be levels
            na_values=[""],
            compression="gzip" if dataset.file.endswith(".gz") else None,
        )
    return table.assign(
        **{
            column.name: _categorical(table[column.name], column)
            for column in dataset.columns
            if column.categorical
        }
    )


def _categorical(values: pd.Series, column: Column) -> pd.Categorical:
    return pd.Categorical(
        values, categories=_levels(values, column), ordered=column.type == "ordered"
    )


def _levels(values: pd.Series, column: Column) -> list[str]:
    if column.levels_rule is None:
        return list(column.levels)
    found: list[str] = values.dropna().unique().tolist()
    match column.levels_rule:
        case "appearance":
            return found
        case "lexical":
            return sorted(found)
        case "numeric":
            return sorted(found, key=float)
