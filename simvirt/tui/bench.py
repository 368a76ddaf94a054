"""How soon a key is answered while a guest runs at full speed, by placement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from textual import events

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

KEYS = (("j", "j"), ("3", "3"), ("tab", None), ("5", "5"), ("z", "z"), ("1", "1"), ("k", "k"))
BUSY = """\
_start: li t0, 1000
again:  addi t0, t0, -1
        bnez t0, again
        csrr t1, mscratch
        j _start
"""  # a guest that never ends; as a VM it exits every 2,000 instructions
ROUNDS = 6
LIMIT = 0.050  # seconds


@dataclass(frozen=True)
class Answers:
    """Seconds from a key to the repainted screen, and from space to a machine that stands."""

    placement: str
    size: tuple[int, int]
    keys: tuple[float, ...]
    pauses: tuple[float, ...]
    mips: float

    def __str__(self) -> str:
        times, pauses = sorted(self.keys), sorted(self.pauses)
        return (
            f"{self.placement:<11} {self.size[0]:>3}x{self.size[1]:<3} "
            f"keys: median {times[len(times) // 2] * 1e3:5.1f} ms, longest {times[-1] * 1e3:5.1f}"
            f" ms   pause: longest {pauses[-1] * 1e3:5.1f} ms   {self.mips:4.0f} million steps/s"
        )


async def answers(placement: str, size: tuple[int, int]) -> Answers:
    """Press keys at a debugger whose machine runs."""
    guest = assembled_guest(BUSY, "busy")
    app = Debugger(Simulation(make_stack(placement, [guest])))
    async with app.run_test(size=size) as pilot:
        await _until(lambda: app.snapshot is not None)
        keys: list[float] = []
        pauses: list[float] = []
        mips = 0.0
        for _ in range(ROUNDS):
            await pilot.press("c")
            await asyncio.sleep(0.1)
            keys += [await _answer(app, key, letter) for key, letter in KEYS]
            mips = max(mips, app.snapshot.mips if app.snapshot else 0)
            pauses.append(await _pause(app))
        return Answers(placement, size, tuple(keys), tuple(pauses), mips)


async def _answer(app: Debugger, key: str, letter: str | None) -> float:
    painted = asyncio.Event()
    started = time.perf_counter()
    app.post_message(events.Key(key, letter))
    app.call_later(app.call_after_refresh, painted.set)
    await painted.wait()
    return time.perf_counter() - started


async def _pause(app: Debugger) -> float:
    started = time.perf_counter()
    app.post_message(events.Key("space", " "))
    await _until(lambda: app.snapshot is not None and not app.snapshot.running)
    return time.perf_counter() - started


async def _until(holds: object, seconds: float = 60) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        await asyncio.sleep(0.001)


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
