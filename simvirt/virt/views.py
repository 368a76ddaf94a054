"""Views of VMs from outside: what a VMM knows of a VM, read from the machine's memory.

Nothing here asks the VMM.  A `struct vm` is found by a pointer in it to itself, a VMM process by
the host's own table of processes; members are found by the image's debug information.
Addresses are named: GVA and GPA are the guest's virtual and physical ones, HVA is the VMM
process's own address (hosted only), HPA the real machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from isa import paging
from isa.causes import PRIV_NAMES
from simvirt.core.state import PAGE, RAM_BASE
from simvirt.errors import InputError
from simvirt.loader import Image, load_elf
from simvirt.virt.stacks import Stack
from simvirt.virt.structs import Struct, struct
from simvirt.walk import Translation, WalkStep, walk

SV39 = 8 << 60
_PPN = (1 << 44) - 1
DEVICES = ("clint", "plic", "uart")  # members of struct vm
MAX_PROCS = 32  # of the host kernel (guests/host/kernel/layout.h); more are never looked for
ROOT_KINDS = ("free", "M", "M+MPRV", "bare", "U", "U+MXR", "S", "S+SUM", "S+MXR", "S+SUM+MXR")
VERDICTS = {  # of `Journey.verdict`
    "agrees": "the shadow entry leads where the guest's tables lead",
    "missing": "only the guest's tables permit the access: a hidden page fault will come",
    "stale": "the shadow permits what the guest's tables no longer do: a fence must drop it",
    "neither": "neither permits the access: a true page fault, for the guest to handle",
    "no shadow": "the vCPU has no real page table yet",
    "device": "the guest maps no RAM there: every access must trap, so no shadow entry is made",
}


@dataclass(frozen=True)
class Fault:
    """What a VM that died left behind (`struct vm_fault`)."""

    reason: int
    vm: int
    vcpu: int
    mode: str
    pc: int
    insn: int
    cause: int
    tval: int
    satp: int
    text: str


@dataclass(frozen=True)
class VcpuView:
    """A vCPU: virtual mode ("U", "S", "M"), pc, registers, virtual CSRs by name."""

    number: int
    mode: str
    pc: int
    x: tuple[int, ...]
    csr: dict[str, int]
    instret: int
    cycle: int


@dataclass(frozen=True)
class ShadowRoot:
    """One real page table that a VM runs under: for which guest satp and kind of access."""

    index: int
    kind: str
    guest_satp: int
    table: int  # HPA of the real root table; 0: not made yet


@dataclass(frozen=True)
class VmView:
    """A VM as its VMM has it now."""

    number: int
    ram_size: int
    ended: bool
    outcome: int
    vcpu: VcpuView
    roots: tuple[ShadowRoot, ...]
    address: int  # of its struct vm, in the VMM's address space


@dataclass(frozen=True)
class Journey:
    """An address of a guest all the way down; what does not apply or exist is None.

    `guest` walks the guest's tables (its physical addresses are GPA), `shadow` the real table of
    the root that the vCPU runs under (HPA).
    """

    guest: Translation
    gpa: int | None
    hva: int | None
    hpa: int | None
    shadow: Translation | None

    @property
    def verdict(self) -> str:
        """How the shadow table stands to the guest's: a key of `VERDICTS`."""
        if self.shadow is None:
            return "no shadow"
        if self.shadow.pa is not None:
            return "agrees" if self.shadow.pa == self.hpa else "stale"
        if self.hpa is not None:
            return "missing"
        return "neither" if self.gpa is None else "device"

    def __str__(self) -> str:
        names = (("GPA", self.gpa), ("HVA", self.hva), ("HPA", self.hpa))
        path = "".join(f" -> {name} {value:#x}" for name, value in names if value is not None)
        lines = [f"{self.guest.access} of GVA {self.guest.va:#x}{path or ': ' + self.guest.fault}"]
        lines += [f"  guest  {step_text(step, 'GPA')}" for step in self.guest.steps]
        if self.shadow is not None:
            lines += [f"  shadow {step_text(step, 'HPA')}" for step in self.shadow.steps]
        return "\n".join(lines)


def step_text(step: WalkStep, kind: str) -> str:
    """One step of a walk, with the kind of the entry's address named."""
    return f"level {step.level}: entry at {kind} {step.address:#x} is {step.pte:#018x} {step.what}"


@dataclass(frozen=True)
class VmmSpace:
    """The memory of the software that holds a VM's state: physical, or a process's own."""

    physical: Callable[[int], int | None]
    read_ram: Callable[[int, int], bytes]

    def read(self, address: int, size: int) -> bytes:
        """Bytes at an address of the VMM.  Raises InputError where nothing is mapped."""
        data = b""
        while size:
            chunk = min(size, PAGE - address % PAGE)
            pa = self.physical(address)
            if pa is None:
                raise InputError(f"the VMM has nothing at its address {address:#x}")
            data += self.read_ram(pa, chunk)
            address, size = address + chunk, size - chunk
        return data


class Inspector:
    """Looks into the VMs of a stack.  Reading changes nothing, not even the TLB."""

    def __init__(self, stack: Stack) -> None:
        """Raises InputError for a bare machine: it has no VMs."""
        if stack.placement == "bare":
            raise InputError("a bare machine has no VMs; use --on hypervisor or --on hosted")
        self.stack = stack
        self.layer: Image = stack.layers[stack.placement]
        self.vmm: Image = self.layer
        if stack.placement == "hosted":
            self.vmm = load_elf(stack.artifacts["host-vmm"].path)
        self._state = stack.machine.state
        self._found: dict[int, int] = {}  # addresses of struct vm; believed while they hold

    # ---- memory ----------------------------------------------------------------------------------

    def read_word(self, hpa: int) -> int | None:
        """A doubleword of RAM at an HPA, None outside RAM."""
        try:
            return int.from_bytes(self._state.read_ram(hpa, 8), "little")
        except IndexError:
            return None

    def hpa_of(self, vm: int, gpa: int) -> int | None:
        """Where a GPA lies in the real machine, None outside the VM's RAM."""
        base, size = self.stack.regions[vm]
        return base + gpa - RAM_BASE if 0 <= gpa - RAM_BASE < size else None

    def guest_word(self, vm: int, gpa: int) -> int | None:
        """A doubleword of a VM's RAM at a GPA, None outside."""
        hpa = self.hpa_of(vm, gpa)
        return None if hpa is None else self.read_word(hpa)

    def space_of(self, satp: int) -> VmmSpace:
        """The address space of a VMM that runs under a real satp (0: physical addresses)."""

        def physical(va: int) -> int | None:
            return walk(self.read_word, satp, va, "load", 0 if satp else 3, 0).pa

        return VmmSpace(physical, self._state.read_ram)

    def vmm_space(self, vm: int) -> VmmSpace:
        """The address space of the VMM of VM `vm`.  Raises InputError if its process is gone."""
        if self.stack.placement != "hosted":
            return self.space_of(0)
        return self.space_of(self.vmm_process(vm)["satp"])

    def vmm_process(self, vm: int) -> dict[str, Any]:
        """The host's `struct proc` of the VMM process of a VM, and its real `satp`.

        Raises InputError when no process has that VM (any more).
        """
        layout = struct(self.layer, "proc")
        wanted = self.layer.address_of("vms") + vm * struct(self.layer, "vm").size
        table = self.layer.address_of("procs")
        for i in range(MAX_PROCS):
            proc = layout.decode(self._state.read_ram(table + i * layout.size, layout.size))
            if proc["state"] and proc["vm"] == wanted:
                asid = proc["asid"]
                return {**proc, "satp": SV39 | asid << 44 | proc["root"] >> 12}
        raise InputError(f"no process of the host runs VM {vm}: it has ended, or not begun")

    # ---- VMs -------------------------------------------------------------------------------------

    def find(self, vm: int) -> int:
        """Address of the `struct vm` in its VMM's address space.  Raises InputError if absent."""
        layout = struct(self.vmm, "vm")
        at = layout.offset("vcpu.vm")
        if self._still_there(vm, layout):
            return self._found[vm]
        for start, words in self._candidates(vm):
            addresses = start + np.arange(len(words), dtype=np.uint64) * np.uint64(8)
            for hit in np.flatnonzero(words == addresses - np.uint64(at)).tolist():
                found = int(words[hit])
                if self._read(vm, found, layout)["id"] == vm:
                    self._found[vm] = found
                    return found
        raise InputError(f"VM {vm} is not in its VMM's memory: it has not been made yet")

    def _still_there(self, vm: int, layout: Struct) -> bool:
        known = self._found.get(vm)
        if known is None:
            return False
        space = self.vmm_space(vm)
        pointer, number = layout.offset("vcpu.vm"), layout.offset("id")
        try:
            words = [space.read(known + at, size) for at, size in ((pointer, 8), (number, 4))]
        except (InputError, IndexError):
            return False
        return [int.from_bytes(word, "little") for word in words] == [known, vm]

    def _candidates(self, vm: int) -> Iterator[tuple[int, Any]]:
        """Pieces of the VMM's writable memory: (address, words)."""
        if self.stack.placement != "hosted":
            first, end = -(-self.layer.end // PAGE), self.stack.regions[0][0] // PAGE
            base = RAM_BASE // PAGE
            pages = self._state.arrays.ram64.reshape(-1, PAGE // 8)[first - base : end - base]
            for number in np.flatnonzero(pages.any(axis=1)).tolist():  # most are empty
                yield (first + number) * PAGE, pages[number]
            return
        process = self.vmm_process(vm)
        space = self.space_of(process["satp"])
        for page in range(process["memory_start"], process["memory_end"], PAGE):
            pa = space.physical(page)
            if pa is not None:
                yield page, self._words(pa, PAGE)

    def _words(self, pa: int, size: int) -> Any:
        return np.frombuffer(self._state.read_ram(pa, size), np.dtype("<u8"))

    def _read(self, vm: int, address: int, layout: Struct) -> dict[str, Any]:
        return layout.decode(self.vmm_space(vm).read(address, layout.size))

    def vm(self, number: int) -> VmView:
        """A VM and its vCPU.  Raises InputError before it is made and after its VMM has gone."""
        address = self.find(number)
        raw = self._read(number, address, struct(self.vmm, "vm"))
        roots = tuple(self._roots(number, raw["root"]))
        outcome = raw["outcome"]
        vcpu = _vcpu(raw["vcpu"])
        return VmView(number, raw["ram_size"], bool(raw["ended"]), outcome, vcpu, roots, address)

    def vcpu(self, number: int) -> VcpuView:
        """The vCPU of a VM.  Raises InputError as `vm` does."""
        address = self.find(number) + struct(self.vmm, "vm").offset("vcpu")
        return _vcpu(self._read(number, address, struct(self.vmm, "vcpu")))

    def devices(self, number: int) -> dict[str, int]:
        """Registers of a VM's virtual devices by name, as "clint.mtimecmp" or "plic.enable[0]".

        Raises InputError as `vm` does.
        """
        raw = self._read(number, self.find(number), struct(self.vmm, "vm"))
        return {n: v for device in DEVICES for n, v in _flat(device, raw[device])}

    def fault_at(self, address: int, satp: int) -> tuple[Fault, VcpuView]:
        """The `struct vm_fault` that a VM_FAULT mark named, and the vCPU, read under a satp."""
        layout = struct(self.vmm, "vm")
        space = self.space_of(satp)
        raw = layout.decode(space.read(address - layout.offset("fault"), layout.size))
        return _fault(raw["fault"]), _vcpu(raw["vcpu"])

    # ---- page tables -----------------------------------------------------------------------------

    def _roots(self, vm: int, address: int) -> Iterator[ShadowRoot]:
        layout = struct(self.vmm, "shadow_root")
        tables = self.real_roots(vm)
        space = self.vmm_space(vm)
        for index, table in enumerate(tables):
            head = layout.decode(space.read(address + index * layout.size, layout.size))
            yield ShadowRoot(index, ROOT_KINDS[head["kind"]], head["satp"], table)

    def real_roots(self, vm: int) -> list[int]:
        """HPA of the root of every real page table made for a VM, by number; 0: none."""
        if self.stack.placement == "hosted":
            layout, name, tables, root = struct(self.layer, "vm"), "vms", "shadow", "root"
        else:
            layout, name = struct(self.layer, "machine_vm"), "hv"
            tables, root = "tables", "page"
        address = self.layer.address_of(name) + vm * layout.size
        raw = layout.decode(self._state.read_ram(address, layout.size))
        return [entry[root] for entry in raw[tables]]

    def leaves(self, table: int) -> Iterator[tuple[int, int, int]]:
        """Every leaf below a real root table: (virtual address, entry, level)."""
        yield from self._leaves(table, 0, 2)

    def _leaves(self, table: int, first: int, level: int) -> Iterator[tuple[int, int, int]]:
        words = self._words(table, PAGE)
        for index in np.flatnonzero(words & np.uint64(paging.PTE_V)).tolist():
            pte = int(words[index])
            va = first | index << 12 + 9 * level
            if level == 2 and index >= 256:
                va |= -1 << 39 & (1 << 64) - 1
            if paging.pte_is_leaf(pte):
                yield va, pte, level
            elif level:
                yield from self._leaves(paging.pte_target(pte), va, level - 1)

    def journey(self, vm: int, gva: int, access: str = "load") -> Journey:
        """Translate a guest's address: its own tables, HVA, HPA, and the shadow table in use.

        `access` is "load", "store" or "fetch", made in the vCPU's present mode.
        """
        raw = self._read(vm, self.find(vm), struct(self.vmm, "vm"))
        vcpu = _vcpu(raw["vcpu"])
        guest = self.guest_walk(vm, vcpu, gva, access)
        hpa = None if guest.pa is None else self.hpa_of(vm, guest.pa)
        table = self.real_roots(vm)[raw["vcpu"]["root"]]
        shadow = None
        if table:
            shadow = walk(self.read_word, SV39 | table >> 12 & _PPN, gva, access, 0, 0)
        hva = None if hpa is None else self._hva(vm, raw["placement"], guest.pa)
        return Journey(guest, guest.pa, hva, hpa, shadow)

    def guest_walk(self, vm: int, vcpu: VcpuView, gva: int, access: str) -> Translation:
        """Walk the guest's own tables as its vCPU would."""
        priv = {name: number for number, name in PRIV_NAMES.items()}[vcpu.mode]
        status = vcpu.csr["mstatus"]
        if access != "fetch" and priv == 3 and status >> 17 & 1:
            priv = status >> 11 & 3
        read = lambda gpa: self.guest_word(vm, gpa)  # noqa: E731 - a reader of one VM
        return walk(read, vcpu.csr["satp"], gva, access, priv, status)

    def _hva(self, vm: int, placement: int, gpa: int | None) -> int | None:
        if self.stack.placement != "hosted" or gpa is None:
            return None
        info = self._read(vm, placement, struct(self.vmm, "placement"))["info"]
        return int(info["ram"]) + gpa - RAM_BASE


def _vcpu(raw: dict[str, Any]) -> VcpuView:
    csr = {name: value for name, value in raw["csr"].items() if isinstance(value, int)}
    csr |= {f"pmpaddr{i}": value for i, value in enumerate(raw["csr"]["pmpaddr"])}
    csr["pmpcfg0"] = int.from_bytes(raw["csr"]["pmpcfg"][:8], "little")
    mode = PRIV_NAMES.get(raw["mode"], "?")
    return VcpuView(raw["id"], mode, raw["pc"], tuple(raw["x"]), csr, raw["instret"], raw["cycle"])


def _flat(name: str, value: Any) -> Iterator[tuple[str, int]]:
    """The numbers in a decoded value, each with the path to it."""
    if isinstance(value, dict):
        for member, part in value.items():
            yield from _flat(f"{name}.{member}", part)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _flat(f"{name}[{i}]", part)
    else:
        yield name, value


def _fault(raw: dict[str, Any]) -> Fault:
    text = bytes(value & 0xFF for value in raw["text"]).split(b"\0")[0].decode("ascii", "replace")
    numbers = {name: raw[name] for name in ("reason", "vm", "vcpu", "pc", "insn", "cause", "tval")}
    return Fault(**numbers, mode=PRIV_NAMES.get(raw["mode"], "?"), satp=raw["satp"], text=text)
