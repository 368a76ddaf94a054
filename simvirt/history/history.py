"""The history of one machine: where it has been, and going there again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING

import numpy as np

from simvirt.errors import SimVirtError
from simvirt.history.frozen import Frozen, freeze, thaw, weight
from simvirt.history.pages import PageStore
from simvirt.machine import Machine, Stop
from simvirt.outside import Outside

if TYPE_CHECKING:
    from simvirt.snapshot import Snapshot


_ENOUGH = 0.025  # seconds of work after which it looks whether a checkpoint is due
_SHORT, _FIRST = 50_000, 1_000_000  # steps of the shortest stretch between two looks, of the first
_LONGEST = 0.25  # seconds of work from a checkpoint to the next one, at most
_NEAR = 20_000  # steps before a moment that was hard to reach: a checkpoint there for the next one


@dataclass(frozen=True)
class Settings:
    """How much is kept: a checkpoint each `spacing` steps, or sooner, after `seconds` of work.

    When the `memory` in bytes is used up, checkpoints go, but not the last two before the machine,
    so that a step back is never far; `spacing` doubles, and so does `seconds`, up to 0.25.
    """

    spacing: int = 8_000_000
    memory: int = 512 << 20
    seconds: float = 0.15


class GivenUp(SimVirtError):
    """A way through time, or a search, was ended on request; the machine stands somewhere."""

    exit_code = 130


class History:
    """Runs a machine so that it can go back; whoever runs the machine runs it through this."""

    def __init__(self, machine: Machine, settings: Settings | None = None) -> None:
        """History begins now."""
        self.machine = machine
        self.settings = settings or Settings()
        self._spacing, self._seconds = self.settings.spacing, self.settings.seconds
        self._stretch = _FIRST
        self._spent = 0.0  # seconds of work since a checkpoint
        self._said = [b"" for _ in machine.consoles]  # all that the known future writes
        self.give_up: Callable[[], bool] = lambda: False  # asked when a way is interrupted
        self.restart()
        machine.before_input = self._branch
        machine.runner = self.run

    def restart(self) -> None:
        """Forget everything: history begins now."""
        self._entered = len(self.machine.inputs)  # those that have entered it as it stands
        self._points: list[Frozen] = [freeze(self.machine, self._entered)]
        self._costs = [0.0]  # seconds of work from the checkpoint before
        self._weights = [weight(self._points[0])]
        self._pages = PageStore(self.machine.state)
        self._latest = self._now()
        self._spent = 0.0

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
        return self._pages.size + sum(self._weights)

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
        target = min(end, border, t + self._stretch)
        if coming is not None and coming.t > t:
            target = min(target, coming.t)
        waits = coming is not None and coming.t == t
        stop = self._timed(max(target - t, 1 if waits and end > t else 0))
        if stop.reason == "waiting" and self._due(self._coming()):
            return None
        if stop.reason != "budget":
            return stop
        t = self._now()[0]
        ahead = self._now() >= self._latest
        if self._spent > self._seconds or (ahead and t % self._spacing == 0):
            self.checkpoint(thin=ahead)
        return stop if t >= end else None

    def _timed(self, steps: int) -> Stop:
        """Run, and see how much work it is; processor time, for others may be at work, too."""
        begin, first = thread_time(), self._now()[0]
        stop = self._run_machine(steps)
        seconds, done = thread_time() - begin, self._now()[0] - first
        self._spent += seconds
        if done == self._stretch or seconds > _ENOUGH:
            wanted = int(done * _ENOUGH / max(seconds, 1e-4))
            self._stretch = min(max(wanted, _SHORT), 2 * self._stretch, self._spacing)
        return stop

    def _run_machine(self, steps: int) -> Stop:
        """With the past's idling while the past is replayed, with the machine's own behind it."""
        machine = self.machine
        if self._coming() is None and self._now() >= self._latest:
            return machine.advance(steps)
        pace, live = machine.pace, machine.live_input
        machine.pace, machine.live_input = self._replay_pace, True
        try:
            return machine.advance(steps)
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
        self._cut(self._behind((*self._latest, self._entered - 1)))

    def _cut(self, keep: int) -> None:
        for kept in (self._points, self._costs, self._weights):
            del kept[keep:]
        self._pages.cut(keep)

    # ---- checkpoints -------------------------------------------------------------------------

    def checkpoint(self, thin: bool = False) -> None:
        """Keep this moment, if it is not kept already; `thin`: seldomer ones when memory ends."""
        now = (*self._now(), self._entered)
        index = self._behind(now)
        spent, self._spent = self._spent, 0.0
        if _key(self._points[index - 1]) == now:
            self._pages.at(index - 1)
            return
        point = freeze(self.machine, self._entered)
        self._points.insert(index, point)
        self._costs.insert(index, spent)
        if index + 1 < len(self._costs):
            self._costs[index + 1] = max(self._costs[index + 1] - spent, 0.0)
        self._weights.insert(index, weight(point, self._points[index - 1]))
        self._pages.insert(index)
        if self.size > self.settings.memory:
            if thin:
                self._spacing, self._seconds = 2 * self._spacing, min(2 * self._seconds, _LONGEST)
            self._thin(index)

    def _behind(self, moment: tuple[int, int, int]) -> int:
        """How many checkpoints do not lie behind a moment (t, idle, inputs)."""
        return bisect_right(self._points, moment, key=_key)

    def _thin(self, last: int) -> None:
        """Checkpoints go that are soon reached from the one before, until a quarter is free.

        The first stays, and `last` and the one before it, as long as both find room.
        """
        while self.size > self.settings.memory * 3 // 4:
            without = np.array(self._costs)
            without[:-1] += without[1:]
            without[[0, last, max(last - 1, 0)]] = np.inf
            index = int(without.argmin())
            if without[index] == np.inf:
                break
            self._drop(index)
            last -= index < last
        if self.size > self.settings.memory and last > 1:
            self._drop(last - 1)

    def _drop(self, index: int) -> None:
        cost = self._costs.pop(index)
        if index < len(self._costs):
            self._costs[index] += cost
            self._weights[index + 1] = weight(self._points[index + 1], self._points[index - 1])
        del self._points[index], self._weights[index]
        self._pages.drop(index)

    # ---- back --------------------------------------------------------------------------------

    def goto(self, t: int) -> Stop:
        """Be where the machine was, or will be, when `t` is reached.

        Raises ValueError before the first moment.
        """
        if t < self.first:
            raise ValueError(f"t={t} lies before the first moment, t={self.first}")
        index = bisect_right(self._points, t, key=lambda point: point.t) - 1
        now = self._now()[0]
        back = t < now
        if back or self._points[index].t > now:
            self._restore(index)
        way = t - self._now()[0]
        if back and (way > 10 * _NEAR or self._hard(index, way)):
            self.reach(t - min(_NEAR, way // 50))
            self.checkpoint()  # who steps back once does it again
        return self.reach(t)

    def _hard(self, index: int, way: int) -> bool:
        """Do so many steps behind a checkpoint take long, as they did before?"""
        if index + 1 >= len(self._points):
            return self._stretch < 10 * _NEAR
        span = self._points[index + 1].t - self._points[index].t
        return self._costs[index + 1] * way > _ENOUGH * span

    def reach(self, t: int) -> Stop:
        """Run until step `t` comes next, on through interruptions.

        Raises GivenUp when one comes and `give_up` says so.
        """
        while True:
            stop = self.run(max(t - self._now()[0], 0))
            if stop.reason != "interrupted" or self._now()[0] >= t:
                return stop
            self.go_on()

    def go_on(self) -> None:
        """An interruption has come: raise GivenUp when it was meant."""
        if self.give_up():
            raise GivenUp("the way through time was given up")

    def adopt(self, snapshot: Snapshot, put: Callable[[], None]) -> None:
        """`put` makes the machine what a snapshot says; a past that led there is kept."""
        log = tuple(self.machine.inputs)
        moment = (snapshot.frozen.t, snapshot.frozen.idle)
        if snapshot.inputs is None or not self._covers(moment, snapshot.inputs):
            put()
            self.restart()
            return
        self._restore(self._behind((*moment, snapshot.frozen.inputs)) - 1)
        self._latest = max(self._latest, moment)
        put()
        self.machine.inputs[:] = log
        self._entered = snapshot.frozen.inputs

    def _covers(self, moment: tuple[int, int], came: tuple[Outside, ...]) -> bool:
        """Does the known time, past and future, hold a moment before which just this had come?"""
        log, first = self.machine.inputs, self._points[0]
        between = (first.t, first.idle) <= moment <= max(self._latest, self._now())
        same = first.inputs <= len(came) <= len(log) and tuple(log[: len(came)]) == came
        return between and same and all(moment <= (i.t, i.idle) for i in log[len(came) :])

    def _restore(self, index: int) -> None:
        self._latest = max(self._latest, self._now())
        self._hear()
        point = self._points[index]
        self._pages.restore(index)
        thaw(self.machine, point)
        self._entered, self._spent = point.inputs, 0.0
        for console, said in zip(self.machine.consoles, self._said, strict=True):
            console.output[:] = said[: console.state().sent]

    def _hear(self) -> None:
        """Remember what the consoles have written; a checkpoint holds only how much it was."""
        for i, console in enumerate(self.machine.consoles):
            if len(console.output) > len(self._said[i]):
                self._said[i] = bytes(console.output)


def _key(point: Frozen) -> tuple[int, int, int]:
    return point.t, point.idle, point.inputs
