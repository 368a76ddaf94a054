"""What time travel costs: running with checkpoints, a step back from anywhere, searches."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random
from statistics import median

from simvirt import stops as st
from simvirt.core.state import PAGE
from simvirt.history import History
from simvirt.machine import Machine
from simvirt.simulation import Simulation
from simvirt.virt.stacks import Options

from .machines import PROGRAMS, images, loaded, writer

TITLES = {
    "history": "running with checkpoints beside running without, in one run",
    "back": "one step back from the ends of runs and from 50 random moments of 10^9 steps",
    "search": "the last moment before now at which something held",
}
GUESTS = ("bare", "hypervisor", "hosted")


def _minos(placement: str) -> Machine:
    return Simulation.boot("minos", placement).machine


def _program(rounds: int) -> Machine:
    return loaded(images()["matrix"], rounds)


def _rate(make: Callable[[], Machine], steps: int, remember: bool) -> tuple[float, int, int]:
    """Million steps a second of processor time; checkpoints, and the bytes that they take."""
    machine = make()
    machine.run(0)
    history = History(machine) if remember else None
    begin = time.process_time()
    machine.run(steps)
    seconds = time.process_time() - begin
    kept = (len(history.checkpoints), history.size) if history is not None else (0, 0)
    return machine.state.mach("t") / seconds / 1e6, *kept


def history(quick: bool, repeat: int) -> list[str]:
    """Minos in each placement, a program that computes, one that only writes; runs take turns."""
    steps = 5_000_000 if quick else 300_000_000
    lines = []
    made: dict[str, Callable[[], Machine]] = {p: partial(_minos, p) for p in GUESTS}
    made["matrix"] = partial(_program, 1 if quick else PROGRAMS["matrix"])
    made["108 MiB"] = partial(writer, PAGE)
    for name, make in made.items():
        _rate(make, steps, False)
        pairs = [(_rate(make, steps, True), _rate(make, steps, False)) for _ in range(repeat)]
        ratio = median(some[0] / none[0] for some, none in pairs)
        some, none = (median(run[0] for run in column) for column in zip(*pairs, strict=True))
        _, points, size = pairs[0][0]
        lines.append(
            f"{name:<11} with {some:6.1f}   without {none:6.1f} million steps/s   "
            f"ratio {ratio:.3f}   {points} checkpoints, {size / 2**20:.1f} MiB"
        )
    return lines


# ---- back ----------------------------------------------------------------------------------------


def _busy(quick: bool) -> Machine:
    """The host runs minos in eight VMs, and computes beside them."""
    guests = ["minos"] * (1 if quick else 8)
    return Simulation.boot(guests, "hosted", Options(commands=("spin &",) * 6)).machine


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def back(quick: bool, repeat: int) -> list[str]:
    """Wall clock, where runs have ended and at moments gone to; then another step back."""
    steps, lines = 5_000_000 if quick else 1_000_000_000, []
    made: dict[str, Callable[[], Machine]] = {
        "8 VMs and spin": partial(_busy, quick),
        "matrix": partial(_program, 10 * PROGRAMS["matrix"]),
        "writes 108 MiB": partial(writer, 8),
        "a word a page": partial(writer, PAGE),
    }
    for name, make in made.items():
        past = History(make())
        past.machine.set_breakpoints(())
        rng, ends, there, first, again = Random(1), [], [], [], []
        while past.latest < steps:
            past.run(steps // 7 + rng.randrange(steps // 70))
            end = past.latest
            ends.append(_seconds(partial(past.goto, end - 1)))
            past.goto(end)
        for _ in range(5 if quick else 50):
            t = rng.randrange(1000, steps)
            there.append(_seconds(partial(past.goto, t)))
            first.append(_seconds(partial(past.goto, t - 1)))
            again.append(_seconds(partial(past.goto, t - 2)))
        lines.append(
            f"{name:<15} {past.latest:,} steps, {len(past.checkpoints)} checkpoints, "
            f"{past.size / 2**20:.0f} MiB"
        )
        for which, seconds in (
            ("back from where it ran to", ends), ("going to a moment", there),
            ("a step back from there", first), ("the next", again),
        ):  # fmt: skip
            lines.append(
                f"    {which}: median {median(seconds):.3f} s, longest {max(seconds):.3f} s"
            )
    return lines


# ---- searches ------------------------------------------------------------------------------------

SEARCHES: dict[str, Callable[[Simulation], st.Condition]] = {
    "last trap": lambda s: st.OnTrap(),
    "last VM exit": lambda s: st.OnExit(),
    "last change of sepc": lambda s: st.OnCsr("sepc"),
    "last change of mcause": lambda s: st.OnCsr("mcause"),
    "last change of mstatus": lambda s: st.OnCsr("mstatus"),
    "last change of medeleg": lambda s: st.OnCsr("medeleg"),
    "last write to the stack": lambda s: st.OnAccess(_stack(s), read=False),
    "a write that never came": lambda s: st.OnAccess(_unused(s), read=False),
    "a trap that never came": lambda s: st.OnTrap(cause=6),
    "pc where it never was": lambda s: st.AtPc(_unused(s)),
}


def _stack(simulation: Simulation) -> int:
    sp = simulation.registers()["sp"] - 8
    return simulation.translate(sp, "store").pa or _unused(simulation)


def _unused(simulation: Simulation) -> int:
    vm = simulation.vms()[0]
    return vm.base + vm.size - (64 << 10)


def search(quick: bool, repeat: int) -> list[str]:
    """Wall clock, from the end of a run; beside it what the run itself took."""
    steps, lines = 2_000_000 if quick else 100_000_000, []
    for placement in GUESTS:
        simulation = Simulation.boot("minos", placement)
        simulation.machine.run(0)
        simulation.remember()
        ran = _seconds(partial(simulation.run, max_steps=steps))
        end = simulation.t
        lines.append(f"{placement}: {end:,} steps in {ran:.2f} s")
        for name, make in SEARCHES.items():
            if placement == "bare" and name == "last VM exit":
                continue
            simulation.goto(end)
            condition = make(simulation)
            begin = time.perf_counter()
            found = simulation.back_to(condition)
            seconds = time.perf_counter() - begin
            where = f"{end - found.t:,} steps back" if found.found else "not found"
            lines.append(f"    {name:<25} {seconds:6.3f} s   {where}")
    return lines
