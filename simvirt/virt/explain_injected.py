"""A virtual interrupt that a VMM delivered on the way back into its VM, seen as it happened.

The VMM looks for one at the end of every exit, in `interrupt_inject`.  The copy of the machine is
stopped there: what the vCPU is then, is what the exit came to; what differs when the guest is
entered, is the interrupt's.
"""

from __future__ import annotations

from dataclasses import dataclass

from isa import causes
from simvirt.core.state import PAGE
from simvirt.errors import InputError
from simvirt.virt.layers import Layers
from simvirt.virt.structs import struct
from simvirt.virt.views import VcpuView

FUNCTION = "interrupt_inject"  # of guests/vmm/core/interrupt.c


@dataclass(frozen=True)
class Injected:
    """A virtual interrupt: xcause, and the virtual mode and pc (GVA) that the guest was to run at.

    `level` is the virtual mode that takes it ("M" or "S"), `place` the name of `pc`.
    """

    cause: int
    level: str
    mode: str
    pc: int
    place: str = ""

    def __str__(self) -> str:
        at = f"{self.pc:#x} {self.place}".rstrip()
        return (
            f"the VMM delivered a virtual interrupt, pending and enabled: "
            f"{causes.describe(self.cause)}. It came before the guest ran on at {at} in virtual "
            f"{self.mode}: the guest's handler in virtual {self.level} runs first, and virtual "
            f"{self.level.lower()}epc keeps that pc"
        )


class Watch:
    """Stops a machine where the VMM of one VM looks for a virtual interrupt to deliver."""

    def __init__(self, layers: Layers, vm: int) -> None:
        """A VMM that has no such function is never stopped, and nothing is seen."""
        self._layers, self._vm = layers, vm
        self._machine = layers.stack.machine
        self._ready: VcpuView | None = None
        inspector = layers.inspector
        assert inspector is not None
        try:
            self._entry = inspector.vmm.address_of(FUNCTION)
            self._argument = inspector.find(vm) + struct(inspector.vmm, "vm").offset("vcpu")
            hosted = layers.stack.placement == "hosted"
            self._satp = inspector.vmm_process(vm)["satp"] if hosted else None
            physical = inspector.vmm_space(vm).physical(self._entry)
        except InputError:
            physical = None
        if physical is not None:
            self._machine.set_breakpoints([physical])

    def at(self) -> bool:
        """Is the machine stopped there?  Then look at the vCPU, and let it go on."""
        state = self._machine.state
        if not state.work("breakpoints") or state.hart("pc") != self._entry:
            return False
        mine = state.hart("x10") == self._argument  # its argument: the vCPU
        if mine and self._satp in (None, state.hart("satp")):
            self._ready = self._layers.vcpu(self._vm)
        self._machine.pass_breakpoint()
        return True

    def code(self) -> bytes:
        """The guest's code at the pc where it was to run on; empty if nothing is mapped there."""
        inspector, ready = self._layers.inspector, self._ready
        assert inspector is not None
        if ready is None:
            return b""
        gpa = inspector.guest_walk(self._vm, ready, ready.pc, "fetch").pa
        hpa = None if gpa is None else inspector.hpa_of(self._vm, gpa)
        if hpa is None:
            return b""
        return self._machine.state.read_ram(hpa, min(32, PAGE - hpa % PAGE))

    def injected(self, after: VcpuView | None) -> Injected | None:
        """What was delivered between the last look and `after`, the vCPU as it is entered."""
        ready = self._ready
        if ready is None or after is None or after.mode not in ("M", "S"):
            return None
        level = after.mode.lower()
        names = (f"{level}epc", f"{level}cause", "mstatus")
        moved = (ready.mode, ready.pc) != (after.mode, after.pc)
        if not moved and all(ready.csr[name] == after.csr[name] for name in names):
            return None
        cause = after.csr[f"{level}cause"]
        return Injected(cause, after.mode, ready.mode, ready.pc)
