"""What is measured: each function returns lines of text, from runs made there and then."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median

from simvirt.events import ACCOUNTING, EVERYTHING, Records, mask_of
from simvirt.machine import Machine
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import PLACEMENTS, make_stack

from .machines import PROGRAMS, Result, images, loaded, ours, trap_loop, uart_poll, unicorn

TITLES = {
    "speed": "fast kernel, Sv39 with 4 KiB pages, beside plain Unicorn (million instructions/s)",
    "trace": "a record per instruction and access, beside Unicorn with a hook in Python",
    "events": "traps, mode changes, marks and owners recorded and kept, beside nothing recorded",
    "accounting": "events for the accounting of VMs, beside none (minos under the hypervisor)",
    "mmio": "one exit to Python for a device access",
    "start": "a new process, kernel and guest from the cache, to the first instruction",
    "compile": "a kernel compiled for the first time",
}
QUICK = 50  # a quick run makes this many times fewer rounds


def _rates(pair: tuple[Callable[[], Result], ...], count: int, repeat: int) -> list[float]:
    """Million instructions per second of each, of the median of runs that take turns."""
    seconds = [[run().seconds for run in pair] for _ in range(repeat)]
    return [count / median(column) / 1e6 for column in zip(*seconds, strict=True)]


def speed(quick: bool, repeat: int) -> list[str]:
    """Five integer programs; the same bytes in both, with the same result."""
    lines, ratios = [], []
    for name, image in images().items():
        rounds = max(1, PROGRAMS[name] // (QUICK if quick else 1))
        first, other = ours(image, rounds), unicorn(image, rounds)
        if first.checksum != other.checksum:
            raise RuntimeError(f"{name}: {first.checksum:#x} here, {other.checksum:#x} in Unicorn")
        count = first.instructions
        pair = (partial(ours, image, rounds), partial(unicorn, image, rounds))
        mine, theirs = _rates(pair, count, repeat)
        ratios.append((mine, theirs))
        lines.append(_row(name, mine, theirs) + f"   {count:>13,} instructions")
    means = [geometric_mean(column) for column in zip(*ratios, strict=True)]
    return [*lines, _row("geometric mean", *means)]


def _row(name: str, mine: float, theirs: float) -> str:
    return f"{name:<15} {mine:8.1f}   Unicorn {theirs:8.1f}   ratio {mine / theirs:6.2f}"


def trace(quick: bool, repeat: int) -> list[str]:
    """The sort, once with all events (read and thrown away), once with a hook that counts."""
    image = images()["sort"]
    rounds = 1 if quick else 4
    everything = mask_of(EVERYTHING)
    count = ours(image, rounds).instructions
    traced = partial(ours, image, rounds, "traced", everything)
    (mine,) = _rates((traced,), count, repeat)
    hooked = unicorn(image, 1, hooked=True)
    theirs = hooked.instructions / hooked.seconds / 1e6
    return [_row("sort", mine, theirs)]


CROSSINGS = ("TRAP", "XRET", "MARK", "OWNER")  # traps, mode changes, marks, whose code runs


def _minos(placement: str) -> Machine:
    return make_stack(placement, [open_guest("minos")]).machine


def _recorded(make: Callable[[], Machine], steps: int, kinds: Sequence[str]) -> tuple[Result, int]:
    """A run that keeps the records of some kinds, and how many they were."""
    machine = make()
    kept: list[Records] = []
    machine.listeners.append(kept.append)
    machine.select_events(mask_of(kinds))
    begin = time.process_time()
    machine.run(steps)
    seconds = time.process_time() - begin
    state = machine.state
    return Result(state.hart("x10"), seconds, state.mach("t")), sum(map(len, kept))


def events(quick: bool, repeat: int) -> list[str]:
    """Programs that compute, minos in each placement, and (not in the mean) nothing but traps."""
    made: dict[str, tuple[Callable[[], Machine], int]] = {}
    for name, image in images().items():
        rounds = max(1, PROGRAMS[name] // (QUICK if quick else 1))
        made[name] = partial(loaded, image, rounds), 1 << 40
    for placement in PLACEMENTS:
        made[f"minos {placement}"] = partial(_minos, placement), 5_000_000 if quick else 10**9
    made["only traps"] = trap_loop, 100_000 if quick else 10_000_000
    lines, ratios = [], []
    for name, (make, steps) in made.items():
        with_records, count = _recorded(make, steps, CROSSINGS)
        if with_records.instructions != _recorded(make, steps, ())[0].instructions:
            raise RuntimeError(f"{name}: recording has changed the run")
        pairs = [
            [_recorded(make, steps, kinds)[0].seconds for kinds in (CROSSINGS, ())]
            for _ in range(repeat)
        ]
        some, none = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(b / a for a, b in pairs)
        rates = [with_records.instructions / seconds / 1e6 for seconds in (some, none)]
        lines.append(
            f"{name:<17} recorded {rates[0]:7.1f}   nothing {rates[1]:7.1f} million steps/s   "
            f"ratio {ratio:5.2f}   {count:>9,} records in {with_records.instructions:,} steps"
        )
        ratios.append(ratio)
    return [
        *lines[:-1],
        f"{'geometric mean':<17} ratio {geometric_mean(ratios[:-1]):.2f}",
        lines[-1],
    ]


def accounting(quick: bool, repeat: int) -> list[str]:
    """Steps per second of the whole machine, with the two masks."""
    guest = open_guest("minos")
    steps = 5_000_000 if quick else 10**9

    def rate(mask: int) -> float:
        machine = make_stack("hypervisor", [guest]).machine
        machine.select_events(mask)
        begin = time.process_time()
        machine.run(steps)
        return machine.state.mach("t") / (time.process_time() - begin) / 1e6

    rate(0)
    pairs = [(rate(mask_of(ACCOUNTING)), rate(0)) for _ in range(repeat)]
    some, none = (median(column) for column in zip(*pairs, strict=True))
    return [f"accounting {some:.1f}   none {none:.1f} million steps/s   ratio {some / none:.2f}"]


def mmio(quick: bool, repeat: int) -> list[str]:
    """A loop that reads the UART's line status."""
    accesses = 2_000 if quick else 100_000
    seconds = median(uart_poll(accesses) for _ in range(repeat)) / accesses
    return [f"{seconds * 1e6:.2f} microseconds"]


_FIRST = """
from simvirt.simulation import Simulation
Simulation.boot({name!r}, on={placement!r}).step(1)
"""


def _process(code: str, **environment: str) -> float:
    """Seconds that a new Python takes to run some code."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=True)
    return time.perf_counter() - begin


def start(quick: bool, repeat: int) -> list[str]:
    """From the start of Python to the end of the first step."""
    lines = []
    for name, placement in (("hello", "bare"), ("minos", "hypervisor"), ("minos", "hosted")):
        code = _FIRST.format(name=name, placement=placement)
        _process(code)  # fills the caches
        seconds = median(_process(code) for _ in range(repeat))
        lines.append(f"{name:<6} {placement:<11} {seconds:.2f} s")
    return lines


def compile_time(quick: bool, repeat: int) -> list[str]:
    """Into an empty cache; quick: only what a warm one takes."""
    lines = []
    for variant in ("fast", "traced"):
        code = f"from simvirt.core.engine import kernel; kernel({variant!r})"
        with tempfile.TemporaryDirectory(prefix="simvirt-bench-") as folder:
            cold = {} if quick else {"SIMVIRT_CACHE": str(Path(folder))}
            seconds = _process(code, **cold)
        lines.append(f"{variant:<7} {seconds:.1f} s" + (" (warm)" if quick else ""))
    return lines
