"""The explanation of a trap against what a person wrote down, and what the machine itself says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from simvirt.simulation import Simulation
from simvirt.stops import OnTrap
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.guests import assembled_guest
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import Stack, make_stack
from simvirt.virt.twin import twin
from tests.virt.trap_cases import BARE, HOLE, IRQ, PROGRAM, VIRTUAL, Bare, Virtual, source

TEXT = {label: text for label, _, text in PROGRAM} | {
    case.label: "auipc s0, 0x0" for case in BARE if case.cause & IRQ
}
WORDS = {".word 0xffffffff": ".4byte 0xffffffff", "jr t1": "(a fetch that fails)"}
ENTRY = {"hypervisor": "trap_entry", "hosted": "guest_leave"}


@dataclass(frozen=True)
class Told:
    """An explanation, and the registers of the machine itself when the trap's way had ended."""

    explanation: Explanation
    before: dict[str, int]
    after: dict[str, int]


@dataclass(frozen=True)
class Run:
    """All of a placement: explanations by label, and the addresses of labels."""

    placement: str
    told: dict[str, Told]
    labels: dict[str, int]

    def address(self, place: int | str) -> int:
        """Of a label; numbers are what they are."""
        if place == "satp":
            return 8 << 60 | self.labels["root"] >> 12
        return self.labels[place] if isinstance(place, str) else place


def counters(stack: Stack) -> dict[str, int]:
    """What software could read, without any part of what is tested."""
    machine = stack.machine
    names = ("mepc", "mcause", "mtval", "sepc", "scause", "stval", "pc", "priv")
    values = {name: machine.state.hart(name) for name in names}
    return values | {name: machine.counter(name) for name in ("minstret", "mcycle")}


def walked(base: Stack, t: int, resume: int) -> tuple[dict[str, int], dict[str, int]]:
    """Registers behind the trap, and counters at the end, by stepping to where it goes on."""
    stack = twin(base)
    machine = stack.machine
    machine.run(t - machine.state.mach("t"))
    start = counters(stack)
    machine.run(1)
    first = counters(stack)
    for _ in range(100_000):
        now = machine.state.hart("pc"), machine.state.hart("priv")
        if now[0] == resume and (base.placement == "bare" or now[1] == 0):
            end = counters(stack)
            spent = {name: end[name] - start[name] for name in ("minstret", "mcycle")}
            return first, spent
        machine.run(1)
    raise AssertionError(f"never at {resume:#x}")


@cache
def taken(placement: str) -> Run:
    """Every known trap of the guest, explained from a copy of the machine before it."""
    guest = assembled_guest(source(), "cases")
    labels = {symbol.name: symbol.address for symbol in guest.image.symbols}
    stack = make_stack(placement, [guest])
    sim = Simulation(stack)
    layers = Layers(stack)
    sim.record()
    told: dict[str, Told] = {}
    names = {labels[label]: label for label in TEXT}
    holes = iter(["m_fetch", "s_fetch"])
    base = twin(stack)
    while sim.run(OnTrap(), max_steps=50_000_000).reason == "stop":
        event = sim.events("TRAP", last=1)[0]
        mine = stack.placement == "bare" or event.owner or event.pc == HOLE
        interrupted = stack.placement != "bare" and event.a & IRQ
        name = next(holes, None) if event.pc == HOLE else names.get(event.pc)
        shadow = event.a == 12 and event.pc != HOLE
        if mine and name and not interrupted and not shadow and name not in told:
            e = explain(replay(base, [], event.t), layers)
            told[name] = Told(e, *walked(base, event.t, e.resume_pc))
        base = twin(stack)
    return Run(placement, told, labels)


def instruction(e: Explanation) -> str:
    return e.instruction.split("   ")[0]


def expected_text(label: str) -> str:
    return WORDS.get(TEXT[label], TEXT[label])


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
def test_many_different_traps(placement: str) -> None:
    """At least twelve that differ in cause or reason; every one in the table is taken."""
    run = taken(placement)
    wanted = {c.label for c in (BARE if run.placement == "bare" else VIRTUAL)}
    assert wanted <= run.told.keys(), wanted - run.told.keys()
    kinds = {(told.explanation.event.a, told.explanation.reason) for told in run.told.values()}
    assert len(kinds) >= 12, kinds


@pytest.mark.parametrize("case", BARE, ids=lambda case: case.label)
def test_on_the_bare_machine(case: Bare) -> None:
    run = taken("bare")
    told = run.told[case.label]
    e, level = told.explanation, case.modes[1].lower()
    pc = run.labels[case.label] if case.pc is None else case.pc
    value = pc if case.value == "" else case.value
    assert (e.event.a, e.event.pc, e.event.b) == (case.cause, pc, value)
    assert "".join(e.real_modes) == case.modes and e.virtual_modes is None
    assert instruction(e) == expected_text(case.label)
    assert case.why in e.why, e.why
    assert [(h.layer, h.name) for h in e.handlers] == [("guest kernel", case.handler)]
    assert (told.before[f"{level}epc"], told.before[f"{level}cause"]) == (pc, case.cause)
    assert told.before[f"{level}tval"] == value and told.before["pc"] == run.labels[case.handler]
    for change in e.real:
        if change.name in told.before:
            assert change.after == told.before[change.name]
    assert e.resume_pc == run.labels[case.resume]
    assert e.resumed is not None and e.resumed.real_mode == case.modes[0]
    assert e.instructions == told.after["minstret"] == 3  # of the handler
    assert e.cycles == told.after["mcycle"] > 3
    assert ("not executed yet" in str(e)) == bool(case.cause & IRQ)


@pytest.mark.parametrize("case", VIRTUAL, ids=lambda case: case.label)
@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_as_a_vm(case: Virtual, placement: str) -> None:
    run = taken(placement)
    told = run.told[case.label]
    e = told.explanation
    pc = run.labels[case.label] if case.pc is None else case.pc
    assert (e.event.a, e.event.pc) == (case.cause, pc)
    assert e.real_modes == ("U", {"hypervisor": "M", "hosted": "S"}[run.placement])
    assert e.virtual_modes is not None and "".join(e.virtual_modes) == case.modes
    assert e.reason == case.reason and instruction(e) == expected_text(case.label)
    assert case.why in e.why, e.why
    check_handlers(case, e, run.placement)
    check_changes(case, e, run)
    check_way_back(case, told, run)


def check_handlers(case: Virtual, e: Explanation, placement: str) -> None:
    """First the layer's entry, then the VMM's function; the guest's own when it is given it."""
    names = [h.name for h in e.handlers]
    assert names[0] == ENTRY[placement]
    assert names[1].startswith(case.function)
    assert names[2:] == ([case.guest] if case.guest else [])
    vmm = {"hypervisor": "hypervisor", "hosted": "VMM process"}[placement]
    assert e.handlers[1].layer == vmm and e.reflected == bool(case.guest)


def check_changes(case: Virtual, e: Explanation, run: Run) -> None:
    """What is said to have changed is what must have; what was there before is not said."""
    wanted = {name: run.address(value) for name, value in case.changes.items()}
    changes = {c.name: c.after for c in e.virtual}
    expected = set(wanted)
    if case.guest or case.reason in ("mret", "sret"):
        expected.add("mstatus")
    if case.modes[0] != case.modes[1]:
        expected.add("mode")
        assert changes["mode"] == case.modes[1]
    if case.label in ("m_timer_on", "m_soft_on"):
        expected.add("mie")
    if case.label == "s_soft_on":
        expected.add("mip")
    assert set(changes) <= expected, changes
    assert all(changes.get(name, value) == value for name, value in wanted.items()), changes
    kept = {"mstatus", "mie", "mip", "mtval", "stval", "mepc", "mcause", "sepc", "scause"}
    assert set(wanted) - set(changes) <= kept, changes


def check_way_back(case: Virtual, told: Told, run: Run) -> None:
    """Where it goes on, and what that took by the machine's own counters."""
    e = told.explanation
    assert e.resume_pc == run.labels[case.guest or f"{case.label}_next"]
    assert e.resumed is not None and e.resumed.vm == 0 and e.resumed.real_mode == "U"
    assert e.resumed.virtual_mode == case.modes[1]
    assert (e.instructions, e.cycles) == (told.after["minstret"], told.after["mcycle"])
    assert e.instructions > 100
