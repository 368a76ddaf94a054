"""Functions, inlined calls and lines of addresses: those that binutils names; hostile DWARF."""

from __future__ import annotations

import importlib.util
import random
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvirt.dwarf import sections as dwarf_sections
from simvirt.dwarf.cursor import Budget, Cursor, Damaged
from simvirt.dwarf.functions import Functions
from simvirt.dwarf.lineprogram import programs
from simvirt.dwarf.sections import Sections, read_sections
from simvirt.dwarf.units import read_units
from simvirt.elf import HEADER, SECTION_HEADER
from simvirt.lines import CallTable, read_lines
from simvirt.loader import Image, load_elf
from simvirt.toolchain import build

PROGRAMS = ("minos", "minos-init", "uno", "hypervisor", "host", "host-vmm")
ADDR2LINE = shutil.which("addr2line")
Answer = list[tuple[str, str]]

NESTED = """
static inline __attribute__((always_inline)) int square(int x)
{
	return x * x + (x >> 1);
}
static inline __attribute__((always_inline)) int cube(int x)
{
	return square(x) * x;
}
volatile int sink;
__attribute__((noinline)) int work(int a)
{
	return a ? cube(a) + square(sink) : 0;
}
void _start(void)
{
	sink = work(3);
}
"""


def addresses(image: Image, count: int) -> list[int]:
    """Random pcs in the code."""
    rng = random.Random(image.path)
    code = [s for s in image.sections if s.name.startswith(".text")]
    chosen = rng.choices(code, [s.size for s in code], k=count)
    return [s.address + 2 * rng.randrange(s.size // 2) for s in chosen]


def asked(path: Path, pcs: list[int]) -> list[Answer]:
    """What addr2line says: (function, file:line), innermost first."""
    command = [str(ADDR2LINE), "-a", "-f", "-i", "-e", str(path)]
    text = "\n".join(map(hex, pcs))
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    answers: list[list[str]] = []
    for line in done.stdout.splitlines():
        if line.startswith("0x"):
            answers.append([])
        else:
            answers[-1].append(line.split(" (discriminator")[0].removeprefix("./"))
    return [list(zip(a[::2], a[1::2], strict=True)) for a in answers]


def ours(image: Image, pc: int) -> Answer:
    frames = image.frames_at(pc) or (None,)
    return [(f.function, str(f.line)) if f else ("??", "??:0") for f in frames]


def same(mine: Answer, theirs: Answer) -> bool:
    """Lines are compared where there are any, functions where DWARF has them (not in assembly)."""
    theirs = [(name, line.replace(":?", ":0")) for name, line in theirs]
    if len(theirs) == 1 and theirs[0][1].startswith("??"):
        return mine[0][1] in ("None", "??:0")
    if len(theirs) == 1 and ".S:" in theirs[0][1]:
        return mine[0][1] == theirs[0][1] and len(mine) == 1
    return mine == theirs


@pytest.mark.skipif(ADDR2LINE is None, reason="needs addr2line (binutils)")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_thousand_pcs_of_our_guests_as_addr2line_says(name: str) -> None:
    path = build([name])[name].path
    image = load_elf(path)
    pcs = addresses(image, 1000)
    pairs = [(ours(image, pc), theirs) for pc, theirs in zip(pcs, asked(path, pcs), strict=True)]
    different = [pair for pair in pairs if not same(*pair)]
    assert different == []
    assert sum(len(mine) > 1 for mine, _ in pairs) > 30 or name in ("minos-init", "uno")


# ---- versions ------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[4, 5])
def nested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A program with calls inlined in inlined calls, in a version of DWARF."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs clang: pip install ziglang")
    folder = tmp_path_factory.mktemp("dwarf")
    (folder / "a.c").write_text(NESTED)
    flags = ["-target", "riscv64-freestanding-none", "-mcpu=generic_rv64+m+a+c", "-O2", "-static",
             f"-gdwarf-{request.param}", "-nostdlib", "-fno-sanitize=all", "-fno-pic"]  # fmt: skip
    command = [sys.executable, "-m", "ziglang", "cc", *flags, "-o", "a.elf", "a.c"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return (folder / "a.elf").read_bytes()


def code(image: Image) -> Iterator[int]:
    for section in image.sections:
        if section.name.startswith(".text"):
            yield from range(section.address, section.address + section.size, 2)


def test_calls_inlined_in_inlined_calls(nested: bytes) -> None:
    image = load_elf(nested)
    chains = {tuple(f.function for f in image.frames_at(pc)) for pc in code(image)}
    assert {("square", "cube", "work"), ("cube", "work"), ("square", "work"), ("work",)} <= chains
    deepest = next(f for pc in code(image) if len(f := image.frames_at(pc)) == 3)
    assert [frame.line.line for frame in deepest if frame.line] == [4, 8, 13]
    assert [frame.inlined for frame in deepest] == [True, True, False]
    assert all(frame.line and frame.line.file.endswith("a.c") for frame in deepest)


def test_outside_of_the_code_nothing_is_known(nested: bytes) -> None:
    image = load_elf(nested)
    assert image.frames_at(0) == image.frames_at((1 << 64) - 1) == ()


def compressed(elf: bytes, size: int | None = None) -> bytes:
    """The file with its .debug_info compressed; `size` is what it claims to be long."""
    fields = list(HEADER.unpack_from(elf))
    table, count = fields[6], fields[12]
    out = bytearray(elf)
    for index in range(count):
        at = table + index * SECTION_HEADER.size
        head = list(SECTION_HEADER.unpack_from(elf, at))
        content = elf[head[4] : head[4] + head[5]]
        if head[1] == 1 and not head[2] & 2 and content[4:6] in (b"\4\0", b"\5\0"):
            length = len(content) if size is None else size
            packed = b"\1\0\0\0\0\0\0\0" + length.to_bytes(8, "little") + bytes(8)
            packed += zlib.compress(content)
            head[2], head[4], head[5] = head[2] | 0x800, len(out), len(packed)
            out += packed
            SECTION_HEADER.pack_into(out, at, *head)
    assert len(out) > len(elf)
    return bytes(out)


def test_compressed_sections_are_read(nested: bytes) -> None:
    assert read_sections(compressed(nested)) == read_sections(nested)


def test_what_a_compressed_section_says_of_its_size_is_limited(nested: bytes) -> None:
    with pytest.raises(Damaged, match="debug information of more than"):
        read_sections(compressed(nested, dwarf_sections.MOST + 1))
    assert len(read_sections(compressed(nested, 10)).info) == 10


# ---- damage --------------------------------------------------------------------------------------


def test_damaged_dwarf_answers_something(nested: bytes) -> None:
    """Whatever bytes there are: no exception, and the ELF itself stays usable."""
    rng = random.Random(5)
    start = nested.find(b"a.c")
    image = load_elf(nested)
    pcs = list(code(image))[::7]
    for _ in range(150):
        data = bytearray(nested)
        for _ in range(rng.choice((1, 3, 20))):
            at = rng.randrange(min(start, 0x400), len(data) - 0x400)
            data[at] = rng.choice((0, 0x7F, 0xFF, rng.randrange(256)))
        lines, calls = read_lines(bytes(data)), CallTable(bytes(data))
        for pc in pcs:
            lines.find(pc)
            assert all(isinstance(call.name, str) for call in calls.find(pc))


def test_truncated_sections_are_damaged_or_empty(nested: bytes) -> None:
    whole = read_sections(nested)
    for name in ("info", "abbrev", "line"):
        content: bytes = getattr(whole, name)
        for size in range(0, len(content), 7):
            cut = Sections(**{**vars(whole), name: content[:size]})
            try:
                assert len(read_units(cut)) <= len(read_units(whole))
                assert all(list(p.rows()) is not None for p in programs(cut))
            except Damaged as error:
                assert str(error)


def unit(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


def test_a_table_of_files_without_bytes_is_refused() -> None:
    """Files that take no bytes could be any number: 2**63 of them would never end."""
    count = b"\xff" * 9 + b"\0"
    tail = bytes([1, 1, 1, 0xFB, 14, 1]) + b"\0" + count
    program = b"\5\0\x08\0" + len(tail).to_bytes(4, "little") + tail
    with pytest.raises(Damaged, match="a table of"):
        list(programs(Sections(line=unit(program))))


def test_range_lists_that_many_share_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 functions with the same long list of ranges."""
    abbrev = b"\1\x11\1\0\0" + b"\2\x2e\0\x55\x17\0\0" + b"\0"
    ranges = b"".join(i.to_bytes(8, "little") * 2 for i in range(1, 3000)) + bytes(16)
    body = b"\4\0" + bytes(4) + b"\x08" + b"\1" + b"\2\0\0\0\0" * 2000 + b"\0"
    budget = Budget(100_000)
    shared = Sections(info=unit(body), abbrev=abbrev, ranges=ranges, budget=budget)
    monkeypatch.setattr("simvirt.lines.read_sections", lambda _: shared)
    assert CallTable(b"").find(1) == ()
    with pytest.raises(Damaged, match="too long"):
        budget.spend()


def test_a_name_that_points_to_itself() -> None:
    """DW_AT_abstract_origin of the entry itself, again and again."""
    abbrev = b"\1\x11\1\x11\x01\x12\x0b\0\0" + b"\2\x2e\0\x11\x01\x12\x0b\x31\x13\0\0" + b"\0"
    low, size = (4096).to_bytes(8, "little"), b"\x10"
    first = 4 + 7 + 1 + 9
    body = b"\4\0" + bytes(4) + b"\x08" + b"\1" + low + size
    body += b"\2" + low + size + first.to_bytes(4, "little") + b"\0"
    sections = Sections(info=unit(body), abbrev=abbrev)
    [only] = read_units(sections)
    assert [entry.offset for entry in only.entries()][1] == first
    with pytest.raises(Damaged, match="never said"):
        Functions(sections).at(4097)


@pytest.mark.parametrize(
    ("data", "value"), [(b"\x7f", -1), (b"\x80\x7f", -128), (b"\x3f", 63), (b"\x40", -64)]
)
def test_signed_numbers(data: bytes, value: int) -> None:
    assert Cursor(data).sleb() == value


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 20 + b"\0"])
def test_numbers_without_end(data: bytes) -> None:
    with pytest.raises(Damaged):
        Cursor(data).uleb()
