"""Looking into VMs: virtual CSRs, the guest's code, both page tables; the bare machine has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isa.causes import CAUSE
from simvirt import OnExit, OnMark, OnModeChange, Simulation
from simvirt.errors import InputError
from simvirt.virt.views import Inspector

FRESH = 0x40003000  # the first page that minos' init touches


@pytest.fixture(scope="module", params=("hypervisor", "hosted"))
def trapped(request: pytest.FixtureRequest) -> Simulation:
    """Right after a VMM has found out that its guest kernel used a CSR."""
    sim = Simulation.boot("minos", on=request.param)
    sim.record()
    sim.run(OnMark("BEGIN"))
    sim.run(OnExit("csr"))
    return sim


def test_the_guest_s_instruction_is_the_trap_value(trapped: Simulation) -> None:
    """Read through the guest's own tables, while the machine runs the VMM."""
    trap = [event for event in trapped.events("TRAP") if event.owner][-1]
    line = trapped.disassemble(trap.pc, vm=0)[0]
    assert (line.address, line.bits) == (trap.pc, trap.b)
    assert line.text.startswith("csr") and line.place.startswith("trap_entry")
    assert trapped.disassemble(vm=0)[0].address == trapped.vm(0).vcpu.pc


def test_the_guest_s_code_is_the_same_from_outside_and_when_it_runs(trapped: Simulation) -> None:
    sim = Simulation.boot("minos", on=trapped.stack.placement)
    sim.run(OnMark("BEGIN"))
    sim.run(OnExit("csr"))
    sim.run(OnMark("ENTER"))
    sim.run(OnModeChange("U"))
    while not sim.symbol(sim.registers().pc):  # hosted: the trap page comes before the guest
        sim.step()
    running = sim.disassemble(count=4)
    assert [str(line) for line in sim.disassemble(running[0].address, 4, vm=0)] == [
        str(line) for line in running
    ]


def test_nothing_is_disassembled_where_the_guest_has_no_code(trapped: Simulation) -> None:
    assert trapped.disassemble(0x10, 4, vm=0) == []


def test_virtual_csrs(trapped: Simulation) -> None:
    kept = trapped.vm().vcpu.csr
    root = trapped.csr("satp", vm=0)
    assert root.value == kept["satp"] != trapped.csr("satp").value
    status = trapped.csr("sstatus", vm=0)
    assert status.value & ~kept["mstatus"] == 0 and dict(status.fields)["UXL"] == 2
    with pytest.raises(InputError, match="keeps no virtual sip"):
        trapped.csr("sip", vm=0)
    with pytest.raises(InputError, match="no CSR 'stvek'"):
        trapped.csr("stvek", vm=0)


def test_both_page_tables(trapped: Simulation) -> None:
    found = trapped.journey(FRESH, "store")
    assert found == Inspector(trapped.stack).journey(0, FRESH, "store")
    assert found.shadow is not None and found.guest.pa is None
    assert trapped.vm(0) == Inspector(trapped.stack).vm(0)


def test_looking_into_a_vm_leaves_no_trace(trapped: Simulation) -> None:
    before = trapped.machine.state.digest()
    trapped.journey(FRESH, "store")
    trapped.disassemble(count=20, vm=0)
    trapped.csr("satp", vm=0)
    trapped.exits(), trapped.who_ran()
    assert trapped.machine.state.digest() == before


@pytest.mark.parametrize(
    "look",
    [
        lambda sim: sim.vm(),
        lambda sim: sim.journey(FRESH),
        lambda sim: sim.csr("satp", vm=0),
        lambda sim: sim.disassemble(vm=0),
    ],
)
def test_no_vm(look: Callable[[Simulation], object], trapped: Simulation) -> None:
    """Neither on the bare machine, nor before it is made, nor of that number."""
    with pytest.raises(InputError, match="a bare machine has no VMs"):
        look(Simulation.boot("uno"))
    with pytest.raises(InputError, match="VM 0"):
        look(Simulation.boot("uno", on=trapped.stack.placement))
    with pytest.raises(InputError, match="VM 5"):
        trapped.vm(5)


def test_causes_by_name() -> None:
    assert {name: Simulation.cause(name) for name in CAUSE} == CAUSE
    with pytest.raises(InputError, match=r"no exception 'PAGE'.*STORE_PAGE_FAULT"):
        Simulation.cause("PAGE")
