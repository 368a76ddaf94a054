"""Golden sequences of events: what a VM did and why it was left, compared with another run.

Neither times nor addresses of the VMM count, since two right solutions differ in them; so do
interrupts of the real machine, which come at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa import marks
from simvirt.events import KIND, Event, Records, decode

KINDS = ("TRAP", "MARK", "OWNER", "VIOLATION")
MAX_EVENTS = 200_000
_ENTER, _EXIT, _VM_END = (
    np.uint64(marks.MARK_NUMBERS[name]) for name in ("ENTER", "EXIT", "VM_END")
)
_INTERRUPT_EXIT = np.uint64(marks.EXIT_REASON_NUMBERS["interrupt"])
_INTERRUPT = np.uint64(1 << 63)
_HEAD, _T, _PC, _A, _B = 0, 1, 3, 4, 5  # words of a record
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]


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
    """Listens to a machine and keeps the events of one VM that another run must have, too.

    It counts the VM's exits as well.  A long run has a hundred thousand events: nothing here
    takes them one by one.
    """

    def __init__(self, vm: int = 0) -> None:
        self.vm = vm
        self._pieces: list[Records] = []
        self._length = 0
        self._after_interrupt = False
        self._exits = np.zeros(256, np.int64)

    def __call__(self, records: Records) -> None:
        """Take note of some records, in order."""
        kinds = records[:, _HEAD] & np.uint64(0xFF)
        owners = records[:, _HEAD] >> np.uint64(32) & np.uint64(0xFF)
        a, b = records[:, _A], records[:, _B]
        traps = (kinds == KIND["TRAP"]) & (owners == self.vm + 1) & (a < _INTERRUPT)
        told = (kinds == KIND["MARK"]) & (owners == 0) & (b >> np.uint64(16) == self.vm)
        exits = told & (a == _EXIT)
        reasons = b & np.uint64(0xFF)
        self._exits += np.bincount(reasons[exits].astype(np.int64), minlength=256)
        interrupts = exits & (reasons == _INTERRUPT_EXIT)
        back = self._back_from(interrupts, told & (a == _ENTER))
        marks = told & ((a == _ENTER) | (a == _EXIT) | (a == _VM_END)) & ~interrupts & ~back
        self._keep(records[traps | marks])

    def _back_from(self, interrupts: Flags, entries: Flags) -> Flags:
        """The first entry after each exit for an interrupt, perhaps one of an earlier piece."""
        here = np.flatnonzero(interrupts | entries)
        left = np.concatenate(([self._after_interrupt], interrupts[here]))
        self._after_interrupt = bool(left[-1])
        back = np.zeros(len(entries), np.bool_)
        back[here] = left[:-1]
        return back & entries

    def _keep(self, records: Records) -> None:
        kept = records[: MAX_EVENTS - self._length]
        if len(kept):
            self._pieces.append(kept)
            self._length += len(kept)

    def __len__(self) -> int:
        return self._length

    def exits(self, reason: str) -> int:
        """How often the VMM said that it left the VM for a reason (isa.marks.EXIT_REASONS).

        Raises KeyError for an unknown one.
        """
        return int(self._exits[marks.EXIT_REASON_NUMBERS[reason]])

    @property
    def records(self) -> Records:
        """All that is kept."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else np.zeros((0, 8), np.uint64)

    def keys(self) -> Keys:
        """What must be the same in another run: kind, two values, and the pc of a trap."""
        records = self.records
        kinds = records[:, _HEAD] & np.uint64(0xFF)
        pcs = np.where(kinds == KIND["TRAP"], records[:, _PC], np.uint64(0))
        return np.column_stack((kinds, records[:, _A], records[:, _B], pcs))

    def until(self, t: int) -> int:
        """How many of the events kept are of step `t` or before."""
        return int(np.searchsorted(self.records[:, _T], np.uint64(t), "right"))

    def event(self, index: int) -> Event | None:
        """One of the events kept, None past the end."""
        return next(decode(self.records[index : index + 1]), None)


def first_divergence(expected: EventSequence, found: EventSequence) -> Divergence | None:
    """Where two runs differ first, or None."""
    index = _first_difference(expected.keys(), found.keys())
    if index is None:
        return None
    return Divergence(index, expected.event(index), found.event(index))


def _first_difference(one: Keys, other: Keys) -> int | None:
    both = min(len(one), len(other))
    different = np.flatnonzero((one[:both] != other[:both]).any(axis=1))
    if len(different):
        return int(different[0])
    return None if len(one) == len(other) else both
