"""The oracle: one hart and its RAM, stepped one instruction or one trap at a time."""

from __future__ import annotations

from dataclasses import dataclass

from . import csr as csrs
from . import trap, trigger
from .bits import M64
from .compressed import expand
from .execute import execute
from .memory import fetch16


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did.

    ``cause`` is None when an instruction retired, else xcause of the trap taken (bit 63 set for an
    interrupt).  ``word`` is the instruction as fetched (16 or 32 bits), None when none was.
    ``waiting`` says that the step was a ``wfi`` with nothing pending; ``priv`` and ``paging`` tell
    the mode in which the step was made and whether satp named a table then.
    """

    pc: int
    cause: int | None
    tval: int
    word: int | None
    waiting: bool = False
    priv: int = trap.M
    paging: bool = False


class Oracle:
    """A complete, slow RV64IMAC machine with M, S and U.

    ``csr`` holds the stored CSRs by name, ``mem`` the RAM, ``lines`` the bits of mip that come from
    outside, ``mtime`` the time.  There is no TLB: what a table says now, holds now.  For test
    harnesses: ``outside`` lists physical addresses refused because no RAM is there, ``csr_reads``
    and ``csr_writes`` what CSR instructions did, ``notes`` rare circumstances in which emulators
    are known to differ, ``accesses`` each access as a trigger sees it: kind, address, mode.  With
    ``ad_faults`` software sets A and D after a page fault; else the walk does.
    """

    def __init__(self, ram_base: int, ram_size: int) -> None:
        self.ram_base = ram_base
        self.mem = bytearray(ram_size)
        self.x = [0] * 32
        self.pc = ram_base
        self.priv = trap.M
        self.csr = csrs.reset_values()
        self.lines = 0
        self.mtime = 0
        self.reservation: int | None = None
        self.waiting = False
        self.reserved_access: tuple[int, bytes] = 0, b""
        self.mode_changes = self.reserved_after = 0
        self.outside: list[int] = []
        self.csr_reads: list[str] = []
        self.csr_writes: list[tuple[str, int]] = []
        self.notes: set[str] = set()
        self.accesses: list[tuple[int, int, int]] = []
        self.ad_faults = False

    def read_csr(self, name: str) -> int:
        """A CSR's value as M-mode reads it."""
        return csrs.read(self, name)

    def write_csr(self, name: str, value: int) -> None:
        """Write a CSR as M-mode does, with legalization."""
        csrs.write(self, name, value)

    def step(self) -> StepResult:
        """Take one interrupt, or execute one instruction, or take its exception."""
        pc, place = self.pc, (self.priv, self.csr["satp"] >> 60 != 0)
        self.waiting = False
        number = trap.chosen_interrupt(self)
        if number is not None:
            cause = trap.INTERRUPT | number
            trap.enter(self, cause, 0)
            return StepResult(pc, cause, 0, None, False, *place)
        word: int | None = None
        try:
            word = self._fetch()
            self._execute(word)
        except trap.Trap as fault:
            tval = fault.tval
            if fault.cause == trap.ILLEGAL:
                assert word is not None
                tval = word
            trap.enter(self, fault.cause, tval)
            return StepResult(pc, fault.cause, tval, word, False, *place)
        return StepResult(pc, None, 0, word, self.waiting, *place)

    def _fetch(self) -> int:
        trigger.check(self, self.pc, trigger.EXECUTE, 2)
        low = fetch16(self, self.pc)
        if low & 3 != 3:
            return low
        return low | fetch16(self, (self.pc + 2) & M64) << 16

    def _execute(self, word: int) -> None:
        """Execute and count; a counter that the instruction itself wrote does not count it."""
        length, full = 4, word
        if word & 3 != 3:
            expanded = expand(word)
            if expanded is None:
                raise trap.illegal()
            length, full = 2, expanded
        before = self.csr["mcycle"], self.csr["minstret"]
        next_pc, written = execute(self, full, length)
        self.pc = next_pc & M64
        if written != "mcycle":
            self.csr["mcycle"] = before[0] + 1 & M64
        if written != "minstret":
            self.csr["minstret"] = before[1] + 1 & M64
