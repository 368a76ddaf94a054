"""Device trees: what is emitted parses back, and damage is named."""

import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvirt import fdt
from simvirt.board import Board
from simvirt.errors import InputError

BLOB = Board(64 << 20, vm_channels=2).device_tree()
names = st.text("abcdefghij-,@0123456789", min_size=1, max_size=8)
trees = st.recursive(
    st.dictionaries(names, st.binary(max_size=9), max_size=3),
    lambda inner: st.dictionaries(names, inner | st.binary(max_size=9), max_size=3),
    max_leaves=10,
)


@given(trees)
def test_emit_then_parse(tree: fdt.Parsed) -> None:
    assert fdt.parse(fdt.emit(tree)) == tree


def test_values() -> None:
    blob = fdt.emit({"a": 1, "b": [1, 2], "c": "x", "d": ["x", "y"], "e": True, "f": False})
    assert fdt.parse(blob) == {
        "a": b"\0\0\0\1", "b": b"\0\0\0\1\0\0\0\2", "c": b"x\0", "d": b"x\0y\0", "e": b"",
    }  # fmt: skip


def test_merging_keeps_what_is_not_replaced() -> None:
    base = {"a": 1, "n": {"x": 1, "y": 2}}
    assert fdt.merged(base, {"n": {"y": 3}, "m": {}}) == {"a": 1, "n": {"x": 1, "y": 3}, "m": {}}
    assert base["n"] == {"x": 1, "y": 2}


def _patched(offset: int, value: int) -> bytes:
    blob = bytearray(BLOB)
    struct.pack_into(">I", blob, offset, value)
    return bytes(blob)


STRUCTURE = struct.unpack_from(">I", BLOB, 8)[0]


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "too few for the 40-byte header, at offset 0x0"),
        (_patched(0, 0xDEAD), "magic number 0x0000dead"),
        (_patched(4, 1 << 30), "total size"),
        (BLOB[:-8], "total size"),
        (_patched(20, 3), "version 3"),
        (_patched(8, 0x39), "not a multiple of 4"),
        (_patched(36, 1 << 20), "structure block"),
        (_patched(16, 0xFFF8), "no end"),
        (_patched(STRUCTURE, 7), "unknown token 0x7"),
        (_patched(STRUCTURE, 2), "outside the root node"),
        (_patched(STRUCTURE + 12, 1 << 31), "leaves the structure block"),
        (_patched(STRUCTURE + 16, 1 << 31), "name without an end in the strings block"),
    ],
)
def test_damage_is_named(blob: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fdt.validate(blob)


def test_a_tree_without_memory_is_refused() -> None:
    with pytest.raises(InputError, match="no /memory node"):
        fdt.validate(fdt.emit({"cpus": {}}))


def test_random_damage_never_escapes() -> None:
    """Whatever the bytes are, the answer is a tree or an InputError."""
    rng = random.Random(1)
    for _ in range(2000):
        blob = bytearray(BLOB)
        for _ in range(rng.randrange(1, 5)):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
        try:
            fdt.validate(bytes(blob))
        except InputError as error:
            assert "device tree" in str(error)


def test_nesting_is_bounded() -> None:
    tree: fdt.Tree = {}
    for _ in range(100):
        tree = {"n": tree}
    with pytest.raises(InputError, match="deeper"):
        fdt.parse(fdt.emit(tree))


def test_dtc_accepts_it(tmp_path: Path) -> None:
    dtc = shutil.which("dtc")
    if dtc is None:
        pytest.skip("dtc is not installed (package device-tree-compiler)")
    vm = {"compatible": "simvirt,vm", "reg": fdt.u64(0x8020_0000, 2 << 20), "console": 0}
    extra = {"chosen": {"vm@80200000": vm, "files": fdt.u64(0x8100_0000, 4096)}}
    path = tmp_path / "board.dtb"
    path.write_bytes(Board(64 << 20, vm_channels=2).device_tree(extra))
    command = [dtc, "-I", "dtb", "-O", "dts", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert "Warning" not in done.stderr
    assert "simvirt,vm" in done.stdout


@pytest.mark.parametrize(("base", "size", "good"), [
    (0x8000_0000, 32 << 20, True), (0x8000_0000, 16 << 20, True),
    (0x8000_0000, 64 << 20, False), (0x4000_0000, 16 << 20, False), (0x8100_0000, 32 << 20, False),
])  # fmt: skip
def test_memory_must_be_the_boards(base: int, size: int, good: bool) -> None:
    cells = {"#address-cells": 2, "#size-cells": 2}
    blob = fdt.emit({**cells, f"memory@{base:x}": {"reg": fdt.u64(base, size)}})
    assert fdt.memory_ranges(blob) == [(base, size)]
    if good:
        fdt.check_memory(blob, 0x8000_0000, 32 << 20)
        return
    with pytest.raises(InputError, match="device tree: its /memory"):
        fdt.check_memory(blob, 0x8000_0000, 32 << 20)
