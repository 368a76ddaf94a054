"""An address all the way down, as the address pane shows it: whatever the tables say of it."""

from __future__ import annotations

from simvirt.errors import InputError
from simvirt.simulation import Simulation
from simvirt.tui import snapshot as snap
from simvirt.virt.layers import Layers, Where
from simvirt.virt.views import VERDICTS, Journey, step_text
from simvirt.walk import Translation, walk

ACCESSES = ("load", "store", "fetch")
_LAYERS = {"hosted": "the host kernel", "hypervisor": "the hypervisor", "vmm": "the VMM"}


class Addresses:
    """Makes `AddressView`s.  Knows which VM the pane is about while none runs or is served."""

    def __init__(self, sim: Simulation, layers: Layers) -> None:
        self._sim, self._layers = sim, layers
        self._last = 0  # VM

    def about(self, where: Where) -> int:
        """The VM that runs or is served, else the last one that did."""
        if where.vm is not None:
            self._last = where.vm
        return self._last

    def view(self, wanted: snap.Wanted, where: Where) -> snap.AddressView:
        """The address that was chosen; else the cursor's in a guest; else the pc of the VM."""
        if wanted.space and not wanted.space.startswith("vm:"):
            return self._of_layer(wanted)
        pc = self._sim.machine.state.hart("pc")
        access = wanted.access or "fetch"
        if self._layers.inspector is None:
            return self._bare(pc if wanted.address is None else wanted.address, access)
        vm = int(wanted.space[3:]) if wanted.space else self.about(where)
        gva = wanted.address if wanted.access or where.in_guest else None
        try:
            if gva is None:
                gva = pc if where.in_guest else self._layers.inspector.vcpu(vm).pc
            journey = self._layers.inspector.journey(vm, gva, access)
        except InputError as error:
            return snap.AddressView(f"addresses of VM {vm}", (), (), (), snap.NONE, note=str(error))
        return self._of_vm(vm, journey)

    def _of_vm(self, vm: int, journey: Journey) -> snap.AddressView:
        physical = (("GPA", journey.gpa), ("HVA", journey.hva), ("HPA", journey.hpa))
        shown = physical if self._sim.stack.placement == "hosted" else (physical[0], physical[2])
        return snap.AddressView(
            f"{journey.guest.access} of GVA {journey.guest.va:#x} in VM {vm}",
            steps(journey.guest, "GPA"), shown, steps(journey.shadow, "HPA"),
            journey.verdict, note=VERDICTS[journey.verdict],
        )  # fmt: skip

    def _bare(self, gva: int, access: str) -> snap.AddressView:
        found = self._sim.translate(gva, access)
        return snap.AddressView(
            f"{access} of GVA {gva:#x} on the bare machine", steps(found, "GPA"),
            (("GPA", found.pa), ("HPA", found.pa)), (), snap.NONE,
            note="the guest owns the machine",
        )  # fmt: skip

    def _of_layer(self, wanted: snap.Wanted) -> snap.AddressView:
        """An address of the software below the guests, in its own space: no VM has it."""
        assert wanted.address is not None and self._layers.inspector is not None
        placement = self._sim.stack.placement
        layer = _LAYERS[wanted.space if placement == "hosted" else placement]
        kind = "HVA" if layer == _LAYERS["vmm"] else "HPA"
        va, whose = wanted.address, f"{layer}'s own table"
        title = f"{wanted.access} of {kind} {va:#x} of {layer}"
        try:
            found = self._own(va, wanted.access, kind)
        except InputError as error:
            return snap.AddressView(title, (), (), (), snap.NONE, whose, str(error))
        return snap.AddressView(title, steps(found, "HPA"), (("HPA", found.pa),), (), snap.NONE,
                                whose, "no guest's address")  # fmt: skip

    def _own(self, va: int, access: str, kind: str) -> Translation:
        """Kernel and hypervisor have their RAM where it is; a VMM process has a table."""
        inspector = self._layers.inspector
        if kind != "HVA" or inspector is None:
            return Translation(va, access, va, "")
        satp = inspector.vmm_process(self._last)["satp"]
        return walk(inspector.read_word, satp, va, access, 0, 0)


def steps(found: Translation | None, kind: str) -> tuple[str, ...]:
    """A walk's entries and where it ends, a line each."""
    if found is None:
        return ()
    lines = tuple(step_text(step, kind) for step in found.steps)
    if found.pa is None:
        return (*lines, found.fault)
    return (*lines, f"→ {kind} {found.pa:#x}" if lines else f"no translation: {kind} {found.pa:#x}")
