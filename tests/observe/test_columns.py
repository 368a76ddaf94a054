"""Events as columns say what the JSON lines say; a file is whole or not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simvirt.cli import main
from simvirt.errors import InputError
from simvirt.events import KIND, Records
from simvirt.observe import npz
from simvirt.observe.columns import DTYPES, SCHEMA
from simvirt.observe.files import JsonLines, event_writer
from simvirt.observe.npz import NpzFile
from tests.observe.conftest import Observed

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = """
.globl _start
_start:
 li a0, 0x10000000
 li a1, 33
 sb a1, 0(a0)
 li a1, 10
 sb a1, 0(a0)
1: csrw mtvec, a0
 j 1b
"""
NAMES = ("kind", "name", "mode_from", "mode_to")


def lines(observed: Observed) -> list[dict[str, Any]]:
    text = (observed.folder / "run.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def words(columns: dict[str, np.ndarray], name: str) -> list[str]:
    return columns[f"{name}_names"][columns[name]].tolist()


def record(kind: str, a: int = 0, b: int = 0, owner: int = 0, first: int = 0) -> Records:
    row = [KIND[kind] | first << 16 | owner << 32, 7, 9, 0x8000_0000, a, b, 0, 8]
    return np.array([row], np.uint64)


def written(folder: Path, *records: Records) -> dict[str, np.ndarray]:
    """What is read of a file of just these."""
    file = NpzFile(folder / "few.npz")
    for one in records:
        file(one)
    file.close()
    with np.load(folder / "few.npz") as archive:
        return {name: archive[name] for name in archive.files}


def test_columns_are_as_documented(observed: Observed) -> None:
    columns = observed.columns
    assert str(columns["schema"]) == SCHEMA
    assert set(columns) == {"schema", *DTYPES, *(f"{name}_names" for name in NAMES)}
    for name, dtype in DTYPES.items():
        assert columns[name].dtype == dtype
        assert columns[name].shape == (len(observed.events),)


def test_numbers_are_those_of_the_lines(observed: Observed) -> None:
    told = lines(observed)
    for name in ("t", "hart", "pc", "a", "b", "c", "cycles", "instructions", "owner"):
        assert observed.columns[name].tolist() == [event[name] for event in told], name
    for name in ("write", "width"):
        assert observed.columns[name].tolist() == [event.get(name, 0) for event in told], name


def test_names_are_those_of_the_lines(observed: Observed) -> None:
    told = lines(observed)
    for name in ("kind", "mode_from", "mode_to"):
        assert words(observed.columns, name) == [event[name] for event in told], name
    labels = ("cause_words", "csr", "reason", "mode", "mark")
    wanted = [next((e[x] for x in labels if x in e), "") for e in told]
    assert words(observed.columns, "name") == wanted


def test_vms_are_those_of_the_lines(observed: Observed) -> None:
    wanted = [event.get("vm", event["owner"] - 1) for event in lines(observed)]
    assert observed.columns["vm"].tolist() == wanted


def test_exits_by_reason_are_those_of_the_accounting(observed: Observed) -> None:
    columns, exits = observed.columns, observed.exits.get(0, {})
    kinds, names = words(columns, "kind"), words(columns, "name")
    counted = [name for kind, name in zip(kinds, names, strict=True) if kind == "VM_EXIT"]
    for reason, cost in exits.items():  # one more: that which was being handled at the end
        assert cost.count <= counted.count(reason) <= cost.count + 1, reason
    assert bool(counted) == (observed.stack.placement != "bare")


def test_extreme_values(tmp_path: Path) -> None:
    most = (1 << 64) - 1
    columns = written(
        tmp_path, record("TRAP", (1 << 63) | 5), record("MARK", most, most), record("VIOLATION"),
        record("MARK", 4, 3 << 16 | 200), record("CSR_WRITE", 0xFFF, most), record("TRAP", 24),
    )  # fmt: skip
    assert words(columns, "name") == [
        "supervisor timer interrupt", str(most), "", "200", "0xfff", "exception 24",
    ]  # fmt: skip
    assert columns["b"][1] == most and columns["vm"].tolist() == [-1, -1, -1, 3, -1, -1]


def test_no_events_make_empty_columns(tmp_path: Path) -> None:
    columns = written(tmp_path)
    assert len(columns["t"]) == 0 and columns["name_names"].tolist() == [""]


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    path.write_bytes(b"before")
    file = NpzFile(path)
    file(record("WFI"))
    assert path.read_bytes() == b"before"
    file.close()
    assert len(np.load(path)["t"]) == 1
    assert os.listdir(tmp_path) == ["e.npz"]


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    file = NpzFile(tmp_path / "e.npz")
    file(record("WFI"))
    file.discard()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("option", ["--events", "--trace"])
def test_a_run_that_is_killed_leaves_nothing(tmp_path: Path, option: str) -> None:
    """Also the parts have no name."""
    (tmp_path / "endless.S").write_text(ENDLESS)
    command = [sys.executable, "-m", "simvirt", "run", "--max-steps", "1e17", option, "e.npz",
               "endless.S"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"!"  # it runs
        process.kill()
    assert os.listdir(tmp_path) == ["endless.S"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = NpzFile(tmp_path / "e.npz")
    file(record("WFI"))
    monkeypatch.setattr(npz.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        file.close()
    assert os.listdir(tmp_path) == []


def test_the_suffix_chooses(tmp_path: Path) -> None:
    for name, kind in (("e.NPZ", NpzFile), ("e.jsonl", JsonLines), ("events", JsonLines)):
        writer = event_writer(tmp_path / name)
        assert isinstance(writer, kind)
        writer.close()


def test_parquet_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'simvirt\[parquet\]'.*\.npz"):
        event_writer(tmp_path / "e.parquet")
    assert os.listdir(tmp_path) == []


def test_parquet_holds_the_same(observed: Observed, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = event_writer(tmp_path / "e.parquet")
    for records in observed.raw:
        file(records)
    file.close()
    table = parquet.read_table(tmp_path / "e.parquet")
    assert table.schema.metadata[b"simvirt"] == SCHEMA.encode()
    assert table.column_names == list(DTYPES)
    for name in DTYPES:
        column = table[name].to_pylist()
        coded = name in NAMES
        assert column == (words if coded else _plain)(observed.columns, name), name


def _plain(columns: dict[str, np.ndarray], name: str) -> list[Any]:
    return columns[name].tolist()


@pytest.mark.parametrize("option", ["--events", "--trace"])
@pytest.mark.parametrize("name", [".", "no/such.npz"])
def test_a_file_that_cannot_be_written(
    option: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["run", option, name, "hello"]) == 2
    message = capsys.readouterr().err
    assert f"{name}: cannot be written" in message and "choose another" in message
    assert os.listdir(tmp_path) == []


def test_both_files_of_a_run_that_the_budget_ends(tmp_path: Path) -> None:
    files = [tmp_path / "e.npz", tmp_path / "t.pftrace"]
    options = ["--max-steps", "50000", "--events", str(files[0]), "--trace", str(files[1])]
    assert main(["run", "-q", "--on", "hypervisor", *options, "hello"]) == 4
    with np.load(files[0]) as archive:
        assert 0 < archive["t"][-1] < 50_000
    assert sorted(tmp_path.iterdir()) == files


def test_the_hart_is_kept(tmp_path: Path) -> None:
    one = record("WFI")
    one[0, 0] |= np.uint64(3 << 40)
    assert written(tmp_path, record("WFI"), one)["hart"].tolist() == [0, 3]
