"""Law 5: the same guest bare and in every placement: same console, same results, same memory."""

import pytest

from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import Options, make_stack
from tests.virt.runs import ALL, BUDGET, PLACEMENTS, VIRTUAL, all_runs, guest_ram


@pytest.mark.parametrize(("placement", "names"), ALL)
def test_every_guest_passes(placement: str, names: tuple[str, ...]) -> None:
    found = all_runs()[placement, names]
    assert (found.stop.reason, found.stop.code) == ("finished", 0)
    assert [outcome.kind for outcome in found.outcomes] == ["passed"] * len(names)


@pytest.mark.parametrize(("placement", "names"), ALL)
def test_console_and_results_are_those_of_the_bare_machine(
    placement: str, names: tuple[str, ...]
) -> None:
    found = all_runs()[placement, names]
    for vm, name in enumerate(names):
        bare = all_runs()["bare", (name,)]
        assert found.consoles[vm] == bare.consoles[0]
        assert found.results[vm] == bare.results[0]


def test_results_say_something() -> None:
    for name in ("minos", "uno"):
        bare = all_runs()["bare", (name,)]
        assert bare.consoles[0].count(b"\n") > 5
        assert len(set(bare.results[0])) > 10


@pytest.mark.parametrize("name", ["hello"])
def test_all_memory_of_a_guest_that_uses_no_time_is_the_same(name: str) -> None:
    memory = {}
    for placement in PLACEMENTS:
        stack = make_stack(placement, [open_guest(name)])
        assert stack.machine.run(BUDGET).reason == "finished"
        memory[placement] = guest_ram(stack)
    for placement in VIRTUAL:
        assert memory[placement] == memory["bare"]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_software_sets_a_and_d_where_the_board_wants_it(placement: str) -> None:
    """`--ad-bits fault` (Svade): kernels and layers get along, and the console is the same."""
    stack = make_stack(placement, [open_guest("minos")], Options(ad_faults=True))
    assert stack.machine.run(BUDGET).reason == "finished"
    assert tuple(stack.consoles) == all_runs()["bare", ("minos",)].consoles
