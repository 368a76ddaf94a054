"""Time travel of a simulation: steps back, searches backwards, moments by t.

Going back to a condition ends in front of the step that makes it hold, so that pc shows who did
it: the store, the instruction that traps, the one that changed the CSR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simvirt import stops as st
from simvirt.errors import InputError
from simvirt.events import Records
from simvirt.history import History, Settings, moments
from simvirt.machine import Stop

if TYPE_CHECKING:
    from simvirt.simulation import Simulation

# how far a search looks back at first; then from one checkpoint to the one before it
_NEAR = (1_000, 30_000, 1_000_000)
_MANY = 40  # places visited one after the other before the search goes nearer to its end


@dataclass(frozen=True)
class Found:
    """Where a search backwards ended: `t`, and whether anything was found (else: the beginning)."""

    t: int
    found: bool


class Travel:
    """Remembers a simulation's past from its creation on."""

    def __init__(self, simulation: Simulation, settings: Settings | None = None) -> None:
        self._simulation = simulation
        self.history = History(simulation.machine, settings)

    def goto(self, t: int) -> Stop:
        """Be at the moment when step `t` comes next, in the past or in the future.

        Raises InputError for a moment before the first one.
        """
        first = self.history.first
        if t < first:
            raise InputError(f"t={t} is too early; the first moment remembered is t={first}")
        self._simulation.disarm()
        return self.history.goto(t)

    def back(self, n: int = 1) -> Stop:
        """Undo `n` steps, as far as anything is remembered."""
        return self.goto(max(self._simulation.t - n, self.history.first))

    def back_to(self, conditions: tuple[st.Condition, ...]) -> Found:
        """The last moment before now at which a condition holds; the first moment if none.

        Two things are not seen: sret in M-mode changing sstatus, the clock changing mip.
        """
        now = end = self._simulation.t
        search = _Search(self._simulation, conditions)
        for start in self._starts(now):
            hit = search.last_hit(start, min(end + 1, now))
            if hit is not None:
                self.goto(hit)
                return Found(hit, True)
            end = start
        self.goto(self.history.first)
        return Found(self.history.first, False)

    def _starts(self, now: int) -> Iterator[int]:
        """Where the pieces of the past begin, the latest first."""
        first = self.history.first
        near = [now - distance for distance in _NEAR if now - distance > first]
        yield from near
        latest = near[-1] if near else now
        yield from [t for t in reversed(self.history.checkpoints) if t < latest]


class _Search:
    """Looks for the last moment at which a condition holds, piece by piece."""

    def __init__(self, simulation: Simulation, conditions: tuple[st.Condition, ...]) -> None:
        self._simulation = simulation
        self._travel = simulation.travel
        self._places = tuple(c for c in conditions if isinstance(c, (st.AtPc, st.OnAccess)))
        self._events = [c for c in conditions if not isinstance(c, (st.AtPc, st.OnAccess))]
        self._entry: Records | None = None  # the first entry of a VM behind the present piece

    def last_hit(self, start: int, end: int) -> int | None:
        """The last moment in [start, end) that is looked for."""
        hits = [start - 1]
        if self._events:
            records, values = self._recorded(start, end)
            for condition in self._events:
                found = self._last_event(condition, records, values, (start, end))
                hits += [] if found is None else [found]
        if self._places:
            found = self._last_place(max(hits), end)
            hits += [] if found is None else [found]
        return max(hits) if max(hits) >= start else None

    # ---- events ------------------------------------------------------------------------------

    def _recorded(self, start: int, end: int) -> tuple[Records, dict[str, int]]:
        """All events of a piece that may matter, and what the CSRs are at its beginning."""
        simulation, heard = self._simulation, [np.zeros((0, 8), np.uint64)]
        self._go(start)
        names = [c.name for c in self._events if isinstance(c, st.OnCsr)]
        values = {name: simulation.csr(name).value for name in names}
        machine = simulation.machine
        machine.listeners.append(heard.append)
        simulation.also_record({kind for c in self._events for kind in c.kinds})
        try:
            self._travel.history.reach(end)
        finally:
            machine.flush_events()
            machine.listeners.remove(heard.append)
            simulation.also_record(())
        records = np.concatenate(heard)
        return records[records[:, 1] < np.uint64(end)], values

    def _last_event(
        self,
        condition: st.OnCsr | st.EventCondition,
        records: Records,
        values: dict[str, int],
        piece: tuple[int, int],
    ) -> int | None:
        if isinstance(condition, st.OnCsr):
            name = condition.name
            found = moments.changes(records, name, values[name], lambda t: self._changes(name, t))
        elif isinstance(condition, st.OnSwitch):
            found = moments.backwards(self._with_entry(records), condition)
        else:
            found = moments.backwards(records, condition)
        return next((t for t in found if t >= piece[0]), None)

    def _with_entry(self, records: Records) -> Records:
        """With the first entry of a VM that came later: whether it was a switch shows here."""
        later, first = self._entry, moments.first_entry(records)
        self._entry = first if len(first) else later
        return records if later is None else np.concatenate((records, later))

    def _changes(self, name: str, t: int) -> bool:
        """Does step `t` change a CSR?"""
        simulation = self._simulation
        self._travel.goto(t)
        before = simulation.csr(name).value
        self._travel.goto(t + 1)
        return before != simulation.csr(name).value

    # ---- places ------------------------------------------------------------------------------

    def _last_place(self, start: int, end: int) -> int | None:
        """The last moment in [start, end) at which pc or an access is where it is wanted.

        Where there are many, only the second half of what is left is looked through at first.
        """
        self._go(max(start, self._travel.history.first))
        hit = self._some_places(end)
        here = self._simulation.t
        if here >= end or hit is None:
            return hit
        middle = (here + end) // 2
        if middle > here:
            later = self._last_place(middle, end)
            if later is not None:
                return later
            end = middle
        later = self._last_place(here, end)
        return hit if later is None else later

    def _some_places(self, end: int) -> int | None:
        """The last of the next places before `end`, of which there are at most `_MANY`."""
        simulation, places = self._simulation, self._places
        hit = simulation.t if simulation.at_wanted_pc(places) else None
        for _ in range(_MANY):
            if simulation.t >= end:
                break
            stop = simulation.run(places, max_steps=end - simulation.t)
            if stop.reason == "interrupted":
                self._travel.history.go_on()
                continue
            if stop.reason != "stop":
                break
            here = simulation.t - (not simulation.at_wanted_pc(places))
            hit = here if here < end else hit
        return hit

    def _go(self, start: int) -> None:
        self._travel.goto(start)
        self._travel.history.checkpoint()  # the way back from here to the hit is short then
