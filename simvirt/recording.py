"""What happened in a machine: the events it records, the exits of VMs, who ran when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simvirt import events as ev
from simvirt.errors import InputError
from simvirt.machine import Machine

if TYPE_CHECKING:
    from simvirt.virt.stacks import Stack
    from simvirt.virt.timeline import Stretch

KEPT = 10_000  # events


@dataclass(frozen=True)
class VmExit:
    """One finished exit of a VM: `events` from the guest's trap to the guest's next step.

    `reason` is the name under which the VMM filed it, one of ``isa.marks.EXIT_REASONS``; of
    several, between which the guest could execute nothing, the last.
    """

    vm: int
    reason: str
    events: tuple[ev.Event, ...] = field(repr=False)
    placement: str = field(repr=False)

    @property
    def trap(self) -> ev.Event:
        """What made the guest be left."""
        return self.events[0]

    @property
    def t(self) -> int:
        """The step of that trap."""
        return self.trap.t

    @property
    def end(self) -> int:
        """The step at which the guest went on."""
        return self.events[-1].t

    @property
    def instructions(self) -> int:
        """Retired from the trap until the guest went on, by whomever."""
        return self.events[-1].instructions - self.trap.instructions

    @property
    def cycles(self) -> int:
        """Modelled cycles from the trap until the guest went on."""
        return self.events[-1].cycles - self.trap.cycles

    @property
    def mode_switches(self) -> int:
        """Traps and returns, the guest's trap and the return into it included."""
        return sum(event.kind in ("TRAP", "XRET") for event in self.events)

    def who_ran(self) -> list[Stretch]:
        """Every layer's uninterrupted times from the trap until the guest went on."""
        from simvirt.virt.timeline import who_ran

        return who_ran(self.placement, self.events)

    def __str__(self) -> str:
        return (
            f"t={self.t} to t={self.end}: {self.reason} of VM {self.vm}, {self.cycles} cycles, "
            f"{self.mode_switches} mode switches"
        )


class Recording:
    """What `Simulation` offers of this.  Only what `record` has chosen is known, from then on."""

    stack: Stack
    machine: Machine
    _raw: list[ev.Records]
    _fresh: ev.Records | None
    _mask: int  # of the kinds that we record
    _also: int  # of those that a listener wants in addition
    _selected: int  # of those that the machine makes for us alone
    _last_vm: int

    def record(self, kinds: Iterable[str] = ev.TRAPS) -> None:
        """Choose the kinds of event to keep from now on (``simvirt.events.EVERYTHING``: all).

        A record per instruction and memory access needs the traced kernel, chosen here.
        """
        chosen = set(kinds)
        self._mask = ev.mask_of(chosen)
        traced = chosen & {"RETIRE", "LOAD", "STORE"}
        self.machine.variant = "traced" if traced else "fast"
        self._select(self._mask)

    def events(self, kind: str | None = None, last: int | None = None) -> list[ev.Event]:
        """The recorded events still held (the last 10,000), oldest first."""
        recent = [e for records in self._raw for e in ev.decode(records)][-KEPT:]
        chosen = [e for e in recent if kind in (None, e.kind)]
        return chosen if last is None else chosen[-last:]

    def _listen(self, records: ev.Records) -> None:
        self._raw.append(records[-KEPT:])  # decoded when somebody asks
        self._fresh = records
        while len(self._raw) > 1 and sum(map(len, self._raw)) - len(self._raw[0]) >= KEPT:
            del self._raw[0]

    def saved(self) -> tuple[tuple[ev.Records, ...], int]:
        """The events held now (as `simvirt.history` asks listeners), and the last VM entered."""
        return tuple(self._raw), self._last_vm

    def rewind(self, saved: tuple[tuple[ev.Records, ...], int]) -> None:
        """Hold just these."""
        self._raw, self._fresh, self._last_vm = list(saved[0]), None, saved[1]

    def also_record(self, kinds: Iterable[str]) -> None:
        """Record these kinds, too, until told otherwise, for those who listen to the machine."""
        self._also = ev.mask_of(kinds)
        self._select(self._mask)

    def _select(self, mask: int, stop_mask: int = 0) -> None:
        """Select our kinds of event beside those that other listeners have selected."""
        mask |= self._also
        others = self.machine.state.work("event_mask") & ~self._selected
        self._selected = mask & ~others
        self.machine.select_events(mask | others, stop_mask)

    # ---- what events say of layers ---------------------------------------------------------------

    def exits(self, reason: str | None = None, vm: int = 0, since: int = 0) -> list[VmExit]:
        """The finished exits of a VM, oldest first, among the events held; `since` is a t.

        Raises InputError where traps and marks are not recorded.
        """
        from simvirt.virt.timeline import exit_reason, round_trips

        trips = round_trips(self._events_of_layers(), vm)
        placement = self.stack.placement
        exits = [VmExit(vm, exit_reason(trip), tuple(trip), placement) for trip in trips]
        return [e for e in exits if e.t >= since and reason in (None, e.reason)]

    def who_ran(self, since: int = 0, until: int | None = None) -> list[Stretch]:
        """Every layer's uninterrupted times, among the events held up to t=`until`.

        Only what ended after t=`since`; events before it tell the guest's mode.  No instruction
        makes no time: two exits with none between are one.  Raises InputError where traps and
        marks are not recorded.
        """
        from simvirt.virt.timeline import who_ran

        events = [e for e in self._events_of_layers() if until is None or e.t <= until]
        return who_ran(self.stack.placement, events, since)

    def cycles_by_layer(self, since: int = 0, until: int | None = None) -> dict[str, int]:
        """Modelled cycles of each layer that ran, as `who_ran` has it."""
        from simvirt.virt.timeline import cycles_by_layer

        return cycles_by_layer(self.who_ran(since, until))

    def _events_of_layers(self) -> list[ev.Event]:
        from simvirt.virt.timeline import NEEDED

        if ev.mask_of(NEEDED) & ~(self._mask | self._also):
            raise InputError(
                "who ran is read from events, and these are not recorded; call record() before "
                "the run"
            )
        return self.events()
