"""Cases as a bare ELF that runs on any board of QEMU's ``virt`` kind, and the signature it leaves.

The ELF holds the monitor, which sets up each case and records how it ended, and a slot a case:
a header of registers and CSRs and an image of the arena.  When the program powers the board off,
every slot holds the case's final state instead: the signature.  After a case that leaves locked PMP
entries the board is off at once; of its slot the header is written, its memory is the arena itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from tests.oracle.csr import TRIGGERS

from . import monitor
from .case import COMPARED, Case, Final, pages
from .layout import ARENA, ARENA_SIZE, END, RAM

SLOTS_AT = monitor.SLOTS - RAM  # offset of the first slot in RAM
_EHDR, _PHDR = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_RISCV, _PAGE = 243, 4096
NO_TRIGGER = 2 << 60  # of a type that we lack, with nothing set


def ram_size(count: int) -> int:
    """Bytes of RAM that a board needs for so many cases: a multiple of 2 MiB."""
    size = SLOTS_AT + count * monitor.SLOT_SIZE + (8 << 20)
    return -(-size // (2 << 20)) * (2 << 20)


def bare_elf(cases: Sequence[Case]) -> bytes:
    """An executable that starts at RAM's first byte in M and ends through the finisher."""
    control = struct.pack("<3Q", monitor.SLOTS, len(cases), 0)
    slots = b"".join(_slot(case) for case in cases)
    return elf([(RAM, monitor.image()), (monitor.CONTROL, control), (monitor.SLOTS, slots)])


def finals(read: Callable[[int, int], bytes]) -> list[Final]:
    """How the cases ended that have; ``read`` returns bytes of RAM at an address."""
    done, _, locked = struct.unpack("<3Q", read(monitor.CONTROL + monitor.DONE, 24))
    slots = read(monitor.SLOTS, done * monitor.SLOT_SIZE)
    if locked:
        slots = slots[: len(slots) - ARENA_SIZE] + read(ARENA, ARENA_SIZE)
    return list(signatures(slots))


def boot_of(cases: Sequence[Case]) -> Sequence[Case]:
    """The first of them that can be run without a reset: up to one that locks PMP entries."""
    count = next((n for n, case in enumerate(cases, 1) if case.locks), len(cases))
    return cases[:count]


def signatures(slots: bytes) -> Iterator[Final]:
    """The final states in a signature: the bytes of one slot a case."""
    for at in range(0, len(slots), monitor.SLOT_SIZE):
        words = struct.unpack_from(f"<{monitor.HEADER_SIZE // 8}Q", slots, at)
        csr = {name: words[monitor.CSRS + n] for n, name in enumerate(COMPARED)}
        start = at + monitor.HEADER_SIZE
        x = (0, *words[monitor.X + 1 : monitor.X + 32])
        pc = END + 4 * words[monitor.VECTOR]
        yield Final(x, pc, 3, pages(slots[start : start + ARENA_SIZE]), csr)


def _slot(case: Case) -> bytes:
    arena = bytearray(ARENA_SIZE)
    for offset, data in case.memory.items():
        arena[offset : offset + len(data)] = data
    return _header(case) + bytes(arena)


def _header(case: Case) -> bytes:
    words = [0] * (monitor.HEADER_SIZE // 8)
    words[monitor.X : monitor.X + 32] = case.x
    words[monitor.VECTOR] = case.lines >> 3 & 1
    for k, name in enumerate(monitor.SET_ORDER):
        words[monitor.CSRS + k] = case.csr.get(name, (1 << 64) - 1 if name == "stimecmp" else 0)
    for n in range(TRIGGERS):
        words[monitor.TDATA + 2 * n] = case.csr.get(f"tdata2_{n}", 0)
        words[monitor.TDATA + 2 * n + 1] = case.csr.get(f"tdata1_{n}", NO_TRIGGER)
    words[monitor.MTIMECMP] = 0 if case.lines >> 7 & 1 else (1 << 63) - 1
    return struct.pack(f"<{len(words)}Q", *words)


def elf(segments: Sequence[tuple[int, bytes]]) -> bytes:
    """A static RISC-V ELF64 of these (address, bytes), entered at the first."""
    entry, count = segments[0][0], len(segments)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    table = _EHDR.pack(
        ident, 2, _RISCV, 1, entry, _EHDR.size, 0, 1, _EHDR.size, _PHDR.size, count, 64, 0, 0
    )
    at, body = _PAGE, []
    for address, data in segments:
        size = len(data)
        table += _PHDR.pack(1, 7, at, address, address, size, size, _PAGE)
        padded = data + bytes(-size % _PAGE)
        body.append(padded)
        at += len(padded)
    return table.ljust(_PAGE, b"\0") + b"".join(body)
