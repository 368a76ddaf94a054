"""The inspection API on real stacks: running, stopping, looking, never disturbing."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from isa.causes import CAUSE
from simvirt import stops
from simvirt.errors import InputError
from simvirt.simulation import Simulation
from simvirt.virt.accounting import Accountant

BUDGET = 500_000_000


@pytest.fixture
def bare() -> Simulation:
    return Simulation.boot("minos")


@pytest.fixture(params=["hypervisor", "hosted"])
def virtual(request: pytest.FixtureRequest) -> Simulation:
    return Simulation.boot("minos", on=request.param)


def address(sim: Simulation, name: str) -> int:
    return sim.stack.guests[0].image.address_of(name)


def test_a_step_is_an_instruction_or_a_trap(bare: Simulation) -> None:
    first = bare.registers().pc
    length = 4 if bare.disassemble()[0].bits & 3 == 3 else 2
    stop = bare.step()
    assert (stop.reason, stop.t) == ("budget", 1)
    assert bare.registers().pc == first + length


def test_run_stops_before_a_symbol(bare: Simulation) -> None:
    wanted = address(bare, "kernel_main")
    assert bare.run(stops.AtPc(wanted), BUDGET).reason == "stop"
    assert bare.registers().pc == wanted
    assert bare.symbol(wanted) == "kernel_main"
    assert (bare.source_line(wanted) or "").startswith("minos/")
    before = bare.t
    assert bare.run(stops.AtPc(wanted), 1000).reason == "budget", "it is passed when we stand on it"
    assert bare.t == before + 1000


def test_breakpoints_change_nothing(bare: Simulation) -> None:
    bare.run(stops.AtPc(address(bare, "kernel_main")), BUDGET)
    t = bare.t
    other = Simulation.boot("minos")
    other.step(t)
    assert other.machine.state.digest() == bare.machine.state.digest()


def test_stop_after_a_trap_by_cause(bare: Simulation) -> None:
    bare.record()
    stop = bare.run(stops.OnTrap(CAUSE["ECALL_U"]), BUDGET)
    assert stop.reason == "stop"
    event = bare.events("TRAP")[-1]
    assert (event.a, event.mode_from, event.mode_to) == (CAUSE["ECALL_U"], "U", "S")
    assert bare.csr("scause").value == CAUSE["ECALL_U"]
    assert bare.registers().mode == "S"


def test_stop_after_a_store_to_a_range(bare: Simulation) -> None:
    first = address(bare, "result_begin")
    on_store = stops.OnAccess(first, 8, read=False)
    assert bare.run(on_store, BUDGET).reason == "stop"
    assert bare.memory(first, 8) == bytes(8), "the start-up code clears .bss"
    assert bare.run(on_store, BUDGET).reason == "stop"
    assert bare.memory(first, 8) != bytes(8)


def test_stop_after_a_mode_change(bare: Simulation) -> None:
    assert bare.run(stops.OnModeChange("U"), BUDGET).reason == "stop"
    assert bare.registers().mode == "U"


def test_stop_after_an_exit_reason(virtual: Simulation) -> None:
    virtual.record()
    assert virtual.run(stops.OnExit("shadow_fill"), BUDGET).reason == "stop"
    assert virtual.run(stops.OnExit("sret", vm=0), BUDGET).reason == "stop"


def test_gpa_breakpoint_in_a_guest(virtual: Simulation) -> None:
    wanted = address(virtual, "kernel_main")
    assert virtual.run(stops.AtPc(wanted, vm=0), BUDGET).reason == "stop"
    registers = virtual.registers()
    assert (registers.pc, registers.mode) == (wanted, "U"), "virtual S runs in real U"
    vm = virtual.vms()[0]
    found = virtual.translate(wanted, "fetch")
    assert found.pa == vm.physical(wanted)
    assert virtual.memory(wanted, 16, "virtual") == virtual.memory(wanted, 16, "guest", 0)


def test_switch_between_two_vms() -> None:
    sim = Simulation.boot(["minos", "uno"], on="hypervisor")
    assert sim.run(stops.OnSwitch(), BUDGET).reason == "stop"
    assert sim.run(stops.OnSwitch(), BUDGET).reason == "stop"


def test_inspection_leaves_no_trace(virtual: Simulation) -> None:
    virtual.step(900_000)
    before = virtual.machine.state.digest()
    virtual.disassemble(count=20)
    virtual.registers()
    for name in ("mstatus", "sip", "mcycle", "time", "satp", "misa"):
        virtual.csr(name)
    virtual.translate(virtual.registers().pc, "store")
    assert virtual.machine.state.digest() == before


def test_csr_fields_and_counters(bare: Simulation) -> None:
    bare.step(1000)
    assert dict(bare.csr("mstatus").fields)["UXL"] == 2
    assert bare.csr("minstret").value == 1000
    assert bare.csr("mcycle").value >= 1000
    with pytest.raises(InputError, match="no CSR 'mstat'"):
        bare.csr("mstat")


def test_a_walk_names_the_reason_of_a_fault(bare: Simulation) -> None:
    bare.run(stops.OnModeChange("U"), BUDGET)
    ok = bare.translate(bare.registers().pc, "fetch")
    assert ok.pa is not None
    assert ok.steps[0].level == 2
    assert "leaf" in ok.steps[-1].what
    assert "not valid" in bare.translate(0x10, "load").fault
    assert "not permitted" in bare.translate(bare.registers().pc, "store").fault
    assert "bits 63:39" in bare.translate(1 << 45, "load").fault


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda s: s.memory(0x1000, 8), "outside RAM"),
        (lambda s: s.memory(0, 8, "guest"), "outside the RAM of VM 0"),
        (lambda s: s.memory(0, 8, "gva"), "no address space 'gva'"),
        (lambda s: stops.OnExit("nonsense"), "no exit reason"),
        (lambda s: stops.AtPc("trap"), "'trap' is no address.*address_of"),  # type: ignore[arg-type]
        (lambda s: stops.OnAccess(1.5), "1.5 is no address"),  # type: ignore[arg-type]
        (lambda s: Simulation.boot("minos", on="moon"), "no placement 'moon'"),
        (lambda s: Simulation.boot("nowhere.elf"), "no such file"),
    ],
)
def test_bad_questions(
    bare: Simulation, look: Callable[[Simulation], object], message: str
) -> None:
    with pytest.raises((InputError, ValueError), match=message):
        look(bare)


def test_full_trace_has_every_instruction(bare: Simulation) -> None:
    bare.record(("RETIRE",))
    bare.step(5000)
    events = bare.events("RETIRE")
    assert len(events) == 5000
    assert [e.t for e in events] == list(range(5000))
    assert all(first.c == second.pc for first, second in pairwise(events))


def test_an_accountant_beside_a_simulation_hears_everything() -> None:
    sim = Simulation.boot("uno", on="hypervisor")
    accountant = Accountant.attach(sim.stack)
    sim.record(("TRAP",))
    sim.run(stops.OnExit("csr"), BUDGET)
    sim.run(max_steps=BUDGET)
    assert accountant.exits()[0]["csr"].count > 1000
    assert accountant.account().sum() == accountant.account().total
