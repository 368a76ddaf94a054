"""The first value that differs: the guest's registers at each entry, beside the reference's run.

Two runs with the same traps and exits may still differ in what the VMM has put into a register
or a virtual CSR.  The entry that follows is where that shows first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from isa import marks
from isa.registers import NAMES
from simvirt.grade.moment import UNREADABLE
from simvirt.simulation import Simulation
from simvirt.virt.views import Inspector, VcpuView

STEPS = 5_000_000  # of a run: looking at every entry is slow
SHOWN = 4
_ENTER = marks.MARK_NUMBERS["ENTER"]


@dataclass(frozen=True)
class Entry:
    """A vCPU as it is when the VM is entered at step `t`."""

    t: int
    vcpu: VcpuView

    def differences(self, other: Entry) -> Iterator[str]:
        """What is not the same in the other, the reference's."""
        mine, its = self.vcpu, other.vcpu
        pairs = [("pc", mine.pc, its.pc), *zip(NAMES, mine.x, its.x, strict=True)]
        pairs += [(f"virtual {name}", value, its.csr[name]) for name, value in mine.csr.items()]
        for name, value, reference in pairs:
            if value != reference:
                yield f"{name} is {value:#x}; under the reference {reference:#x}"
        if mine.mode != its.mode:
            yield f"virtual mode {mine.mode}; under the reference {its.mode}"


class Entries:
    """Listens to a machine before it runs, and keeps the entries of VM 0."""

    def __init__(self, simulation: Simulation) -> None:
        self.list: list[Entry] = []
        self._simulation = simulation
        self._inspector = Inspector(simulation.stack)
        simulation.machine.on_mark(_ENTER, self._entered)

    def _entered(self, payload: int) -> bool:
        if payload >> 16 == 0 and self._simulation.machine.state.work("owner") == 0:
            with contextlib.suppress(*UNREADABLE):  # a submission can break its own data
                self.list.append(Entry(self._simulation.t, self._inspector.vcpu(0)))
        return False


@dataclass(frozen=True)
class ValueDifference:
    """The first entry of the VM, at step `t`, with other registers; `text` says which."""

    t: int
    text: str


def first_difference(found: list[Entry], expected: list[Entry]) -> ValueDifference | None:
    """The first entry whose registers differ, and how; None if none does."""
    for index, (mine, reference) in enumerate(zip(found, expected, strict=False), 1):
        differences = [*mine.differences(reference)]
        if differences:
            head = f"entry {index} of the VM, t={mine.t}, at GVA {mine.vcpu.pc:#x}"
            text = [f"{head}: the same traps and exits before it, but", *differences[:SHOWN]]
            return ValueDifference(mine.t, "\n  ".join(text))
    return None
