"""`Simulation`: the one object through which every front end sees and drives a machine.

Addresses are always named: *physical* is the real machine's (HPA under a VMM), *virtual* is what
the running mode uses; a VM's GPA is given with the VM's number.  Time is `t`, in steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from simvirt import events as ev
from simvirt import stops as st
from simvirt.accounts import Accounts, Judgement
from simvirt.errors import InputError
from simvirt.inspection import Inspection
from simvirt.machine import Machine, Stop
from simvirt.recording import KEPT, VmExit
from simvirt.snapshot import Snapshot, check, put, take
from simvirt.talk import Talk, Talks
from simvirt.travel import Found, Travel
from simvirt.values import CsrValue, Line, Registers, VmInfo

if TYPE_CHECKING:
    from simvirt.history import Settings
    from simvirt.virt.accounting import Accountant
    from simvirt.virt.stacks import Options, Stack

__all__ = ["CsrValue", "Judgement", "Line", "Registers", "Simulation", "VmExit", "VmInfo"]


class Simulation(Talks, Accounts, Inspection):
    """A booted stack.  Make one with `boot`; reading never changes the machine."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.machine: Machine = stack.machine
        self._raw: list[ev.Records] = []
        self._fresh: ev.Records | None = None
        self._mask = self._also = 0
        self._selected = 0
        self._last_vm = 0
        self._talks: dict[int, Talk] = {}
        self._csrs: dict[str, int] = {}  # values of the CSRs that a run waits to see changed
        self._travel: Travel | None = None
        self._accountant: Accountant | None = None
        self.machine.listeners.append(self._listen)

    @classmethod
    def boot(
        cls,
        guest: str | Sequence[str],
        on: str = "bare",
        options: Options | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> Simulation:
        """Build and load guests (program names, or ELF, C or assembly files) on a placement.

        Raises InputError when one cannot be built or does not fit.
        """
        from simvirt.virt.guests import open_guest
        from simvirt.virt.stacks import make_stack

        names = [guest] if isinstance(guest, str) else list(guest)
        overrides = options.guests_dir if options else None
        guests = [open_guest(name, overrides) for name in names]
        simulation = cls(make_stack(on, guests, options))
        simulation.machine.notice = notice
        return simulation

    # ---- running -------------------------------------------------------------------------------

    @property
    def t(self) -> int:
        """Steps so far."""
        return self.machine.state.mach("t")

    def run(
        self,
        until: st.Condition | Iterable[st.Condition] = (),
        max_steps: int = 10**10,
    ) -> Stop:
        """Run until a condition holds, the machine ends, or the budget is used up."""
        conditions = (until,) if not isinstance(until, Iterable) else tuple(until)
        self._arm(conditions)
        end = self.t + max_steps
        self.machine.pass_breakpoint()
        try:
            while True:
                stop = self.machine.run(end - self.t)
                if stop.reason != "stop" or self._wanted(conditions):
                    return stop
        finally:
            self._arm(())

    def step(self, n: int = 1) -> Stop:
        """Run `n` steps (an instruction retired, or a trap taken, is one step)."""
        return self.run(max_steps=n)

    # ---- snapshots, time travel ------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """All of the machine now, to restore, to keep (`simvirt.history.file`) or to compare."""
        return take(self.stack)

    def restore(self, snapshot: Snapshot) -> None:
        """Be what a snapshot says.  A remembered past is kept when it leads there.

        Raises InputError, which names what differs, when it is of another machine.
        """
        check(self.stack, snapshot)
        self.disarm()
        if self._travel is None:
            put(self.stack, snapshot)
        else:
            self._travel.history.adopt(snapshot, lambda: put(self.stack, snapshot))
        self._end_account_unless_in(snapshot)

    def remember(self, settings: Settings | None = None) -> None:
        """Keep checkpoints from now on, so that the machine can go back to any moment since."""
        if self._travel is None:
            self._travel = Travel(self, settings)

    @property
    def travel(self) -> Travel:
        """`goto`, `back`, `back_to` and the history.  Raises InputError before `remember`."""
        if self._travel is None:
            raise InputError("nothing is remembered to go back to; call remember() at the start")
        return self._travel

    def goto(self, t: int) -> Stop:
        """Be at the moment when step `t` comes next.  Raises InputError before the first one."""
        return self.travel.goto(t)

    def back(self, n: int = 1) -> Stop:
        """Undo `n` steps, as far as anything is remembered."""
        return self.travel.back(n)

    def back_to(self, until: st.Condition | Iterable[st.Condition]) -> Found:
        """The last moment before now at which a condition holds (`simvirt.travel`)."""
        return self.travel.back_to((until,) if not isinstance(until, Iterable) else tuple(until))

    def at_wanted_pc(self, conditions: Iterable[st.Condition]) -> bool:
        """Does the next instruction stand where one of the conditions wants it?"""
        wanted = [self._physical(c) for c in conditions if isinstance(c, st.AtPc)]
        return bool(wanted) and self._fetch_address() in wanted

    # ---- stop conditions -------------------------------------------------------------------------

    def disarm(self) -> None:
        """Wait for nothing."""
        self._arm(())

    def _arm(self, conditions: tuple[st.Condition, ...]) -> None:
        points = [self._physical(c) for c in conditions if isinstance(c, st.AtPc)]
        watches = [
            (self._physical(c), self._physical(c) + c.size, c.read | c.write << 1)
            for c in conditions
            if isinstance(c, st.OnAccess)
        ]
        on_events = [c for c in conditions if not isinstance(c, (st.AtPc, st.OnAccess))]
        kinds = [kind for condition in on_events for kind in condition.kinds]
        if points or self.machine.state.work("breakpoints"):
            self.machine.set_breakpoints(points)
        if watches or self.machine.state.work("watches"):
            self.machine.set_watches(watches)
        self.machine.state.set_work("watch_hit", 0)
        names = [c.name for c in conditions if isinstance(c, st.OnCsr)]
        self._csrs = {name: self.csr(name).value for name in names}
        stop_mask = ev.mask_of(kinds)
        self._select(self._mask | stop_mask, stop_mask)

    def _physical(self, condition: st.AtPc | st.OnAccess) -> int:
        if condition.vm is None:
            return condition.address
        return self.vms()[condition.vm].physical(condition.address)

    def _wanted(self, conditions: tuple[st.Condition, ...]) -> bool:
        last, self._fresh = self._fresh, None
        fresh = [] if last is None else list(ev.decode(last[-KEPT:]))
        if self.machine.state.work("watch_hit"):
            return True
        if any(self._holds(condition, fresh) for condition in conditions):
            return True
        self.machine.pass_breakpoint()
        return False

    def _holds(self, condition: st.Condition, fresh: list[ev.Event]) -> bool:
        if isinstance(condition, st.AtPc):
            return self._fetch_address() == self._physical(condition)
        if isinstance(condition, st.OnAccess):
            return False  # the kernel has told of a hit already
        if isinstance(condition, st.OnCsr):
            before, self._csrs[condition.name] = (
                self._csrs[condition.name],
                self.csr(condition.name).value,
            )
            return before != self._csrs[condition.name]
        return any(self._event_wanted(condition, event) for event in fresh)

    def _event_wanted(self, condition: st.EventCondition, event: ev.Event) -> bool:
        if not condition.matches(event):
            return False
        if isinstance(condition, st.OnSwitch):
            before, self._last_vm = self._last_vm, event.b
            return before not in (0, event.b)
        return True
