"""Tables of R's emmeans and of this package, made alike: rows by what they are called.

A row is found by its labels, never by its place. R writes a factor's name before levels that are
numbers and parentheses around levels that hold a sign; labels are compared without either.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = {
    "emmean": "estimate",
    "response": "estimate",
    "ratio": "estimate",
    "effect.size": "estimate",
    "SE": "std_error",
    "t.ratio": "statistic",
    "z.ratio": "statistic",
    "p.value": "p_value",
    "lower.CL": "conf_low",
    "asymp.LCL": "conf_low",
    "upper.CL": "conf_high",
    "asymp.UCL": "conf_high",
    ".group": "letters",
    "model term": "term",
    "df1": "num_df",
    "df2": "den_df",
    "F.ratio": "statistic",
}

NUMBERS = (
    "estimate",
    "std_error",
    "df",
    "num_df",
    "den_df",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
)

# R's row names, what emmeans said, the null hypothesis, and the label of a mean of everything
LEFT_OUT = {"_rows", "r_messages", "note", "null", "1"}


def theirs(stored: Mapping[str, Any], factors: Iterable[str]) -> pd.DataFrame:
    """A stored table in our columns, its rows by their labels."""
    columns = {}
    for name, values in stored.items():
        if name not in LEFT_OUT:
            ours = COLUMNS.get(name, "estimate" if name.endswith(".trend") else name)
            columns[ours] = values
    return _by_labels(pd.DataFrame(columns), factors)


def ours(table: pd.DataFrame, factors: Iterable[str]) -> pd.DataFrame:
    """A table of this package, its rows by their labels."""
    return _by_labels(table.drop(columns=LEFT_OUT.intersection(table)), factors)


def _by_labels(table: pd.DataFrame, factors: Iterable[str]) -> pd.DataFrame:
    table = table.copy()
    names = [c for c in table.columns if c not in NUMBERS and c != "letters"]
    keys = [
        "; ".join(f"{name} = {_plain(values[name], factors)}" for name in sorted(names))
        for values in table.to_dict("records")
    ]
    table = table.drop(columns=names)
    for name in table.columns.intersection(NUMBERS):
        table[name] = table[name].astype(float)
    if "letters" in table:
        table["letters"] = table["letters"].str.strip()
    table.index = pd.Index(keys)
    assert table.index.is_unique, f"two rows are called alike: {keys}"
    return table


def _plain(label: Any, factors: Iterable[str]) -> str:
    if isinstance(label, (float, int, np.number)):
        return f"{label:.6g}"
    text = str(label)
    for factor in factors:
        text = re.sub(rf"\b{re.escape(factor)}(?=\d)", "", text)
    text = re.sub(r"[(),\s]", "", text)
    return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.6g}", text)
