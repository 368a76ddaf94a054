"""Who ran when: a timeline of layers made from events, and the exits in it.

(``simvirt.virt.layers`` says who runs now, from the machine's state.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from isa import causes, marks
from isa.causes import PRIV_NAMES
from simvirt.events import Event

COLOURS = {
    "host user": "#8a8f98",
    "VMM process": "#e69f00",
    "host kernel": "#d55e00",
    "hypervisor": "#c2569b",
    "guest kernel": "#2f7ed8",
    "guest user": "#2a9d6f",
    "guest": "#6a8caf",  # in a mode that is not known: the events begin too late
}
NEEDED = ("TRAP", "XRET", "MARK", "OWNER")
_ENTER, _EXIT, _PROCESS = (
    marks.MARK_NUMBERS["ENTER"],
    marks.MARK_NUMBERS["EXIT"],
    marks.MARK_NUMBERS["PROCESS"],
)


@dataclass(frozen=True)
class Stretch:
    """An uninterrupted time of one layer, [start, end) in steps, and what passed in it.

    `vm` is the VM whose guest or VMM process ran, None for the rest; `why` what began it.
    """

    layer: str
    vm: int | None
    start: int
    end: int
    instructions: int
    cycles: int
    why: str

    @property
    def who(self) -> str:
        """The layer, with the VM where there is one."""
        return self.layer if self.vm is None else f"{self.layer}, VM {self.vm}"


def who_ran(placement: str, events: Sequence[Event], since: int = 0) -> list[Stretch]:
    """The stretches between the first and the last of some events of a stack.

    The events must be all of the kinds in `NEEDED`, without a gap.  `since` leaves out what
    ended before a `t`, so that a recording that began earlier tells the guest's mode.
    """
    known = [event for event in events if event.kind in NEEDED]
    if len(known) < 2:
        return []
    watcher = _Watcher(placement, known)
    for event in known[1:]:
        watcher.see(event)
    return [s for s in _joined(watcher.finish(known[-1])) if s.end > since]


def cycles_by_layer(stretches: Iterable[Stretch]) -> dict[str, int]:
    """Cycles of each layer that ran, in the order of `COLOURS`."""
    sums = dict.fromkeys(COLOURS, 0)
    for stretch in stretches:
        sums[stretch.layer] += stretch.cycles
    return {layer: cycles for layer, cycles in sums.items() if cycles}


def round_trips(events: Sequence[Event], vm: int = 0) -> list[list[Event]]:
    """Every finished exit of a VM: its events from the guest's trap to the guest's next step."""
    trips: list[list[Event]] = []
    start: int | None = None
    for i, event in enumerate(events):
        if event.kind != "OWNER":
            continue
        if event.a == vm + 1 and i and events[i - 1].kind == "TRAP":
            start = i - 1
        elif event.b == vm + 1 and start is not None:
            trips.append(list(events[start : i + 1]))
            start = None
    return trips


def exit_reason(trip: Iterable[Event]) -> str:
    """The name under which the VMM filed an exit; of several, the last."""
    payloads = [e.b for e in trip if e.kind == "MARK" and e.a == _EXIT and not e.owner]
    return marks.EXIT_REASON_NAMES.get(payloads[-1] & 0xFF, "other") if payloads else "other"


class _Watcher:
    """Follows mode, owner, process and virtual mode from event to event."""

    def __init__(self, placement: str, events: Sequence[Event]) -> None:
        first = events[0]
        self.placement = placement
        self.mode = first.mode_from
        self.owner = first.owner
        self.pid: int | None = None  # None: that of the beginning, whichever it is
        self.vm_of_pid = _vms_of_processes(events)
        self.virtual_mode: dict[int, str] = {}
        self.stretches: list[Stretch] = []
        self._since, self._why = first, first
        self._was = self._layer()
        self.see(first)

    def see(self, event: Event) -> None:
        """Take note of one event."""
        if event.kind in ("TRAP", "XRET"):
            self.mode = event.mode_to
            self._cut(event)
        elif event.kind == "OWNER":
            self.owner = event.b
            self._cut(event)
        elif event.owner == 0 and event.a == _PROCESS:
            self.pid = event.b
        elif event.owner == 0 and event.a == _ENTER:
            self.virtual_mode[event.b >> 16] = PRIV_NAMES.get(event.b & 0xFF, "?")

    def _layer(self) -> tuple[str, int | None]:
        if self.placement == "bare":
            return ("guest user" if self.mode == "U" else "guest kernel"), None
        if self.owner:
            mode = self.virtual_mode.get(self.owner - 1)
            name = {None: "guest", "U": "guest user"}.get(mode, "guest kernel")
            return name, self.owner - 1
        if self.placement == "hypervisor":
            return "hypervisor", None
        if self.mode == "U":
            vm = self.vm_of_pid.get(self.pid)
            return ("host user" if vm is None else "VMM process"), vm
        return "host kernel", None

    def _cut(self, event: Event) -> None:
        layer = self._layer()
        if layer == self._was:
            return
        self._end(event)
        self._was, self._since, self._why = layer, event, event

    def _end(self, event: Event) -> None:
        a = self._since
        retired, cycles = event.instructions - a.instructions, event.cycles - a.cycles
        name, vm = self._was
        if event.t > a.t or cycles:
            text = reason(self._why)
            self.stretches.append(Stretch(name, vm, a.t, event.t, retired, cycles, text))

    def finish(self, last: Event) -> list[Stretch]:
        """All stretches up to the last event."""
        self._end(last)
        return self.stretches


def reason(event: Event) -> str:
    """What made another layer run, in words."""
    if event.kind == "OWNER":
        return "entry into the guest" if event.b else "the guest's trap"
    return causes.describe(event.a) if event.kind == "TRAP" else "a return"


def _vms_of_processes(events: Sequence[Event]) -> dict[int | None, int]:
    """Which VM each process runs: the one that it marks entries and exits of."""
    pid: int | None = None
    found: dict[int | None, int] = {}
    for event in events:
        if event.kind != "MARK" or event.owner:
            continue
        if event.a == _PROCESS:
            pid = event.b
        elif event.a in (_ENTER, _EXIT):
            found[pid] = event.b >> 16
    return found


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Without what is no layer's doing: the one step between a return and the guest's fetch."""
    result: list[Stretch] = []
    for stretch in stretches:
        before = result[-1] if result else None
        short = 1 if stretch.layer == "VMM process" else 0
        sliver = stretch.end - stretch.start <= short
        if before and (sliver or (before.layer, before.vm) == (stretch.layer, stretch.vm)):
            result[-1] = replace(
                before,
                end=stretch.end,
                instructions=before.instructions + stretch.instructions,
                cycles=before.cycles + stretch.cycles,
            )
        else:
            result.append(stretch)
    return result
