"""What happened: typed event records, from the fixed records that the kernel writes.

A record is eight 64-bit words: kind and modes and owner, t, mcycle, pc, three values, minstret.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isa import causes, marks
from isa.csrs import BY_NUMBER
from simvirt.core import layout

Records = NDArray[np.uint64]
KIND = {name: number for number, name in enumerate(layout.EVENT_KINDS)}
ACCOUNTING = ("MARK", "OWNER", "VIOLATION")
TRAPS = ("TRAP", "XRET", "MARK", "OWNER", "VIOLATION", "FENCE", "WFI", "CSR_WRITE")
EVERYTHING = tuple(layout.EVENT_KINDS[1:])
_MARK_NAMES = {mark.number: mark.name for mark in marks.MARKS}
_REASONS = {reason.number: reason.name for reason in marks.EXIT_REASONS}


def mask_of(kinds: Iterable[str]) -> int:
    """The selection mask of some kinds of event.  Raises KeyError for an unknown kind."""
    mask = 0
    for kind in kinds:
        mask |= 1 << KIND[kind]
    return mask


@dataclass(frozen=True, slots=True)
class Event:
    """One event.  `t` in steps; `owner` 0 is the machine's own software, i + 1 is VM i.

    `a`, `b`, `c` by kind: TRAP cause, trap value; XRET target; CSR_WRITE number, new, old;
    FENCE address, ASID; MARK kind, payload; MMIO physical address, value, virtual address;
    VIOLATION 0 fetch or 1 access, address, owner; OWNER old, new; RETIRE decoded word, result,
    next pc; LOAD and STORE address, value.
    """

    t: int
    kind: str
    mode_from: str
    mode_to: str
    pc: int
    a: int
    b: int
    c: int
    cycles: int
    instructions: int
    owner: int
    hart: int = 0

    def text(self) -> str:
        """One line for a reader."""
        changes = self.kind in ("TRAP", "XRET")
        modes = f"{self.mode_from}>{self.mode_to}" if changes else self.mode_from
        text = f"t={self.t:<12} {self.kind:<10} {modes:<4} pc={self.pc:#x} {self._detail()}"
        return text.rstrip()

    def _detail(self) -> str:
        if self.kind == "TRAP":
            return f"{causes.describe(self.a)}, value {self.b:#x}"
        if self.kind == "MARK":
            return _mark_text(self.a, self.b)
        if self.kind == "CSR_WRITE":
            name = BY_NUMBER[self.a].name if self.a in BY_NUMBER else hex(self.a)
            return f"{name} {self.c:#x} -> {self.b:#x}"
        if self.kind == "XRET":
            return f"to {self.a:#x}"
        return f"{self.a:#x} {self.b:#x} {self.c:#x}"


def _mark_text(kind: int, payload: int) -> str:
    name = _MARK_NAMES.get(kind, str(kind))
    if name == "EXIT":
        return f"{name} of VM {payload >> 16}: {_REASONS.get(payload & 0xFF, payload & 0xFF)}"
    if name == "ENTER":
        return f"{name} VM {payload >> 16} in virtual {causes.PRIV_NAMES.get(payload & 0xFF, '?')}"
    return f"{name} {payload:#x}"


def decode(records: Records) -> Iterator[Event]:
    """Typed events of some records, in order."""
    for head, t, cycles, pc, a, b, c, retired in records.tolist():
        kind = layout.EVENT_KINDS[head & 0xFF]
        modes = causes.PRIV_NAMES
        if kind in ("MMIO", "LOAD", "STORE"):  # the mode bytes hold direction and width
            mode_from = mode_to = "-"
        else:
            mode_from = modes.get(head >> 16 & 0xFF, "?")
            mode_to = modes.get(head >> 24 & 0xFF, "?")
        yield Event(t, kind, mode_from, mode_to, pc, a, b, c, cycles, retired, head >> 32 & 0xFF)


class EventFile:
    """Writes events as JSON lines, one object each, as they come."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def __call__(self, records: Records) -> None:
        for event in decode(records):
            self._file.write(json.dumps(asdict(event)) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
