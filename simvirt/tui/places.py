"""Names and addresses that a user gives, and breakpoints on them."""

from __future__ import annotations

from simvirt.errors import InputError
from simvirt.loader import PF_X, Image, Symbol
from simvirt.simulation import Simulation
from simvirt.stops import AtPc, Condition
from simvirt.virt.layers import Layers


class Places:
    """Symbols of every executable of the stack; breakpoints at physical addresses."""

    def __init__(self, sim: Simulation, layers: Layers) -> None:
        self._sim, self._layers = sim, layers
        self._breaks: dict[int, str] = {}  # physical address: as the user called it
        self.images = self._images()

    def _images(self) -> dict[str, Image]:
        found = {guest.name: guest.image for guest in self._sim.stack.guests}
        if self._layers.inspector is not None:
            found["vmm"] = self._layers.inspector.vmm
        return {**found, **self._sim.stack.layers}

    def functions(self) -> list[str]:
        """ "image:name" of every function and label of code, for a list to choose from."""
        names = {id(image): name for name, image in self.images.items()}  # each image once
        return [
            f"{name}:{symbol.name}"
            for name, image in self.images.items()
            if names[id(image)] == name
            for symbol in image.symbols
            if symbol.function or _is_label(image, symbol)
        ]

    def resolve(self, text: str) -> tuple[int, int]:
        """(address, physical address) of "0x8000", "symbol", "image:symbol" or "…+0x10".

        Behind "image:" may also be a number: an address of that executable's own space.
        Raises InputError for what is not known or not mapped.
        """
        name, address = self.find(text)
        return address, self.physical_of(name, address) if name else self.translate(address)

    def find(self, text: str) -> tuple[str, int]:
        """(executable, address) of what `resolve` takes, mapped or not; "" with a plain number.

        Raises InputError for what is not known.
        """
        base, _, offset = text.strip().partition("+")
        extra = number(offset) if offset else 0
        if extra is None:
            raise InputError(f"{offset!r} is no number; write for example main+0x10")
        given = number(base)
        name, start = ("", given) if given is not None else self._symbol(base)
        return name, _in_range(start + extra)

    def translate(self, va: int) -> int:
        """Physical address of code at a virtual one of the running mode.  Raises InputError."""
        found, fault = self.fetched(va)
        if found is None:
            raise InputError(f"{va:#x}: {fault}; give a symbol, as in minos:trap_entry")
        return found

    def fetched(self, va: int) -> tuple[int | None, str]:
        """(HPA, "") of code in the running mode, or (None, why a fetch faults).

        Where a guest runs and its shadow entry is still missing, its own tables tell.
        """
        found = self._sim.translate(va, "fetch")
        inspector = self._layers.inspector
        if found.pa is not None or inspector is None:
            return found.pa, found.fault
        where = self._layers.where()
        if not where.in_guest or where.vm is None:
            return None, found.fault
        journey = inspector.journey(where.vm, va, "fetch")
        if journey.gpa is None:
            return None, journey.guest.fault
        return journey.hpa, "" if journey.hpa is not None else "no RAM of the VM is there"

    def _symbol(self, text: str) -> tuple[str, int]:
        wanted, _, symbol = text.rpartition(":")
        names = [wanted] if wanted else list(self.images)
        given = number(symbol) if wanted in self.images else None
        if wanted and wanted not in self.images:
            raise InputError(f"no executable {wanted!r}; they are {', '.join(self.images)}")
        if given is not None:
            return wanted, given
        for name in names:
            try:
                return name, self.images[name].address_of(symbol)
            except InputError:
                continue
        raise InputError(f"no symbol {symbol!r} in {', '.join(names)}; ctrl+p lists them")

    def physical_of(self, name: str, address: int) -> int:
        """HPA of an address of an executable, where it was put.  Raises InputError."""
        stack = self._sim.stack
        for vm, guest in enumerate(stack.guests):
            if guest.name == name:  # of several VMs with the same guest: the first
                return self._sim.vms()[vm].physical(address)
        if name != "vmm" or stack.placement != "hosted":
            return address
        assert self._layers.inspector is not None
        found = self._layers.inspector.vmm_space(0).physical(address)
        if found is None:
            raise InputError(f"vmm: {address:#x} is not mapped yet; run on and try again")
        return found

    # ---- breakpoints -----------------------------------------------------------------------------

    def toggle(self, text: str) -> str:
        """Set a breakpoint, or clear the one there; the message that says so.

        Raises InputError where there is no RAM: the machine never executes there.
        """
        address, physical = self.resolve(text)
        self._sim.memory(physical, 2)
        if physical in self._breaks:
            del self._breaks[physical]
            return f"breakpoint at {text} cleared"
        self._breaks[physical] = text if not text.startswith("0x") else self._named(address)
        return f"breakpoint at {self._breaks[physical]} (HPA {physical:#x})"

    def _named(self, address: int) -> str:
        where = self._layers.where()
        symbol = self._layers.symbol(self._layers.image(where, address), address)
        return symbol or hex(address)

    def conditions(self) -> tuple[Condition, ...]:
        """The stop conditions of all breakpoints."""
        return tuple(AtPc(address) for address in self._breaks)

    def breaks(self) -> tuple[str, ...]:
        """The breakpoints as the user called them."""
        return tuple(self._breaks.values())

    def physical(self) -> frozenset[int]:
        """Their physical addresses."""
        return frozenset(self._breaks)

    def hit(self) -> str:
        """The breakpoint at which the machine stands, or ""."""
        pa = self._sim.translate(self._sim.registers().pc, "fetch").pa
        return "" if pa is None else self._breaks.get(pa, "")


def _is_label(image: Image, symbol: Symbol) -> bool:
    """Of assembly: many do without types; what begins with a dot or $ is the compiler's own."""
    code = (s for s in image.segments if s.flags & PF_X)
    inside = any(0 <= symbol.address - s.paddr < len(s.data) for s in code)
    return inside and not symbol.size and not symbol.name.startswith((".", "$"))


def _in_range(address: int) -> int:
    if not 0 <= address < 1 << 64:
        raise InputError("an address has at most 64 bits, and no sign")
    return address


def number(text: str) -> int | None:
    """The number that a text is, None if it is none."""
    try:
        return int(text, 0)
    except ValueError:
        return None
