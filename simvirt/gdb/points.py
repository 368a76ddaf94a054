"""Breakpoints and watchpoints: addresses of a process, kept as such, met as physical ones.

The engine knows physical addresses.  Each time the machine starts they are found again from the
processes' page tables, of each hart; those that lead nowhere yet, or to a user's page (another
program has another one there), again after every trap, return and fence.  A physical hit counts
only if the process that runs is there at its own address.
"""

from __future__ import annotations

from dataclasses import dataclass

from simvirt.gdb.processes import Process, Processes

_WIDEST = 8  # bytes of an access
WRITE, READ, ACCESS = 2, 3, 4  # as in Z2, Z3, Z4
_ANY_CHANGE = ("TRAP", "XRET", "FENCE")  # after these, addresses may lead elsewhere
_REMAPPED = {"vm": ("XRET",), "vmm": ("XRET",)}  # these are entered by a return only
_NAMES = {WRITE: "watch", READ: "rwatch", ACCESS: "awatch"}
_KINDS = {READ: 1, WRITE: 2, ACCESS: 3}  # as the engine has them


@dataclass(frozen=True)
class Watch:
    """A watched range of a process; kind as in gdb's Z packets."""

    kind: int
    process: Process
    address: int
    size: int


@dataclass(frozen=True)
class Armed:
    """What the engine shall look for; `moving`: events after which it must be found again."""

    breaks: tuple[int, ...]
    watches: tuple[tuple[int, int, int], ...]
    moving: frozenset[str]


class Points:
    """All that gdb has asked for."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._breaks: set[tuple[int, int]] = set()  # (pid, address)
        self._lifted: set[tuple[int, int]] = set()  # those that gdb has removed since the last job
        self._watches: dict[Watch, bytes] = {}  # what was there when the machine started

    def add_break(self, process: Process, address: int) -> None:
        """Stop before the instruction at an address of a process."""
        self._breaks.add((process.pid, address))
        self._lifted.discard((process.pid, address))

    def remove_break(self, process: Process, address: int) -> None:
        """No more; it need not be there."""
        if (process.pid, address) in self._breaks:
            self._breaks.remove((process.pid, address))
            self._lifted.add((process.pid, address))

    def add_watch(self, watch: Watch) -> None:
        """Stop after an access."""
        self._watches[watch] = b""

    def remove_watch(self, watch: Watch) -> None:
        """No more; it need not be there."""
        self._watches.pop(watch, None)

    def clear(self) -> None:
        """gdb has gone."""
        self._breaks.clear()
        self._lifted.clear()
        self._watches.clear()

    def __len__(self) -> int:
        return len(self._breaks) + len(self._watches)

    def arm(self, lifted: bool = False) -> Armed:
        """The physical addresses of now; `lifted`: of those just removed, too."""
        moving: set[str] = set()
        breaks: set[int] = set()
        for pid, address in self._breaks | (self._lifted if lifted else set()):
            process = self._processes.by_pid[pid]
            found = self._processes.places(process, address)
            if any(place.pa is None or place.user for place in found):
                moving.update(_REMAPPED.get(process.kind, _ANY_CHANGE))
            breaks.update(place.pa for place in found if place.pa is not None)
        watches = []
        for watch in self._watches:
            for _, size, firsts in self._pieces(watch):
                if None in firsts:
                    moving.update(_REMAPPED.get(watch.process.kind, _ANY_CHANGE))
                watches += [(pa, pa + size, _KINDS[watch.kind]) for pa in firsts if pa is not None]
        return Armed(tuple(sorted(breaks)), tuple(sorted(watches)), frozenset(moving))

    def settle(self) -> None:
        """The machine stands: what gdb removes from now on, it lifts for the next job."""
        self._lifted.clear()

    def remember(self) -> None:
        """The machine starts: what the watched ranges hold, to see later whether it changed."""
        for watch in self._watches:
            self._watches[watch] = self._content(watch)

    def _content(self, watch: Watch) -> bytes:
        harts = range(self._processes.turns.harts)
        span = watch.address, watch.size, False
        return max((self._processes.read(watch.process, *span, hart) for hart in harts), key=len)

    def _pieces(self, watch: Watch) -> list[tuple[int, int, set[int | None]]]:
        """(address, size, where it leads) of the part of a watched range on each page."""
        found, at, end = [], watch.address, watch.address + watch.size
        while at < end:
            size = min(end, at // 4096 * 4096 + 4096) - at
            places = self._processes.places(watch.process, at)
            found.append((at, size, {place.pa for place in places}))
            at += size
        return found

    def at(self, process: Process, pc: int, lifted: bool = False) -> bool:
        """Is there a breakpoint at this address of a process?  `lifted`: or was one just there?"""
        key = process.pid, pc
        return key in self._breaks or (lifted and key in self._lifted)

    def hit(self, pa: int) -> str:
        """Which watchpoint an access at a physical address met: "watch:ADDRESS", or ""."""
        rows = [(w, a) for w in self._watches for a in self._touched(w, pa)]
        changed = [row for row in rows if self._watches[row[0]] != self._content(row[0])]
        rank = {WRITE: 0, ACCESS: 1, READ: 2} if changed else {READ: 0, ACCESS: 1, WRITE: 2}
        chosen = min(changed or rows, key=lambda row: rank[row[0].kind], default=None)
        if chosen is None:
            return ""
        return f"{_NAMES[chosen[0].kind]}:{chosen[1]:x};"

    def _touched(self, watch: Watch, pa: int) -> list[int]:
        """Addresses (of the process) in a watched range that the access reaches first."""
        return [
            at + max(pa - first, 0)
            for at, size, places in self._pieces(watch)
            for first in places
            if first is not None and first - _WIDEST < pa < first + size
        ]
