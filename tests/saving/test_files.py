"""Files: what is in them, what is not, and what becomes of changed and of hostile ones."""

import builtins
import hashlib
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import mixedmodels as mm
from mixedmodels.errors import DataError, SavedModelError
from mixedmodels.saving.archive import packed, unpacked
from mixedmodels.saving.fits import CODECS
from tests.saving.models import FORMULAS, model, table

FILES = Path(__file__).with_name("files")


def bytes_of(m: object, *, rows: bool = False) -> bytes:
    file = io.BytesIO()
    m.save(file, rows=rows)  # type: ignore[attr-defined]
    return file.getvalue()


@pytest.mark.parametrize("kind", FORMULAS)
def test_no_row_is_in_a_file_unless_asked(kind: str) -> None:
    """Neither the columns that the model does not use, nor a value of those that it uses."""
    m = model(kind)
    data = bytes_of(m)
    assert b"secret" not in data
    assert b"marker-" not in data
    found = {
        name: sum(
            value.tobytes() in data or repr(float(value)).encode() in data
            for value in table()[name].to_numpy()
        )
        for name in ("x", "y", "w")
    }
    assert found["y"] == 0
    assert max(found.values()) <= 12, "no more than ends and quantiles of a covariate"


def test_unused_columns_are_in_no_file() -> None:
    data = bytes_of(model("slopes"), rows=True)
    assert b"secret" not in data
    assert b"marker-" not in data
    assert table()["x"].to_numpy().tobytes() in data


def test_members_are_as_the_documentation_says() -> None:
    data = bytes_of(model("slopes"))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    for line in members["sha256.txt"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(members[name]).hexdigest() == digest
    header = json.loads(members["header.json"])
    assert header["format"] == 1
    assert header["version"] == mm.__version__
    assert (header["model"], header["rows"], header["nobs"]) == ("linear", False, len(table()))
    estimates = json.loads(members["estimates.json"])
    assert estimates["fixed_effects"] == model("slopes").params.to_dict()
    arrays = [n for n in members if n.startswith("arrays/")]
    assert arrays
    for name in arrays:
        np.load(io.BytesIO(members[name]), allow_pickle=False)


def test_a_saved_file_saved_again_is_the_same_bytes() -> None:
    for kind in ("slopes", "poisson"):
        data = bytes_of(model(kind))
        assert bytes_of(mm.load(data)) == data
        with_rows = bytes_of(model(kind), rows=True)
        assert bytes_of(mm.load(with_rows), rows=True) == with_rows


def test_the_digest_of_the_data_tells_the_data() -> None:
    digests = []
    for data in (table(), table().astype({"g": "category"}), table().assign(x=0.1)):
        m = mm.lmm("y ~ x + (1 | g)" if data["x"].nunique() > 1 else "y ~ 1 + (1 | g)", data)
        header = json.loads(unpacked(bytes_of(m))["header.json"])
        digests.append(header["data_sha256"])
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("length", [0, 2, 100, 0.5, 0.99])
def test_a_file_cut_short_is_refused(length: float) -> None:
    data = bytes_of(model("ols"))
    keep = int(length if length > 1 or length == 0 else length * len(data))
    with pytest.raises(SavedModelError):
        mm.load(data[:keep])


def test_every_changed_byte_is_refused_or_harmless() -> None:
    before = model("ols")
    data = bytes_of(before)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(data), 300).tolist():
        flipped = bytearray(data)
        flipped[place] ^= int(rng.integers(1, 256))
        try:
            after = mm.load(bytes(flipped))
        except SavedModelError:
            refused += 1
            continue
        assert after.coef_table().equals(before.coef_table())
    assert refused > 250


def repacked(change: dict[str, bytes]) -> bytes:
    """A file with other members and fresh digests, as a stranger could write one."""
    return packed(unpacked(bytes_of(model("ols"))) | change)


def header(**change: object) -> bytes:
    found = json.loads(unpacked(bytes_of(model("ols")))["header.json"])
    return json.dumps(found | change).encode()


def npy(shape: str, descr: str = "<f8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


HOSTILE = {
    "no JSON": {"model.json": b"{"},
    "deep": {"model.json": b"[" * 200_000 + b"]" * 200_000},
    "unknown type": {"model.json": b'{"is": "os.system", "command": "true"}'},
    "another value": {"model.json": b'{"is": "Step", "column": 1, "sources": [], "factors": []}'},
    "missing fields": {"model.json": b'{"is": "Fit"}'},
    "unknown kind": {"model.json": b'{"pickle": "gASVAAAA"}'},
    "no array": {"model.json": b'{"array": 999999}'},
    "empty object": {"model.json": b"{}"},
    "later format": {"header.json": header(format=99, version="9.9")},
    "no format": {"header.json": header(format="1")},
    "huge shape": {"arrays/0.npy": npy("(1000000000000000,)")},
    "negative shape": {"arrays/0.npy": npy("(-1,)")},
    "objects": {"arrays/0.npy": npy("(1,)", "|O") + b"\x80\x04."},
    "not an array": {"arrays/0.npy": b"junk"},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_members_are_refused(what: str) -> None:
    with pytest.raises(SavedModelError):
        mm.load(repacked(HOSTILE[what]))


def test_hostile_containers_are_refused() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", b"0" * 10_000_000)
    for data in (bomb.getvalue(), b"", b"PK", b"PK\x05\x06" + bytes(18), b"hello", b"PK" * 1000):
        with pytest.raises(SavedModelError):
            mm.load(data)


def test_types_are_found_in_a_closed_list() -> None:
    """Every name of a file stands for one maker."""
    names = {}
    for codec in CODECS:
        assert names.setdefault(codec.name, codec.make.__qualname__) == codec.make.__qualname__


def test_loading_executes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mm.load(FILES / "linear-0.2.model").predict(table().head(2))  # imports what is needed

    def refused(*args: object, **options: object) -> None:
        raise AssertionError("code was executed")

    for module, name in (
        (builtins, "eval"),
        (builtins, "exec"),
        (pickle, "loads"),
        (pickle, "load"),
    ):
        monkeypatch.setattr(module, name, refused)
    loaded = mm.load(FILES / "linear-0.2.model")
    assert np.isfinite(loaded.predict(table().head(2))).all()


def test_paths(tmp_path: Path) -> None:
    m = model("ols")
    for path in (tmp_path / "a.model", str(tmp_path / "b")):
        m.save(path)
        assert mm.load(path).params.equals(m.params)
    before = (tmp_path / "a.model").stat().st_mode
    model("slopes").save(tmp_path / "a.model")
    assert (tmp_path / "a.model").stat().st_mode == before
    assert len(mm.load(tmp_path / "a.model").params) == len(model("slopes").params)
    with (tmp_path / "a.model").open("rb") as file:
        assert mm.load(file).nobs == len(table())
    assert sorted(os.listdir(tmp_path)) == ["a.model", "b"]


def test_places_that_cannot_be_written_or_read_are_refused(tmp_path: Path) -> None:
    m = model("ols")
    for place in (tmp_path / "none" / "m", tmp_path, 3, None):
        with pytest.raises(DataError, match="cannot be written"):
            m.save(place)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    for place in (tmp_path / "none", tmp_path, 3, None):
        with pytest.raises(SavedModelError):
            mm.load(place)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="rows"):
        m.save(tmp_path / "m", rows="yes")  # type: ignore[arg-type]


def test_a_file_opened_for_text_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "m").open("w") as file, pytest.raises(DataError, match="for writing bytes"):
        model("ols").save(file)  # type: ignore[arg-type]


def test_a_function_of_the_callers_is_asked_for_again() -> None:
    def bent(x: np.ndarray) -> np.ndarray:
        return np.sqrt(np.abs(x)) + 1

    m = mm.lmm("y ~ bent(x) + (1 | g)", table(), context={"bent": bent})
    data = bytes_of(m)
    with pytest.raises(SavedModelError, match="bent"):
        mm.load(data)
    again = mm.load(data, context={"bent": bent, "other": len})
    assert again.predict(table()).equals(m.predict(table()))


def test_what_needs_rows_says_so() -> None:
    loaded = mm.load(bytes_of(model("slopes")))
    questions = [
        lambda m: m.resid,
        lambda m: m.fittedvalues,
        lambda m: m.predict(),
        lambda m: m.refit(np.arange(len(table()))),
        lambda m: m.update(reml=False),
        lambda m: m.profile(),
        lambda m: m.bootstrap(9, seed=1),
        lambda m: m.check(),
        lambda m: m.influence(),
        lambda m: m.simulate(seed=1),
        lambda m: m.drop1(),
        lambda m: m.ranova(),
        lambda m: m.save(io.BytesIO(), rows=True),
    ]
    for question in questions:
        with pytest.raises(DataError, match="needs the rows of the data") as caught:
            question(loaded)
        assert "rows=True" in str(caught.value)


STORED = {"linear": "slopes", "residual": "residual", "generalised": "poisson"}
"""Files of version 0.2, and the models that they were saved from."""


@pytest.mark.parametrize("name", STORED)
def test_files_of_earlier_versions_are_read(name: str) -> None:
    loaded = mm.load(FILES / f"{name}-0.2.model")
    now = model(STORED[name])
    np.testing.assert_allclose(loaded.params, now.params, rtol=1e-6)
    np.testing.assert_allclose(
        loaded.coef_table()["p_value"], now.coef_table()["p_value"], rtol=1e-4, atol=1e-10
    )
    new = table().head(5).assign(g="group 99")
    np.testing.assert_allclose(loaded.predict(new), now.predict(new), rtol=1e-5)
