"""Data sets on disk, in a form that Python and R read in well under a second.

A folder holds one binary file per column and `columns.json` (`columns.tsv` for R). A numeric column
is float64; a factor is int32 codes from 0, with its levels as lines of text in a second file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd


def write(frame: pd.DataFrame, folder: Path) -> None:
    """Write `frame` to `folder`; categorical columns are factors, every other column is numeric."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = []
    for position, name in enumerate(frame.columns):
        column = frame[name]
        stem = f"column{position}"
        factor = isinstance(column.dtype, pd.CategoricalDtype)
        if factor:
            column.cat.codes.to_numpy(np.int32).tofile(folder / f"{stem}.bin")
            levels = "\n".join(str(level) for level in column.cat.categories)
            (folder / f"{stem}.levels").write_text(levels + "\n", encoding="utf-8")
        else:
            column.to_numpy(np.float64).tofile(folder / f"{stem}.bin")
        columns.append({"name": name, "stem": stem, "factor": factor})
    lines = [f"{c['stem']}\t{int(c['factor'])}\t{c['name']}" for c in columns]
    (folder / "columns.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "columns.json").write_text(json.dumps({"rows": len(frame), "columns": columns}))


def read(folder: Path) -> pd.DataFrame:
    """The frame that `write` was given, factors as pandas categoricals."""
    description = json.loads((folder / "columns.json").read_text())
    columns: dict[str, object] = {}
    for column in description["columns"]:
        path = folder / f"{column['stem']}.bin"
        if column["factor"]:
            levels = (folder / f"{column['stem']}.levels").read_text(encoding="utf-8").splitlines()
            columns[column["name"]] = pd.Categorical.from_codes(
                np.fromfile(path, dtype=np.int32), levels
            )
        else:
            columns[column["name"]] = np.fromfile(path, dtype=np.float64)
    return pd.DataFrame(columns)


def is_complete(folder: Path) -> bool:
    """Whether `write` finished there (the description is its last file)."""
    return (folder / "columns.json").exists()
