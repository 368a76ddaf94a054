"""What happened: typed event records, from the fixed records that the kernel writes.

A record is eight 64-bit words: a head, t, mcycle, pc, three values, minstret.  The bytes of the
head: kind | first << 16 | second << 24 | owner << 32.  `first` and `second` are the modes before
and after; of MMIO whether it is a write, and its width; of LOAD and STORE `first` is the width.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isa import causes, marks
from isa.csrs import BY_NUMBER
from simvirt.core import layout

Records = NDArray[np.uint64]
KIND = {name: number for number, name in enumerate(layout.EVENT_KINDS)}
ACCOUNTING = ("MARK", "OWNER", "VIOLATION")
ACCESSES = ("MMIO", "LOAD", "STORE")
TRAPS = ("TRAP", "XRET", "MARK", "OWNER", "VIOLATION", "FENCE", "WFI", "CSR_WRITE")
CSR_WRITES = ("CSR_WRITE", "CSR_OTHER")
EVERYTHING = tuple(layout.EVENT_KINDS[1:])
_NAMES: dict[str, tuple[str, ...]] = {  # of a, b and c, where they are plain numbers
    "XRET": ("target",),
    "FENCE": ("address", "asid"),
    "MMIO": ("address", "value", "virtual_address"),
    "VIOLATION": ("access", "address", "frame_owner"),
    "OWNER": ("old", "new"),
    "RETIRE": ("decoded", "result", "next_pc"),
    "LOAD": ("address", "value"),
    "STORE": ("address", "value"),
}


def mask_of(kinds: Iterable[str]) -> int:
    """The selection mask of some kinds of event.  Raises KeyError for an unknown kind."""
    mask = 0
    for kind in kinds:
        mask |= 1 << KIND[kind]
    return mask


@dataclass(frozen=True, slots=True)
class Event:
    """One event.  `t` in steps; `owner` 0 is the machine's own software, i + 1 is VM i.

    `a`, `b`, `c` by kind: TRAP cause, trap value; XRET target; CSR_WRITE and CSR_OTHER number,
    new, old;
    FENCE address, ASID; MARK kind, payload; MMIO physical address, value, virtual address;
    VIOLATION 0 fetch or 1 access, address, owner; OWNER old, new; RETIRE decoded word, result,
    next pc; LOAD and STORE address, value.

    `write` and `width` (in bytes) are those of an access (ACCESSES), which has no modes ("-");
    other kinds have False and 0.
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
    write: bool = False
    width: int = 0

    def text(self) -> str:
        """One line for a reader."""
        changes = self.kind in ("TRAP", "XRET")
        modes = f"{self.mode_from}>{self.mode_to}" if changes else self.mode_from
        text = f"t={self.t:<12} {self.kind:<10} {modes:<4} pc={self.pc:#x} {self._detail()}"
        return text.rstrip()

    def __str__(self) -> str:
        return self.text()

    def to_json(self) -> dict[str, Any]:
        """The raw fields, and by name what they mean; crossings of a VM have kinds of their own."""
        record = asdict(self)
        if self.kind not in ACCESSES:
            del record["write"], record["width"]
        if self.kind == "TRAP":
            words = causes.describe(self.a)
            named: dict[str, Any] = {"cause": self.a, "cause_words": words, "value": self.b}
        elif self.kind in CSR_WRITES:
            named = {"csr": _csr_name(self.a), "new": self.b, "old": self.c}
        elif self.kind == "MARK":
            named = _mark_fields(self.a, self.b)
        else:
            named = self._numbers()
        return record | named

    def _numbers(self) -> dict[str, int]:
        return dict(zip(_NAMES.get(self.kind, ()), (self.a, self.b, self.c), strict=False))

    def _detail(self) -> str:
        if self.kind == "TRAP":
            return f"{causes.describe(self.a)}, value {self.b:#x}"
        if self.kind == "MARK":
            return _mark_text(self.a, self.b)
        if self.kind in CSR_WRITES:
            return f"{_csr_name(self.a)} {self.c:#x} -> {self.b:#x}"
        if self.kind == "XRET":
            return f"to {self.a:#x}"
        numbers = " ".join(f"{name}={value:#x}" for name, value in self._numbers().items())
        return f"{self._access()}{numbers}"

    def _access(self) -> str:
        """ "write, 4 bytes: ", "" of what is no access."""
        if self.kind not in ACCESSES:
            return ""
        unit = "byte" if self.width == 1 else "bytes"
        return f"{'write' if self.write else 'read'}, {self.width} {unit}: "


def _csr_name(number: int) -> str:
    return BY_NUMBER[number].name if number in BY_NUMBER else hex(number)


def _mark_fields(kind: int, payload: int) -> dict[str, Any]:
    """A mark's payload by name, as `isa.marks` has it."""
    name = marks.MARK_NAMES.get(kind, str(kind))
    vcpu = {"vm": payload >> 16, "vcpu": payload >> 8 & 0xFF}
    low = payload & 0xFF
    if name == "EXIT":
        return {"kind": "VM_EXIT", **vcpu, "reason": marks.EXIT_REASON_NAMES.get(low, str(low))}
    if name == "ENTER":
        return {"kind": "VM_ENTRY", **vcpu, "mode": causes.PRIV_NAMES.get(low, "?")}
    fields: dict[str, Any] = {"mark": name, "payload": payload}
    if name in ("BEGIN", "END"):
        fields["workload"] = payload
    elif name == "PROCESS":
        fields["pid"] = payload
    elif name == "VM_END":
        ended = {0: "finisher", 1: "died"}.get(payload >> 8 & 0xFF, "?")
        fields |= {"vm": payload >> 16, "ended": ended, "code": low}
    return fields


def _mark_text(kind: int, payload: int) -> str:
    name = marks.MARK_NAMES.get(kind, str(kind))
    if name == "EXIT":
        low = payload & 0xFF
        return f"{name} of VM {payload >> 16}: {marks.EXIT_REASON_NAMES.get(low, low)}"
    if name == "ENTER":
        return f"{name} VM {payload >> 16} in virtual {causes.PRIV_NAMES.get(payload & 0xFF, '?')}"
    return f"{name} {payload:#x}"


def decode(records: Records) -> Iterator[Event]:
    """Typed events of some records, in order."""
    for head, t, cycles, pc, a, b, c, retired in records.tolist():
        kind = layout.EVENT_KINDS[head & 0xFF]
        first, second, owner = head >> 16 & 0xFF, head >> 24 & 0xFF, head >> 32 & 0xFF
        hart = head >> 40 & 0xFF
        if kind in ACCESSES:
            mode_from = mode_to = "-"
            write, width = (first != 0, second) if kind == "MMIO" else (kind == "STORE", first)
        else:
            mode_from, mode_to = (causes.PRIV_NAMES.get(mode, "?") for mode in (first, second))
            write, width = False, 0
        yield Event(
            t, kind, mode_from, mode_to, pc, a, b, c, cycles, retired, owner, hart, write, width
        )


class EventFile:
    """Writes events as JSON lines, one object each, as they come."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def __call__(self, records: Records) -> None:
        for event in decode(records):
            self._file.write(json.dumps(event.to_json()) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
