"""Faults injected from outside: one word of a layer is changed while two VMs run.

Nothing in the layers knows of it.  Each experiment runs two VMs with the same guest; when VM 0
begins its second workload, one word changes (usually the first instruction of a function becomes
an illegal one) in the hypervisor, the host kernel, the VMM process or the guest kernel of VM 0.
A VM *survived* when it finished its workloads with the console of the bare machine and exit code
0.  What happened instead is told by the postmortem; no outcome is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from isa import marks
from simvirt.errors import InputError
from simvirt.loader import Image
from simvirt.machine import Stop
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Outcome, Witness
from simvirt.virt.stacks import Guest, Options, Stack, make_stack
from simvirt.virt.views import Inspector
from simvirt.walk import walk

ILLEGAL = 0  # two compressed instructions defined to be illegal
BUDGET = 1_000_000_000  # steps; a run without fault takes a quarter of it
HANG = 30_000_000  # steps after one VM has ended in which the other must end, too
_WORKLOAD = 1  # the fault strikes when VM 0 begins this one

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Experiment:
    """Where a fault strikes: placement, layer, and the symbol whose first word becomes `value`.

    The symbol is a function (by default its first instruction becomes an illegal one) or data.
    """

    placement: str
    target: str
    symbol: str
    value: int = ILLEGAL


EXPERIMENTS = (
    Experiment("hypervisor", "hypervisor", "sched_interrupt"),
    Experiment("hypervisor", "guest 0", "system_call"),
    Experiment("hosted", "host kernel", "handle_interrupt"),
    Experiment("hosted", "VMM process 0", "emulate_exit"),
    Experiment("hosted", "guest 0", "system_call"),
)


@dataclass(frozen=True)
class FaultResult:
    """What one changed word did.

    `where` names the word and the step at which it changed; `bit` says whether anything at all
    came out differently from an undisturbed run; `violations` counts breaches of isolation (law 6);
    `happened` is told in words, one line a VM or
    layer; `reports` are the full postmortems.
    """

    placement: str
    target: str
    where: str
    survived: tuple[bool, ...]
    bit: bool
    violations: int
    happened: tuple[str, ...]
    reports: tuple[str, ...] = field(repr=False)


def experiments(
    progress: Progress = lambda _: None,
    guest: str = "minos",
    options: Options | None = None,
    chosen: Sequence[Experiment] = EXPERIMENTS,
    workers: int = 2,
) -> list[FaultResult]:
    """Run the experiments, `workers` at a time, and say what happened in each."""
    opened = open_guest(guest, options.guests_dir if options else None)
    expected = _bare_console(opened, options)

    def run(experiment: Experiment) -> FaultResult:
        progress(f"fault in {experiment.target} ({experiment.placement})")
        return strike(experiment, opened, expected, options)

    pool = ThreadPoolExecutor(workers)
    try:
        return list(pool.map(run, chosen))
    finally:  # after Ctrl-C nobody waits for the rest
        pool.shutdown(wait=False, cancel_futures=True)


def _bare_console(guest: Guest, options: Options | None) -> bytes:
    stack = make_stack("bare", [guest], options)
    stop = stack.machine.run(BUDGET)
    if stop.reason != "finished" or stop.code:
        raise InputError(f"{guest.name} does not pass on the bare machine: {stop.reason}")
    return stack.consoles[0]


def strike(
    experiment: Experiment, guest: Guest, expected: bytes, options: Options | None = None
) -> FaultResult:
    """One experiment.  `expected` is what a VM's console must hold in the end."""
    stack = make_stack(experiment.placement, [guest, guest], options)
    witness = Witness.attach(stack)
    _run_to_workload(stack)
    hpa, where = _site(stack, experiment)
    stack.machine.state.write_ram(hpa, experiment.value.to_bytes(4, "little"))
    stop = _run_out(stack, witness)
    outcomes = witness.outcomes(stop)
    passed = [outcome.kind == "passed" for outcome in outcomes]
    survived = tuple(
        ok and console == expected for ok, console in zip(passed, stack.consoles, strict=True)
    )
    return FaultResult(
        experiment.placement,
        experiment.target,
        where,
        survived,
        not all(survived) or bool(witness.deaths),
        stack.machine.state.mach("violations"),
        tuple(_words(stack, stop, witness, outcomes, survived)),
        tuple(str(death) for death in witness.deaths),
    )


def _run_to_workload(stack: Stack) -> None:
    """To the moment when VM 0 begins the workload."""
    machine = stack.machine
    machine.on_mark(
        marks.MARK_NUMBERS["BEGIN"],
        lambda payload: machine.state.work("owner") == 1 and payload == _WORKLOAD,
    )
    stop = machine.run(BUDGET)
    if stop.reason != "stop":
        raise InputError(f"VM 0 never began its workload {_WORKLOAD}: {stop.reason}")


def _run_out(stack: Stack, witness: Witness) -> Stop:
    """To the end, or until the VM that is left has had all the time that it could need."""
    machine = stack.machine
    limit = BUDGET
    while True:
        stop = machine.run(min(HANG, limit))
        limit -= HANG
        if stop.reason not in ("budget", "stop") or limit <= 0:
            return stop
        if 1 in witness.ended and 0 not in witness.ended:  # VM 0 had as much to do as VM 1
            return machine.run(HANG)


# ---- where ---------------------------------------------------------------------------------------


def _site(stack: Stack, experiment: Experiment) -> tuple[int, str]:
    """HPA of the word, and where it is in words."""
    image, kind, to_hpa = _space(stack, experiment.target)
    address = image.address_of(experiment.symbol)
    hpa = to_hpa(address)
    if hpa is None:
        raise InputError(f"{experiment.target}: {experiment.symbol} is not in memory")
    t = stack.machine.state.mach("t")
    hpa_words = "" if kind == "HPA" else f", HPA {hpa:#x}"
    word = f"the first word of {experiment.symbol}, {kind} {address:#x}{hpa_words}"
    where = f"{word}, becomes {experiment.value:#010x} at t={t}"
    return hpa, where


def _space(stack: Stack, target: str) -> tuple[Image, str, Callable[[int], int | None]]:
    """The executable of a target, the kind of its addresses, and the way to HPA."""
    inspector = Inspector(stack)
    if target in ("hypervisor", "host kernel"):
        return inspector.layer, "HPA", lambda address: address
    if target == "VMM process 0":
        satp = inspector.vmm_process(0)["satp"]
        read = inspector.read_word
        return inspector.vmm, "HVA", lambda va: walk(read, satp, va, "fetch", 0, 0).pa
    if target == "guest 0":  # its kernel is mapped where it is linked
        return stack.guests[0].image, "GPA", lambda gpa: inspector.hpa_of(0, gpa)
    raise InputError(f"no target {target!r} to put a fault into")


# ---- what happened -------------------------------------------------------------------------------


def _words(
    stack: Stack,
    stop: Stop,
    witness: Witness,
    outcomes: Sequence[Outcome],
    survived: Sequence[bool],
) -> list[str]:
    lines = [f"{death.who} died: {death.why}" for death in witness.deaths]
    for vm, (outcome, right) in enumerate(zip(outcomes, survived, strict=True)):
        lines.append(f"VM {vm}: {_vm_words(outcome, right)}")
    if stop.reason == "budget":
        lines.append("the machine was stopped: nothing more would have happened")
    return lines


def _vm_words(outcome: Outcome, survived: bool) -> str:
    if survived:
        return "finished its workloads, every result right"
    if outcome.kind == "passed":
        return "says that it passed, but its console differs from the bare machine's"
    if outcome.kind == "failed":
        return f"reported failure, code {outcome.code}"
    return "was lost" if outcome.kind == "died" else "never came to an end"
