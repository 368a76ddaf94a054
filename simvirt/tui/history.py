"""Copies of the machine from earlier steps, from which a trap is run again to explain it."""

from __future__ import annotations

import time

from simvirt.errors import SimVirtError
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin

APART = 40_000_000  # steps: what is run again in some tenths of a second
PAUSE, OVERDUE = 1.0, 3.0  # seconds: a copy can hold up a key by some hundredths of a second


class History:
    """Keeps as few copies as the last trap needs."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._kept: list[tuple[int, int, Stack]] = []  # t, inputs so far, the copy
        self._when = 0.0
        self.keep(None)

    def keep(self, last_trap: int | None, busy: bool = False) -> None:
        """Take a copy if the last one is far back; drop those that no explanation can need.

        `busy`: keys come just now, so it can wait a little.
        """
        machine = self._stack.machine
        t = machine.state.mach("t")
        now = time.monotonic()
        pause = OVERDUE if busy else PAUSE
        if self._kept and (t - self._kept[-1][0] < APART or now - self._when < pause):
            return
        self._when = now
        while last_trap is not None and len(self._kept) > 1 and self._kept[1][0] <= last_trap:
            del self._kept[0]
        del self._kept[1:-1]  # a trap long ago, and the present
        self._kept.append((t, len(machine.inputs), twin(self._stack)))

    def explain(self, t: int, layers: Layers) -> Explanation:
        """Explain the trap taken at step `t`.  Raises SimVirtError if it is too long ago."""
        for start, inputs, base in reversed(self._kept):
            if start <= t:
                later = self._stack.machine.inputs[inputs:]
                return explain(replay(base, later, t), layers)
        raise SimVirtError("that trap is too long ago; ] runs to the next one")
