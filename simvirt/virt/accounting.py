"""Accounting of VM exits: who used which instructions and cycles, and why.

An `Accountant` listens to a machine's MARK, OWNER and VIOLATION records and charges every
stretch between two of them to exactly one account: a guest itself, an exit of a VM, the
management of a VM (making it, ending it), a process of the host, idling, or booting.  The sums
are those of the machine's counters, exactly.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isa import marks
from simvirt.events import ACCOUNTING, KIND, Records, mask_of
from simvirt.machine import Machine
from simvirt.virt.charges import Bill, VmBill
from simvirt.virt.stacks import Stack

_BEGIN, _END, _ENTER, _EXIT = (
    marks.MARK_NUMBERS[name] for name in ("BEGIN", "END", "ENTER", "EXIT")
)
_PROCESS, _VM_END = marks.MARK_NUMBERS["PROCESS"], marks.MARK_NUMBERS["VM_END"]
_KIND_MARK, _KIND_OWNER = KIND["MARK"], KIND["OWNER"]


@dataclass(frozen=True)
class Cost:
    """Instructions retired and modelled cycles."""

    instructions: int = 0
    cycles: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.instructions + other.instructions, self.cycles + other.cycles)


@dataclass(frozen=True)
class ExitCost:
    """All exits of one reason: how many, and what handling them took until the guest ran again."""

    count: int
    instructions: int
    cycles: int


@dataclass(frozen=True)
class Window:
    """What passed in the machine between BEGIN and END of a workload.

    `instructions`, `cycles`: of the whole machine; `own`: executed by the guest itself; `exits`:
    of its VM; `idle`: steps' worth of time in which the machine waited.
    """

    instructions: int
    cycles: int
    exits: int
    idle: int
    own: Cost


@dataclass(frozen=True)
class VmAccount:
    """One VM: `guest` executed by itself, `exits` by reason, `management` making and ending it.

    `unfinished` belongs to an exit that was still being handled.  `steal` counts cycles that
    others used while the VM lived and did not wait; `runs` how often it was started; `entries`
    is what the machine had executed before the first guest instruction of each run.
    """

    guest: Cost
    exits: dict[str, ExitCost]
    management: Cost
    unfinished: Cost
    steal: int
    runs: int
    entries: tuple[Cost, ...]
    outcomes: tuple[int, ...]  # payloads of VM_END

    @property
    def handling(self) -> Cost:
        """All exits together."""
        costs = (Cost(e.instructions, e.cycles) for e in self.exits.values())
        return sum(costs, self.unfinished)

    @property
    def share(self) -> float:
        """The part of the processor that it got while it lived and did not wait."""
        mine = self.guest.cycles + self.handling.cycles
        return mine / (mine + self.steal) if mine else 0.0

    @property
    def exit_count(self) -> int:
        """How many exits were finished."""
        return sum(exit_cost.count for exit_cost in self.exits.values())


@dataclass(frozen=True)
class Account:
    """The whole machine: `total` is the sum of all the rest."""

    total: Cost
    vms: dict[int, VmAccount]
    processes: dict[int, Cost]  # of the host by pid, those that run a VM excepted
    idle: Cost  # the layer's loop that waits
    boot: Cost  # the layer before the first process or VM; bare: nothing
    violations: int

    def sum(self) -> Cost:
        """What the parts add up to; the same as `total`."""
        parts = [self.idle, self.boot, *self.processes.values()]
        for vm in self.vms.values():
            parts += [vm.guest, vm.handling, vm.management]
        return sum(parts, Cost())


@dataclass
class _Begun:
    instructions: int
    cycles: int
    exits: int
    idle: int
    own: tuple[int, int]


class Accountant:
    """Charges what happens in a machine; attach it before the machine runs."""

    def __init__(
        self, machine: Machine, workloads: Sequence[Sequence[str]] = (), bare: bool = False
    ) -> None:
        """`workloads`: the names of each guest's; `bare`: all that runs is the guest's own."""
        self._machine = machine
        self._names = workloads
        self._bare = bare
        self._vms: dict[int, VmBill] = {}
        self._processes: dict[int, Bill] = {}
        self._vm_of_pid: dict[int, int] = {}
        self._pid: int | None = None
        self._boot: Bill = [0, 0]
        self._idle: Bill = [0, 0]
        self._stretch: Bill = [0, 0]  # the last stretch charged, and where: see _claim
        self._last = self._now()
        self._current: VmBill | None = None
        self._target = self._vm(0).guest if bare else self._boot
        self._begun: dict[tuple[int, int], _Begun] = {}
        self._windows: dict[int, dict[int, list[int]]] = {}
        self._start = self._last
        self.violations = 0

    def saved(self) -> dict[str, Any]:
        """All that has been charged (as `simvirt.history` asks listeners)."""
        kept = {name: value for name, value in vars(self).items() if name != "_machine"}
        return copy.deepcopy(kept)

    def rewind(self, saved: dict[str, Any]) -> None:
        """Have charged just that."""
        vars(self).update(copy.deepcopy(saved))

    @classmethod
    def attach(cls, stack: Stack, also: Sequence[str] = ()) -> Accountant:
        """Listen to a stack's machine, and select the events this takes (and kinds `also`)."""
        names = [guest.workloads for guest in stack.guests]
        accountant = cls(stack.machine, names, bare=stack.placement == "bare")
        stack.machine.listeners.append(accountant)
        selected = stack.machine.state.work("event_mask")
        stack.machine.select_events(selected | mask_of([*ACCOUNTING, *also]))
        return accountant

    # ---- listening -----------------------------------------------------------------------------

    def __call__(self, records: Records) -> None:
        """Take note of some records, in order."""
        kinds = records[:, 0] & np.uint64(0xFF)
        wanted = np.isin(kinds, [KIND[name] for name in ACCOUNTING])
        for head, _, cycles, _, a, b, _, retired in records[wanted].tolist():
            self._advance(retired, cycles)
            kind = head & 0xFF
            if kind == _KIND_OWNER:
                self._owner(a, b)
            elif kind == _KIND_MARK:
                self._mark(a, b, head >> 32 & 0xFF)
            else:
                self.violations += 1

    def _now(self) -> tuple[int, int]:
        state = self._machine.state
        retired = state.mach("t") - state.hart("not_retired")
        return retired, retired + state.hart("extra_cycles")

    def _advance(self, retired: int, cycles: int) -> None:
        """Charge what has passed since the last record."""
        last_retired, last_cycles = self._last
        target = self._target
        stretch = self._stretch
        stretch[0] = retired - last_retired
        stretch[1] = cycles - last_cycles
        target[0] += stretch[0]
        target[1] += stretch[1]
        self._last = (retired, cycles)

    def _vm(self, number: int) -> VmBill:
        vm = self._vms.get(number)
        if vm is None:
            vm = self._vms[number] = VmBill()
        return vm

    def _owner(self, old: int, new: int) -> None:
        if new:
            vm = self._vm(new - 1)
            vm.entered(self._last)
        else:
            vm = self._vm(old - 1)
            vm.left()
        self._current = vm
        self._target = vm.bucket

    def _mark(self, kind: int, payload: int, owner: int) -> None:
        if kind in (_BEGIN, _END):
            self._workload(kind == _BEGIN, payload, owner)
        elif owner or self._bare:  # a guest's frames cannot speak for the layer
            return
        elif kind == _PROCESS:
            self._process(payload)
        elif kind in (_ENTER, _EXIT, _VM_END):
            vm = self._vm(payload >> 16)
            self._claim(vm, payload >> 16)
            if kind == _ENTER:
                vm.about_to_enter(self._last)
            elif kind == _EXIT:
                vm.classified(payload & 0xFF, self._last)
            else:
                vm.ended(payload, self._last)
            self._current = vm
            self._target = vm.bucket

    def _claim(self, vm: VmBill, number: int) -> None:
        """A mark names a VM: what led to it, if it was the VM's making, is the VM's."""
        if self._pid is not None and self._pid not in self._vm_of_pid:
            self._vm_of_pid[self._pid] = number
            made = self._processes.pop(self._pid, [0, 0])
            vm.management[0] += made[0]
            vm.management[1] += made[1]
        elif self._current not in (None, vm) and self._pid is None and not vm.runs:
            self._target[0] -= self._stretch[0]
            self._target[1] -= self._stretch[1]
            vm.management[0] += self._stretch[0]
            vm.management[1] += self._stretch[1]

    def _process(self, pid: int) -> None:
        self._pid = pid
        number = self._vm_of_pid.get(pid)
        self._current = None if number is None else self._vm(number)
        if self._current is not None:
            self._target = self._current.bucket
        elif pid == 0:
            self._target = self._idle
        else:
            self._target = self._processes.setdefault(pid, [0, 0])

    def _workload(self, begins: bool, number: int, owner: int) -> None:
        if owner == 0 and not self._bare:
            return
        vm = 0 if self._bare else owner - 1
        bill = self._vm(vm)
        idle = self._machine.state.mach("idle")
        own = (bill.guest[0], bill.guest[1])
        if begins:
            self._begun[vm, number] = _Begun(*self._last, bill.exit_count, idle, own)
            return
        begun = self._begun.pop((vm, number), None)
        if begun is None:
            return
        sums = self._windows.setdefault(vm, {}).setdefault(number, [0] * 6)
        passed = (
            self._last[0] - begun.instructions, self._last[1] - begun.cycles,
            bill.exit_count - begun.exits, idle - begun.idle,
            own[0] - begun.own[0], own[1] - begun.own[1],
        )  # fmt: skip
        for i, amount in enumerate(passed):
            sums[i] += amount

    # ---- reports -------------------------------------------------------------------------------

    def exits(self) -> dict[int, dict[str, ExitCost]]:
        """Count and cost of exits by VM and reason, the costliest first."""
        return {number: _exits(bill) for number, bill in sorted(self._vms.items())}

    def workloads(self) -> dict[int, dict[str, Window]]:
        """What passed in each finished workload, by VM (bare: VM 0) and name."""
        result: dict[int, dict[str, Window]] = {}
        for vm, windows in sorted(self._windows.items()):
            result[vm] = {
                self._workload_name(vm, number): Window(a, b, exits, idle, Cost(own_a, own_b))
                for number, (a, b, exits, idle, own_a, own_b) in sorted(windows.items())
            }
        return result

    def _workload_name(self, vm: int, number: int) -> str:
        names = self._names[vm] if vm < len(self._names) else ()
        return names[number] if number < len(names) else f"workload {number}"

    def account(self) -> Account:
        """Everything up to now; the parts add up to the total."""
        self._advance(*self._now())
        total = (self._last[0] - self._start[0], self._last[1] - self._start[1])
        return Account(
            total=Cost(*total),
            vms={number: self._vm_account(bill) for number, bill in sorted(self._vms.items())},
            processes={pid: Cost(*bill) for pid, bill in sorted(self._processes.items())},
            idle=Cost(*self._idle),
            boot=Cost(*self._boot),
            violations=self.violations,
        )

    def _vm_account(self, bill: VmBill) -> VmAccount:
        return VmAccount(
            guest=Cost(*bill.guest),
            exits=_exits(bill),
            management=Cost(*bill.management),
            unfinished=Cost(*bill.unfinished),
            steal=0 if self._bare else bill.steal(self._last[1]),
            runs=bill.runs,
            entries=tuple(Cost(*position) for position in bill.entries),
            outcomes=tuple(bill.outcomes),
        )


def _exits(bill: VmBill) -> dict[str, ExitCost]:
    costs = sorted(bill.exits.items(), key=lambda item: (-item[1][2], item[0]))
    return {
        marks.EXIT_REASON_NAMES.get(number, str(number)): ExitCost(*cost) for number, cost in costs
    }
