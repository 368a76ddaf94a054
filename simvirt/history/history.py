"""The history of one machine: where it has been, and going there again."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from simvirt.history.frozen import Frozen, freeze, thaw
from simvirt.history.pages import PageStore
from simvirt.machine import Machine, Stop
from simvirt.outside import Outside


@dataclass(frozen=True)
class Settings:
    """How much is kept: `spacing` steps between two checkpoints at first, `memory` in bytes.

    The spacing doubles, and every other checkpoint goes, when the memory is used up.
    """

    spacing: int = 8_000_000
    memory: int = 512 << 20


class History:
    """Runs a machine so that it can go back.  All running must be done through `run`."""

    def __init__(self, machine: Machine, settings: Settings | None = None) -> None:
        """History begins now."""
        self.machine = machine
        self.settings = settings or Settings()
        self._spacing = self.settings.spacing
        self._entered = len(machine.inputs)  # inputs that have entered the machine as it stands
        self._points: list[Frozen] = [freeze(machine, self._entered)]
        self._pages = PageStore(machine.state)
        self._latest = self._now()
        self._said = [b"" for _ in machine.consoles]  # all that the known future writes
        machine.before_input = self._branch

    # ---- moments -----------------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The earliest t that can be reached."""
        return self._points[0].t

    @property
    def latest(self) -> int:
        """The last t that the machine has seen; what lies behind `t` up to there is a replay."""
        return max(self._latest, self._now())[0]

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The t of each checkpoint."""
        return tuple(point.t for point in self._points)

    @property
    def size(self) -> int:
        """Bytes that the checkpoints take, about."""
        return self._pages.size + sum(point.size for point in self._points)

    def _now(self) -> tuple[int, int]:
        state = self.machine.state
        return state.mach("t"), state.mach("idle")

    # ---- forward -----------------------------------------------------------------------------

    def run(self, max_steps: int) -> Stop:
        """As `Machine.run`; inputs of a future that is known enter again where they did."""
        end = self._now()[0] + max_steps
        while True:
            stop = self._piece(end)
            self._latest = max(self._latest, self._now())
            if stop is not None:
                return stop

    def _piece(self, end: int) -> Stop | None:
        """Run to the next input, checkpoint or the end; a Stop when the run is over."""
        t = self._now()[0]
        if t < end:
            self._feed()
        coming = self._coming()
        border = t - t % self._spacing + self._spacing
        target = min(end, border, coming.t if coming is not None and coming.t > t else end)
        waits = coming is not None and coming.t == t
        stop = self._run_machine(max(target - t, 1 if waits and end > t else 0))
        if stop.reason == "waiting" and self._due(self._coming()):
            return None
        if stop.reason != "budget":
            return stop
        t = self._now()[0]
        if t % self._spacing == 0:
            self.checkpoint()
        return stop if t >= end else None

    def _run_machine(self, steps: int) -> Stop:
        """With the past's idling while the past is replayed, with the machine's own behind it."""
        machine = self.machine
        if self._coming() is None and self._now() >= self._latest:
            return machine.run(steps)
        pace, live = machine.pace, machine.live_input
        machine.pace, machine.live_input = self._replay_pace, True
        try:
            return machine.run(steps)
        finally:
            machine.pace, machine.live_input = pace, live

    def _replay_pace(self, jump: int) -> int:
        """Steps to idle: up to the input that came then."""
        coming = self._coming()
        t, idle = self._now()
        return min(jump, coming.idle - idle) if coming is not None and coming.t == t else jump

    def _coming(self) -> Outside | None:
        """The next input of the known future."""
        inputs = self.machine.inputs
        return inputs[self._entered] if self._entered < len(inputs) else None

    def _due(self, item: Outside | None) -> bool:
        return item is not None and (item.t, item.idle) <= self._now()

    def _feed(self) -> None:
        """Inputs that entered at just this moment enter again."""
        while True:
            item = self._coming()
            if item is None or not self._due(item):
                return
            self._entered += 1
            item.enter(self.machine)

    def _branch(self) -> None:
        """An input comes now: the future that was known will not happen."""
        del self.machine.inputs[self._entered :]
        self._entered += 1  # the one that is about to be logged
        self._latest = self._now()
        self._said = [bytes(console.output) for console in self.machine.consoles]
        keep = self._behind((*self._latest, self._entered - 1))
        del self._points[keep:]
        self._pages.cut(keep)

    # ---- checkpoints -------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Keep this moment, if it is not kept already."""
        now = (*self._now(), self._entered)
        index = self._behind(now)
        if _key(self._points[index - 1]) == now:
            self._pages.at(index - 1)
            return
        self._points.insert(index, freeze(self.machine, self._entered))
        self._pages.insert(index)
        if self.size > self.settings.memory:
            self._thin(index)

    def _behind(self, moment: tuple[int, int, int]) -> int:
        """How many checkpoints do not lie behind a moment (t, idle, inputs)."""
        return bisect_right(self._points, moment, key=_key)

    def _thin(self, keep: int) -> None:
        """Every other checkpoint goes, but for the first and the one where the machine stands."""
        self._spacing *= 2
        for index in range(len(self._points) - 1, 0, -1):
            if index != keep and self._points[index].t % self._spacing:
                del self._points[index]
                self._pages.drop(index)
                keep -= index < keep

    # ---- back --------------------------------------------------------------------------------

    def goto(self, t: int) -> Stop:
        """Be where the machine was, or will be, when `t` is reached.

        Raises ValueError before the first moment.
        """
        if t < self.first:
            raise ValueError(f"t={t} lies before the first moment, t={self.first}")
        index = bisect_right(self.checkpoints, t) - 1
        now = self._now()[0]
        if t < now or self._points[index].t > now:
            self._restore(index)
        return self.run(t - self._now()[0])

    def _restore(self, index: int) -> None:
        self._latest = max(self._latest, self._now())
        self._hear()
        point = self._points[index]
        self._pages.restore(index)
        thaw(self.machine, point)
        self._entered = point.inputs
        for console, said in zip(self.machine.consoles, self._said, strict=True):
            console.output[:] = said[: console.state().sent]

    def _hear(self) -> None:
        """Remember what the consoles have written; a checkpoint holds only how much it was."""
        for i, console in enumerate(self.machine.consoles):
            if len(console.output) > len(self._said[i]):
                self._said[i] = bytes(console.output)


def _key(point: Frozen) -> tuple[int, int, int]:
    return point.t, point.idle, point.inputs
