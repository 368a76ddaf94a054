"""The moves that go back in time, and marks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simvirt import stops
from simvirt.errors import InputError, SimVirtError
from simvirt.events import KIND, Records
from simvirt.history import GivenUp
from simvirt.simulation import Simulation
from simvirt.tui.places import Places, number
from simvirt.tui.record import Recorder
from simvirt.virt.layers import Layers

Message = str


class Backwards:
    """Each move leaves the simulation somewhere before, or where it was; it returns the message.

    Raises SimVirtError where there is nothing to go back to.
    """

    def __init__(self, sim: Simulation, recorder: Recorder, layers: Layers, places: Places) -> None:
        self._sim, self._recorder, self._layers, self._places = sim, recorder, layers, places
        self.marks: dict[str, int] = {}  # name: t
        self.cancelled: Callable[[], bool] = lambda: False
        self._moves: dict[str, Callable[[str], Message]] = {
            "back": self._step, "back_over": self._over, "back_trap": self._trap,
            "back_exit": self._exit, "back_switch": self._switch, "back_break": self._break,
            "back_cursor": self._cursor, "back_write": self._write, "back_csr": self._csr,
            "time": self._time, "jump": self._jump, "mark": self._mark,
        }  # fmt: skip

    def knows(self, name: str) -> bool:
        """Is this one of the moves?"""
        return name in self._moves

    def move(self, name: str, text: str) -> Message:
        """Do it; a search that is given up, or finds nothing, ends where it began."""
        here, history = self._sim.t, self._sim.travel.history
        history.give_up = self.cancelled
        try:
            return self._moves[name](text)
        except GivenUp:
            history.give_up = lambda: False
            self._sim.goto(here)
            return f"given up; t={here:,}"
        finally:
            history.give_up = lambda: False

    # ---- steps ---------------------------------------------------------------------------------

    def _step(self, _: str) -> Message:
        if self._sim.t == self._sim.travel.history.first:
            raise SimVirtError("this is the first moment; there is nothing before it")
        self._sim.back()
        return f"back at t={self._sim.t:,}"

    def _over(self, _: str) -> Message:
        """One step back; when that was the return from a trap, to in front of the trap."""
        trap = self._trap_of_return()
        if trap is None:
            return self._step("")
        self._sim.goto(trap)
        return f"back over the trap, t={trap:,}"

    def _trap_of_return(self) -> int | None:
        """t of the trap from which the last step has returned; None: it has not."""
        self._sim.machine.flush_events()
        tail = self._recorder.tail
        kind = tail[:, 0] & np.uint64(0xFF)
        flow = tail[np.isin(kind, [KIND["TRAP"], KIND["XRET"]])]
        if not len(flow) or int(flow[-1, 1]) != self._sim.t - 1:
            return None
        traps = flow[:, 0] & np.uint64(0xFF) == KIND["TRAP"]
        if traps[-1]:
            return None
        if self._sim.stack.placement == "bare":
            depth = np.cumsum(np.where(traps, 1, -1)[::-1])  # 0: as many traps as returns
            places = np.flatnonzero(depth == 0)
            return int(flow[len(flow) - 1 - places[0], 1]) if len(places) else None
        return self._last_from_here(flow[traps])

    def _last_from_here(self, traps: Records) -> int | None:
        """The last trap out of the mode, and the frames' owner, that run now."""
        where, mode = self._layers.where(), self._sim.machine.state.hart("priv")
        owner = where.vm + 1 if where.in_guest and where.vm is not None else 0
        head = traps[:, 0]
        same = head >> np.uint64(16) & np.uint64(0xFF) == np.uint64(mode)
        same &= head >> np.uint64(32) & np.uint64(0xFF) == np.uint64(owner)
        return int(traps[same][-1, 1]) if same.any() else None

    # ---- searches --------------------------------------------------------------------------------

    def _to(self, said: str, *conditions: stops.Condition) -> Message:
        here = self._sim.t
        found = self._sim.back_to(conditions)
        if not found.found:
            self._sim.goto(here)
            return f"{said}: none since t={self._sim.travel.history.first:,}"
        return f"back before {said}, t={found.t:,}"

    def _trap(self, _: str) -> Message:
        return self._to("the last trap", stops.OnTrap())

    def _exit(self, _: str) -> Message:
        if self._sim.stack.placement == "bare":
            raise SimVirtError("a bare guest has no VM exits; start with --on hypervisor")
        return self._to("the last VM exit", stops.OnExit())

    def _switch(self, _: str) -> Message:
        if len(self._sim.stack.guests) > 1:
            return self._to("the last vCPU switch", stops.OnSwitch())
        if self._sim.stack.placement == "hosted":
            return self._to("the last process switch", stops.OnMark("PROCESS"))
        raise SimVirtError("there is one vCPU only, so none is switched; start with --vms 2")

    def _break(self, _: str) -> Message:
        points = self._places.conditions()
        if not points:
            raise SimVirtError("there is no breakpoint to run back to; b sets one")
        said = self._to("the last breakpoint", *points)
        at = self._places.hit()
        return f"back at breakpoint {at}, t={self._sim.t:,}" if at else said

    def _cursor(self, text: str) -> Message:
        at = self._places.translate(int(text, 0))
        return self._to(f"the last time at {text}", stops.AtPc(at))

    def _write(self, text: str) -> Message:
        return self._to(f"the last write of {text}", stops.OnAccess(self._data(text), read=False))

    def _data(self, text: str) -> int:
        """Physical address of data, given as a place or as a virtual address."""
        address = number(text)
        if address is None:
            return self._places.resolve(text)[1]
        found = self._sim.translate(address)
        if found.pa is None:
            raise InputError(f"{text}: {found.fault}; give a symbol, or another address")
        self._sim.memory(found.pa, 8)  # that it is RAM
        return found.pa

    def _csr(self, text: str) -> Message:
        try:
            condition = stops.OnCsr(text.strip())
        except ValueError as error:
            raise InputError(str(error)) from None
        return self._to(f"the last change of {text}", condition)

    # ---- moments ---------------------------------------------------------------------------------

    def _time(self, text: str) -> Message:
        """To t, or by "+100", "-1e6"."""
        wanted = text.strip().replace(",", "").replace("_", "")
        try:
            steps = float(wanted) if "e" in wanted.lower() else int(wanted)
            t = int(steps) + (self._sim.t if wanted[:1] in ("+", "-") else 0)
        except (ValueError, OverflowError):
            raise InputError(f"t={text!r}: write 1000000, 1e6, -1000 or +1000") from None
        return self._goto(t)

    def _goto(self, t: int) -> Message:
        latest = self._sim.travel.history.latest
        if t > latest:
            raise InputError(f"t={t:,} has not come yet; the latest moment was t={latest:,}")
        self._sim.goto(t)
        return f"at t={t:,}"

    def _mark(self, text: str) -> Message:
        name = text.strip()
        self.marks[name] = self._sim.t
        return f"mark {name} at t={self._sim.t:,}; M goes there"

    def _jump(self, text: str) -> Message:
        name = text.strip()
        if name not in self.marks:
            known = ", ".join(self.marks) or "none; m sets one"
            raise InputError(f"no mark {name!r}; there are {known}")
        return self._goto(self.marks[name])
