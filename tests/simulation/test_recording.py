"""Exits and layers as events tell them: complete, with their reasons, as the account has them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from simvirt import OnExit, OnMark, Simulation
from simvirt.errors import InputError
from simvirt.recording import VmExit

VIRTUAL = ("hypervisor", "hosted")


@pytest.fixture(scope="module", params=VIRTUAL)
def recorded(request: pytest.FixtureRequest) -> Simulation:
    """minos as a VM, recorded from its first step until its first sret."""
    sim = Simulation.boot("minos", on=request.param)
    sim.record()
    sim.keep_account()
    sim.run(OnMark("BEGIN"))
    sim.run(OnExit("sret"))
    assert len(sim.events()) < 10_000, "the first events are lost"
    return sim


def reasons(found: VmExit) -> list[str]:
    """All reasons in an exit: more than one when the guest could execute nothing between them."""
    told = [event.to_json() for event in found.events]
    return [record["reason"] for record in told if record["kind"] == "VM_EXIT"]


def test_exits_are_those_of_the_account(recorded: Simulation) -> None:
    """As many of each reason; the very first one, at the entry and before any trap, is none."""
    exits = recorded.exits()
    costs = recorded.account().vms[0].exits
    marked = Counter(reason for found in exits for reason in reasons(found))
    counts = Counter({reason: cost.count for reason, cost in costs.items()})
    assert counts - marked == Counter(shadow_fill=1) and not marked - counts
    for reason in costs:
        assert recorded.exits(reason) == [e for e in exits if reasons(e)[-1] == e.reason == reason]


def test_an_exit_holds_its_figures(recorded: Simulation) -> None:
    found = recorded.exits("csr")[-1]
    first, last = found.events[0], found.events[-1]
    assert found.trap is first and first.kind == "TRAP" and first.owner == 1
    assert last.kind == "OWNER" and last.b == 1
    assert (found.t, found.end) == (first.t, last.t)
    assert found.instructions == last.instructions - first.instructions > 0
    assert found.cycles == last.cycles - first.cycles > found.instructions
    placement = recorded.stack.placement
    assert found.mode_switches == {"hypervisor": 2, "hosted": 4}[placement]
    assert f"csr of VM 0, {found.cycles} cycles" in str(found)


def test_who_ran_during_an_exit(recorded: Simulation) -> None:
    """The layers in the order in which they must come, every cycle with one of them."""
    found = recorded.exits("csr")[-1]
    layers = [stretch.layer for stretch in found.who_ran()]
    hosted = ["host kernel", "VMM process", "host kernel"]
    assert layers == (hosted if recorded.stack.placement == "hosted" else ["hypervisor"])
    assert sum(stretch.cycles for stretch in found.who_ran()) == found.cycles


def test_since_and_until(recorded: Simulation) -> None:
    everything = recorded.exits()
    middle = everything[len(everything) // 2]
    assert recorded.exits(since=middle.t) == everything[len(everything) // 2 :]
    assert recorded.exits(vm=1) == []
    whole = recorded.who_ran()
    assert all(a.end == b.start for a, b in pairwise(whole))
    later = recorded.who_ran(since=middle.t)
    assert later == whole[-len(later) :] and later[0].end > middle.t
    before = recorded.who_ran(until=middle.t)
    assert before[-1].end == middle.t
    sums = recorded.cycles_by_layer(since=middle.t)
    assert sum(sums.values()) == sum(stretch.cycles for stretch in later)
    assert {"guest kernel", "guest user"} <= set(recorded.cycles_by_layer())


@pytest.mark.parametrize("kinds", [None, ("TRAP",)])
def test_what_is_not_recorded_is_not_guessed(kinds: tuple[str, ...] | None) -> None:
    sim = Simulation.boot("uno", on="hypervisor")
    if kinds is not None:
        sim.record(kinds)
    sim.step(1000)
    for ask in (sim.exits, sim.who_ran, sim.cycles_by_layer):
        with pytest.raises(InputError, match=r"call record\(\) before the run"):
            ask()


def test_bare_has_no_exits() -> None:
    sim = Simulation.boot("minos")
    sim.record()
    sim.run(OnMark("BEGIN"))
    sim.step(200_000)
    assert sim.exits() == []
    assert set(sim.cycles_by_layer()) == {"guest kernel", "guest user"}
