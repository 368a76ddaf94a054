"""Golden sequences of events: what a VM did and why it was left, compared with another run.

Neither times nor addresses of the VMM count, since two right solutions differ in them; so do
interrupts of the real machine, which come at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isa import marks
from simvirt.events import KIND, Event, Records, decode

KINDS = ("TRAP", "MARK")
MAX_EVENTS = 200_000
_MARK = {mark.name: mark.number for mark in marks.MARKS}
_ENTER, _EXIT, _VM_END = _MARK["ENTER"], _MARK["EXIT"], _MARK["VM_END"]
_INTERRUPT_EXIT = next(r.number for r in marks.EXIT_REASONS if r.name == "interrupt")
_INTERRUPT = 1 << 63
Key = tuple[int, int, int, int]


@dataclass(frozen=True)
class Divergence:
    """The first event in which two runs differ; None where one has no more events."""

    index: int
    expected: Event | None
    found: Event | None

    def text(self) -> str:
        """Both events, one a line."""
        expected = self.expected.text() if self.expected else "no more events"
        found = self.found.text() if self.found else "no more events"
        return f"event {self.index}\n  reference:  {expected}\n  submission: {found}"


class EventSequence:
    """Listens to a machine and keeps the events of one VM that another run must have, too."""

    def __init__(self, vm: int = 0) -> None:
        self.vm = vm
        self.keys: list[Key] = []
        self._rows: list[list[int]] = []
        self._after_interrupt = False

    def __call__(self, records: Records) -> None:
        """Take note of some records, in order."""
        kinds = records[:, 0] & np.uint64(0xFF)
        owners = records[:, 0] >> np.uint64(32) & np.uint64(0xFF)
        told = (kinds == KIND["MARK"]) & (owners == 0)
        traps = (kinds == KIND["TRAP"]) & (owners == self.vm + 1)
        for row in records[told | traps].tolist():
            if len(self.keys) < MAX_EVENTS:
                self._take(row)

    def _take(self, row: list[int]) -> None:
        head, _, _, pc, a, b, _, _ = row
        kind = head & 0xFF
        if kind == KIND["TRAP"]:
            if a < _INTERRUPT:
                self._keep((kind, a, b, pc), row)
        elif b >> 16 == self.vm:
            if a == _EXIT and b & 0xFF == _INTERRUPT_EXIT:
                self._after_interrupt = True
            elif a == _ENTER and self._after_interrupt:
                self._after_interrupt = False
            elif a in (_ENTER, _EXIT, _VM_END):
                self._keep((kind, a, b, 0), row)

    def _keep(self, key: Key, row: list[int]) -> None:
        self.keys.append(key)
        self._rows.append(row)

    def event(self, index: int) -> Event | None:
        """One of the events kept, None past the end."""
        if index >= len(self._rows):
            return None
        return next(decode(np.array([self._rows[index]], np.uint64)))


def first_divergence(expected: EventSequence, found: EventSequence) -> Divergence | None:
    """Where two runs differ first, or None."""
    index = _first_difference(expected.keys, found.keys)
    if index is None:
        return None
    return Divergence(index, expected.event(index), found.event(index))


def _first_difference(one: Sequence[Key], other: Sequence[Key]) -> int | None:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return None if len(one) == len(other) else min(len(one), len(other))
