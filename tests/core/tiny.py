"""A machine for tiny programs: the engine, RAM, page tables by hand, and a notebook for MMIO."""

from __future__ import annotations

from typing import Any

from isa.asm import assemble
from isa.paging import PTE_A, PTE_D, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X
from simvirt.core import engine, layout
from simvirt.core.state import PAGE, RAM_BASE, State
from simvirt.events import Event, decode

CODE = RAM_BASE  # one page of code, identity-mapped by `Tiny.paged`
DATA = RAM_BASE + 0x10000
ROOT = RAM_BASE + 0x20000
TABLES = RAM_BASE + 0x21000
RAM_SIZE = 0x40000
VA = 0x4000_0000  # where data pages are mapped
S, U, M = 1, 0, 3
READ = PTE_V | PTE_R | PTE_A
READ_WRITE = READ | PTE_W | PTE_D
ALL = READ_WRITE | PTE_X
USER = PTE_U
SV39 = 8 << 60
DEVICE = 0x1000_0000
EVERYTHING = (1 << len(layout.EVENT_KINDS)) - 2


class Tiny:
    """Code at `CODE`, started in M with interrupts off and all memory open to every mode."""

    def __init__(self, source: str, variant: str = "fast", records: int = 4096) -> None:
        program = assemble(source, CODE).check()
        self.symbols = {name: symbol.value for name, symbol in program.symbols.items()}
        self.state = State(RAM_SIZE, event_records=records)
        self.state.set_windows([(DEVICE, DEVICE + PAGE)])
        self.variant = variant
        self.state.write_ram(CODE, program.section(".text").data)
        self.state.set_hart("pmpcfg0", 0x1F)
        self.state.set_hart("pmpaddr0", (1 << 54) - 1)
        self.device: dict[int, int] = {}
        self.accesses: list[tuple[str, int, int, int]] = []
        self.records: list[Event] = []
        self._next_table = TABLES

    # ---- page tables -------------------------------------------------------------------------

    def entry(self, va: int, level: int = 0) -> int:
        """Physical address of the page-table entry for va at a level; makes the tables above."""
        table = ROOT
        for above in range(2, level, -1):
            at = table + (va >> (12 + 9 * above) & 511) * 8
            if not self.word(at):
                self.poke(at, self._next_table >> 12 << 10 | PTE_V)
                self._next_table += PAGE
            table = self.word(at) >> 10 << 12
        return table + (va >> (12 + 9 * level) & 511) * 8

    def map(self, va: int, pa: int, bits: int, level: int = 0) -> int:
        """Map one page; the address of its entry."""
        at = self.entry(va, level)
        self.poke(at, pa >> 12 << 10 | bits)
        return at

    def paged(self, mode: int = S, asid: int = 0) -> Tiny:
        """Translation on, all RAM identity-mapped for S (or for U), the given mode running."""
        for offset in range(0, RAM_SIZE, PAGE):
            self.map(RAM_BASE + offset, RAM_BASE + offset, ALL | (USER if mode == U else 0))
        self.state.set_hart("satp", SV39 | asid << 44 | ROOT >> 12)
        self.state.set_hart("priv", mode)
        return self

    # ---- memory ------------------------------------------------------------------------------

    def word(self, pa: int) -> int:
        """A doubleword of RAM."""
        return int.from_bytes(self.state.read_ram(pa, 8), "little")

    def poke(self, pa: int, value: int) -> None:
        """Write a doubleword of RAM."""
        self.state.write_ram(pa, value.to_bytes(8, "little"))

    # ---- running -----------------------------------------------------------------------------

    def run(self, steps: int) -> str:
        """Run; MMIO is answered from `device`, written to it, or refused when unknown."""
        end = self.state.mach("t") + steps
        while True:
            reason = engine.run(self.state, end - self.state.mach("t"), self.variant)
            if reason == "MMIO":
                self._answer()
            elif reason == "EVENTS_FULL":
                self.collect()
            else:
                self.collect()
                return reason

    def to(self, label: str, limit: int = 10_000) -> Tiny:
        """Run until pc is at a label: in single steps, then again in one piece, with one result.

        AssertionError when the label is never reached or the two runs differ (law 4).
        """
        start = self._capture()
        steps = 0
        while self["pc"] != self.symbols[label]:
            assert steps < limit, f"pc {self['pc']:#x} never reached {label}"
            self.run(1)
            steps += 1
        stepped = self.state.digest(), list(self.records), list(self.accesses)
        self._restore(start)
        self.run(steps)
        assert stepped == (self.state.digest(), self.records, self.accesses)
        return self

    def _capture(self) -> tuple[Any, ...]:
        arrays: list[Any] = [array.copy() for array in self.state.kernel_arrays]
        return arrays, dict(self.device), list(self.records), list(self.accesses)

    def _restore(self, start: tuple[Any, ...]) -> None:
        saved, self.device, self.records, self.accesses = start
        arrays: tuple[Any, ...] = self.state.kernel_arrays
        for array, old in zip(arrays, saved, strict=True):
            array[:] = old

    def _answer(self) -> None:
        work = self.state.work
        address, width = work("mmio_address"), work("mmio_width")
        kind = "write" if work("mmio_write") else "read"
        known = address in self.device
        if known and kind == "write":
            self.device[address] = work("mmio_value")
        elif known:
            self.state.set_work("mmio_value", self.device[address])
        self.accesses.append((kind, address, width, work("mmio_value")))
        self.state.set_work("mmio_ready", 1 if known else 2)

    def select(self, mask: int = EVERYTHING) -> Tiny:
        """Record events of these kinds."""
        self.state.set_work("event_mask", mask)
        return self

    def collect(self) -> None:
        """Move what is in the ring to `records`."""
        count = self.state.work("event_count")
        self.records += decode(self.state.arrays.events[:count])
        self.state.set_work("event_count", 0)

    def __getitem__(self, name: str) -> int:
        return self.state.hart(name)

    def set(self, **words: int) -> Tiny:
        """Set words of the hart by name."""
        for name, value in words.items():
            self.state.set_hart(name, value)
        return self

    @property
    def trap(self) -> tuple[int, int, int]:
        """mcause, mepc, mtval."""
        return self["mcause"], self["mepc"], self["mtval"]
