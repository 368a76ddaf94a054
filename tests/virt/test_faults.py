"""Faults injected from outside: what they do is found out, not assumed."""

from functools import cache

import pytest

from simvirt.virt.faults import EXPERIMENTS, Experiment, FaultResult, experiments
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.stacks import make_stack
from tests.virt.runs import BUDGET, all_runs


@cache
def results() -> dict[Experiment, FaultResult]:
    return dict(zip(EXPERIMENTS, experiments(), strict=True))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: f"{e.placement}-{e.target}")
def test_each_fault_bites(experiment: Experiment) -> None:
    found = results()[experiment]
    assert found.bit
    assert not found.survived[0]
    assert experiment.symbol in found.where
    assert all(found.happened)


def test_what_a_fault_takes_with_it() -> None:
    """A shared layer takes both VMs; a guest or a VMM process only its own."""
    survivors = {(e.placement, e.target): r.survived[1] for e, r in results().items()}
    assert survivors == {
        ("hypervisor", "hypervisor"): False,
        ("hypervisor", "guest 0"): True,
        ("hosted", "host kernel"): False,
        ("hosted", "VMM process 0"): True,
        ("hosted", "guest 0"): True,
    }


def test_reports_name_the_layer_and_the_line() -> None:
    texts = {(e.target): "\n".join(r.reports) for e, r in results().items()}
    assert "in sched_interrupt (hypervisor/sched.c:" in texts["hypervisor"]
    assert "in handle_interrupt (host/kernel/sched.c:" in texts["host kernel"]
    assert "the VMM process of VM 0 (minos) died" in texts["VMM process 0"]
    assert "in emulate_exit (vmm/core/emulate.c:" in texts["VMM process 0"]
    assert "VM 0 (minos) of the h" in texts["guest 0"]  # it panicked; its trap CSRs tell where
    assert "in system_call (minos/syscall.c:" in texts["guest 0"]


def test_a_harmless_change_is_survived() -> None:
    """A word that nobody uses any more: nothing may be reported that did not happen."""
    harmless = Experiment("hypervisor", "hypervisor", "hypervisor_main")
    (found,) = experiments(chosen=[harmless])
    assert found.survived == (True, True)
    assert not found.bit
    assert found.reports == ()


def test_a_changed_datum_of_the_host_kernel() -> None:
    broken = Experiment("hosted", "host kernel", "current", 0x1234)
    (found,) = experiments(chosen=[broken])
    assert found.survived == (False, False)
    assert "load page fault" in found.reports[0]
    assert "walk" in found.reports[0]


def test_a_layer_that_gets_nowhere_is_reported_once() -> None:
    stack = make_stack("hypervisor", [open_guest("minos")])
    witness = Witness.attach(stack)
    stack.machine.run(3_000_000)
    entry = stack.layers["hypervisor"].address_of("trap_entry")
    stack.machine.state.write_ram(entry, bytes(4))
    stop = stack.machine.run(BUDGET)
    assert stop.reason == "no-progress"
    assert witness.outcomes(stop)[0].kind == "died"
    assert explain(witness, stop) == explain(witness, stop)
    assert explain(witness, stop).count("the hypervisor died") == 1


def test_progress_is_told_and_results_repeat() -> None:
    heard: list[str] = []
    first = experiments(heard.append, chosen=EXPERIMENTS[:1])
    assert heard == ["fault in hypervisor (hypervisor)"]
    assert first[0] == results()[EXPERIMENTS[0]]
    assert all_runs()["bare", ("minos",)].stop.code == 0
