"""Reading a table and writing results, with errors in the package's own words."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mixedmodels.errors import DataError

PARQUET = (".parquet", ".pq")


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file (also compressed) or, by its ending, a Parquet file.

    Raises
    ------
    DataError
        If the file is not there or cannot be read.
    """
    try:
        return pd.read_parquet(path) if path.suffix in PARQUET else pd.read_csv(path)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.\nDo:   check the name and folder.") from error
    except ImportError as error:
        raise DataError(
            f"{path} is a Parquet file, and pyarrow, which reads it, is not installed.\n"
            "Do:   pip install 'mixedmodels[arrow]', or save the data as CSV."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}\nDo:   save the data as CSV or Parquet."
        ) from error


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write `content` to `path` as JSON.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
