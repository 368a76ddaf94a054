"""What gdb's resume packets mean for the machine: go on, step, step over a range, go back.

A step is one step of the machine, so one at an ecall ends in the handler.  When gdb asks for a
step of one thread *alone* (to get over a breakpoint, or with scheduler-locking on), and that leads
into another process, the machine runs on until the thread goes on.  So does a range step.

Of several harts one is stepped: the others have their turns until it has taken a step of its own.
gdb believes that they stand while one is stepped alone, and must not hear of them meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from simvirt.errors import InputError
from simvirt.events import mask_of
from simvirt.gdb.past import copy_of, go, muted
from simvirt.gdb.points import Armed, Points
from simvirt.gdb.processes import Process, Processes
from simvirt.gdb.ranges import ways_out
from simvirt.machine import Machine, Stop
from simvirt.stops import AtPc, OnAccess

TRAP, INT, ABRT, PWR = 5, 2, 6, 32  # gdb's numbers of signals
MAX_BREAKS, MAX_WATCHES = 256, 64  # in the engine's tables at a time
AHEAD = 20_000_000  # steps that copies look ahead when there are more
FOREVER = 1 << 62
_SOON = 64  # steps
_NOTHING = Armed((), (), frozenset())
_BEGIN = "replaylog:begin;"
_ENDED = {
    "finished": "the machine has been switched off",
    "reset": "the guest asked for a reset, which this machine does not do",
    "no-progress": "no progress: the same trap again and again",
    "stuck": "stuck: the machine waits, and nothing can wake it",
}


@dataclass
class Job:
    """One resume.  kind: "continue", "step", "range" ([start, end)), "back", "back_to".

    `passed`: what gdb's user must know of other harts than the one that is stepped alone.
    """

    kind: str
    process: Process | None = None
    hart: int = 0
    alone: bool = False
    start: int = 0
    end: int = 0
    stepped: bool = False
    steps: int = 0
    passed: str = ""


@dataclass(frozen=True)
class Outcome:
    """Why the machine stands: a signal, gdb's words for it (as "swbreak:;"), and ours.

    `hart`: whom it concerns; None: the one that goes on.
    """

    signal: int
    reason: str = ""
    note: str = ""
    hart: int | None = None


class Motion:
    """Runs the machine for one job after the other, in as many pieces as it takes."""

    def __init__(self, processes: Processes, points: Points) -> None:
        self._processes, self._points = processes, points
        self._sim, self._turns = processes.sim, processes.turns
        self.told = 0  # the hart that gdb was last told of
        self._unseen = False  # another one goes on, and may stand at a breakpoint
        self.job: Job | None = None
        self._armed = _NOTHING  # what the engine was told last
        self._hit = ""  # the watchpoint that the last piece met
        self._moved = self._met = False  # did the last piece take a step?
        self.waiting = False  # nothing can happen until input comes

    def start(self, job: Job) -> None:
        """Begin."""
        self.job = job
        self._unseen = self._turns.harts > 1 and self.told != self._turns.next
        self._points.remember()

    def advance(self, end: int = FOREVER) -> Outcome | None:
        """Run until the job is done: its outcome; None: interrupted before, or waiting for input.

        `end`: the step at which the budget is used up.
        """
        assert self.job is not None
        try:
            outcome = self._do(self.job, end)
        except InputError as error:
            outcome = Outcome(TRAP, note=str(error))
        if outcome is not None:
            self.job = None
        return outcome

    def _do(self, job: Job, end: int) -> Outcome | None:
        if job.kind in ("back", "back_to"):
            return self._back(job)
        if job.kind == "range":
            return self._range(job, end)
        if job.kind == "step" and self._turns.harts > 1:
            return self._step_hart(job, end)
        if job.kind == "step":
            return self._step(job, end)
        while True:
            stop = self._piece(end)
            outcome = self._outcome(stop)
            if outcome is not None or stop.reason in ("interrupted", "waiting"):
                return outcome

    def _step(self, job: Job, end: int) -> Outcome | None:
        wanted, now = job.process, self._processes.current()
        if not job.stepped and (wanted is None or wanted == now):
            stop = self._piece(min(end, self._sim.t + 1))
            job.stepped = self._moved
            outcome = self._outcome(stop, steps=True)
            if outcome is not None or not job.stepped:
                return outcome
        elif not job.stepped:
            job.alone = job.stepped = True  # of a thread that does not run: until it does
        if job.alone:
            outcome, there = self._travel(wanted, end)
            return outcome or (Outcome(TRAP) if there else None)
        return Outcome(TRAP)

    def _step_hart(self, job: Job, end: int) -> Outcome | None:
        """A step of one hart; a step of one that waits is a step of waiting."""
        while True:
            target = self._turns.soonest(job.hart)
            stop = self._piece(min(end, target))
            job.stepped = self._sim.t == target and self._turns.last == job.hart
            outcome = self._outcome(stop, steps=self._sim.t < end)
            if outcome is not None and outcome.reason and job.alone:
                outcome = self._seen_alone(job, outcome)
            if outcome is None and job.stepped:
                outcome = Outcome(TRAP, hart=job.hart)
            if outcome is not None:
                return replace(outcome, note=outcome.note or job.passed)
            if stop.reason in ("interrupted", "waiting"):
                return None

    def _seen_alone(self, job: Job, outcome: Outcome) -> Outcome | None:
        """What is met while a hart is stepped alone: told when it has met it, else noted."""
        hart = self._turns.last if self._hit else self._turns.next
        if hart != job.hart and (self._hit or not job.stepped):
            place = f"a breakpoint or watchpoint (pc {self._turns.pc(hart):#x})"
            alone = f"while hart {job.hart} was stepped alone: turns cannot be held back"
            job.passed = f"hart {hart} has gone past {place} {alone}"
        return outcome if hart == job.hart and (self._hit or job.stepped) else None

    def _range(self, job: Job, end: int) -> Outcome | None:
        """Steps while the thread's pc is in the range; other processes run through."""
        while True:
            outcome, there = self._travel(job.process, end)
            if outcome is not None or not there:
                return outcome
            if job.stepped and not job.start <= self._turns.pc(job.hart) < job.end:
                return Outcome(TRAP, hart=job.hart)
            stop = self._range_piece(job, end)
            job.stepped |= self._moved and self._turns.last == job.hart
            outcome = self._outcome(stop, steps=True)
            if outcome is not None or not self._moved:
                return outcome

    def _range_piece(self, job: Job, end: int) -> Stop:
        """One step; of a range that is not left soon (a loop) as many as it takes to a way out."""
        job.steps += 1
        if job.steps % _SOON:
            return self._piece(min(end, self._turns.soonest(job.hart)))
        assert job.process is not None
        size, hart = job.end - job.start, job.hart
        code = self._processes.read(job.process, job.start, size, physical=False, hart=hart)
        ways = ways_out(code, job.start) if len(code) == size else None
        places = [self._processes.place(job.process, way, hart).pa for way in ways or ()]
        if ways is None or None in places:
            return self._piece(min(end, self._turns.soonest(hart)))
        return self._piece(end, ("TRAP", "XRET"), tuple(pa for pa in places if pa is not None))

    def _travel(self, wanted: Process | None, end: int) -> tuple[Outcome | None, bool]:
        """Run until a process runs: (what came before that, is it there?)"""
        while wanted is not None and self._processes.current() != wanted:
            stop = self._piece(end, ("TRAP", "XRET"))
            outcome = self._outcome(stop)
            if outcome is not None or stop.reason in ("interrupted", "waiting"):
                return outcome, False
        return None, True

    def _outcome(self, stop: Stop, steps: bool = False) -> Outcome | None:
        """Does what has been met end the job?  `steps`: the piece was one step of a step."""
        if self._hit:
            return Outcome(TRAP, self._hit, hart=self._turns.last)
        if self._met and self._here():
            return Outcome(TRAP, "swbreak:;")
        if stop.reason in _ENDED:
            code = f", code {stop.code}" if stop.code else ""
            signal = PWR if stop.reason in ("finished", "reset") else ABRT
            return Outcome(signal, note=f"{_ENDED[stop.reason]}{code} (t={stop.t:,})")
        if stop.reason == "budget" and not steps:
            return Outcome(PWR, note=f"the budget of steps is used up (t={stop.t:,})")
        return None

    # ---- pieces ----------------------------------------------------------------------------------

    def _piece(self, end: int, kinds: Iterable[str] = (), ways: tuple[int, ...] = ()) -> Stop:
        """Run until something is met, at most to step `end`; `ways`: stop there, too."""
        machine, before = self._sim.machine, self._sim.t
        skip, self._unseen = not self._unseen, False
        armed = self._points.arm(self._alone)
        armed = replace(armed, breaks=tuple(sorted({*armed.breaks, *ways})))
        mask = mask_of({*kinds, *armed.moving})
        first, *more = _shares(armed)
        steps = max(end - before, 0)
        steps, foreseen = self._look_ahead(more, steps) if more else (steps, None)
        self._arm(first)
        stop, pa = _run(machine, self._sim.travel.history.run, mask, steps, skip)
        if stop.reason == "budget" and before + steps == stop.t < end:
            stop = Stop("stop", stop.t)  # of what a copy has met, or to look ahead again
            pa = foreseen if pa is None else pa
        self._moved, self.waiting = self._sim.t != before, stop.reason == "waiting"
        self._met = self._moved or not skip  # may it be at a breakpoint that gdb does not know of?
        self._hit = "" if pa is None else self._points.hit(pa)
        return stop

    def _arm(self, armed: Armed) -> None:
        """Tell the engine, unless it knows: each time it forgets code that it has compiled."""
        machine, state = self._sim.machine, self._sim.machine.state
        if armed.breaks != self._armed.breaks or state.work("breakpoints") != len(armed.breaks):
            machine.set_breakpoints(armed.breaks)
        if armed.watches != self._armed.watches or state.work("watches") != len(armed.watches):
            machine.set_watches(armed.watches)
        self._armed = armed

    def clear(self) -> None:
        """Nobody debugs any more: no job, and the machine stops nowhere."""
        self.job = None
        self._arm(_NOTHING)

    def _look_ahead(self, more: Sequence[Armed], steps: int) -> tuple[int, int | None]:
        """How far the machine may run before one of `more` is met, and the access that does.

        The engine's tables hold some hundred places; copies of the machine look for the others.
        """
        steps, foreseen = min(steps, AHEAD), None
        for share in more:
            copy = copy_of(self._sim).machine
            start = copy.state.mach("t")
            _set(copy, share)
            stop, pa = _run(copy, copy.run, 0, steps)
            if stop.reason == "stop" and stop.t - start <= steps:
                steps, foreseen = stop.t - start, pa
        return steps, foreseen

    # ---- back ------------------------------------------------------------------------------------

    def _back(self, job: Job) -> Outcome:
        """One step back, or to the last breakpoint or watchpoint met; to the begin if none was."""
        sim = self._sim
        first = sim.travel.history.first
        if sim.t == first:
            return Outcome(TRAP, _BEGIN)
        if job.kind == "back":
            before = self._turns.before(job.hart)
            if before < first:
                return Outcome(TRAP, _BEGIN, hart=job.hart)
            go(sim, before)
            return Outcome(TRAP, "swbreak:;" if self._here() else "", hart=job.hart)
        while True:
            if not self._last_met():
                return Outcome(TRAP, _BEGIN)
            reason = "swbreak:;" if self._here() else self._access_ahead()
            if reason:
                return Outcome(TRAP, reason)
            if sim.t == first:  # the place of another process, physically the same
                return Outcome(TRAP, _BEGIN)

    def _here(self) -> bool:
        """Does the machine stand at a breakpoint?"""
        pc = self._turns.pc(self._turns.next)
        return self._points.at(self._processes.current(), pc, self._alone)

    @property
    def _alone(self) -> bool:
        return self.job is not None and self.job.alone and self._turns.harts > 1

    def _last_met(self) -> bool:
        """Go to the last moment before now at which one of all points is met; was there one?"""
        sim, now, moments = self._sim, self._sim.t, []
        for share in _shares(self._points.arm()):
            wanted = [AtPc(pa) for pa in share.breaks]
            watched = [
                OnAccess(first, end - first, read=bool(kinds & 1), write=bool(kinds & 2))
                for first, end, kinds in share.watches
            ]
            with muted(sim):
                found = sim.back_to((*wanted, *watched))
            moments += [found.t] if found.found else []
            go(sim, now)
        go(sim, max(moments, default=sim.travel.history.first))
        return bool(moments)

    def _access_ahead(self) -> str:
        """The watchpoint that the instruction in front of us meets: "watch:ADDRESS;", or ""."""
        for share in _shares(self._points.arm()):
            machine = copy_of(self._sim).machine
            _set(machine, share)
            _, pa = _run(machine, machine.run, 0, 1)
            if pa is not None:
                return self._points.hit(pa)
        return ""


def _shares(armed: Armed) -> list[Armed]:
    """Parts that fit the engine's tables."""
    breaks = [armed.breaks[i : i + MAX_BREAKS] for i in range(0, len(armed.breaks), MAX_BREAKS)]
    watches = [
        armed.watches[i : i + MAX_WATCHES] for i in range(0, len(armed.watches), MAX_WATCHES)
    ]
    return [
        Armed(
            breaks[i] if i < len(breaks) else (),
            watches[i] if i < len(watches) else (),
            armed.moving,
        )
        for i in range(max(len(breaks), len(watches), 1))
    ]


def _set(machine: Machine, armed: Armed) -> None:
    machine.set_breakpoints(armed.breaks)
    machine.set_watches(armed.watches)


def _run(
    machine: Machine, run: Callable[[int], Stop], stop_mask: int, steps: int, skip: bool = True
) -> tuple[Stop, int | None]:
    """(why it came out, physical address of an access that met a watched range)

    `skip`: past a breakpoint where it stands.
    """
    state = machine.state
    mask = state.work("event_mask")
    machine.select_events(mask | stop_mask, stop_mask)
    state.set_work("watch_hit", 0)
    if skip:
        machine.pass_breakpoint()
    try:
        stop = run(steps)
        hit = state.work("watch_hit")
        return stop, hit - 1 if hit else None
    finally:
        machine.select_events(mask)
