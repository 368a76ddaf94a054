"""The records of a run that the views draw on: the last ones, and counts of all traps."""

from __future__ import annotations

from collections import Counter

import numpy as np

from isa import causes, marks
from isa.causes import PRIV_NAMES
from simvirt.events import KIND, Records, decode
from simvirt.tui.snapshot import CountRow, LogRow
from simvirt.tui.timeline import Processes, layer_codes
from simvirt.virt.layers import LAYERS
from simvirt.virt.stacks import Stack

KEPT = 1 << 16
KINDS = ("TRAP", "XRET", "MARK", "OWNER", "VIOLATION")
_LOOKED_AT = 4000  # records of which the log shows the last
_LOGGED_MARKS = np.array(
    [marks.MARK_NUMBERS[n] for n in ("EXIT", "VM_END", "VM_FAULT", "BEGIN", "END")]
)


class Recorder:
    """Listens to a machine; keeps the tail of its records and counts traps."""

    def __init__(self, stack: Stack) -> None:
        self._placement = stack.placement
        self._chunks: list[Records] = []
        self._length = 0
        self.traps: Counter[tuple[int, int]] = Counter()
        self.last_trap: int | None = None  # t
        self.last_guest_trap: int | None = None
        stack.machine.listeners.append(self._listen)

    def _listen(self, records: Records) -> None:
        kind = records[:, 0] & np.uint64(0xFF)
        self._chunks.append(records)
        self._length += len(records)
        while self._length - len(self._chunks[0]) >= KEPT:
            self._length -= len(self._chunks.pop(0))
        trapped = records[kind == np.uint64(KIND["TRAP"])]
        if len(trapped):
            self._count(trapped)

    def _count(self, trapped: Records) -> None:
        head = trapped[:, 0]
        self.last_trap = int(trapped[-1, 1])
        guests = trapped[(head >> np.uint64(32) & np.uint64(0xFF)) > 0]
        if len(guests):
            self.last_guest_trap = int(guests[-1, 1])
        modes = head >> np.uint64(16) & np.uint64(3)
        keys = np.stack((trapped[:, 4], modes), axis=1)
        found, counts = np.unique(keys, axis=0, return_counts=True)
        for (cause, mode), count in zip(found.tolist(), counts.tolist(), strict=True):
            self.traps[cause, mode] += count

    def saved(self) -> tuple[tuple[Records, ...], Counter[tuple[int, int]], tuple[int | None, ...]]:
        """All that has been heard (as `simvirt.history` asks listeners)."""
        return tuple(self._chunks), self.traps.copy(), (self.last_trap, self.last_guest_trap)

    def rewind(
        self, saved: tuple[tuple[Records, ...], Counter[tuple[int, int]], tuple[int | None, ...]]
    ) -> None:
        """Have heard just that."""
        chunks, traps, (self.last_trap, self.last_guest_trap) = saved
        self._chunks, self.traps = list(chunks), traps.copy()
        self._length = sum(map(len, chunks))

    @property
    def tail(self) -> Records:
        """The last records, in order."""
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)[-KEPT:]]
            self._length = len(self._chunks[0])
        return self._chunks[0] if self._chunks else np.zeros((0, 8), np.uint64)

    def log(self, rows: int, processes: Processes) -> tuple[LogRow, ...]:
        """The last traps, exits and ends of VMs, the newest last."""
        tail = self.tail[-_LOOKED_AT:]
        if not len(tail):
            return ()
        kind = tail[:, 0] & np.uint64(0xFF)
        mark = (kind == np.uint64(KIND["MARK"])) & np.isin(tail[:, 4], _LOGGED_MARKS)
        trap = np.isin(kind, [KIND["TRAP"], KIND["VIOLATION"]])
        chosen = np.flatnonzero(mark | trap)[-rows:]
        before = np.maximum(chosen - 1, 0)
        layers = layer_codes(tail, self._placement, processes)[before] >> 32
        events = decode(tail[chosen])
        return tuple(
            LogRow(e.t, LAYERS[layer], e.text().split(" ", 1)[1].strip())
            for e, layer in zip(events, layers.tolist(), strict=True)
        )

    def counts(self) -> tuple[CountRow, ...]:
        """All traps by cause and mode, the most frequent first."""
        return tuple(
            CountRow(f"{causes.describe(cause)} in {PRIV_NAMES.get(mode, '?')}", count)
            for (cause, mode), count in sorted(
                self.traps.items(), key=lambda row: (-row[1], row[0])
            )
        )
