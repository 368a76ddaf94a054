"""The account of one VM while it is being kept: which of its buckets is filling, and why.

An exit lasts from the moment the guest stops until it executes again.  Its reason comes by a
mark in between.  When the guest cannot be entered (its first fetch faults), the next mark
closes the exit at the ENTER of the failed try.
"""

from __future__ import annotations

from isa import marks

Bill = list[int]  # [instructions, cycles]
Position = tuple[int, int]  # of the machine: instructions, cycles

OTHER = 0
WFI = marks.EXIT_REASON_NUMBERS["wfi"]


class VmBill:
    """What one VM has been charged.  `bucket` is what its handling is charged to just now."""

    def __init__(self) -> None:
        self.guest: Bill = [0, 0]
        self.management: Bill = [0, 0]
        self.exits: dict[int, list[int]] = {}
        self.exit_count = 0
        self.bucket: Bill = self.management
        self.runs = 0
        self.entries: list[Position] = []  # when each run's guest executed first
        self.outcomes: list[int] = []
        self._exit: Bill = [0, 0]  # of the exit being handled
        self._entry: Bill = [0, 0]  # since the last ENTER: the exit's, unless the try fails
        self._open = False  # an exit is being handled
        self._reason: int | None = None
        self._alive = False
        self._born: Position = (0, 0)  # cycles: of the machine, charged to this VM
        self._waits: Position | None = None
        self._stolen = 0
        self._handled = 0  # cycles of all finished exits

    @property
    def unfinished(self) -> Bill:
        """What belongs to an exit that is still being handled."""
        return [self._exit[0] + self._entry[0], self._exit[1] + self._entry[1]]

    def about_to_enter(self, now: Position) -> None:
        """ENTER: the next instructions try to get into the guest."""
        if not self._alive:
            self._alive = True
            self.runs += 1
            self._born = (now[1], self._charged())
        _move(self._entry, self._exit)
        self.bucket = self._entry

    def entered(self, now: Position) -> None:
        """The guest executes."""
        if len(self.entries) < self.runs:
            self.entries.append(now)
        if self._open:
            _move(self._entry, self._exit)
            self._close(now)
        elif self._exit[1] or self._entry[1]:  # the first entry: part of making the VM
            _move(self._entry, self.management)
            _move(self._exit, self.management)
        self.bucket = self.guest

    def left(self) -> None:
        """The guest has stopped executing."""
        self._open = True
        self.bucket = self._exit

    def classified(self, reason: int, now: Position) -> None:
        """EXIT: now it is known why."""
        if not self._open:  # the very first entry failed
            _move(self._exit, self.management)
        elif self._reason is not None:  # the guest was left before it executed anything
            self._close(now)
        _move(self._entry, self._exit)
        self._open = True
        self._reason = reason
        if reason == WFI:
            self._waits = (now[1], self._charged())
        self.bucket = self._exit

    def ended(self, outcome: int, now: Position) -> None:
        """VM_END: what follows is clearing up."""
        self.outcomes.append(outcome)
        _move(self._entry, self._exit)
        if self._open:
            self._close(now)
        self._stolen += self._others(self._born, now[1])
        self._alive = False
        self.bucket = self.management

    def steal(self, cycles: int) -> int:
        """Cycles that others used while this VM lived and did not wait, up to now."""
        if not self._alive:
            return self._stolen
        waiting = self._others(self._waits, cycles) if self._waits else 0
        return self._stolen + self._others(self._born, cycles) - waiting

    def _close(self, now: Position) -> None:
        reason = OTHER if self._reason is None else self._reason
        cost = self.exits.setdefault(reason, [0, 0, 0])
        if self._waits is not None:
            self._stolen -= self._others(self._waits, now[1])
            self._waits = None
        cost[0] += 1
        cost[1] += self._exit[0]
        cost[2] += self._exit[1]
        self.exit_count += 1
        self._handled += self._exit[1]
        self._exit[:] = (0, 0)
        self._open = False
        self._reason = None

    def _charged(self) -> int:
        """Cycles charged to this VM so far."""
        return self.guest[1] + self.management[1] + self._handled + self.unfinished[1]

    def _others(self, since: Position, cycles: int) -> int:
        """Cycles that passed since then and were not this VM's."""
        return cycles - since[0] - (self._charged() - since[1])


def _move(source: Bill, target: Bill) -> None:
    target[0] += source[0]
    target[1] += source[1]
    source[:] = (0, 0)
