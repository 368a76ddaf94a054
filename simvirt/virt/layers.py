"""Which layer runs: from the machine's state alone, at any step.

The layers have one name each, and every front end one colour for each name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from isa.causes import PRIV_NAMES
from simvirt.core.state import PAGE, RAM_BASE
from simvirt.errors import InputError
from simvirt.loader import Image, load_elf
from simvirt.toolchain import build, guests_folder
from simvirt.toolchain.manifest import read_manifest
from simvirt.virt.stacks import Stack
from simvirt.virt.structs import struct
from simvirt.virt.views import Inspector, VcpuView
from simvirt.walk import walk

LAYERS = ("guest user", "guest kernel", "hypervisor", "VMM process", "host kernel", "host user")
UPPER_HALF = 0xFFFFFFC000000000  # of the host: every page there is the guest trap page
_COMPARED = 32  # bytes that tell programs at the same addresses apart


@dataclass(frozen=True)
class Where:
    """What runs now.  `vm`, `vcpu` and `virtual_mode` belong to a VM that runs or is served.

    `layer` is one of LAYERS; `process` is the host's "pid name" when one of its processes runs,
    or the kernel works for one; `virtual_mode` of a bare guest is None.
    """

    layer: str
    vm: int | None
    vcpu: int | None
    real_mode: str
    virtual_mode: str | None
    process: str = ""

    @property
    def in_guest(self) -> bool:
        """Does a guest's own code run?"""
        return self.layer.startswith("guest")


class Layers:
    """Tells what runs in a stack, and which executable an address belongs to."""

    def __init__(self, stack: Stack, known: Layers | None = None) -> None:
        """`known`: of a stack made of the same programs, whose images need not be read again."""
        self.stack = stack
        self.state = stack.machine.state
        self.inspector = None if stack.placement == "bare" else Inspector(stack)
        if known is not None:
            self.__dict__["_programs"] = known._programs
            self.__dict__["_host_programs"] = known._host_programs
            if self.inspector is not None and known.inspector is not None:
                self.inspector.vmm = known.inspector.vmm  # with its line table

    # ---- who -------------------------------------------------------------------------------------

    def where(self) -> Where:
        """What the machine executes next."""
        mode = PRIV_NAMES[self.state.hart("priv")]
        if self.inspector is None:
            return Where("guest user" if mode == "U" else "guest kernel", 0, 0, mode, None)
        vm = self.guest_running() if mode == "U" else None
        if vm is not None:
            vcpu = self.vcpu(vm)
            virtual = vcpu.mode if vcpu else None
            layer = "guest user" if virtual == "U" else "guest kernel"
            return Where(layer, vm, vcpu.number if vcpu else 0, mode, virtual, self.process)
        served = self._served()
        vcpu = None if served is None else self.vcpu(served)
        layer = self._own_layer(mode, served)
        number, virtual = (None, None) if vcpu is None else (vcpu.number, vcpu.mode)
        return Where(layer, served, number, mode, virtual, self.process)

    def _own_layer(self, mode: str, served: int | None) -> str:
        if self.stack.placement == "hypervisor":
            return "hypervisor"
        if mode != "U":
            return "host kernel"
        return "host user" if served is None else "VMM process"

    def guest_running(self) -> int | None:
        """The VM whose code is next, when the real mode is U."""
        pa = walk(
            self._word, self.state.hart("satp"), self.state.hart("pc"), "fetch",
            self.state.hart("priv"), self.state.hart("mstatus"),
        ).pa  # fmt: skip
        if pa is not None and 0 <= pa - RAM_BASE < self.state.ram_size:
            owner = int(self.state.arrays.owner[(pa - RAM_BASE) // PAGE])
            return owner - 1 if owner else None
        return self._vm_of_satp()

    def _vm_of_satp(self) -> int | None:
        """The VM whose shadow table is in use: its first fetch from a page finds no entry."""
        assert self.inspector is not None
        root = (self.state.hart("satp") & (1 << 44) - 1) << 12
        for vm in range(len(self.stack.guests)):
            if root and root in self.inspector.real_roots(vm):
                return vm
        return None

    def vcpu(self, vm: int) -> VcpuView | None:
        """The vCPU of a VM, None before it is made and after its VMM has gone."""
        assert self.inspector is not None
        try:
            return self.inspector.vcpu(vm)
        except InputError:
            return None

    def _served(self) -> int | None:
        """The VM that the layer works for: known by the process, or while there is only one."""
        if self.stack.placement == "hosted":
            pointer = self._current.get("vm", 0)
            if not pointer:
                return None
            layer = self.stack.layers["hosted"]
            return int((pointer - layer.address_of("vms")) // struct(layer, "vm").size)
        mark = self.state.mach("mark_kind"), self.state.mach("mark_payload") >> 16
        if mark[0] in (3, 4) and mark[1] < len(self.stack.guests):  # ENTER or EXIT
            return mark[1]
        return 0 if len(self.stack.guests) == 1 else None

    @property
    def _current(self) -> dict[str, int]:
        """The host's `current` process."""
        layer = self.stack.layers["hosted"]
        pointer = self._word(layer.address_of("current"))
        layout = struct(layer, "proc")
        if not pointer or not RAM_BASE <= pointer < RAM_BASE + self.state.ram_size - layout.size:
            return {}
        return layout.decode(self.state.read_ram(pointer, layout.size))

    @property
    def process(self) -> str:
        """ "pid name" of the host's current process, "" where there is none."""
        if self.stack.placement != "hosted":
            return ""
        proc = self._current
        if not proc or not proc["state"]:
            return ""
        letters: list[int] = proc["name"]  # type: ignore[assignment]
        return f"{proc['pid']} {bytes(c & 255 for c in letters).split(bytes(1))[0].decode()}"

    def processes(self) -> dict[int, tuple[str, int | None]]:
        """The host's processes by pid: name, and the VM of a VMM process."""
        if self.stack.placement != "hosted":
            return {}
        layer = self.stack.layers["hosted"]
        layout, size = struct(layer, "proc"), struct(layer, "vm").size
        first, table = layer.address_of("vms"), layer.address_of("procs")
        found = {}
        at, state = layout.members["state"]
        for i in range(32):
            data = self.state.read_ram(table + i * layout.size, layout.size)
            if state.decode(data[at:]):  # most are free, and the rest is long
                proc = layout.decode(data)
                name = bytes(c & 255 for c in proc["name"]).split(b"\0")[0].decode()
                found[proc["pid"]] = name, (proc["vm"] - first) // size if proc["vm"] else None
        return found

    def _word(self, pa: int) -> int | None:
        try:
            return int.from_bytes(self.state.read_ram(pa, 8), "little")
        except IndexError:
            return None

    # ---- executables -----------------------------------------------------------------------------

    def image(self, where: Where, pc: int, code: bytes = b"") -> Image | None:
        """The executable that holds the code at `pc`; `code` tells programs of one layer apart."""
        candidates = self.candidates(where)
        if len(candidates) == 1:
            return candidates[0]
        for image in candidates:
            if _holds(image, pc, code):
                return image
        return None

    def candidates(self, where: Where) -> list[Image]:
        """The executables that the code of a layer may belong to."""
        if where.layer == "guest kernel" and where.vm is not None:
            return [self.stack.guests[where.vm].image]
        if where.layer == "guest user" and where.vm is not None:
            return [*self._programs[where.vm], self.stack.guests[where.vm].image]
        if where.layer == "VMM process" and self.inspector is not None:
            return [self.inspector.vmm]
        if where.layer == "host user":
            return list(self._host_programs.values())
        return [self.stack.layers[self.stack.placement]]

    def executables(self) -> Iterator[Image]:
        """All that addresses can belong to: layers, guests, and the programs in them."""
        yield from self.stack.layers.values()
        yield from (guest.image for guest in self.stack.guests)
        yield from (image for images in self._programs for image in images)
        if self.inspector is not None:
            yield self.inspector.vmm
        if self.stack.placement == "hosted":
            yield from self._host_programs.values()

    @cached_property
    def _host_programs(self) -> dict[str, Image]:
        names = [name for name in self.stack.artifacts if name.startswith("host-")]
        return {name: load_elf(self.stack.artifacts[name].path) for name in names}

    @cached_property
    def _programs(self) -> list[list[Image]]:
        """Programs inside each guest, by the manifest."""
        manifest = read_manifest(guests_folder())
        result = []
        for guest in self.stack.guests:
            names = list(manifest[guest.name].embed.values()) if guest.name in manifest else []
            built = build(names) if names else {}
            result.append([load_elf(built[name].path) for name in names])
        return result

    def linked(self, pc: int) -> int:
        """Where code was linked that runs at `pc`: the host's trap page moves in the upper half."""
        if self.stack.placement != "hosted" or pc < UPPER_HALF:
            return pc
        page = self.stack.layers["hosted"].address_of("guest_trap_page")
        return page + pc % PAGE

    def symbol(self, image: Image | None, pc: int) -> str:
        """ "name+0x10" of an address in an executable, "" when unknown."""
        place = None if image is None else image.symbol_at(self.linked(pc))
        return "" if place is None else str(place)

    def source(self, image: Image | None, pc: int) -> str:
        """ "file:line" of an address in an executable, "" when unknown."""
        line = None if image is None else image.source_line(self.linked(pc))
        return "" if line is None else str(line)


def _holds(image: Image, pc: int, code: bytes) -> bool:
    for segment in image.segments:
        at = pc - segment.paddr
        if 0 <= at < len(segment.data):
            wanted = segment.data[at : at + _COMPARED]
            return bool(code) and code.startswith(wanted[: len(code)])
    return False
