"""Every figure of the comparison: a function from the runs to a measure, with how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from isa import marks
from simvirt.virt.accounting import Window
from simvirt.virt.compare.facts import BARE, HOSTED, HYPERVISOR, Measure
from simvirt.virt.compare.results import VIRTUAL, Fault, Results
from simvirt.virt.compare.runs import Run
from simvirt.virt.stacks import LAYER_PROGRAM, PLACEMENTS

_NO_PROCESSES = (
    "the hypervisor has no processes and makes no PROCESS marks, so its figure is 0 by "
    "construction of the layer"
)
_COUNTED = "counted from the machine's event records while the guest ran alone"


def _alone(results: Results, figure: Callable[[Run], float], bare: bool = True) -> dict[str, float]:
    chosen = PLACEMENTS if bare else VIRTUAL
    return {placement: figure(results.alone[placement]) for placement in chosen}


def _exits(run: Run) -> int:
    return run.account.vms[0].exit_count


# ---- composition ---------------------------------------------------------------------------------


def modes(results: Results) -> Measure:
    """In how many privilege modes software below the guest runs."""
    how = (
        "privilege modes in which software other than the guest returned from a trap or made one "
        "(interrupts and failed fetches apart, which need no instruction), between "
        f"the guest's first and last instruction; {_COUNTED}"
    )
    values = _alone(results, lambda run: len(run.tally.modes))
    return Measure("modes below the guest", "modes", how, values)


def mode_switches(results: Results) -> Measure:
    """Traps and returns an exit."""
    how = f"traps taken and xRETs, guest's entry and exit included, by exits; {_COUNTED}"
    values = _alone(results, lambda run: run.tally.switches / _exits(run), bare=False)
    return Measure("mode switches per exit", "switches", how, values)


def space_switches(results: Results) -> Measure:
    """Writes of satp an exit."""
    how = f"writes of satp by exits; {_COUNTED}"
    values = _alone(results, lambda run: run.tally.spaces / _exits(run), bare=False)
    return Measure("address-space switches per exit", "switches", how, values)


def kernel_code(results: Results) -> Measure:
    """Code that runs with privilege below the guest."""
    how = (
        "bytes of the code sections of the layer's program that runs in M or S: the "
        "hypervisor, VMM core included; the host kernel, without the VMM, which is a process"
    )
    values = _alone(
        results, lambda run: run.layer_code.get(LAYER_PROGRAM.get(run.placement, ""), 0)
    )
    return Measure("privileged code below the guest", "bytes", how, values)


def vmm_code(results: Results) -> Measure:
    """All code between the guest and the hardware."""
    how = "bytes of the code sections of the hypervisor, or of host kernel and VMM process"
    values = _alone(results, lambda run: sum(run.layer_code.values()))
    return Measure("all code below the guest", "bytes", how, values)


# ---- performance ---------------------------------------------------------------------------------


def slowdowns(results: Results) -> list[Measure]:
    """Each workload's cycles by those on the bare machine."""
    how = (
        "modelled cycles of the whole machine between the workload's BEGIN and END marks, by "
        "those of the bare machine; time in which the machine waits is not counted"
    )
    bare = results.alone[BARE].windows[0]
    return [
        Measure(
            f"{name}, cycles",
            "x bare",
            how,
            _alone(results, lambda run, n=name: _ratio(run.windows[0], bare, n)),  # type: ignore[misc]
        )
        for name in bare
    ]


def _ratio(windows: Mapping[str, Window], base: Mapping[str, Window], name: str) -> float:
    return windows[name].cycles / base[name].cycles


def exit_count(results: Results) -> Measure:
    """How often the guest was left."""
    how = "times that execution left the VM's frames by a trap, from boot to power-off"
    values = _alone(results, lambda run: _exits(run))
    return Measure("exits", "exits", how, values)


def exit_costs(results: Results) -> list[Measure]:
    """Cycles an exit, over all and by reason."""
    how = (
        "modelled cycles from the guest's last instruction to its next, without what other "
        "processes or VMs used; reason as marked by the VMM core"
    )
    everything = Measure("cycles per exit", "cycles", how, _alone(results, _mean_exit, bare=False))
    found = [results.alone[p].account.vms[0].exits for p in VIRTUAL]
    reasons = [
        name for name in marks.EXIT_REASON_NAMES.values() if all(name in exits for exits in found)
    ]
    return [everything, *(_exit_cost(results, name, how) for name in reasons)]


def _mean_exit(run: Run) -> float:
    return run.account.vms[0].handling.cycles / _exits(run)


def _exit_cost(results: Results, reason: str, how: str) -> Measure:
    def cost(run: Run) -> float:
        found = run.account.vms[0].exits[reason]
        return found.cycles / found.count

    return Measure(f"cycles per exit: {reason}", "cycles", how, _alone(results, cost, bare=False))


# ---- installation and management -----------------------------------------------------------------


def settings(results: Results) -> Measure:
    """What has to be set up for a further VM."""
    how = (
        "properties in /chosen and /reserved-memory of the device tree, files of the host's "
        "image and lines of its rc: those loaded for two VMs less those for one"
    )
    values = {
        p: results.beside_vm[p].settings - results.alone[p].settings for p in VIRTUAL
    }  # fmt: skip
    return Measure("items to set up for a further VM", "items", how, values)


def start_up(results: Results) -> Measure:
    """From reset to the guest."""
    how = "instructions retired from reset to the guest's first instruction"
    values = _alone(results, lambda run: run.account.vms[0].entries[0].instructions, bare=False)
    return Measure("from reset to the guest", "instructions", how, values)


def one_more(results: Results) -> Measure:
    """Starting a VM that is not running."""
    how = (
        "instructions until a VM's first one, with another VM in the same machine: from the "
        "command typed while that other VM ran; where no command brought it about, from a reset"
    )
    return Measure(
        "start a VM again", "instructions", how, {p: _restart(results.managed[p]) for p in VIRTUAL}
    )


def _restart(run: Run) -> int:
    entries = run.account.vms[1].entries
    if len(entries) > 1:
        return entries[1].instructions - run.typed_at
    return entries[0].instructions


def stopped_vms(results: Results) -> Measure:
    """Who has to stop for it."""
    how = (
        "VMs that had to be stopped so that VM 1, which had ended, could start again: none if a "
        "typed command started it while the other one ran; else all that ran, by the reset"
    )
    values = {p: _stopped(results.managed[p]) for p in VIRTUAL}
    return Measure("VMs stopped to start another", "VMs", how, values)


def _stopped(run: Run) -> int:
    if len(run.account.vms[1].entries) > 1:
        return 0
    return len(run.account.vms) - 1


# ---- resource management -------------------------------------------------------------------------


def overhead(results: Results) -> Measure:
    """Cycles that are not the guest's own."""
    how = "part of the machine's modelled cycles, reset to power-off, not executed by the guest"
    values = _alone(
        results, lambda run: 100 * (1 - run.account.vms[0].guest.cycles / run.account.total.cycles)
    )
    return Measure("processor used by the layer", "%", how, values)


def layer_ram(results: Results) -> Measure:
    """RAM outside the guests'."""
    how = "pages outside the guest's RAM that are not all zero at the end, files of guests included"
    values = _alone(results, lambda run: run.layer_ram / 1024)
    return Measure("RAM used by the layer", "KiB", how, values)


def share(results: Results) -> Measure:
    """The processor's part that a VM gets beside another."""
    how = (
        "cycles of VM 0 and of handling its exits, by all in which it did not wait, beside a "
        "second VM of the same guest, until it has finished its first workloads"
    )
    values = {p: 100 * results.beside_vm[p].account.vms[0].share for p in VIRTUAL}
    return Measure("processor for a VM beside a VM", "%", how, values)


def taken_by_processes(results: Results) -> Measure:
    """What programs that are no VM take."""
    how = (
        "cycles of processes that run no VM (PROCESS marks), of the machine's, with `spin` (which "
        f"only computes) beside a VM, or with the second VM, under the hypervisor: {_NO_PROCESSES}"
    )
    chosen = {HYPERVISOR: results.beside_vm[HYPERVISOR], HOSTED: results.beside_process}
    return Measure(
        "processor for other than VMs", "%", how, {p: _taken(run) for p, run in chosen.items()}
    )


def _taken(run: Run) -> float:
    taken = sum(cost.cycles for cost in run.account.processes.values())
    return 100 * taken / run.account.total.cycles


def _mean_slowdown(run: Run, base: Run) -> float:
    """Geometric mean over the workloads finished."""
    ratios = [_ratio(run.windows[0], base.windows[0], name) for name in run.windows[0]]
    return prod(ratios) ** (1 / len(ratios))


def beside_vm(results: Results) -> Measure:
    """Slowdown by a second VM."""
    how = (
        "geometric mean over the first workloads: cycles of the machine between their marks "
        "beside a second VM, by those with the VM alone in the same placement"
    )
    values = {p: _mean_slowdown(results.beside_vm[p], results.alone[p]) for p in VIRTUAL}
    return Measure("slowdown by a second VM", "x alone", how, values)


def beside_process(results: Results) -> list[Measure]:
    """What the host process costs the VM; exists in the hosted placement only."""
    run = results.beside_process
    slow = _mean_slowdown(run, results.alone[HOSTED])
    return [
        Measure(
            "processor for a VM beside a process", "%",
            "cycles of the VM and of handling its exits, by all in which it did not wait, "
            "beside the host process `spin`, until it has finished its first workloads",
            {HOSTED: 100 * run.account.vms[0].share},
        ),
        Measure(
            "slowdown by a host process", "x alone",
            "as the slowdown by a second VM, beside the host process `spin`",
            {HOSTED: slow},
        ),
    ]  # fmt: skip


# ---- user environment ----------------------------------------------------------------------------


def programs(results: Results) -> Measure:
    """Programs that are no VM."""
    how = (
        "processes that used the processor and ran no VM (PROCESS marks), while VMs ran and "
        f"commands were typed into the layer's console; {_NO_PROCESSES}"
    )
    values = {p: len(results.managed[p].account.processes) for p in VIRTUAL}
    return Measure("programs beside the VMs", "processes", how, values)


def answer(results: Results) -> Measure:
    """Does the layer answer its user?"""
    how = (
        "bytes that the layer's own console wrote within a fixed number of steps after "
        "commands had been typed into it, while a VM ran"
    )
    values = {p: results.managed[p].answered for p in VIRTUAL}
    return Measure("answer to typed commands", "bytes", how, values)


# ---- stability and security ----------------------------------------------------------------------


PRIVILEGED, VMM, GUEST = "the privileged layer", "the VMM", "a guest"
_ROLES = {  # what a fault hits: under the hypervisor kernel and VMM are one program
    (HYPERVISOR, "hypervisor"): (PRIVILEGED, VMM),
    (HOSTED, "vmm"): (VMM,),
    (HOSTED, "host"): (PRIVILEGED,),
}


def roles(fault: Fault) -> tuple[str, ...]:
    """The parts that the target of a fault plays in its placement."""
    for (placement, word), found in _ROLES.items():
        if fault.placement == placement and word in fault.target.lower().split():
            return found
    return (GUEST,) if "guest" in fault.target.lower() else (fault.target,)


def survival(role: str) -> str:
    """The name of the measure of survivors."""
    return f"VMs that survive a fault of {role}"


def survivors(results: Results) -> list[Measure]:
    """The part of the VMs that finished their work after a fault, by what was hit."""
    found: dict[str, dict[str, list[bool]]] = {}
    for fault in results.faults:
        for role in roles(fault):
            lives = found.setdefault(role, {}).setdefault(fault.placement, [])
            lives.extend(fault.survived)
    how = (
        "one word changed from outside while two VMs ran, as listed below; a VM survived when it "
        "finished its workloads with the console of the bare machine"
    )
    return [
        Measure(survival(role), "%", how,
                {p: 100 * sum(lives) / len(lives) for p, lives in by.items()})
        for role, by in found.items()
    ]  # fmt: skip


def _fatal(fault: Fault) -> bool:
    return not any(fault.survived)


def fatal_parts(results: Results) -> Measure:
    """Whose fall is everybody's."""
    how = "parts of a placement (hypervisor, host kernel, VMM, guest) whose fault no VM survived"
    values: dict[str, float] = {
        p: len({f.target for f in results.faults if f.placement == p and _fatal(f)})
        for p in VIRTUAL
    }
    return Measure("parts whose fault ends every VM", "parts", how, values)


def violations(results: Results) -> Measure:
    """Law 6, over every run."""
    how = (
        "instructions fetched from a VM's frames in a mode other than U, and accesses of a VM to "
        "a frame not its own, seen by the machine in all runs, those with injected faults included"
    )
    everything: list[Run | Fault] = [
        *results.alone.values(), *results.beside_vm.values(),
        results.beside_process, *results.managed.values(), *results.faults,
    ]  # fmt: skip
    values: dict[str, float] = {
        p: sum(run.violations for run in everything if run.placement == p) for p in VIRTUAL
    }
    return Measure("breaches of isolation", "events", how, values)


def same_result(results: Results) -> Measure:
    """Law 5."""
    how = "1: console and result region are, byte for byte, those of the bare machine"
    bare = results.alone[BARE]
    values = _alone(
        results, lambda run: float(run.consoles == bare.consoles and run.result == bare.result)
    )
    return Measure("same output as bare", "yes = 1", how, values)
