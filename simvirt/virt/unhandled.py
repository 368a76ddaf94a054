"""Deaths that a guest reports itself: its handler met a trap that it could not handle.

Such a guest ends by the finisher with 128 + the cause (`BOARD_FINISHER_DIED`).  Where and why is
in its own trap CSRs, which still hold that trap, and in the tables it still runs on.  Of a guest
that ends without a trap there is the store to the finisher, and who called the function it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isa import causes, marks
from isa.decode import Decoded, decode
from simvirt.board import FINISHER, FINISHER_DIED, FINISHER_PANIC
from simvirt.core.state import State
from simvirt.events import KIND, Records
from simvirt.loader import Image
from simvirt.virt import wild
from simvirt.virt.remains import (
    ACCESS,
    PAGE_FAULTS,
    WITH_ADDRESS,
    instruction,
    place,
    walk_text,
)
from simvirt.virt.views import VcpuView
from simvirt.walk import Translation, walk

_LEVELS = {"M": ("m", "s"), "S": ("s", "m"), "U": ("s", "m")}
_SCRATCH = ("mscratch", "sscratch")
_CSRS = ("mstatus", "satp", *_SCRATCH, *(f"{m}{n}" for m in "ms" for n in ("cause", "epc", "tval")))
_PRIV = {name: number for number, name in causes.PRIV_NAMES.items()}
_EXIT = marks.MARK_NUMBERS["EXIT"]
_HART = "hart"
_STORES = ("sb", "sh", "sw", "sd")
Line = tuple[str, str]


@dataclass(frozen=True)
class Trap:
    """A trap as the CSRs of the one who took it show it; `mode` is the mode before."""

    cause: int
    pc: int
    value: int
    mode: str


@dataclass(frozen=True)
class Guest:
    """A guest at its end, on the bare machine or in a VM.

    `mode`, `pc` and `x` are where it ended, at the store to the finisher or (bare) behind it;
    `read` gives a doubleword of its RAM, None outside;
    `kinds` names its virtual and physical addresses.
    """

    image: Image
    title: str
    mode: str
    pc: int
    x: Sequence[int]
    csr: Mapping[str, int]
    read: Callable[[int], int | None]
    kinds: tuple[str, str]
    outside: str
    unmapped: str

    def trap(self, cause: int) -> Trap | None:
        """The last trap, if it had this cause."""
        for level in _LEVELS[self.mode]:
            if self.csr[f"{level}cause"] == cause:
                status = self.csr["mstatus"]
                before = status >> 11 & 3 if level == "m" else status >> 8 & 1
                mode = causes.PRIV_NAMES.get(before, "?")
                return Trap(cause, self.csr[f"{level}epc"], self.csr[f"{level}tval"], mode)
        return None

    def word(self, va: int) -> int | None:
        """A doubleword at a virtual address of its kernel, None where there is none."""
        found = self.walk(va, "load", self.mode) if not va % 8 else None
        return None if found is None or found.pa is None else self.read(found.pa)

    def came_from(self, trap: Trap) -> str | None:
        """Who jumped to where the trap was, if that is no code and something tells."""
        places = wild.frames([self.csr[name] for name in _SCRATCH], self.x[wild.SP])
        return (
            None if trap.mode == "U" else wild.from_memory(self.image, trap.pc, places, self.word)
        )

    def walk(self, va: int, access: str, mode: str) -> Translation:
        """Translate as the guest would in a mode."""
        satp, status = self.csr["satp"], self.csr["mstatus"]
        return walk(self.read, satp, va, access, _PRIV[mode], status)

    def last(self) -> int:
        """The pc of the store to the finisher; where it stands if that is not to be found."""
        places = (self.pc - 4, self.pc - 2) if self.title == _HART else (self.pc,)
        return next((pc for pc in places if self._ends_it(pc)), self.pc)

    def _ends_it(self, pc: int) -> bool:
        insn = self._insn(pc)
        if insn is None or insn.base not in _STORES or self.pc not in (pc, pc + insn.length):
            return False
        address = (self.x[insn.rs1] + insn.imm) & (1 << 64) - 1
        return self.walk(address, "store", self.mode).pa == FINISHER

    def _insn(self, pc: int) -> Decoded | None:
        found = self.walk(pc, "fetch", self.mode)
        word = None if found.pa is None else self.read(found.pa)
        return None if word is None else decode(word & 0xFFFF_FFFF)

    def caller(self, pc: int) -> int | None:
        """The call of the function that a pc is in, if `ra` still tells."""
        call, here = wild.call_before(self.image, self.x[wild.RA]), self.image.symbol_at(pc)
        if call is None or call.target is None or here is None:
            return None
        callee = self.image.symbol_at(call.target)
        return call.pc if callee is not None and str(callee) == here.name else None


def of_hart(state: State, image: Image, read: Callable[[int], int | None]) -> Guest:
    """The guest that owns the bare machine."""
    csr = {name: state.hart(name) for name in _CSRS}
    mode = causes.PRIV_NAMES[state.hart("priv")]
    words = ("virtual", "physical"), "outside RAM", "which is not mapped"
    x = [state.hart(f"x{number}") if number else 0 for number in range(32)]
    return Guest(image, _HART, mode, state.hart("pc"), x, csr, read, *words)


def of_vcpu(vcpu: VcpuView, image: Image, read: Callable[[int], int | None]) -> Guest:
    """The guest of a VM."""
    words = ("GVA", "GPA"), "outside the VM's RAM", "which has no GPA"
    return Guest(image, "vCPU", vcpu.mode, vcpu.pc, vcpu.x, vcpu.csr, read, *words)


def has_died(code: int) -> bool:
    """Does a code of the finisher tell a death?"""
    return code >= FINISHER_DIED


def why(code: int, trap: Trap | None) -> str:
    """The death that a code tells, in words; `trap` is the one that its CSRs show, too."""
    if code >= FINISHER_PANIC:
        return "it gave up without a trap; its console says why"
    shown = "" if trap is not None else "; so it says, but its CSRs show no such trap"
    return f"a trap that it could not handle: {causes.describe(code - FINISHER_DIED)}{shown}"


def ending(guest: Guest) -> str:
    """By which instruction a guest ended itself, and where."""
    pc = guest.last()
    caller = guest.caller(pc)
    called = "" if caller is None else f", called{place(guest.image, caller).removeprefix(',')}"
    text = instruction(None, pc, guest.image).partition("   [")[0]
    return f"`{text}`{place(guest.image, pc).removeprefix(',')}{called}"


def report(guest: Guest, trap: Trap | None, origin: str | None = None) -> Iterator[Line]:
    """What the guest's state tells of its last trap; None: of the place where it gave up.

    `origin`: who jumped to the place of the trap, where that is known.
    """
    virtual = "virtual " if guest.title == "vCPU" else ""
    mode, pc = (guest.mode, guest.last()) if trap is None else (trap.mode, trap.pc)
    yield guest.title, f"0, {virtual}{mode}-mode"
    code = guest.walk(pc, "fetch", mode)
    yield "at", f"{_address(guest, pc, code)}{place(guest.image, pc)}"
    bits = trap.value if trap and trap.cause == causes.CAUSE["ILLEGAL_INSN"] else 0
    word = guest.read(code.pa) if not bits and code.pa is not None else bits or None
    if code.pa is None:
        yield "instruction", "none can be fetched there"
    else:
        yield "instruction", instruction(word, pc, guest.image)
    if trap is None:
        if caller := guest.caller(pc):
            yield "called", place(guest.image, caller).removeprefix(", ")
        return
    if origin := origin or guest.came_from(trap):
        yield "jumped from", origin
    yield "cause", causes.describe(trap.cause)
    yield from _about_value(guest, trap)


def _about_value(guest: Guest, trap: Trap) -> Iterator[Line]:
    if trap.cause not in WITH_ADDRESS:
        return
    found = guest.walk(trap.value, ACCESS.get(trap.cause, "load"), trap.mode)
    outside = found.pa is not None and guest.read(found.pa & ~7) is None
    where = f", {guest.outside}" if outside else ""
    yield "address", f"{_address(guest, trap.value, found)}{where}"
    if found.pa is None or trap.cause in PAGE_FAULTS:
        yield "walk", walk_text(found, guest.kinds[1])


def _address(guest: Guest, va: int, found: Translation) -> str:
    virtual, physical = guest.kinds
    end = f"{physical} {found.pa:#x}" if found.pa is not None else guest.unmapped
    return f"{virtual} {va:#x}, {end}"


def up_to(records: Records, trap: Trap | None) -> Records:
    """Records of one guest, cut behind its last trap: what follows is its handler's doing."""
    if trap is None:
        return records
    kind = records[:, 0] & np.uint64(0xFF)
    hits = np.flatnonzero((kind == np.uint64(KIND["TRAP"])) & (records[:, 3] == np.uint64(trap.pc)))
    if not len(hits):
        return records
    end = int(hits[-1]) + 1
    if end < len(records) and kind[end] == KIND["MARK"] and records[end, 4] == _EXIT:
        end += 1  # it names the exit that the trap was to the VMM
    return records[:end]
