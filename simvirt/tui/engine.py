"""The engine's thread: owns the simulation, takes commands from a queue, publishes snapshots.

The views' thread never touches the machine, but for `Machine.interrupt`, which makes a running
kernel come out early.  While the machine runs it does so in pieces of some milliseconds.
"""

from __future__ import annotations

import gc
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from simvirt import stops
from simvirt.errors import SimVirtError
from simvirt.machine import Stop
from simvirt.simulation import Simulation
from simvirt.tui.backwards import Backwards
from simvirt.tui.look import Looker
from simvirt.tui.over import OnReturn
from simvirt.tui.record import KINDS, Recorder
from simvirt.tui.snapshot import Snapshot, Wanted, Went
from simvirt.tui.targets import Targets
from simvirt.tui.warm import warm
from simvirt.virt.accounting import Accountant
from simvirt.virt.explain import explain as explain_trap
from simvirt.virt.layers import Where
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.rewinding import Rewinding
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin

PIECE = 0.012  # seconds that the machine runs between two looks at the queue
SHOWN = 0.1  # seconds between two snapshots while it runs; a command has its own at once
REST = 0.05  # seconds that it stands at most while a snapshot is being painted
_END_SEARCH = ("pause", "close")
_FIRST, _SMALLEST, _LARGEST = 200_000, 20_000, 20_000_000  # steps of a piece


@dataclass(frozen=True)
class Command:
    """What to do: "step", "over", "continue", "pause", "to", "trap", "exit", "switch", "run",
    "break", "goto", "explain", "explain_guest", "send", "look", "close", or a move of
    `simvirt.tui.backwards`; with what it needs.
    """

    name: str
    address: int = 0
    text: str = ""
    data: bytes = b""


@dataclass
class _Job:
    """A move that takes more than one piece; `holds` says whether it has come to its end."""

    conditions: tuple[stops.Condition, ...]
    said: str
    holds: Callable[[], bool] | None = None
    end: int | None = None  # t


class Engine:
    """Runs a simulation in a thread of its own.  `publish` hears each snapshot, in that thread."""

    def __init__(self, sim: Simulation, publish: Callable[[Snapshot], None]) -> None:
        self._sim, self._publish = sim, publish
        self._queue: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._wanted = Wanted()
        self._recorder = Recorder(sim.stack)
        self._accountant = Accountant.attach(sim.stack)
        self._witness = Witness(sim.stack)
        Rewinding(self._witness)
        sim.record(KINDS)
        self._looker = Looker(sim, self._recorder, self._accountant)
        self.places = self._looker.places
        self._targets = Targets(sim, self._looker.layers, self.places, self._looker.addresses)
        self._backwards = Backwards(sim, self._recorder, self._looker.layers, self.places)
        self._backwards.cancelled = lambda: self._ends != self._ends_obeyed
        self._ends = self._ends_obeyed = 0  # commands that end a search
        self.searching = False
        self.first_channel = 0 if sim.stack.placement == "bare" else 1  # of the first guest
        self._painted = threading.Event()
        self.sent = self._obeyed = 0  # commands
        self._heard = 0.0  # when the last one came
        self._job: _Job | None = None
        self._message = "paused before the first instruction; ? helps"
        self._finished = self._waiting = False
        sim.machine.live_input = True
        self._went = Went()
        self._explanation: tuple[tuple[str, str], ...] = ()
        self._explained = 0
        self._steps, self._mips = _FIRST, 0.0
        sim.machine.notice = self._notice
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)

    # ---- the views' side ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; the first snapshot follows."""
        sys.setswitchinterval(0.0005)  # the views' thread waits no longer for its turn
        self._thread.start()

    def send(self, command: Command) -> None:
        """Ask for something; a snapshot follows."""
        self.sent += 1
        self._ends += command.name in _END_SEARCH
        self._heard = time.monotonic()
        self._queue.put(command)
        self._painted.set()
        self._sim.machine.interrupt()

    def painted(self) -> None:
        """The last snapshot is on the screen: the machine may run on."""
        self._painted.set()

    def want(self, wanted: Wanted) -> None:
        """What is visible has changed."""
        self._wanted = wanted
        self.send(Command("look"))

    def run_for(self, steps: int) -> None:
        """Run some steps at once, without a look at anything between."""
        self.send(Command("run", address=steps))

    def close(self) -> None:
        """End the thread, within the time of a piece."""
        self.send(Command("close"))
        self._thread.join(5)
        gc.unfreeze()

    # ---- the engine's side ----------------------------------------------------------------------

    def _work(self) -> None:
        self._prepare()
        self._show()
        while True:
            shown = time.monotonic()
            while self._job is not None and self._queue.empty():
                self._piece()
                if time.monotonic() - shown >= SHOWN or self._job is None:
                    self._show()
                    self._rest()
                    shown = time.monotonic()
            command = self._queue.get()
            if command.name == "close":
                return
            self._ends_obeyed += command.name in _END_SEARCH
            self._obey(command)
            self._obeyed += 1
            if self._queue.empty() or self._job is None:
                self._show()
                self._rest()

    def _rest(self) -> None:
        """Leave the interpreter to the views until they have painted: two at once are slower."""
        if self._queue.empty():
            self._painted.wait(REST)

    def _prepare(self) -> None:
        """While nothing runs: what would hold up a key later."""
        self._sim.machine.run(0)  # loads the kernel, and says so when it must be compiled
        warm()
        self._looker.prepare()
        gc.collect()
        gc.freeze()  # what lives as long as the program is not searched for garbage again
        gc.collect()
        self._sim.remember()

    def _show(self) -> None:
        try:
            made = self._looker.look(self._wanted, self._job is not None, self._message)
        except SimVirtError as error:
            self._message = str(error)
            return
        self._painted.clear()
        self._publish(replace(
            made, breaks=self.places.breaks(), marks=tuple(self._backwards.marks.items()),
            finished=self._finished, mips=self._mips, explanation=self._explanation,
            explained=self._explained, went=self._went, obeyed=self._obeyed,
        ))  # fmt: skip

    def _notice(self, text: str) -> None:
        """The kernel is being compiled: the views shall say why nothing moves."""
        kept, self._message = self._message, text
        self._show()
        self._message = kept

    def _obey(self, command: Command) -> None:
        """One command; what is wrong with it becomes the message."""
        try:
            self._do(command)
        except SimVirtError as error:
            self._message = str(error)

    def _do(self, command: Command) -> None:
        name = command.name
        if name == "look":
            return
        if name == "send":
            self._sim.machine.send(command.data, command.address)
            if self._waiting:
                self._move(Command("continue"))
        elif name == "pause":
            self._pause()
        elif name == "break":
            self._toggle(command)
        elif name == "goto":
            self._goto(command.text)
        elif name in ("explain", "explain_guest"):
            self._pause()
            self._explain(name == "explain_guest")
        elif self._backwards.knows(name):
            self._go_back(command)
        elif self._finished:
            self._message = "the machine has ended; q quits, everything can still be looked at"
        else:
            self._move(command)

    def _go_back(self, command: Command) -> None:
        """A move through the past, or a mark."""
        self._pause()
        self._looker.begin()
        self._waiting, self.searching = False, True
        try:
            self._message = self._backwards.move(command.name, command.text)
        finally:
            self.searching = False
            self._finished = self._sim.machine.finished is not None

    def _goto(self, text: str) -> None:
        """Look at an address; only the views move."""
        found = self._targets.find(text)
        self._went = Went(
            self._went.count + 1, found.address if found.code else None, found.address,
            "" if found.cursor else found.access, found.space,
        )  # fmt: skip
        self._wanted, self._message = self._went.into(self._wanted), found.said

    def _toggle(self, command: Command) -> None:
        address = command.text or hex(command.address)
        self._message = self.places.toggle(address)
        self._looker.breaks = self.places.physical()
        if self._job is not None:
            own = tuple(c for c in self._job.conditions if not isinstance(c, stops.AtPc))
            self._job.conditions = (*own, *self.places.conditions())

    def _pause(self) -> None:
        if self._job is not None:
            self._job = None
            self._message = f"paused at t={self._sim.t:,}"

    # ---- moves ----------------------------------------------------------------------------------

    def _move(self, command: Command) -> None:
        self._looker.begin()
        self._waiting = False
        if command.name == "step":
            self._job = None
            self._step()
        elif command.name == "over":
            self._over()
        else:
            self._job = self._job_of(command)
            self._message = f"running: {self._job.said}"

    def _job_of(self, command: Command) -> _Job:
        points = self.places.conditions()
        if command.name == "run":
            end = self._sim.t + command.address
            return _Job(points, f"to t={end:,}", end=end)
        if command.name == "trap":
            return _Job((stops.OnTrap(), *points), "to the next trap")
        if command.name == "exit":
            if self._sim.stack.placement == "bare":
                raise SimVirtError("a bare guest has no VM exits; start with --on hypervisor")
            return _Job((stops.OnExit(), *points), "to the next VM exit")
        if command.name == "switch":
            return self._to_switch(points)
        if command.name == "to":
            at = self.places.translate(command.address)
            return _Job((stops.AtPc(at), *points), f"to {command.address:#x}")
        return _Job(points, "until a breakpoint, or space")

    def _to_switch(self, points: tuple[stops.Condition, ...]) -> _Job:
        if len(self._sim.stack.guests) > 1:
            return _Job((stops.OnSwitch(), *points), "to the next vCPU switch")
        if self._sim.stack.placement == "hosted":
            return _Job((stops.OnMark("PROCESS"), *points), "to the next process switch")
        raise SimVirtError("there is one vCPU only, so none is switched; start with --vms 2")

    def _step(self) -> bool:
        """One step; was it a trap?"""
        before, t = self._recorder.last_trap, self._sim.t
        stop = self._sim.step()
        while stop.reason == "interrupted" and self._sim.t == t:
            stop = self._sim.step()  # a request that came before the step: it is not lost
        self._message = f"t={self._sim.t:,}"
        self._ended(stop.reason, stop.code)
        self._sim.machine.flush_events()
        trapped = self._recorder.last_trap != before
        if trapped:
            self._message = "a trap: e explains it"
        return trapped

    def _over(self) -> None:
        """Step; if that is a trap, run until what trapped goes on."""
        self._job = None
        was = self._looker.layers.where()
        if self._step():
            points = self.places.conditions()
            if self._sim.stack.placement == "bare":
                hart = self._looker.turns.last
                until = (OnReturn(hart), *points)  # has what a condition must have
                self._job = _Job(until, "over the trap")  # type: ignore[arg-type]
                return
            conditions = (stops.OnModeChange(), *points)
            self._job = _Job(conditions, "over the trap", lambda: self._back(was))

    def _back(self, was: Where) -> bool:
        now = self._looker.layers.where()
        same = (now.layer, now.vm) if was.in_guest else (now.layer, now.vm, now.process)
        if was.in_guest and now.in_guest and now.vm == was.vm and now.real_mode == was.real_mode:
            return True  # the guest goes on, if only in its own handler
        return same == ((was.layer, was.vm, was.process)[: len(same)])

    def _piece(self) -> None:
        """Run a little; end the job when a condition holds or the machine has ended."""
        job = self._job
        assert job is not None
        started, t = time.monotonic(), self._sim.t
        steps = self._steps if job.end is None else min(self._steps, job.end - t)
        stop = self._sim.run(job.conditions, max_steps=steps)
        self._measure(self._sim.t - t, time.monotonic() - started, stop.reason)
        if stop.reason == "stop":
            self._condition_held(job)
        elif stop.reason not in ("budget", "interrupted"):
            self._ended(stop.reason, stop.code)
        elif job.end == self._sim.t:
            self._job, self._message = None, f"stopped {job.said}"

    def _measure(self, steps: int, seconds: float, reason: str) -> None:
        if seconds <= 0 or steps < _SMALLEST // 2:
            return
        self._mips = 0.8 * self._mips + 0.2 * steps / seconds / 1e6
        if reason == "budget":
            wanted = int(self._steps * min(max(PIECE / seconds, 0.5), 2))
            self._steps = min(max(wanted, _SMALLEST), _LARGEST)

    def _condition_held(self, job: _Job) -> None:
        at = self.places.hit()
        if job.holds is not None and not at and not job.holds():
            return
        self._job = None
        self._message = f"breakpoint at {at}" if at else f"stopped {job.said}, t={self._sim.t:,}"

    def _ended(self, reason: str, code: int) -> None:
        if reason == "waiting":
            self._job, self._waiting = None, True
            self._message = "the machine waits for input; i types into a console"
        elif reason in ("finished", "reset", "no-progress", "stuck"):
            self._job, self._finished = None, True
            self._message = self._epitaph(reason, code)

    def _epitaph(self, reason: str, code: int) -> str:
        words = explain(self._witness, Stop(reason, self._sim.t, code)).split("\n")[0]
        return words or f"the machine has ended: {reason}, code {code}; t={self._sim.t:,}"

    # ---- explaining -----------------------------------------------------------------------------

    def _at(self, t: int) -> Stack:
        """A copy of the machine as it was at an earlier step."""
        here = self._sim.t
        self._sim.goto(t)
        try:
            return twin(self._sim.stack)
        finally:
            self._sim.goto(here)

    def _explain(self, of_guest: bool) -> None:
        t = self._recorder.last_guest_trap if of_guest else self._recorder.last_trap
        whose = "no trap of a guest" if of_guest else "no trap"
        if t is None:
            raise SimVirtError(f"{whose} has been taken yet; ] runs to the next one")
        told = explain_trap(self._at(t), self._looker.layers)
        reasons = {} if told.where.vm is None else self._accountant.exits().get(told.where.vm, {})
        told = replace(told, total=reasons.get(told.reason))
        self._explanation = tuple(told.lines())
        self._explained += 1
