"""The Accountant: every instruction and cycle is charged to exactly one account."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isa import marks
from simvirt.events import KIND
from simvirt.virt.accounting import Accountant, Cost, ExitCost
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import make_stack


class Script:
    """A machine that only counts, and the records of a run that never was."""

    def __init__(self, bare: bool = False, workloads: Any = (("first", "second"),)) -> None:
        self.words = {"t": 0, "not_retired": 0, "extra_cycles": 0, "idle": 0}
        machine: Any = SimpleNamespace(state=self)
        self.accountant = Accountant(machine, workloads, bare)

    def mach(self, name: str) -> int:
        return self.words[name]

    hart = mach

    def work(self, instructions: int, cycles: int) -> None:
        """Something executes."""
        self.words["t"] += instructions
        self.words["extra_cycles"] += cycles - instructions

    def record(self, kind: str, a: int, b: int, owner: int = 0) -> None:
        now = self.words["t"]
        head = KIND[kind] | owner << 32
        row = [head, now, now + self.words["extra_cycles"], 0, a, b, 0, now]
        self.accountant(np.array([row], np.uint64))

    def mark(self, name: str, payload: int, owner: int = 0) -> None:
        self.record("MARK", marks.MARK_NUMBERS[name], payload, owner)

    def enter(self, vm: int, cycles: int = 10) -> None:
        self.mark("ENTER", vm << 16)
        self.work(cycles, cycles)
        self.record("OWNER", 0, vm + 1)

    def leave(self, vm: int, reason: str, cycles: int = 20) -> None:
        self.record("OWNER", vm + 1, 0, vm + 1)
        self.work(cycles, cycles)
        self.mark("EXIT", vm << 16 | marks.EXIT_REASON_NUMBERS[reason])


def test_an_exit_costs_what_passes_until_the_guest_runs_again() -> None:
    run = Script()
    run.work(100, 130)
    run.enter(0)
    run.work(1000, 1007)
    run.leave(0, "csr", 20)
    run.work(5, 35)
    run.enter(0, 10)
    run.work(500, 500)
    account = run.accountant.account()
    vm = account.vms[0]
    assert vm.exits == {"csr": ExitCost(1, 35, 65)}
    assert vm.guest == Cost(1500, 1507)
    assert vm.management == Cost(10, 10)
    assert account.boot == Cost(100, 130)
    assert account.sum() == account.total == Cost(1645, 1712)


def test_a_guest_that_cannot_be_entered_ends_the_exit_at_the_failed_try() -> None:
    run = Script()
    run.enter(0)
    run.work(50, 50)
    run.leave(0, "sret", 20)
    run.mark("ENTER", 0)
    run.work(9, 9)  # the world switch, and the fault
    run.mark("EXIT", marks.EXIT_REASON_NUMBERS["shadow_fill"])
    run.work(40, 40)
    run.enter(0, 10)
    assert run.accountant.exits()[0] == {
        "shadow_fill": ExitCost(1, 59, 59),
        "sret": ExitCost(1, 20, 20),
    }


def test_an_unmarked_exit_is_counted_as_other() -> None:
    run = Script()
    run.enter(0)
    run.record("OWNER", 1, 0, 1)
    run.work(3, 3)
    run.record("OWNER", 0, 1)
    assert run.accountant.exits()[0] == {"other": ExitCost(1, 3, 3)}


def test_a_process_that_turns_out_to_run_a_vm_is_the_vms() -> None:
    run = Script()
    run.work(7, 7)
    run.mark("PROCESS", 2)
    run.work(30, 30)  # the VMM makes its VM
    run.mark("PROCESS", 3)
    run.work(11, 11)
    run.mark("PROCESS", 2)
    run.enter(0, 4)
    run.work(100, 100)
    run.leave(0, "wfi", 5)
    run.mark("PROCESS", 3)
    run.work(60, 60)
    run.mark("PROCESS", 0)
    run.work(2, 2)
    run.mark("PROCESS", 2)
    run.enter(0, 6)
    account = run.accountant.account()
    assert account.processes == {3: Cost(71, 71)}
    assert (account.idle, account.boot) == (Cost(2, 2), Cost(7, 7))
    assert account.vms[0].management == Cost(34, 34)
    assert account.vms[0].exits == {"wfi": ExitCost(1, 11, 11)}
    assert account.vms[0].steal == 0  # what passed while it waited is nobody's theft
    assert account.sum() == account.total


def test_what_others_use_while_a_vm_could_run_is_stolen() -> None:
    run = Script()
    run.enter(0)
    run.work(100, 100)
    run.leave(0, "interrupt", 5)
    run.mark("ENTER", 1 << 16)
    run.work(10, 10)
    run.record("OWNER", 0, 2)
    run.work(300, 300)
    run.leave(1, "interrupt", 8)
    run.mark("EXIT", marks.EXIT_REASON_NUMBERS["interrupt"])  # VM 0 goes on
    run.enter(0, 10)
    vm = run.accountant.account().vms[0]
    assert vm.steal == 10 + 300 + 8
    mine = vm.guest.cycles + vm.handling.cycles
    assert vm.share == mine / (mine + vm.steal)


def test_a_vm_may_be_started_again() -> None:
    run = Script()
    for _ in range(2):
        run.enter(0)
        run.work(10, 10)
        run.leave(0, "mmio_finisher")
        run.mark("VM_END", 0)
        run.work(5, 5)
    account = run.accountant.account()
    assert account.vms[0].runs == 2
    assert account.vms[0].outcomes == (0, 0)
    assert [entry.cycles for entry in account.vms[0].entries] == [10, 55]
    assert account.sum() == account.total


def test_a_guest_cannot_speak_for_its_vmm_nor_the_vmm_for_a_guest() -> None:
    run = Script()
    run.enter(0)
    run.mark("EXIT", marks.EXIT_REASON_NUMBERS["csr"], owner=1)
    run.mark("PROCESS", 9, owner=1)
    run.mark("BEGIN", 0, owner=0)
    run.work(10, 10)
    run.mark("END", 0, owner=0)
    account = run.accountant.account()
    assert account.vms[0].exits == {}
    assert account.processes == {}
    assert run.accountant.workloads() == {}


def test_a_workload_is_what_passes_between_its_marks() -> None:
    run = Script()
    run.enter(0)
    run.mark("BEGIN", 1, owner=1)
    run.work(100, 120)
    run.leave(0, "csr", 30)
    run.words["idle"] += 70
    run.enter(0, 10)
    run.work(50, 50)
    run.mark("END", 1, owner=1)
    window = run.accountant.workloads()[0]["second"]
    assert (window.instructions, window.cycles) == (190, 210)
    assert (window.exits, window.idle, window.own) == (1, 70, Cost(150, 170))


def test_violations_are_counted() -> None:
    run = Script()
    run.record("VIOLATION", 0, 0x8000_0000)
    assert run.accountant.account().violations == 1


ACTIONS = st.tuples(
    st.sampled_from(["OWNER", "ENTER", "EXIT", "PROCESS", "VM_END", "BEGIN", "END"]),
    st.integers(0, 2),
    st.integers(0, 15),
    st.integers(0, 50),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_the_parts_always_add_up(actions: list[tuple[str, int, int, int]]) -> None:
    run = Script()
    inside = 0
    for kind, vm, number, amount in actions:
        run.work(amount, amount + number)
        if kind == "OWNER":
            new = 0 if inside else vm + 1
            run.record("OWNER", inside, new, inside)
            inside = new
        elif kind in ("BEGIN", "END", "PROCESS"):
            run.mark(kind, number, inside)
        else:
            run.mark(kind, vm << 16 | number, inside)
    account = run.accountant.account()
    assert account.sum() == account.total == Cost(*run.accountant._last)


def test_a_million_records_are_accounted_for() -> None:
    exits = 250_000
    steps = np.arange(4 * exits, dtype=np.uint64)
    records = np.zeros((4 * exits, 8), np.uint64)
    records[:, 1] = records[:, 2] = records[:, 7] = steps * np.uint64(10)
    rows = [
        (KIND["MARK"], marks.MARK_NUMBERS["ENTER"], 0),
        (KIND["OWNER"], 0, 1),
        (KIND["OWNER"] | 1 << 32, 1, 0),
        (KIND["MARK"], marks.MARK_NUMBERS["EXIT"], marks.EXIT_REASON_NUMBERS["csr"]),
    ]
    for i, row in enumerate(rows):
        records[i::4, 0], records[i::4, 4], records[i::4, 5] = row
    run = Script()
    run.accountant(records)
    assert run.accountant.exits()[0]["csr"].count == exits - 1


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
def test_the_parts_add_up_in_a_machine(placement: str) -> None:
    stack = make_stack(placement, [open_guest("uno")])
    accountant = Accountant.attach(stack)
    for _ in range(3):
        stack.machine.run(2_000_001)
        account = accountant.account()
        state = stack.machine.state
        retired = state.mach("t") - state.hart("not_retired")
        assert account.sum() == account.total
        assert account.total == Cost(retired, retired + state.hart("extra_cycles"))
    assert account.violations == 0
    assert accountant.workloads()[0]
