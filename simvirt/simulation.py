"""`Simulation`: the one object through which every front end sees and drives a machine.

Addresses are always named: *physical* is the real machine's (HPA under a VMM), *virtual* is what
the running mode uses; a VM's GPA is given with the VM's number.  Time is `t`, in steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME, Csr
from isa.disasm import disassemble, length
from simvirt import events as ev
from simvirt import stops as st
from simvirt.errors import InputError
from simvirt.lines import Frame
from simvirt.loader import Image
from simvirt.machine import Machine, Stop
from simvirt.snapshot import Snapshot, check, put, take
from simvirt.talk import Talk, Talks
from simvirt.travel import Found, Travel
from simvirt.values import CsrValue, Line, Registers, VmInfo
from simvirt.walk import Translation, walk

if TYPE_CHECKING:
    from simvirt.history import Settings
    from simvirt.virt.stacks import Options, Stack

__all__ = ["CsrValue", "Line", "Registers", "Simulation", "VmInfo"]
_KEPT = 10_000  # events


class Simulation(Talks):
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

    def _physical(self, condition: st.AtPc | st.OnAccess) -> int:
        if condition.vm is None:
            return condition.address
        return self.vms()[condition.vm].physical(condition.address)

    def _wanted(self, conditions: tuple[st.Condition, ...]) -> bool:
        last, self._fresh = self._fresh, None
        fresh = [] if last is None else list(ev.decode(last[-_KEPT:]))
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

    def _fetch_address(self) -> int | None:
        return self.translate(self.machine.state.hart("pc"), "fetch").pa

    # ---- events ----------------------------------------------------------------------------------

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
        recent = [e for records in self._raw for e in ev.decode(records)][-_KEPT:]
        chosen = [e for e in recent if kind in (None, e.kind)]
        return chosen if last is None else chosen[-last:]

    def _listen(self, records: ev.Records) -> None:
        self._raw.append(records[-_KEPT:])  # decoded when somebody asks
        self._fresh = records
        while len(self._raw) > 1 and sum(map(len, self._raw)) - len(self._raw[0]) >= _KEPT:
            del self._raw[0]

    def saved(self) -> tuple[tuple[ev.Records, ...], int]:
        """The events held now (as `simvirt.history` asks listeners), and the last VM entered."""
        return tuple(self._raw), self._last_vm

    def rewind(self, saved: tuple[tuple[ev.Records, ...], int]) -> None:
        """Hold just these."""
        self._raw, self._fresh, self._last_vm = list(saved[0]), None, saved[1]

    # ---- looking ---------------------------------------------------------------------------------

    def registers(self) -> Registers:
        """The integer registers, pc and mode."""
        state = self.machine.state
        x = tuple(state.hart(f"x{n}") for n in range(32))
        return Registers(state.hart("pc"), PRIV_NAMES[state.hart("priv")], x)

    def csr(self, name: str) -> CsrValue:
        """A CSR as software would read it now.  Raises InputError for an unknown name."""
        if name not in BY_NAME:
            raise InputError(f"no CSR {name!r}; `simvirt isa` lists them")
        csr = BY_NAME[name]
        value = self._csr_value(csr)
        fields = tuple((f.name, (value & f.mask) >> f.low) for f in csr.fields)
        return CsrValue(name, value, fields)

    def _csr_value(self, csr: Csr) -> int:
        machine, state = self.machine, self.machine.state
        if csr.kind == "constant":
            return csr.reset
        if csr.name in ("mip", "sip"):
            return machine.pending() & (state.hart("mideleg") if csr.name == "sip" else -1)
        if csr.name == "sie":
            return state.hart("mie") & state.hart("mideleg")
        if csr.kind == "counter":
            return machine.counter(csr.view_of)
        return state.stored(csr)

    def memory(self, address: int, size: int, space: str = "physical", vm: int = 0) -> bytes:
        """Bytes of RAM; `space` is "physical", "virtual" (of the running mode) or "guest" (GPA).

        Raises InputError where nothing is mapped or no RAM is.
        """
        data = b""
        while size:
            chunk = min(size, 4096 - address % 4096)
            data += self._read(self._to_physical(address, space, vm), chunk)
            address, size = address + chunk, size - chunk
        return data

    def _to_physical(self, address: int, space: str, vm: int) -> int:
        if space == "physical":
            return address
        if space == "guest":
            return self.vms()[vm].physical(address)
        if space != "virtual":
            raise InputError(f"no address space {space!r}: physical, virtual or guest")
        found = self.translate(address)
        if found.pa is None:
            raise InputError(f"virtual address {address:#x}: {found.fault}")
        return found.pa

    def _read(self, pa: int, size: int) -> bytes:
        try:
            return self.machine.state.read_ram(pa, size)
        except IndexError as error:
            raise InputError(f"physical memory {error}") from None

    def read_word(self, pa: int) -> int | None:
        """A doubleword of RAM at a physical address, None outside."""
        try:
            return int.from_bytes(self.machine.state.read_ram(pa, 8), "little")
        except IndexError:
            return None

    def translate(self, va: int, access: str = "load") -> Translation:
        """Walk the page table for a load, store or fetch in the present mode."""
        state = self.machine.state
        priv, mstatus = state.hart("priv"), state.hart("mstatus")
        if access != "fetch" and priv == 3 and mstatus >> 17 & 1:
            priv = mstatus >> 11 & 3
        return walk(self.read_word, state.hart("satp"), va, access, priv, mstatus)

    def disassemble(self, address: int | None = None, count: int = 1) -> list[Line]:
        """`count` instructions at a virtual address (default: pc) of the present mode."""
        at = self.machine.state.hart("pc") if address is None else address
        lines = []
        for _ in range(count):
            found = self.translate(at, "fetch")
            if found.pa is None:
                break
            word = int.from_bytes(self._halfwords(at), "little")
            text = disassemble(word, at, self.symbol)
            bits = word if length(word) == 4 else word & 0xFFFF
            lines.append(Line(at, bits, text, self.symbol(at) or ""))
            at += length(word)
        return lines

    def _halfwords(self, va: int) -> bytes:
        first = self.memory(va, 2, "virtual")
        if first[0] & 3 != 3 or self.translate(va + 2, "fetch").pa is None:
            return first
        return first + self.memory(va + 2, 2, "virtual")

    def images(self) -> dict[str, Image]:
        """Every executable of the stack by name: layers and guests."""
        return {**self.stack.layers, **{g.name: g.image for g in self.stack.guests}}

    def current_image(self) -> Image:
        """The executable that runs now: of the VM that owns the frame, else the layer's."""
        vm = self._fetching_vm()
        if vm is not None:
            return self.stack.guests[vm].image
        return next(iter(self.stack.layers.values()), self.stack.guests[0].image)

    def _fetching_vm(self) -> int | None:
        """The VM whose frame the next instruction comes from; unmapped yet: the last one's."""
        pa = self._fetch_address()
        if pa is None:
            owner = self.machine.state.work("owner")
            return owner - 1 if owner else None
        return next((v.number for v in self.vms() if 0 <= pa - v.base < v.size), None)

    def symbol(self, address: int) -> str | None:
        """ "name+0x10" of an address in the running executable, or None."""
        place = self.current_image().symbol_at(address)
        return None if place is None else str(place)

    def source_line(self, address: int) -> str | None:
        """ "file:line" of an address in the running executable, or None."""
        line = self.current_image().source_line(address)
        return None if line is None else str(line)

    def where(self, pc: int | None = None, image: str | None = None) -> tuple[Frame, ...]:
        """Functions and lines at `pc`, innermost first; of an executable, or of what runs now."""
        from simvirt.observe.names import frames_in

        at = self.machine.state.hart("pc") if pc is None else pc
        return frames_in(self.stack, at, image, lambda: self.memory(at, 32, "virtual"))

    def vms(self) -> list[VmInfo]:
        """The VMs (bare: the one guest, with all of RAM)."""
        pairs = zip(self.stack.guests, self.stack.regions, strict=True)
        return [VmInfo(i, g.name, base, size) for i, (g, (base, size)) in enumerate(pairs)]

    def console(self, vm: int | None = None) -> bytes:
        """What VM `vm` has written; None: the layer's own messages (bare: the guest's)."""
        if vm is None and self.stack.placement != "bare":
            return self.stack.layer_console
        return self.stack.consoles[vm or 0]
