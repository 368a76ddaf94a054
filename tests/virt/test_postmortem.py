"""A guest that dies ends with a message that says where and why; everybody else goes on."""

import re
from pathlib import Path

import pytest

from simvirt.machine import Stop
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.stacks import Guest, Stack, make_stack
from tests.virt.careless import CARELESS, REPORTS_FAILURE
from tests.virt.runs import BUDGET, PLACEMENTS, VIRTUAL, all_runs, mutated, program


def finished(placement: str, *guests: Guest) -> tuple[Stack, Witness, Stop]:
    stack = make_stack(placement, guests)
    witness = Witness.attach(stack)
    return stack, witness, stack.machine.run(BUDGET)


@pytest.mark.parametrize("name", CARELESS)
def test_on_the_bare_machine(name: str) -> None:
    careless = CARELESS[name]
    _, witness, stop = finished("bare", program(careless.source, name))
    text = explain(witness, stop)
    assert stop.reason == careless.reason
    assert witness.outcomes(stop)[0].exit_code == 3
    assert text.startswith(f"the guest ({name}) on the bare machine died at t=")
    for words in careless.bare:
        assert words in text


@pytest.mark.parametrize("placement", VIRTUAL)
@pytest.mark.parametrize("name", CARELESS)
def test_in_a_vm(name: str, placement: str) -> None:
    careless = CARELESS[name]
    _, witness, stop = finished(placement, program(careless.source, name))
    text = explain(witness, stop)
    assert (stop.reason, stop.code) == ("finished", 3)
    assert witness.outcomes(stop)[0].exit_code == 3
    assert text.startswith(f"VM 0 ({name}) of the {'host' if placement == 'hosted' else placement}")
    for words in ("vCPU         0", "last events", "ENTER VM 0", *careless.vm):
        assert words in text


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_led_to_it_is_among_the_last_events(placement: str) -> None:
    """Identical traps count once, so the store that began it is still seen."""
    _, witness, stop = finished(placement, program("_start: sd zero, 0(zero)\n"))
    text = explain(witness, stop)
    events = text[text.index("last events") :].splitlines()
    assert len(events) == 6 or placement == "bare"
    assert re.search(r"repeated (999|100\d) times", events[-1])
    assert "pc=0x80000000 store/AMO" in text or placement != "bare"


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_reported_failure_is_no_death(placement: str) -> None:
    _, witness, stop = finished(placement, program(REPORTS_FAILURE))
    assert (stop.reason, stop.code) == ("finished", 7)
    assert explain(witness, stop) == ""
    outcome = witness.outcomes(stop)[0]
    assert (outcome.kind, outcome.code, outcome.exit_code) == ("failed", 7, 1)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_guest_that_runs_on_is_unfinished(placement: str) -> None:
    stack = make_stack(placement, [program("_start: j _start\n")])
    witness = Witness.attach(stack)
    stop = stack.machine.run(2_000_000)
    assert stop.reason == "budget"
    assert witness.outcomes(stop)[0].exit_code == 4
    assert explain(witness, stop) == ""


@pytest.mark.parametrize("placement", VIRTUAL)
def test_the_other_vm_goes_on(placement: str) -> None:
    minos = open_guest("minos")
    for careless, other in ((0, 1), (1, 0)):
        guests = [minos, minos]
        guests[careless] = program(CARELESS["garbage"].source, "garbage")
        stack, witness, stop = finished(placement, *guests)
        outcomes = witness.outcomes(stop)
        assert outcomes[careless].kind == "died"
        assert outcomes[other].kind == "passed"
        assert stack.consoles[other] == all_runs()["bare", ("minos",)].consoles[0]
        assert [death.vm for death in witness.deaths] == [careless]


@pytest.mark.parametrize("placement", VIRTUAL)
def test_source_lines_and_user_mode(placement: str) -> None:
    """A word of minos becomes illegal under its feet: the report knows the C function."""
    minos = open_guest("minos")
    stack = make_stack(placement, [minos])
    witness = Witness.attach(stack)
    stack.machine.run(3_000_000)
    entry = minos.image.address_of("trap_entry")
    stack.machine.state.write_ram(stack.regions[0][0] + entry - 0x8000_0000, bytes(4))
    stop = stack.machine.run(BUDGET)
    text = explain(witness, stop)
    assert "in trap_entry (minos/entry.S:" in text
    assert "virtual S-mode" in text
    assert "illegal instruction" in text


@pytest.mark.parametrize("placement", VIRTUAL)
def test_a_guest_cannot_forge_its_death(placement: str) -> None:
    """Marks of a guest are not its VMM's: frames tell whose they are."""
    source = """
_start:
    li a0, 0x80000000
    slti x0, a0, 7
    li a0, 0x00100
    slti x0, a0, 6
    li a0, 0x100000
    li a1, 0x5555
    sw a1, 0(a0)
"""
    _, witness, stop = finished(placement, program(source))
    assert witness.deaths == []
    assert witness.ended == {0: 0}
    assert witness.outcomes(stop)[0].kind == "passed"


def test_a_vmm_that_cannot_start(tmp_path: Path) -> None:
    """No VM ever began: the report quotes what the host said."""
    change = {("vmm/hosted/main.c", "if (argc != 4) {"): "if (argc == 4) {"}
    stack = mutated(tmp_path, "hosted", change)
    witness = Witness.attach(stack)
    stop = stack.machine.run(BUDGET)
    text = explain(witness, stop)
    assert "never ended" in text
    assert "usage: vmm" in text
