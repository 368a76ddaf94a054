"""Copies of the machine from earlier steps, from which the last trap is run again to explain it."""

from __future__ import annotations

from simvirt.errors import InputError
from simvirt.simulation import Simulation
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin

APART = 40_000_000  # steps


def copy_of(sim: Simulation) -> Stack:
    """A twin of the machine whose consoles show nothing: what it does has not happened."""
    consoles = sim.machine.consoles
    sinks = [console.sink for console in consoles]
    for console in consoles:
        console.sink = None
    try:
        return twin(sim.stack)
    finally:
        for console, sink in zip(consoles, sinks, strict=True):
            console.sink = sink


class Lately:
    """Keeps two copies at most: one before the last trap, and the newest."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._kept: list[tuple[int, int, Stack]] = []  # t, inputs so far, the copy

    def last_trap(self) -> int | None:
        """The step at which the last trap was taken, that is known of."""
        self._sim.machine.flush_events()
        found = self._sim.events("TRAP", last=1)
        return found[0].t if found else None

    def keep(self) -> None:
        """The machine is about to run: take a copy if the last one is far back."""
        t = self._sim.t
        while self._kept and self._kept[-1][0] > t:  # time has gone back
            self._kept.pop()
        if self._kept and t - self._kept[-1][0] < APART:
            return
        trap = self.last_trap()
        usable = [row for row in self._kept if trap is not None and row[0] <= trap]
        self._kept = usable[-1:] or self._kept[:1]
        self._kept.append((t, len(self._sim.machine.inputs), copy_of(self._sim)))

    def explain(self, layers: Layers) -> Explanation:
        """The last trap.  Raises InputError when none has been taken."""
        t = self.last_trap()
        base = next((row for row in reversed(self._kept) if t is not None and row[0] <= t), None)
        if t is None or base is None or t >= self._sim.t:
            raise InputError("no trap has been taken yet that could be explained")
        later = self._sim.machine.inputs[base[1] :]
        return explain(replay(base[2], later, t), layers)
