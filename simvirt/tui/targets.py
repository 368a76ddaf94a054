"""What `g` leads to: an address for the address pane, and whether the disassembly goes there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from simvirt.errors import InputError
from simvirt.loader import PF_X, Image
from simvirt.simulation import Simulation
from simvirt.tui.addresses import ACCESSES, Addresses
from simvirt.tui.places import Places
from simvirt.virt.layers import Layers, Where
from simvirt.walk import Translation

_DATA = (".data", ".bss", ".rodata", ".sdata", ".sbss")


@dataclass(frozen=True)
class Target:
    """An address of a space ("": of the VM that the pane is about) and the access that is shown.

    `code`: the disassembly goes there; `cursor`: as if the cursor had been moved there.
    """

    address: int
    access: str
    space: str
    code: bool
    cursor: bool
    said: str


@dataclass(frozen=True)
class _Asked:
    """The parts of "vm1:symbol+0x10 store": `vm` and `access` are None unless they are given."""

    place: str
    vm: int | None
    access: str | None


class Targets:
    """Understands what `g` is given."""

    def __init__(self, sim: Simulation, layers: Layers, places: Places, pane: Addresses) -> None:
        self._sim, self._layers, self._places, self._pane = sim, layers, places, pane

    def find(self, text: str) -> Target:
        """The target of "0x8000", "symbol", "vm1:symbol", each with an access behind or without.

        Raises InputError for what is not known.
        """
        asked = self._asked(text)
        name, address = self._places.find(asked.place)
        where = self._layers.where()
        space, vm = self._space(name, asked.vm, where)
        access = asked.access or self._access(name, address, vm)
        refused = self._refused(name, address, where)
        own = vm is None or (where.in_guest and where.vm == vm)  # what runs has the same addresses
        if not refused and (asked.access or access) != "fetch" and (own or asked.access):
            refused = "it is data" if not asked.access else f"a {access} was asked for"
        cursor = own and not refused and not asked.access and not space
        return Target(
            address,
            access,
            space,
            not refused,
            cursor,
            self._said(asked.place, access, vm, own, refused),
        )

    def _asked(self, text: str) -> _Asked:
        words = text.split()
        access = words.pop() if len(words) > 1 and words[-1] in ACCESSES else None
        if len(words) != 1:
            raise InputError("write a place, perhaps with load, store or fetch behind it")
        place, found = words[0], re.match(r"vm(\d+):", words[0])
        if found is None or found[0][:-1] in self._places.images:
            return _Asked(place, None, access)
        vm = int(found[1])
        if self._layers.inspector is None or vm >= len(self._sim.stack.guests):
            raise InputError(f"there is no VM {vm} here")
        return _Asked(place[found.end() :], vm, access)

    def _space(self, name: str, vm: int | None, where: Where) -> tuple[str, int | None]:
        """Whose address it is, as `Wanted.space` says it, and the VM if it is a VM's."""
        if self._layers.inspector is None:
            return "", None
        about = self._pane.about(where)
        if vm is not None:
            return f"vm:{vm}", vm
        if not name:
            return "", about
        vms = [i for i, guest in enumerate(self._sim.stack.guests) if guest.name == name]
        if not vms:
            return name, None
        return ("", about) if about in vms else (f"vm:{vms[0]}", vms[0])

    # ---- which access --------------------------------------------------------------------------

    def _access(self, name: str, address: int, vm: int | None) -> str:
        """Fetch for code, load for data: as the tables permit, else as the executable has it."""
        below = bool(name) and vm is None and self._layers.inspector is not None
        walks = {} if below else self._walks(address, vm)
        permitted = {access for access, walk in walks.items() if walk.pa is not None}
        if permitted and walks["load"].steps:
            if "fetch" not in permitted:
                return "load"
            if "store" not in permitted:
                return "fetch"
        image = self._places.images[name] if name else self._sim.stack.guests[vm or 0].image
        at = next((walk.pa for walk in walks.values() if walk.pa is not None), address)
        return "fetch" if _is_code(image, at) else "load"

    def _walks(self, address: int, vm: int | None) -> Mapping[str, Translation]:
        """The guest's own walk for each access; none before the VM is made."""
        inspector = self._layers.inspector
        if inspector is None or vm is None:
            return {access: self._sim.translate(address, access) for access in ACCESSES}
        try:
            vcpu = inspector.vcpu(vm)
            return {a: inspector.guest_walk(vm, vcpu, address, a) for a in ACCESSES}
        except InputError:
            return {}

    # ---- the disassembly -----------------------------------------------------------------------

    def _refused(self, name: str, address: int, where: Where) -> str:
        """Why the running layer cannot fetch this there; "" if it can."""
        physical, fault = self._places.fetched(address)
        if physical is None:
            return fault
        try:
            self._sim.memory(physical, 2)
        except InputError:
            return "no RAM is there"
        if not name or self._places.images[name] in self._layers.candidates(where):
            return ""
        try:
            same = self._places.physical_of(name, address) == physical
        except InputError:
            same = False
        return "" if same else f"the {where.layer} has other code there"

    def _said(self, text: str, access: str, vm: int | None, own: bool, refused: str) -> str:
        if refused:
            why = refused.removeprefix("page fault: ")
            return f"{access} of {text} in pane 4; the code stays: {why}"
        if own:
            return f"at {text}; . goes back to pc"
        layer = self._layers.where().layer
        return f"at {text} of the {layer}; pane 4: {access} in VM {vm}; . goes back"


def _is_code(image: Image, address: int) -> bool:
    """Does an executable have code there?  By its sections, else by what a segment permits."""
    for section in image.sections:
        if 0 <= address - section.address < section.size and section.name.startswith(_DATA):
            return False
    inside = (s for s in image.segments if 0 <= address - s.paddr < s.memsize)
    return any(segment.flags & PF_X for segment in inside)
