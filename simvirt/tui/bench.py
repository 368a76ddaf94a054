"""How soon a key is answered while a guest runs at full speed, by placement.

Nothing is left out: keys go through the application's own event loop, the guest runs beside it,
and a key is answered when the terminal's driver has been given the text of a screen that shows
data which the engine has read after the key.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.drivers.headless_driver import HeadlessDriver

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

KEYS = ("j", "3", "tab", "5", "7", "z", "Z", "8", "2", "1", "full_stop", "k")
BUSY = """\
_start: li t0, 1000
again:  addi t0, t0, -1
        bnez t0, again
        csrr t1, mscratch
        j _start
"""  # a guest that never ends; as a VM it exits every 2,000 instructions
ROUNDS = 12
LIMIT = 0.050  # seconds


class Terminal(HeadlessDriver):
    """A terminal that is not there: it takes all that a real one would, and shows nothing."""

    written = 0  # characters

    @property
    def is_headless(self) -> bool:
        """False: the application shall make the text that it would send."""
        return False

    def write(self, data: str) -> None:
        """Take a piece of a screen."""
        self.written += len(data)


class Watched(Debugger):
    """The debugger, and how many actions of keys it has finished."""

    acted = 0

    async def run_action(self, *arguments: Any, **named: Any) -> bool:
        """Count it when it is done."""
        done = await super().run_action(*arguments, **named)
        self.acted += 1
        return done


@dataclass(frozen=True)
class Answers:
    """Seconds from a key to the changed screen, and from space to a machine that stands."""

    placement: str
    size: tuple[int, int]
    keys: tuple[float, ...]
    pauses: tuple[float, ...]
    mips: float

    def __str__(self) -> str:
        times = sorted(self.keys)
        middle, most = times[len(times) // 2], times[len(times) * 95 // 100]
        return (
            f"{self.placement:<11} {self.size[0]:>3}x{self.size[1]:<3}"
            f" keys: median {middle * 1e3:4.1f}, 95 % {most * 1e3:4.1f},"
            f" longest {times[-1] * 1e3:5.1f} ms   pause: longest {max(self.pauses) * 1e3:5.1f} ms"
            f"   {self.mips:4.0f} million steps/s"
        )


async def answers(placement: str, size: tuple[int, int]) -> Answers:
    """Press keys at a debugger whose machine runs."""
    app = Watched(Simulation(make_stack(placement, [assembled_guest(BUSY, "busy")])))
    app.driver_class = Terminal
    found: list[Answers] = []

    async def press(_: object) -> None:
        found.append(await _press_all(app, placement, size))
        app.exit(0)

    await app.run_async(size=size, auto_pilot=press)
    return found[0]


async def _press_all(app: Watched, placement: str, size: tuple[int, int]) -> Answers:
    await _until(lambda: app.snapshot is not None)
    keys: list[float] = []
    pauses: list[float] = []
    mips = 0.0
    for _ in range(ROUNDS):
        app.post_message(events.Key("c", "c"))
        await _until(lambda: app.snapshot is not None and app.snapshot.running)
        await asyncio.sleep(0.1)
        for key in KEYS:
            keys += await _answer(app, key)
            await asyncio.sleep(0.02)  # so that keys meet every moment of the engine's round
        mips = max(mips, app.snapshot.mips if app.snapshot else 0)
        pauses.append(await _pause(app))
    return Answers(placement, size, tuple(keys), tuple(pauses), mips)


async def _answer(app: Watched, key: str) -> list[float]:
    """Seconds until a key has been obeyed and the screen that came of it is written.

    None, if the key changes nothing that is shown.
    """
    painted = asyncio.Event()
    terminal, acted, before = app._driver, app.acted, app.asked
    assert isinstance(terminal, Terminal)
    written = terminal.written
    started = time.perf_counter()
    app.post_message(events.Key(key, key if len(key) == 1 else None))
    await _until(lambda: app.acted > acted)
    if app.asked == before:
        return []
    await _until(lambda: app.answered)
    app.call_after_refresh(painted.set)
    await painted.wait()
    await _until(lambda: terminal.written > written)
    return [time.perf_counter() - started]


async def _pause(app: Watched) -> float:
    painted = asyncio.Event()
    started = time.perf_counter()
    app.post_message(events.Key("space", " "))
    await _until(lambda: app.snapshot is not None and not app.snapshot.running)
    app.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - started


async def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait.  Raises TimeoutError after some seconds: then the debugger does not answer."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the debugger does not answer")
        await asyncio.sleep(0.0005)


def measure() -> Iterator[str]:
    """A line for each placement and two sizes of the terminal, and the verdict."""
    longest = 0.0
    for placement in ("bare", "hypervisor", "hosted"):
        for size in ((80, 24), (200, 60)):
            found = asyncio.run(answers(placement, size))
            longest = max(longest, *found.keys, *found.pauses)
            yield str(found)
    verdict = "holds" if longest <= LIMIT else "does not hold on this computer now"
    yield f"a key is answered within {LIMIT * 1e3:.0f} ms: {verdict} ({longest * 1e3:.1f} ms)"
    if (load := _load()) is not None:
        yield f"(load of the computer: {load:.1f} on {os.cpu_count()} processors)"


def _load() -> float | None:
    """Processes that wanted to run in the last minute, where the system tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
