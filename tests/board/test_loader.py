"""The ELF loader: good files load, bad ones get a message and never a traceback."""

import random
import struct
from pathlib import Path

import pytest

from simvirt.elf import HEADER, PROGRAM_HEADER, SECTION_HEADER, SYMBOL
from simvirt.errors import InputError
from simvirt.lines import read_lines
from simvirt.loader import check_fits, load_elf, strip_elf

BASE = 0x8000_0000
CODE = b"\x13\0\0\0" * 8


def _symbol(name: int, kind: int, section: int, value: int, size: int) -> bytes:
    return SYMBOL.pack(name, kind, 0, section, value, size)


def make_elf(
    machine: int = 243,
    kind: int = 2,
    entry: int = BASE + 8,
    paddr: int = BASE,
    memsize: int = 0x100,
    bits: int = 2,
    order: int = 1,
    segments: int = 1,
) -> bytes:
    """A small executable: 32 bytes of code, symbols ``start`` (16 bytes) and ``end``."""
    names = b"\0start\0end\0.text\0.symtab\0.strtab\0"
    symbols = SYMBOL.pack(0, 0, 0, 0, 0, 0)
    symbols += _symbol(1, 2, 1, paddr, 16) + _symbol(7, 0, 1, paddr + 16, 0)
    code_at = HEADER.size + segments * PROGRAM_HEADER.size
    names_at = code_at + len(CODE)
    symbols_at = names_at + len(names)
    sections_at = symbols_at + len(symbols)
    ident = b"\x7fELF" + bytes([bits, order, 1]) + bytes(9)
    out = HEADER.pack(
        ident, kind, machine, 1, entry, HEADER.size, sections_at, 0, HEADER.size,
        PROGRAM_HEADER.size, segments, SECTION_HEADER.size, 4, 3,
    )  # fmt: skip
    out += PROGRAM_HEADER.pack(1, 5, code_at, paddr, paddr, len(CODE), memsize, 4096) * segments
    out += CODE + names + symbols + bytes(SECTION_HEADER.size)
    out += SECTION_HEADER.pack(11, 1, 6, paddr, code_at, len(CODE), 0, 0, 4, 0)
    out += SECTION_HEADER.pack(17, 2, 0, 0, symbols_at, len(symbols), 3, 1, 8, SYMBOL.size)
    return out + SECTION_HEADER.pack(25, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)


def test_loads() -> None:
    image = load_elf(make_elf())
    assert image.entry == BASE + 8
    (segment,) = image.segments
    assert (segment.paddr, segment.data, segment.memsize, segment.flags) == (BASE, CODE, 0x100, 5)
    assert [symbol.name for symbol in image.symbols] == ["start", "end"]
    assert image.address_of("end") == BASE + 16
    assert len(image.sha256) == 64


def test_symbol_at() -> None:
    image = load_elf(make_elf())
    assert str(image.symbol_at(BASE)) == "start"
    assert str(image.symbol_at(BASE + 12)) == "start+0xc"
    assert str(image.symbol_at(BASE + 24)) == "end+0x8"  # no size: up to the end of the section
    assert image.symbol_at(BASE - 1) is None
    assert image.symbol_at(BASE + 0x1000) is None
    with pytest.raises(InputError, match="no symbol 'nothing'"):
        image.address_of("nothing")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh\n", "not an ELF file"),
        (make_elf()[:40], "truncated: the ELF header"),
        (make_elf(bits=1), "32-bit"),
        (make_elf(order=2), "big-endian"),
        (make_elf(machine=62), "x86-64"),
        (make_elf(machine=183), "AArch64"),
        (make_elf(machine=999), "machine number 999"),
        (make_elf(kind=1), "relocatable object"),
        (make_elf(kind=3), "position-independent"),
        (make_elf(segments=0), "no loadable segment"),
        (make_elf(memsize=8), "more bytes in the file than in memory"),
        (make_elf(paddr=(1 << 64) - 64), "wraps around"),
        (make_elf()[:-200], "truncated: section headers"),
    ],
)
def test_bad_files_get_a_message(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_elf(data)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.elf: no such file"):
        load_elf(tmp_path / "gone.elf")
    with pytest.raises(InputError, match="a folder"):
        load_elf(tmp_path)


def test_segment_table_outside_the_file() -> None:
    data = bytearray(make_elf())
    struct.pack_into("<Q", data, HEADER.size + 8, 1 << 62)  # p_offset
    with pytest.raises(InputError, match="truncated: segment 0"):
        load_elf(bytes(data))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paddr": 0x1000}, "below RAM, which starts at 0x80000000"),
        ({"memsize": 3 << 20}, "needs --mem 3M"),
        ({"entry": 0x1000}, "entry 0x1000 is outside RAM"),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_fits(load_elf(make_elf(**options)), BASE, 1 << 20)


def test_huge_memory_size_allocates_nothing() -> None:
    assert load_elf(make_elf(memsize=1 << 60)).segments[0].memsize == 1 << 60


def test_strip_keeps_what_is_loaded() -> None:
    data = make_elf()
    stripped = strip_elf(data)
    assert load_elf(stripped).segments == load_elf(data).segments
    assert load_elf(stripped).entry == load_elf(data).entry
    assert not load_elf(stripped).symbols
    assert not load_elf(stripped).sections
    assert strip_elf(stripped) == stripped


def test_random_damage_never_escapes() -> None:
    rng = random.Random(2)
    good = make_elf()
    for _ in range(2000):
        data = bytearray(good[: rng.choice((len(good), rng.randrange(len(good))))])
        for _ in range(rng.randrange(4) if data else 0):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            image = load_elf(bytes(data))
            image.source_line(BASE)
            image.symbol_at(BASE)
        except InputError:
            pass


def test_without_dwarf_there_are_no_lines() -> None:
    assert read_lines(make_elf()).find(BASE) is None
    assert read_lines(b"rubbish").find(BASE) is None
