"""Files as other programs write them: read rightly and with a word on it, or refused with one."""

import bz2
import gzip
import io
import lzma
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedmodels.api.models import lmm
from mixedmodels.cli.main import main
from mixedmodels.cli.table import Reading, read_table
from mixedmodels.errors import DataError
from mixedmodels.formula import parse

FORMULA = "y ~ x + f + (1 | g)"


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(4)
    n = 60
    return pd.DataFrame(
        {
            "y": (random.normal(size=n) + np.arange(n) % 12).round(3),
            "x": random.normal(size=n).round(2),
            "g": np.arange(n) % 12,
            "f": np.array(["a", "b", "None"])[np.arange(n) % 3],
            "when": pd.date_range("2020-02-27", periods=n).strftime("%Y-%m-%d"),
        }
    )


@pytest.fixture(scope="module")
def objective(frame):
    return lmm(FORMULA, frame).objective


def written(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, formula=FORMULA, **reading):
    return read_table(path, parse(formula), reading=Reading(**reading))


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.csv", content)
    return buffer.getvalue()


FORMS = {
    "plain": lambda d: d.to_csv(index=False).encode(),
    "semicolons": lambda d: d.to_csv(index=False, sep=";").encode(),
    "German": lambda d: d.to_csv(index=False, sep=";", decimal=",").encode(),
    "quoted decimal commas": lambda d: d.to_csv(index=False, decimal=",", quoting=1).encode(),
    "tabs": lambda d: d.to_csv(index=False, sep="\t").encode(),
    "tabs and decimal commas": lambda d: d.to_csv(index=False, sep="\t", decimal=",").encode(),
    "bars": lambda d: d.to_csv(index=False, sep="|").encode(),
    "white space": lambda d: d.to_string(index=False).encode(),
    "row names": lambda d: d.to_csv().encode(),
    "byte-order mark": lambda d: d.to_csv(index=False).encode("utf-8-sig"),
    "UTF-16": lambda d: d.to_csv(index=False).encode("utf-16"),
    "UTF-16 without mark": lambda d: d.to_csv(index=False).encode("utf-16-le"),
    "UTF-32": lambda d: d.to_csv(index=False).encode("utf-32"),
    "DOS": lambda d: d.to_csv(index=False, lineterminator="\r\n").encode(),
    "old Mac": lambda d: d.to_csv(index=False, lineterminator="\r").encode(),
    "Excel's directive": lambda d: ("sep=;\r\n" + d.to_csv(index=False, sep=";")).encode(),
    "blank lines": lambda d: d.to_csv(index=False).replace("\n", "\n\n").encode(),
    "blanks around": lambda d: d.to_csv(index=False).replace(",", " , ").encode(),
    "gzip": lambda d: gzip.compress(d.to_csv(index=False).encode()),
    "bzip2": lambda d: bz2.compress(d.to_csv(index=False).encode()),
    "xz": lambda d: lzma.compress(d.to_csv(index=False).encode()),
    "zip": lambda d: zipped(d.to_csv(index=False)),
    "line breaks in cells": lambda d: d.assign(note='a\n"b", c').to_csv(index=False).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_fit(form, frame, objective, tmp_path):
    path = written(tmp_path, FORMS[form](frame))
    found = read(path)
    assert lmm(FORMULA, found.data).objective == pytest.approx(objective, rel=1e-12)
    assert found.data["f"].nunique() == 3  # "None" is a level
    assert found.data["g"].dtype == np.int64


@settings(max_examples=60)
@given(
    values=st.lists(
        st.floats(-1e6, 1e6).map(lambda v: round(v, 4)), min_size=6, max_size=12, unique=True
    ).filter(lambda values: any(v % 1 for v in values)),
    separator=st.sampled_from([";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
)
def test_numbers_come_back_whatever_their_signs(values, separator, decimal, tmp_path_factory):
    table = pd.DataFrame({"y": values, "x": values[::-1], "g": range(len(values))})
    text = table.to_csv(index=False, sep=separator, decimal=decimal)
    path = written(tmp_path_factory.mktemp("numbers"), text)
    try:
        data = read(path, "y ~ x + (1 | g)").data
    except DataError as error:
        # 1,234 may be either, unless another number tells.
        assert decimal == ","
        assert "thousands" in str(error)
        return
    assert data["y"].tolist() == values
    assert data["x"].tolist() == values[::-1]


def test_other_encodings_are_told(tmp_path):
    text = "y;größe;g\n" + "".join(f"{i * 7 % 11},5;{i};{i % 4}\n" for i in range(20))
    path = written(tmp_path, text.encode("latin-1"))
    formula = "y ~ größe + (1 | g)"
    found = read(path, formula)
    assert "windows-1252" in found.notes[0]
    assert "Decimal commas" in found.notes[1]
    assert found.data["y"][1] == 7.5
    told = read(path, formula, encoding="latin-1", separator=";", decimal=",")
    assert told.notes == ()
    pd.testing.assert_frame_equal(told.data, found.data)
    with pytest.raises(DataError, match=r"not in utf-8: byte 4 \(line 1\)"):
        read(path, formula, encoding="utf-8")
    with pytest.raises(DataError, match="no encoding 'klingon'"):
        read(path, formula, encoding="klingon")


def column(*cells):
    """A file whose column x begins with these cells and goes on with numbers."""
    cells = [*cells, *(f"{1.5 * i}" for i in range(20 - len(cells)))]
    return "y,x,g\n" + "".join(f'{i * 7 % 11}.5,"{c}",{i % 4}\n' for i, c in enumerate(cells))


@pytest.mark.parametrize("cell", ["n.d.", "<0.1", "1,5", "Inf", "1.5 mg", "−2", "1_000", "1.5.2"])
def test_text_among_numbers_is_shown_with_its_row(tmp_path, cell):
    path = written(tmp_path, column("1.25", "2", cell))
    with pytest.raises(DataError) as caught:
        read(path, "y ~ x + (1 | g)")
    assert "row 3 below the header" in str(caught.value)
    assert repr(cell) in str(caught.value)
    assert read(path, "y ~ x + (1 | g)", missing=[cell]).data["x"].isna().sum() == 1
    assert read(path, "y ~ x + (1 | g)", factors=["x"]).data["x"].nunique() == 20


@pytest.mark.parametrize(
    "cell", ["1,234.5", "$12.50", "45 %", "1 234", "1'234", "1.234,5", "€3", "~7"]
)
def test_columns_of_decorated_numbers_are_refused(tmp_path, cell):
    cells = [re.sub(r"\d", f"{i % 9 + 1}", cell, count=1) for i in range(20)]
    path = written(tmp_path, column(*cells))
    with pytest.raises(DataError, match=r"'x' (holds|looks)"):
        read(path, "y ~ x + (1 | g)")


@pytest.mark.parametrize("code", [".", "-", "?", "NULL", "None", "#DIV/0!"])
def test_codes_of_missing_values_among_numbers(tmp_path, code):
    path = written(tmp_path, column("1.25", code, "NA", ""))
    found = read(path, "y ~ x + (1 | g)")
    assert found.data["x"].isna().sum() == 3
    assert found.notes == (f"Column 'x': {code!r} is taken as missing.",)
    with pytest.raises(DataError, match="row 2 below the header"):
        read(path, "y ~ x + (1 | g)", missing=["NA"])


def test_codes_can_be_given(tmp_path):
    path = written(tmp_path, column("1.25", "-999", "-999"))
    found = read(path, "y ~ x + (1 | g)")
    assert "holds -999 in 2 rows, taken as a number" in found.notes[0]
    assert found.data["x"].min() == -999
    told = read(path, "y ~ x + (1 | g)", missing=["-999"])
    assert told.data["x"].isna().sum() == 2
    assert told.notes == ()


def test_thousands_or_decimals(tmp_path):
    cells = [f"{i},250" for i in range(1, 21)]
    text = column(*cells).replace(".5", "")
    path = written(tmp_path, text)
    with pytest.raises(DataError, match="may separate thousands or decimals"):
        read(path, "y ~ x + (1 | g)")
    assert read(path, "y ~ x + (1 | g)", decimal=",").data["x"][0] == 1.25
    with pytest.raises(DataError, match=r"'y' has decimal points, as '0\.5', and column 'x' has"):
        read(written(tmp_path, column(*cells)), "y ~ x + (1 | g)")


def test_dates_are_days(frame, tmp_path):
    path = written(tmp_path, frame.to_csv(index=False))
    found = read(path, "y ~ when + (1 | g)")
    assert found.data["when"].tolist() == list(range(60))  # over the leap day
    assert "taken as days since 2020-02-27" in found.notes[0]
    assert read(path, "y ~ when + (1 | g)", factors=["when"]).data["when"].nunique() == 60
    assert read(path, "y ~ x + (1 | when)").data["when"][0] == "2020-02-27"


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%y", "%d.%m.%Y", "%d %b %Y", "%d-%b-%y"])
def test_dates_in_another_order_are_refused(frame, tmp_path, form):
    when = pd.to_datetime(frame["when"]).dt.strftime(form)
    path = written(tmp_path, frame.assign(when=when).to_csv(index=False))
    with pytest.raises(DataError, match="dates whose order is not clear"):
        read(path, "y ~ when + (1 | g)")


def test_dates_as_numbers_are_told(frame, tmp_path):
    when = frame["when"].str.replace("-", "")
    path = written(tmp_path, frame.assign(when=when).to_csv(index=False))
    assert "jump at the end of each month" in read(path, "y ~ when + (1 | g)").notes[0]


def test_many_levels_are_told(frame, tmp_path):
    names = [f"name {chr(97 + i % 26)}" for i in range(60)]
    path = written(tmp_path, frame.assign(f=names).to_csv(index=False))
    assert read(path).notes == ("Column 'f' is text, as 'name a': a factor of 26 levels.",)


@pytest.mark.parametrize("cells", [["007", "7", "08"], ["9223372036854775808", "7", "8"]])
def test_ids_that_would_merge_stay_text(tmp_path, cells):
    rows = "".join(f"{i * 7 % 11},{i},{cells[i % 3]}\n" for i in range(18))
    found = read(written(tmp_path, f"y,x,g\n{rows}"), "y ~ x + (1 | g)")
    assert sorted(set(found.data["g"])) == sorted(cells)


@pytest.mark.parametrize(
    ("truth", "lie"), [("TRUE", "FALSE"), ("True", "False"), ("true", "false")]
)
def test_truth_values(tmp_path, truth, lie):
    rows = "".join(f"{i * 7 % 11},{truth if i % 3 else lie},{i % 4}\n" for i in range(18))
    found = read(written(tmp_path, f"y,x,g\n{rows}"), "y ~ x + (1 | g)")
    assert found.data["x"].dtype == np.bool_


TABLE = "y,x,g\n" + "".join(f"{i * 7 % 11},{i},{i % 4}\n" for i in range(20))

BROKEN = {
    "empty": (b"", "is empty"),
    "blank lines": (b"\n \n\n", "is empty"),
    "header": (b"y,x,g\n", "header and no rows"),
    "repeated name": (b"y,x,g,x\n1,2,3,4\n", "Columns 2 and 4 are all called 'x'"),
    "short row": (TABLE.encode() + b"3,4\n", "Row 21 has 2 cells, and the header has 3"),
    "long row": (TABLE.encode() + b"3,4,5,6\n", "Row 21 has 4 cells, and the header has 3"),
    "row names without a name": (TABLE.replace("\n", ",1\n").replace("g,1", "g").encode(), "Row 1"),
    "open quotation": (TABLE.replace("7,1,", '7,"1,').encode(), "never closed"),
    "binary": (bytes(range(256)) * 20, "no text"),
    "Excel": (zipped("").replace(b"inner.csv", b"xl/a.xmls"), "spreadsheet"),
    "SPSS": (b"$FL2@(#) SPSS", "SPSS"),
    "Parquet": (b"PAR1junk", "Parquet file that cannot be read"),
    "cut gzip": (gzip.compress(TABLE.encode())[:-20], "broken or cut short"),
    "cut zip": (zipped(TABLE)[:-40], "broken or cut short"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_cannot_be_read_is_said_in_one_message(tmp_path, capsys, kind):
    content, message = BROKEN[kind]
    path = written(tmp_path, content)
    assert main(["fit", str(path), "y ~ x + (1 | g)"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert "Do:" in shown.err
    assert "Traceback" not in shown.err


def test_an_archive_of_two_files(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", TABLE)
        archive.writestr("b.csv", TABLE)
    with pytest.raises(DataError, match="holds 2 files"):
        read(written(tmp_path, buffer.getvalue()), "y ~ x + (1 | g)")


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TABLE.encode())))
    assert main(["fit", "-", "y ~ x + (1 | g)"]) == 0
    assert "Rows:     20" in capsys.readouterr().out
