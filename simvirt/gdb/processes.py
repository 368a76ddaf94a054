"""The processes that gdb is shown: who owns an address space, and what its threads' registers are.

1 is the layer that owns the machine (bare: the guest), 2... are the VMs; under a host the VMM
process of each VM follows, and last one for the host's other programs.  What runs now is read from
the machine; what does not run is shown as it will go on: a VM by its vCPU as the VMM has it (with
its virtual CSRs), a VMM process by what the host saved, a layer at its trap vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isa import paging
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME
from simvirt.errors import InputError
from simvirt.loader import Image, strip_elf
from simvirt.simulation import Simulation
from simvirt.turns import Turns
from simvirt.virt.layers import Layers
from simvirt.virt.structs import struct
from simvirt.virt.views import VcpuView
from simvirt.walk import Translation, walk

_LENIENT = 1 << 18 | 1 << 19  # SUM and MXR: a debugger may read what the kernel could make readable
_PRIV = {name: number for number, name in PRIV_NAMES.items()}


@dataclass(frozen=True)
class Process:
    """One inferior of gdb.  kind: "bare", "hypervisor", "host", "vm", "vmm" or "programs"."""

    pid: int
    kind: str
    name: str
    vm: int | None
    image: Image
    symbols: bool = True  # several programs at the same addresses: nobody's symbols

    @property
    def path(self) -> str:
        """What gdb is told its executable is called; Files knows it by this name."""
        return f"/simvirt/{self.pid}/{self.name.replace(' ', '-')}.elf"

    @property
    def elf(self) -> bytes:
        """The executable, for gdb: without any, it does not know what a register is."""
        return self.image.content if self.symbols else strip_elf(self.image.content, self.name)


@dataclass(frozen=True)
class Place:
    """Where an address leads: the physical one (None: nowhere now), and is it a user's page?"""

    pa: int | None
    user: bool = False


@dataclass(frozen=True)
class Registers:
    """A thread's: integer registers (None: not known), pc, mode; CSRs are read when asked for."""

    x: tuple[int | None, ...]
    pc: int
    mode: str
    csr: Callable[[str], int | None]

    def __getitem__(self, name: str) -> int | None:
        if name == "pc":
            return self.pc
        if name == "priv":
            return _PRIV.get(self.mode)
        return self.x[int(name[1:])] if name[1:].isdigit() and name[0] == "x" else self.csr(name)


class Processes:
    """The processes of a stack, and which of them the machine is in."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.layers = Layers(sim.stack)
        self.all = self._list()
        self.by_pid = {process.pid: process for process in self.all}
        self.turns = Turns(sim.machine)

    def _list(self) -> tuple[Process, ...]:
        stack = self.sim.stack
        guests = list(enumerate(stack.guests))
        if stack.placement == "bare":
            return (Process(1, "bare", stack.guests[0].name, 0, stack.guests[0].image),)
        kind = {"hosted": "host"}.get(stack.placement, stack.placement)
        found = [Process(1, kind, kind, None, stack.layers[stack.placement])]
        found += [Process(2 + i, "vm", f"vm{i} {g.name}", i, g.image) for i, g in guests]
        if kind == "host" and self.layers.inspector is not None:
            vmm, first = self.layers.inspector.vmm, 2 + len(guests)
            found += [Process(first + i, "vmm", f"vmm of vm{i}", i, vmm) for i, _ in guests]
            found.append(
                Process(first + len(guests), "programs", "host programs", None, vmm, False)
            )
        return tuple(found)

    # ---- who runs --------------------------------------------------------------------------------

    def current(self) -> Process:
        """The process that the hart executes in."""
        if self.layers.inspector is None:
            return self.all[0]
        if self.sim.registers().mode != "U":
            return self.all[0]
        vm = self.layers.guest_running()
        if vm is not None:
            return self.of("vm", vm)
        where = self.layers.where()
        return self.of("vmm", where.vm) if where.layer == "VMM process" else self.all[-1]

    def of(self, kind: str, vm: int | None) -> Process:
        """The process of a kind that belongs to a VM."""
        return next(p for p in self.all if p.kind == kind and p.vm == vm)

    def describe(self, process: Process, hart: int = 0) -> str:
        """What a thread does now, in some words: "runs in S", "waits, virtual S", ..."""
        if self.turns.harts > 1:
            return f"hart {hart} in {self.registers(process, hart).mode}: {self._turn(hart)}"
        if process == self.current():
            virtual = f", virtual {self._mode(process)}" if process.kind == "vm" else ""
            return f"runs in {self.sim.registers().mode}{virtual}"
        if process.kind in ("hypervisor", "host"):
            return "goes on at the next trap"
        if process.kind == "programs":
            return "does not run"
        if process.kind == "vmm":
            return "waits" if self._frame(process) else "not there"
        return f"waits, virtual {self._mode(process)}" if self._vcpu(process) else "not there"

    def _turn(self, hart: int) -> str:
        if self.turns.waits(hart):
            return "waits (wfi)"
        return "runs" if hart == self.turns.next else "waits for its turn"

    def _mode(self, process: Process) -> str:
        vcpu = self._vcpu(process)
        return vcpu.mode if vcpu else "M"

    def _vcpu(self, process: Process) -> VcpuView | None:
        assert process.vm is not None
        return self.layers.vcpu(process.vm)

    # ---- registers -------------------------------------------------------------------------------

    def registers(self, process: Process, hart: int = 0) -> Registers:
        """Of the thread that hart `hart` is, or will be, in a process."""
        if process.kind == "bare":
            with self.turns.of(hart):
                now = self.sim.registers()
            return Registers(now.x, now.pc, now.mode, lambda name: self._csr_of(hart, name))
        runs = process == self.current()
        now = self.sim.registers()
        if process.kind == "vm":
            return self._vcpu_registers(process, now.x if runs else None, now.pc)
        if runs:
            return Registers(now.x, now.pc, now.mode, self._csr)
        if process.kind == "vmm":
            x, pc = self._frame(process) or ((None,) * 32, process.image.entry)
            return Registers(x, pc, "U", self._csr)
        if process.kind == "programs":
            return Registers((None,) * 32, 0, "U", self._csr)
        mode = "M" if process.kind == "hypervisor" else "S"
        vector = self.sim.csr(f"{mode.lower()}tvec").value & ~3
        return Registers((None,) * 32, vector, mode, self._csr)  # in the hart are another's

    def _csr(self, name: str) -> int | None:
        return self.sim.csr(name).value

    def _csr_of(self, hart: int, name: str) -> int | None:
        with self.turns.of(hart):
            return self._csr(name)

    def _vcpu_registers(self, process: Process, x: tuple[int, ...] | None, pc: int) -> Registers:
        vcpu = self._vcpu(process)
        if vcpu is None:  # before it is made, and after it has gone
            return Registers((None,) * 32, process.image.entry, "M", lambda name: None)
        csr = lambda name: virtual_csr(vcpu, name)  # noqa: E731 - a reader of one vCPU
        if x is not None:
            return Registers(x, pc, vcpu.mode, csr)
        return Registers(vcpu.x, vcpu.pc, vcpu.mode, csr)

    def _frame(self, process: Process) -> tuple[tuple[int | None, ...], int] | None:
        """Registers of a VMM process as the host saved them."""
        inspector = self.layers.inspector
        assert inspector is not None and process.vm is not None
        try:
            address = inspector.vmm_process(process.vm)["frame"]
            layout = struct(inspector.layer, "trapframe")
            frame = layout.decode(self.sim.memory(address, layout.size))
        except InputError:
            return None
        return tuple(frame["x"]), frame["pc"]

    # ---- addresses -------------------------------------------------------------------------------

    def places(self, process: Process, va: int) -> set[Place]:
        """Where an address of a process leads for the harts."""
        return {self.place(process, va, hart) for hart in range(self.turns.harts)}

    def place(self, process: Process, va: int, hart: int = 0) -> Place:
        """Where in RAM an address of a process leads, whatever the access: a debugger's."""
        try:
            with self.turns.of(hart):
                found = self._lead(process, va)
            if found.pa is not None:
                self.sim.memory(found.pa, 1)  # a device is not touched, and nothing runs there
        except InputError:
            return Place(None)
        return found

    def _lead(self, process: Process, va: int) -> Place:
        if process.kind == "vm":
            return self._of_vm(process, va)
        if process.kind == "vmm":
            assert self.layers.inspector is not None and process.vm is not None
            return Place(self.layers.inspector.vmm_space(process.vm).physical(va), True)
        mode = self.sim.registers().mode
        if process == self.current():
            return self._by_satp(self.sim.read_word, self.sim.csr("satp").value, va, mode)
        return Place(None) if process.kind == "programs" else Place(va)

    def _of_vm(self, process: Process, gva: int) -> Place:
        assert self.layers.inspector is not None and process.vm is not None
        vm, inspector = process.vm, self.layers.inspector
        vcpu = self._vcpu(process)
        found = Place(gva)
        if vcpu is not None:
            read = lambda gpa: inspector.guest_word(vm, gpa)  # noqa: E731
            found = self._by_satp(read, vcpu.csr["satp"], gva, vcpu.mode)
        hpa = None if found.pa is None else inspector.hpa_of(vm, found.pa)
        return Place(hpa, found.user)

    def _by_satp(self, read: Callable[[int], int | None], satp: int, va: int, mode: str) -> Place:
        found: Translation = walk(read, satp, va, "load", 3 if mode == "M" else 1, _LENIENT)
        user = bool(found.steps and found.steps[-1].pte & paging.PTE_U)
        return Place(found.pa, user)

    def read(
        self, process: Process, address: int, size: int, physical: bool, hart: int = 0
    ) -> bytes:
        """RAM from an address on: as much as there is, at most `size` bytes."""
        data = b""
        while len(data) < size:
            at = address + len(data) & (1 << 64) - 1
            chunk = min(size - len(data), 4096 - at % 4096)
            pa = at if physical else self.place(process, at, hart).pa
            try:
                data += self.sim.memory(-1 if pa is None else pa, chunk)
            except InputError:
                break
        return data


def virtual_csr(vcpu: VcpuView, name: str) -> int | None:
    """A vCPU's CSR as its VMM stores it; None if it does not store it."""
    csr = BY_NAME[name]
    if csr.section.startswith("Sdtrig"):  # a VM has no triggers
        return None
    if csr.kind == "constant":
        return csr.reset
    if csr.kind == "counter":
        return {"minstret": vcpu.instret, "mcycle": vcpu.cycle}.get(csr.view_of)
    value = vcpu.csr.get(csr.view_of or name)
    if value is not None and name in ("sie", "sip"):
        value &= vcpu.csr["mideleg"]
    return None if value is None else value & csr.readable
