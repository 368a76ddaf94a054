"""What became of a run: exit code, messages, JSON report "simvirt/run/1", table of exits."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import simvirt
from isa import causes
from simvirt.cli.escape import visible
from simvirt.machine import Machine, Stop
from simvirt.toolchain import changes_json
from simvirt.virt.accounting import ExitCost
from simvirt.virt.postmortem import Outcome
from simvirt.virt.stacks import Stack

SCHEMA = "simvirt/run/1"
INTERRUPTED = 130
Exits = Mapping[int, Mapping[str, ExitCost]]


def outcomes_of(stack: Stack, found: Sequence[Outcome], stop: Stop) -> list[Outcome]:
    """How the guests ended; one that asks the bare machine for a reset is at its end, too."""
    if stop.reason == "reset" and stack.placement == "bare":
        return [Outcome("died")]
    return list(found)


def exit_code(stack: Stack, outcomes: Sequence[Outcome], stop: Stop) -> int:
    """0 ok, 1 failed, 3 died, 4 budget used up; the highest of all VMs."""
    if stop.reason == "interrupted":
        return INTERRUPTED
    codes = [o.exit_code for o in outcomes if o.kind != "unfinished"] or [0]
    if stop.reason == "budget":
        codes.append(4)
    elif stop.reason in ("no-progress", "stuck"):
        codes.append(3)
    elif stop.reason == "finished":
        codes += [3 for o in outcomes if o.kind == "unfinished"]
        layer_failed = stack.placement != "bare" and stop.code != 0
        codes.append(1 if layer_failed else 0)
    return max(codes)


def summary(stack: Stack, outcomes: Sequence[Outcome], stop: Stop, budget: int) -> list[str]:
    """One line for whatever did not pass."""
    lines = []
    for number, (guest, outcome) in enumerate(zip(stack.guests, outcomes, strict=True)):
        who = guest.name if stack.placement == "bare" else f"vm{number} ({guest.name})"
        if outcome.kind == "failed":
            where = f", by {outcome.where}" if outcome.where else ""
            lines.append(f"{who} reported failure, code {outcome.code}{where}")
        elif outcome.kind == "died" and stop.reason == "reset":
            lines.append(f"{who} asked the finisher for a reset, which this machine does not do")
        elif outcome.kind == "died":
            lines.append(f"{who} died")
        elif stop.reason == "budget":
            lines.append(f"{who} had not finished")
    if stop.reason == "budget":
        lines.append(f"the budget of {budget} steps is used up; --max-steps gives more")
    elif stop.reason == "interrupted":
        lines.append(f"interrupted at t={stop.t}")
    elif stop.reason == "quit":
        lines.append(f"quit at t={stop.t}")
    elif stack.placement != "bare" and stop.code and not lines:
        lines.append(f"the {stack.placement} layer ended with code {stop.code}")
    return lines


def exits_table(stack: Stack, exits: Exits) -> str:
    """VM exits by reason, for a reader."""
    if stack.placement == "bare":
        return "bare: no VM, so no exits"
    lines = [f"{'VM':<4} {'exit reason':<16} {'count':>10} {'instructions':>14} {'cycles':>14}"]
    for number in range(len(stack.guests)):
        rows = exits.get(number, {})
        for reason, cost in rows.items():
            cells = f"{cost.count:>10} {cost.instructions:>14} {cost.cycles:>14}"
            lines.append(f"{number:<4} {reason:<16} {cells}")
        count = sum(c.count for c in rows.values())
        instructions = sum(c.instructions for c in rows.values())
        cycles = sum(c.cycles for c in rows.values())
        lines.append(f"{number:<4} {'all':<16} {count:>10} {instructions:>14} {cycles:>14}")
    lines.append("instructions and modelled cycles: handling, until the guest runs again")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """What produced a report."""
    found = {"simvirt": simvirt.__version__, "python": platform.python_version()}
    for name in ("numpy", "numba", "llvmlite", "pyelftools"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    found["platform"] = platform.platform()
    return found


def last_trap(machine: Machine) -> dict[str, Any] | None:
    """The last trap that the machine took, None if none."""
    state = machine.state
    if not state.hart("trap_repeats"):
        return None
    cause = state.hart("trap_cause")
    return {
        "cause": cause,
        "words": causes.describe(cause),
        "pc": state.hart("trap_pc"),
        "tval": state.hart("trap_tval"),
    }


def _console(data: bytes) -> dict[str, Any]:
    return {
        "text": visible(data),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def empty_report() -> dict[str, Any]:
    """The report of a run that never started; the rest is filled in as it becomes known."""
    return {
        "schema": SCHEMA,
        "exit_code": 5,
        "reason": "error",
        "message": "",
        "placement": None,
        "t": 0,
        "state_sha256": None,
        "guests": [],
        **changes_json({}),
        "consoles": [],
        "layer_console": None,
        "exits": {},
        "violations": 0,
        "last_trap": None,
        "versions": versions(),
    }


def describe_stack(report: dict[str, Any], stack: Stack) -> None:
    """Put into the report what is known before the run."""
    report["placement"] = stack.placement
    report |= changes_json(stack.changes())
    report["guests"] = [
        {"vm": i, "name": g.name, "sha256": g.image.sha256} for i, g in enumerate(stack.guests)
    ]


def describe_end(report: dict[str, Any], stack: Stack, exits: Exits, digest: bool = True) -> None:
    """Put into the report where the machine stands."""
    machine = stack.machine
    report["t"] = machine.state.mach("t")
    report["state_sha256"] = machine.state.digest() if digest else None
    report["consoles"] = [{"vm": i, **_console(c)} for i, c in enumerate(stack.consoles)]
    if stack.placement != "bare":
        report["layer_console"] = _console(stack.layer_console)
    report["violations"] = machine.state.mach("violations")
    report["last_trap"] = last_trap(machine)
    report["exits"] = {
        str(vm): {reason: asdict(cost) for reason, cost in rows.items()}
        for vm, rows in exits.items()
        if stack.placement != "bare"
    }
