"""Time travel of a simulation: steps back, searches backwards, moments by t.

Going back to a condition ends in front of the step that makes it hold, so that pc shows who did
it: the store, the instruction that traps, the one that changed the CSR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isa.csrs import BY_NAME, CSRS, Csr
from simvirt import stops as st
from simvirt.errors import InputError
from simvirt.events import CSR_WRITES, KIND, Records, decode
from simvirt.history import History, Settings
from simvirt.machine import Stop

if TYPE_CHECKING:
    from simvirt.simulation import Simulation

Chosen = NDArray[np.bool_]  # of some records

# how far a search looks back at first; then from one checkpoint to the one before it
_NEAR = (1_000, 30_000, 1_000_000)


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
        """The last moment before now at which a condition holds; the first moment if none."""
        now = end = self._simulation.t
        for start in self._starts(now):
            hit = self._last_hit(conditions, start, min(end + 1, now))
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

    def _last_hit(self, conditions: tuple[st.Condition, ...], start: int, end: int) -> int | None:
        """The last moment in [start, end) that is looked for."""
        self.goto(start)
        self.history.checkpoint()  # the way back to the hit is short then
        places = tuple(c for c in conditions if isinstance(c, (st.AtPc, st.OnAccess)))
        others = tuple(c for c in conditions if not isinstance(c, (st.AtPc, st.OnAccess)))
        moments = _Moments(self._simulation, others)
        with moments:
            hit = self._last_place(places, start, end)
        hits = [t for t in moments.backwards(end) if t >= start]
        return self._latest(hit, hits, others)

    def _last_place(self, places: tuple[st.Condition, ...], start: int, end: int) -> int | None:
        """The last moment at which pc or an access is where it is wanted."""
        simulation = self._simulation
        hit = start if simulation.at_wanted_pc(places) else None
        while simulation.t < end:
            stop = simulation.run(places, max_steps=end - simulation.t)
            if stop.reason != "stop":
                break
            here = simulation.t - (not simulation.at_wanted_pc(places))
            hit = here if here < end else hit
        return hit

    def _latest(
        self, hit: int | None, moments: list[int], others: tuple[st.Condition, ...]
    ) -> int | None:
        """The later of a hit and the last of the moments that is one (latest first)."""
        names = [c.name for c in others if isinstance(c, st.OnCsr)]
        for t in moments:
            if hit is not None and t <= hit:
                break
            if len(names) < len(others) or self._changes(names, t):
                return t
        return hit

    def _changes(self, names: list[str], t: int) -> bool:
        """Does step `t` change one of these CSRs?"""
        simulation = self._simulation
        self.goto(t)
        before = [simulation.csr(name).value for name in names]
        self.goto(t + 1)
        return before != [simulation.csr(name).value for name in names]


class _Moments:
    """Listens, while it is entered, to all events that conditions are about."""

    def __init__(self, simulation: Simulation, conditions: tuple[st.Condition, ...]) -> None:
        self._machine = simulation.machine
        self._conditions = [c for c in conditions if not isinstance(c, (st.AtPc, st.OnAccess))]
        self._records: list[Records] = []
        self._simulation = simulation

    def __enter__(self) -> None:
        self._machine.listeners.append(self._records.append)
        self._simulation.also_record({kind for c in self._conditions for kind in c.kinds})

    def __exit__(self, *_: object) -> None:
        self._machine.flush_events()
        self._machine.listeners.remove(self._records.append)
        self._simulation.also_record(())

    def backwards(self, end: int) -> Iterator[int]:
        """The moments before `end` in which such an event came, the latest first."""
        if not self._records or not self._conditions:
            return
        records = np.concatenate(self._records)
        wanted = np.zeros(len(records), bool)
        for condition in self._conditions:
            wanted |= _wanted(records, condition)
        last = None
        for t in records[wanted & (records[:, 1] < np.uint64(end)), 1][::-1].tolist():
            if t != last:
                yield t
            last = t


def _wanted(records: Records, condition: st.OnCsr | st.EventCondition) -> Chosen:
    """Which records may be what a condition is about."""
    kinds = records[:, 0] & np.uint64(0xFF)
    if isinstance(condition, st.OnCsr):
        return _may_change(records, kinds, condition.name)
    chosen = np.isin(kinds, [KIND[kind] for kind in condition.kinds])
    if isinstance(condition, st.OnSwitch):
        entered = np.flatnonzero(chosen & (records[:, 5] != 0))
        switched = entered[1:][np.diff(records[entered, 5].astype(np.int64)) != 0]
        chosen[:] = False
        chosen[switched] = True
        return chosen
    places = np.flatnonzero(chosen)
    matching = [condition.matches(event) for event in decode(records[places])]
    chosen[places] = matching
    return chosen


def _may_change(records: Records, kinds: Records, name: str) -> Chosen:
    """Writes of a CSR or of one that shares its storage, and traps and returns that set it."""
    written: Chosen
    views = [csr.number for csr in CSRS if _storage(csr) == _storage(BY_NAME[name])]
    written = np.isin(kinds, [KIND[kind] for kind in CSR_WRITES]) & np.isin(records[:, 4], views)
    storage = _storage(BY_NAME[name])
    if storage == "mstatus":
        return written | np.isin(kinds, [KIND["TRAP"], KIND["XRET"]])
    if storage in _BY_TRAP:
        mode = records[:, 0] >> np.uint64(24) & np.uint64(3)
        written |= (kinds == KIND["TRAP"]) & (mode == _BY_TRAP[storage])
    return written


def _storage(csr: Csr) -> str:
    return "mip" if csr.name == "sip" else "mie" if csr.name == "sie" else csr.view_of or csr.name


_BY_TRAP = {"mepc": 3, "mcause": 3, "mtval": 3, "sepc": 1, "scause": 1, "stval": 1}
