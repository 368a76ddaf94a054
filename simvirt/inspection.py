"""Looking into a machine: registers, memory, tables, code, VMs.  Reading changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from isa.causes import CAUSE, PRIV_NAMES
from isa.csrs import BY_NAME, Csr
from isa.disasm import disassemble
from simvirt.errors import InputError
from simvirt.lines import Frame
from simvirt.loader import Image
from simvirt.machine import Machine
from simvirt.values import CsrValue, Line, Registers, VmInfo
from simvirt.walk import Translation, walk

if TYPE_CHECKING:
    from simvirt.virt.stacks import Stack
    from simvirt.virt.views import Inspector, Journey, VcpuView, VmView


class Inspection:
    """What `Simulation` offers of this."""

    stack: Stack
    machine: Machine

    # ---- registers -------------------------------------------------------------------------------

    def registers(self) -> Registers:
        """The integer registers, pc and mode."""
        state = self.machine.state
        x = tuple(state.hart(f"x{n}") for n in range(32))
        return Registers(state.hart("pc"), PRIV_NAMES[state.hart("priv")], x)

    def csr(self, name: str, vm: int | None = None) -> CsrValue:
        """A CSR as software would read it now; of VM `vm`: the virtual one that its VMM keeps.

        Raises InputError for an unknown name, and where no virtual one is kept.
        """
        if name not in BY_NAME:
            raise InputError(f"no CSR {name!r}; `simvirt isa` lists them")
        csr = BY_NAME[name]
        value = self._csr_value(csr) if vm is None else self._virtual_value(csr, vm)
        fields = tuple((f.name, (value & f.mask) >> f.low) for f in csr.fields)
        return CsrValue(name, value, fields)

    def _csr_value(self, csr: Csr) -> int:
        machine, state = self.machine, self.machine.state
        if csr.kind == "constant":
            return csr.reset
        if csr.name in ("mip", "sip"):
            return machine.pending() & (state.hart("mideleg") if csr.name == "sip" else -1)
        if csr.name == "sie":
            return state.hart("mie") & state.hart("mideleg")
        if csr.kind == "counter":
            return machine.counter(csr.view_of)
        return state.stored(csr)

    def _virtual_value(self, csr: Csr, vm: int) -> int:
        kept = self.vm(vm).vcpu.csr
        if csr.name in kept:
            return kept[csr.name]
        if csr.view_of == "mstatus":
            return kept["mstatus"] & csr.readable
        raise InputError(
            f"the VMM keeps no virtual {csr.name}; vm({vm}).vcpu.csr has what it keeps"
        )

    @staticmethod
    def cause(name: str) -> int:
        """The code of an exception, "STORE_PAGE_FAULT" for one.  Raises InputError if none is."""
        if name not in CAUSE:
            raise InputError(f"no exception {name!r}: one of {', '.join(CAUSE)}")
        return CAUSE[name]

    # ---- memory ----------------------------------------------------------------------------------

    def memory(self, address: int, size: int, space: str = "physical", vm: int = 0) -> bytes:
        """Bytes of RAM; `space` is "physical", "virtual" (of the running mode) or "guest" (GPA).

        Raises InputError where nothing is mapped or no RAM is.
        """
        data = b""
        while size:
            chunk = min(size, 4096 - address % 4096)
            data += self._read(self._to_physical(address, space, vm), chunk)
            address, size = address + chunk, size - chunk
        return data

    def _to_physical(self, address: int, space: str, vm: int) -> int:
        if space == "physical":
            return address
        if space == "guest":
            return self.vms()[vm].physical(address)
        if space != "virtual":
            raise InputError(f"no address space {space!r}: physical, virtual or guest")
        found = self.translate(address)
        if found.pa is None:
            raise InputError(f"virtual address {address:#x}: {found.fault}")
        return found.pa

    def _read(self, pa: int, size: int) -> bytes:
        try:
            return self.machine.state.read_ram(pa, size)
        except IndexError as error:
            raise InputError(f"physical memory {error}") from None

    def read_word(self, pa: int) -> int | None:
        """A doubleword of RAM at a physical address, None outside."""
        try:
            return int.from_bytes(self.machine.state.read_ram(pa, 8), "little")
        except IndexError:
            return None

    def translate(self, va: int, access: str = "load") -> Translation:
        """Walk the page table for a load, store or fetch in the present mode."""
        state = self.machine.state
        priv, mstatus = state.hart("priv"), state.hart("mstatus")
        if access != "fetch" and priv == 3 and mstatus >> 17 & 1:
            priv = mstatus >> 11 & 3
        return walk(self.read_word, state.hart("satp"), va, access, priv, mstatus)

    def _fetch_address(self) -> int | None:
        return self._fetched(self.machine.state.hart("pc"))

    def _fetched(self, va: int) -> int | None:
        """The physical address of an instruction of the running mode."""
        return self.translate(va, "fetch").pa

    # ---- code ------------------------------------------------------------------------------------

    def disassemble(
        self, address: int | None = None, count: int = 1, vm: int | None = None
    ) -> list[Line]:
        """`count` instructions at a virtual address (default: pc) of the present mode.

        Of VM `vm`: at a GVA (default: its vCPU's pc), as its own page tables have it.
        """
        physical: Callable[[int], int | None] = self._fetched
        image = self.current_image()
        at = self.machine.state.hart("pc") if address is None else address
        if vm is not None:
            vcpu = self.vm(vm).vcpu
            physical, image = self._fetched_by(vm, vcpu), self.stack.guests[vm].image
            at = vcpu.pc if address is None else address
        lines: list[Line] = []
        while len(lines) < count and (code := self._halfwords(physical, at)):
            lines.append(_line(code, at, image))
            at += len(code)
        return lines

    def _fetched_by(self, vm: int, vcpu: VcpuView) -> Callable[[int], int | None]:
        """Finds the HPA of an instruction of a vCPU by its GVA."""

        def physical(gva: int) -> int | None:
            gpa = self._inspector.guest_walk(vm, vcpu, gva, "fetch").pa
            return None if gpa is None else self._inspector.hpa_of(vm, gpa)

        return physical

    def _halfwords(self, physical: Callable[[int], int | None], va: int) -> bytes:
        """An instruction's bytes; its first half if the rest is not mapped; nothing if none is."""
        first, code = physical(va), b""
        if first is not None:
            code = self._read(first, 2)
            second = physical(va + 2) if code[0] & 3 == 3 else None
            code += b"" if second is None else self._read(second, 2)
        return code

    def images(self) -> dict[str, Image]:
        """Every executable of the stack by name: layers and guests."""
        return {**self.stack.layers, **{g.name: g.image for g in self.stack.guests}}

    def current_image(self) -> Image:
        """The executable that runs now: of the VM that owns the frame, else the layer's."""
        vm = self._fetching_vm()
        if vm is not None:
            return self.stack.guests[vm].image
        return next(iter(self.stack.layers.values()), self.stack.guests[0].image)

    def _fetching_vm(self) -> int | None:
        """The VM whose frame the next instruction comes from; unmapped yet: the last one's."""
        pa = self._fetch_address()
        if pa is None:
            owner = self.machine.state.work("owner")
            return owner - 1 if owner else None
        return next((v.number for v in self.vms() if 0 <= pa - v.base < v.size), None)

    def symbol(self, address: int) -> str | None:
        """ "name+0x10" of an address in the running executable, or None."""
        place = self.current_image().symbol_at(address)
        return None if place is None else str(place)

    def source_line(self, address: int) -> str | None:
        """ "file:line" of an address in the running executable, or None."""
        line = self.current_image().source_line(address)
        return None if line is None else str(line)

    def where(self, pc: int | None = None, image: str | None = None) -> tuple[Frame, ...]:
        """Functions and lines at `pc`, innermost first; of an executable, or of what runs now."""
        from simvirt.observe.names import frames_in

        at = self.machine.state.hart("pc") if pc is None else pc
        return frames_in(self.stack, at, image, lambda: self.memory(at, 32, "virtual"))

    # ---- VMs -------------------------------------------------------------------------------------

    def vms(self) -> list[VmInfo]:
        """The VMs (bare: the one guest, with all of RAM)."""
        pairs = zip(self.stack.guests, self.stack.regions, strict=True)
        return [VmInfo(i, g.name, base, size) for i, (g, (base, size)) in enumerate(pairs)]

    def vm(self, number: int = 0) -> VmView:
        """A VM as its VMM has it now: its vCPU, and the real page tables it runs under.

        Raises InputError before it is made, after its VMM has gone, and on the bare machine.
        """
        return self._inspector.vm(number)

    def journey(self, gva: int, access: str = "load", vm: int = 0) -> Journey:
        """A guest's address all the way down: the guest's tables and the shadow table, by entry.

        `access` is "load", "store" or "fetch", in the vCPU's mode.  Raises InputError as `vm`.
        """
        return self._inspector.journey(vm, gva, access)

    @cached_property
    def _inspector(self) -> Inspector:
        from simvirt.virt.views import Inspector

        return Inspector(self.stack)

    def console(self, vm: int | None = None) -> bytes:
        """What VM `vm` has written; None: the layer's own messages (bare: the guest's)."""
        if vm is None and self.stack.placement != "bare":
            return self.stack.layer_console
        return self.stack.consoles[vm or 0]


def _line(code: bytes, address: int, image: Image) -> Line:
    """One instruction, with symbols of the executable that it belongs to."""

    def symbol(at: int) -> str | None:
        place = image.symbol_at(at)
        return None if place is None else str(place)

    bits = int.from_bytes(code, "little")
    return Line(address, bits, disassemble(bits, address, symbol), symbol(address) or "")
