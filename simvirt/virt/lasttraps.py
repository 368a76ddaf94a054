"""Traps that killed the software that took them, found among the records of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isa import marks
from isa.causes import CAUSE, PRIV_M, PRIV_S
from simvirt.events import KIND, Event, Records, decode

Flags = NDArray[np.bool_]

_FOLLOWED = np.array([marks.MARK_NUMBERS["PROCESS"], marks.MARK_NUMBERS["ENTER"]], np.uint64)
_KEPT = 1024  # records looked back at
_BEFORE = 5  # events told


@dataclass(frozen=True)
class FatalTrap:
    """A trap nobody returned from, and the last events up to it.

    A trap of a VMM process names its process and VM; one of a kernel has neither.
    """

    event: Event
    before: tuple[Event, ...]
    pid: int | None = None
    vm: int | None = None


class FatalTraps:
    """Scans records as they come.

    In the hypervisor and in the host kernel every exception of their own mode is fatal: they
    take none in normal work.  An exception of a process is, when what follows is the choice of
    another process instead of the return to it.
    """

    def __init__(self, placement: str) -> None:
        self.of_kernel: FatalTrap | None = None  # the first: later ones are consequences
        self._kernel_mode = {"hypervisor": PRIV_M, "hosted": PRIV_S}.get(placement)
        self._hosted = placement == "hosted"
        self._kept: Records = np.zeros((0, 8), np.uint64)
        self._vm_of_pid: dict[int, int] = {}
        self._pid = 0

    def scan(self, records: Records) -> Iterator[FatalTrap]:
        """Fatal traps of VMM processes among new records; a kernel's is kept in `of_kernel`."""
        if self._kernel_mode is None:
            return
        joined = np.concatenate((self._kept, records))
        fresh = len(self._kept)
        self._kept = joined[-_KEPT:]
        self._kernel(joined, fresh)
        if self._hosted:
            yield from self._processes(joined, fresh)

    def _exceptions(self, joined: Records, mode: int) -> Flags:
        head = joined[:, 0]
        trap = head & np.uint64(0xFF) == np.uint64(KIND["TRAP"])
        from_mode = head >> np.uint64(16) & np.uint64(0xFF) == np.uint64(mode)
        own = head >> np.uint64(32) & np.uint64(0xFF) == np.uint64(0)
        found: Flags = trap & from_mode & own & (joined[:, 4] < np.uint64(1 << 63))
        return found

    def _kernel(self, joined: Records, fresh: int) -> None:
        assert self._kernel_mode is not None
        hits = np.flatnonzero(self._exceptions(joined, self._kernel_mode)[fresh:])
        if len(hits) and self.of_kernel is None:
            at = int(hits[0]) + fresh
            self.of_kernel = _make(joined, at)

    def _processes(self, joined: Records, fresh: int) -> Iterator[FatalTrap]:
        """Between a fatal trap of a process and the next PROCESS mark nothing returns to U."""
        head, kind = joined[:, 0], joined[:, 0] & np.uint64(0xFF)
        switch = (kind == np.uint64(KIND["MARK"])) & (head >> np.uint64(32) == np.uint64(0))
        switch &= joined[:, 4] == np.uint64(marks.MARK_NUMBERS["PROCESS"])
        flow = switch | (kind == np.uint64(KIND["XRET"])) | (kind == np.uint64(KIND["TRAP"]))
        places = np.flatnonzero(flow)
        calls = joined[:, 4] == np.uint64(CAUSE["ECALL_U"])
        suspect = self._exceptions(joined, 0) & ~calls
        before, after = places[:-1], places[1:]
        fatal = (after >= fresh) & switch[after] & suspect[before]
        for at in before[fatal].tolist():
            yield self._process_trap(joined, at)
        self._follow(joined)

    def _process_trap(self, joined: Records, at: int) -> FatalTrap:
        self._follow(joined[:at])
        return _make(joined, at, self._pid, self._vm_of_pid.get(self._pid))

    def _follow(self, records: Records) -> None:
        """Remember which process ran last, and which VM it had."""
        own_mark = records[:, 0] & np.uint64(0xFF000000FF) == np.uint64(KIND["MARK"])
        told = records[own_mark & np.isin(records[:, 4], _FOLLOWED)]
        for _, _, _, _, kind, payload, *_ in told[-_KEPT:].tolist():
            if kind == marks.MARK_NUMBERS["PROCESS"]:
                self._pid = payload
            elif self._pid:
                self._vm_of_pid[self._pid] = payload >> 16


def _make(joined: Records, at: int, pid: int | None = None, vm: int | None = None) -> FatalTrap:
    *before, event = decode(joined[max(at + 1 - _BEFORE, 0) : at + 1])
    return FatalTrap(event, (*before, event), pid, vm)
