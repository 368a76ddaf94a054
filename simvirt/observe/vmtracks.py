"""The tracks of one VM: runs from entry to exit, exits by reason, the virtual mode.

Exits are told apart as `simvirt.virt.charges` does it, so that there are as many of each reason as
the accounting has.
"""

from __future__ import annotations

from typing import NamedTuple

from isa import marks
from isa.causes import PRIV_NAMES
from simvirt.observe import protobuf as pb
from simvirt.observe.lanes import Lane, Trace


class Now(NamedTuple):
    """A moment: step, instructions retired, modelled cycles."""

    t: int
    instructions: int
    cycles: int


class VmTracks:
    """Follows one VM.  All times are those of the machine."""

    def __init__(self, trace: Trace, name: str, t: int) -> None:
        """Nothing has happened to it before `t`."""
        self._trace = trace
        self.group = trace.track(name)
        self._vcpu = trace.track("vcpu 0", self.group)
        self._runs = trace.track("runs", self._vcpu)
        self._exits = trace.track("exits", self._vcpu)
        self.mode = Lane(trace, trace.track("virtual mode", self._vcpu))
        self.marks = trace.track("marks", self.group)
        self._counters: dict[str, tuple[int, int]] = {}  # reason: track, count so far
        self._counts = trace.track("exits so far", self.group)
        self._count("all exits", 0, t)
        self._running: Now | None = None  # since when
        self._left: tuple[Now, str] | None = None  # a run that ended, for a reason not known yet
        self._since: Now | None = None  # when the exit began that is being handled
        self._entry: Now | None = None  # the last ENTER
        self._reason: int | None = None

    # ---- what happens ---------------------------------------------------------------------------

    def about_to_enter(self, now: Now, mode: int) -> None:
        """ENTER: the next instructions try to get into the guest."""
        self._entry = now
        self.mode.switch(now.t, PRIV_NAMES.get(mode, "?"))

    def entered(self, now: Now, pc: int) -> None:
        """The guest executes."""
        if self._since is not None:
            self._close(now)
        self._end_run(now)
        self._trace.write(pb.event(now.t, pb.BEGIN, self._runs, "run", (("pc", pc),)))
        self._running = now

    def left(self, now: Now, place: str) -> None:
        """The guest has stopped executing, at `place`."""
        if self._running is not None:
            self._left = now, place
        self._since, self._reason = now, None

    def classified(self, reason: int, now: Now) -> None:
        """EXIT: now it is known why."""
        if self._since is None:  # the very first entry failed
            self._since = self._entry or now
        elif self._reason is not None:  # the guest was left before it executed anything
            entry = self._entry
            at = now if entry is None or entry.t < self._since.t else entry
            self._close(at)
            self._since = at
        self._reason = reason

    def ended(self, now: Now) -> None:
        """VM_END: what follows is clearing up."""
        if self._since is not None:
            self._close(now)
        self.mode.switch(now.t, "")

    def finish(self, now: Now) -> None:
        """The end of the trace: what has not ended says so."""
        self.mode.finish(now.t)
        if self._since is not None:
            self._show_exit(now, " (unfinished)")
        self._end_run(now)

    # ---- slices ---------------------------------------------------------------------------------

    def _end_run(self, now: Now) -> None:
        """The run is over, if there is one: where and why it was left, if that is known."""
        if self._running is None:
            return
        since, self._running = self._running, None
        end = now
        args: list[tuple[str, int | str]] = []
        if self._left is not None:
            end, place = self._left
            args = [("exit", self._why()), ("left_at", place)]
        self._left = None
        args += _spent(since, end)
        self._trace.write(pb.event(end.t, pb.END, self._runs, args=args))

    def _close(self, now: Now) -> None:
        self._show_exit(now)
        self._count(self._why(), 1, now.t)
        self._count("all exits", 1, now.t)
        self._since = self._reason = None

    def _show_exit(self, now: Now, comment: str = "") -> None:
        assert self._since is not None
        name, spent = self._why() + comment, _spent(self._since, now)
        self._end_run(now)
        self._trace.write(pb.event(self._since.t, pb.BEGIN, self._exits, name, spent))
        self._trace.write(pb.event(now.t, pb.END, self._exits))

    def _why(self) -> str:
        return marks.EXIT_REASON_NAMES.get(self._reason or 0, str(self._reason))

    def _count(self, name: str, more: int, t: int) -> None:
        if name not in self._counters:
            self._counters[name] = self._trace.track(name, self._counts, counts=True), 0
        track, count = self._counters[name]
        self._counters[name] = track, count + more
        self._trace.write(pb.counter(t, track, count + more))


def _spent(since: Now, now: Now) -> list[tuple[str, int | str]]:
    """What passed in the machine, whoever used it."""
    return [
        ("instructions", now.instructions - since.instructions),
        ("cycles", now.cycles - since.cycles),
    ]
