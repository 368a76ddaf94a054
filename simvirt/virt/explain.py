"""A trap explained from the run's own state: what trapped, why, who handled it, what it changed.

Nothing is looked up in a table of stories: a copy of the machine (`twin`) is run through the trap,
its handling and the return, and what it shows is told.  The machine itself stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from isa import causes, marks
from isa.csrs import CSRS
from isa.disasm import disassemble, length
from isa.traps import data_mode
from simvirt.core.state import RAM_BASE
from simvirt.errors import InputError
from simvirt.events import TRAPS, Event, Records, decode, mask_of
from simvirt.outside import Outside
from simvirt.turns import Turns
from simvirt.virt.accounting import ExitCost
from simvirt.virt.changes import Change, differences, vcpu_changes
from simvirt.virt.explain_injected import Injected, Watch
from simvirt.virt.layers import Layers, Where
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin
from simvirt.virt.views import VcpuView
from simvirt.virt.why import ACCESS, Seen, why
from simvirt.walk import Translation, walk

LONGEST = 20_000_000  # steps that the way back may take
_STORED = tuple(csr.name for csr in CSRS if csr.kind == "plain")


@dataclass(frozen=True)
class Handler:
    """A function that the handling went through."""

    layer: str
    name: str
    source: str

    def __str__(self) -> str:
        return f"{self.name} in the {self.layer}" + (f" ({self.source})" if self.source else "")


@dataclass(frozen=True)
class Explanation:
    """One trap.  `where` is what trapped, `resumed` what ran next in U, or below the handler.

    `virtual` is what its handling changed in the vCPU (bare: nothing, the machine is the guest's),
    `real` what the trap itself changed in the machine.  `ended`: the VM never came back.
    `injected`: a virtual interrupt that its VMM delivered before the guest ran on.
    """

    event: Event
    where: Where
    instruction: str
    place: str
    real_modes: tuple[str, str]
    virtual_modes: tuple[str, str] | None
    reason: str
    why: str
    handlers: tuple[Handler, ...]
    virtual: tuple[Change, ...]
    real: tuple[Change, ...]
    resumed: Where | None
    resume_pc: int
    resume_place: str
    instructions: int
    cycles: int
    ended: str = ""
    injected: Injected | None = None
    total: ExitCost | None = field(default=None, compare=False)

    @property
    def reflected(self) -> bool:
        """Did the guest's own kernel get a trap?"""
        return len(self.handlers) > 1 and self.handlers[-1].layer == "guest kernel"

    def lines(self) -> list[tuple[str, str]]:
        """(title, text) in the order of a report."""
        arrow = " → ".join
        interrupt = self.event.a & causes.INTERRUPT
        who = self.where.layer + ("" if self.where.vm is None else f" of VM {self.where.vm}")
        rows = [
            ("trap", f"{causes.describe(self.event.a)}, t={self.event.t:,}"),
            ("who", who),
            ("at", f"{self.event.pc:#x} {self.place}".rstrip()),
            ("instruction", self.instruction + (", not executed yet" if interrupt else "")),
            ("real mode", arrow(self.real_modes)),
        ]
        if self.virtual_modes is not None:
            rows.append(("virtual mode", arrow(self._virtual_way(*self.virtual_modes))))
        rows.append(("why", self.why))
        if self.reason:
            rows.append(("exit reason", self.reason))
        rows += self._handling()
        rows += self._changes()
        rows.append(("resumes", self._resumes()))
        cost = f"{self.instructions:,} instructions, {self.cycles:,} modelled cycles"
        rows.append(("cost", cost))
        if self.total is not None:
            cost = f"{self.total.instructions:,} instructions, {self.total.cycles:,} cycles"
            rows.append(("so far", f"{self.total.count:,} exits for {self.reason}: {cost}"))
        return rows

    def _handling(self) -> list[tuple[str, str]]:
        """In order of time: a virtual interrupt comes between the VMM and the guest's handler."""
        rows = [("handled by", str(handler)) for handler in self.handlers]
        if self.injected is not None:
            rows.insert(len(rows) - self.reflected, ("then", str(self.injected)))
        return rows

    def _virtual_way(self, before: str, after: str) -> tuple[str, ...]:
        """With the mode that an interrupt found, if the exit itself led to another one."""
        between = self.injected is not None and self.injected.mode != before
        return (before, self.injected.mode, after) if self.injected and between else (before, after)

    def _changes(self) -> Iterator[tuple[str, str]]:
        for title, changes in (("virtual", self.virtual), ("real", self.real)):
            yield from ((title, str(change)) for change in changes)
        if self.virtual_modes is not None and not self.virtual:
            hidden = self.reason in ("shadow_fill", "interrupt")
            told = ": the guest never knows" if hidden else " but pc: all values stood so before"
            yield "virtual", f"nothing changed{told if self.where.in_guest else ''}"

    def _resumes(self) -> str:
        if self.ended:
            return self.ended
        assert self.resumed is not None
        vm = "" if self.resumed.vm is None else f" of VM {self.resumed.vm}"
        mode = self.resumed.virtual_mode if self.resumed.in_guest else None
        modes = f"{self.resumed.real_mode}" + (f", virtual {mode}" if mode else "")
        return f"{self.resume_pc:#x} {self.resume_place} in the {self.resumed.layer}{vm} ({modes})"

    def __str__(self) -> str:
        return "\n".join(f"{title:<13}{text}" for title, text in self.lines())


def replay(base: Stack, inputs: Sequence[Outside], t: int) -> Stack:
    """A copy of `base`, run on to step `t` with the inputs that came in between."""
    made = twin(base)
    machine = made.machine
    for entered in inputs:
        if machine.state.mach("t") <= entered.t <= t:
            machine.run(entered.t - machine.state.mach("t"))
            entered.enter(machine)
    machine.run(t - machine.state.mach("t"))
    return made


def explain(before: Stack, known: Layers | None = None) -> Explanation:
    """Explain the trap that the next step of `before` takes; `before` is used up.

    `known`: layers of a stack of the same programs.  Raises InputError if it takes none.
    """
    return _Guide(before, known).explain()


class _Guide:
    """Takes one machine through one trap."""

    def __init__(self, stack: Stack, known: Layers | None) -> None:
        self.stack = stack
        self.machine = stack.machine
        self.state = stack.machine.state
        self.layers = Layers(stack, known)
        self.events: list[Event] = []
        self._read = self._depth = 0  # events looked at; traps without their returns among them
        self.machine.listeners.append(self._listen)
        self.machine.select_events(mask_of(TRAPS))

    def _listen(self, records: Records) -> None:
        self.events += decode(records)

    # ---- the way through ------------------------------------------------------------------------

    def explain(self) -> Explanation:
        """Step into the trap, follow its handling, compare."""
        turns = Turns(self.machine)
        with turns.of(turns.next):
            where = self.layers.where()
            vm = where.vm if self.stack.placement != "bare" else None
            vcpu = None if vm is None else self.layers.vcpu(vm)
            real, x, counts = self._real(), self._x(), self._counts()
            satp, status = self.state.hart("satp"), self.state.hart("mstatus")
            priv = self.state.hart("priv")
        devices = self._devices(vm)
        self.machine.run(1)
        event = next((e for e in self.events if e.kind == "TRAP"), None)
        if event is None:
            raise InputError(f"t={self.state.mach('t')}: no trap is taken there")
        fetch = walk(self._word, satp, event.pc, "fetch", priv, status)
        code = self._code(fetch)
        image = self.layers.image(where, event.pc, code)
        entered = self._handler()
        changed = differences(real, self._real())
        walks = self._walks(vm, vcpu, event, where, status)
        watch = None if vm is None or not where.in_guest else Watch(self.layers, vm)
        end = self._follow(event, where, vm, watch)
        resumed = self.layers.where()
        pc = self.state.hart("pc")
        after = None if vm is None else self.layers.vcpu(vm)
        injected = None if end or watch is None else self._injected(watch, after, resumed)
        reason = self._reason(vm) if where.in_guest else ""
        word = _word_of(event, code)
        text = "(a fetch that fails)" if word is None else _text(word, event.pc)
        now = self._counts()
        seen = vcpu.csr if vcpu is not None and where.in_guest else real
        size = self.state.ram_size if vm is None else self.stack.regions[vm][1]
        board = [(w.base, w.end) for w in self.machine.bus.mappings]
        facts = Seen(text, word, walks, seen, (RAM_BASE, RAM_BASE + size), board)
        virtual = () if vcpu is None or after is None else (
            *vcpu_changes(vcpu, after, x if where.in_guest else vcpu.x),
            *differences(devices, self._devices(vm)),
        )  # fmt: skip
        handlers = [entered, *self._classifiers(vm if where.in_guest else None)]
        if vcpu is not None and after is not None and where.in_guest:
            handlers += self._reflection(vcpu, after, resumed, reason, injected)
        resume_image = self.layers.image(resumed, pc, self._code(self._fetch(pc)))
        return Explanation(
            event, where, text, _place(self.layers, image, event.pc),
            (event.mode_from, event.mode_to), _modes(vcpu, after), reason,
            why(self.stack.placement, event, where, reason, facts),
            tuple(handlers), virtual, changed, None if end else resumed, pc,
            _place(self.layers, resume_image, pc), now[0] - counts[0], now[1] - counts[1], end,
            injected,
        )  # fmt: skip

    def _walks(
        self, vm: int | None, vcpu: VcpuView | None, event: Event, where: Where, status: int
    ) -> tuple[Translation | None, Translation | None]:
        """Walks of a page or access fault: the tables in use, a guest's own; `status`: mstatus."""
        access = ACCESS.get(event.a)
        if access is None:
            return None, None
        priv = {"U": 0, "S": 1, "M": 3}[event.mode_from]
        if access != "fetch":
            priv = data_mode(priv, status)
        real = walk(self._word, self.state.hart("satp"), event.b, access, priv, status)
        if vm is None or vcpu is None or not where.in_guest or self.layers.inspector is None:
            return real, None
        return real, self.layers.inspector.guest_walk(vm, vcpu, event.b, access)

    def _follow(self, event: Event, where: Where, vm: int | None, watch: Watch | None) -> str:
        """Run to where execution goes on; "" or why it does not."""
        self.machine.select_events(mask_of(TRAPS), mask_of(["XRET"]))
        end = self.state.mach("t") + LONGEST
        while self.state.mach("t") < end:
            stop = self.machine.run(end - self.state.mach("t"))
            if watch is not None and watch.at():
                continue
            if stop.reason != "stop":
                return {"finished": "never: the machine was switched off",
                        "waiting": "when input comes: the machine waits",
                        "stuck": "never: nothing can wake the machine"}.get(
                            stop.reason, f"never: {stop.reason}")  # fmt: skip
            if self._resumes(event, where, vm):
                return ""
            if self._vm_ended(vm):
                return "never: the VM ended"
        return f"not within {LONGEST:,} steps"

    def _resumes(self, event: Event, where: Where, vm: int | None) -> bool:
        """A VM: it runs again.  Else: its hart has returned as often as it has trapped since."""
        new, self._read = self.events[self._read :], len(self.events)
        if where.in_guest and vm is not None:
            last = next((e for e in reversed(self.events) if e.kind == "XRET"), event)
            return last.mode_to == "U" and self.layers.guest_running() == vm
        depths = {"TRAP": 1, "XRET": -1}
        self._depth += sum(depths.get(e.kind, 0) for e in new if e.hart == event.hart)
        return self._depth <= 0

    def _vm_ended(self, vm: int | None) -> bool:
        ends = (e for e in self.events if e.kind == "MARK" and e.a == marks.MARK_NUMBERS["VM_END"])
        return vm is not None and any(e.b >> 16 == vm and e.owner == 0 for e in ends)

    # ---- what was seen --------------------------------------------------------------------------

    def _handler(self) -> Handler:
        where, pc = self.layers.where(), self.state.hart("pc")
        image = self.layers.image(where, pc, self._code(self._fetch(pc)))
        name = self.layers.symbol(image, pc) or hex(pc)
        return Handler(where.layer, name, self.layers.source(image, pc))

    def _exit_marks(self, vm: int | None) -> Iterator[Event]:
        exits = (e for e in self.events if e.kind == "MARK" and e.a == marks.MARK_NUMBERS["EXIT"])
        yield from (e for e in exits if e.owner == 0 and e.b >> 16 == vm)

    def _reason(self, vm: int | None) -> str:
        return next((marks.EXIT_REASON_NAMES.get(e.b & 0xFF, "") for e in self._exit_marks(vm)), "")

    def _classifiers(self, vm: int | None) -> Iterator[Handler]:
        """The function of the VMM that knew what to do: it published the exit's reason."""
        inspector = self.layers.inspector
        first = next(self._exit_marks(vm), None)
        if vm is None or inspector is None or first is None:
            return
        layer = "VMM process" if self.stack.placement == "hosted" else "hypervisor"
        place = inspector.vmm.symbol_at(first.pc)
        entry = first.pc - (place.offset if place else 0)  # the mark itself is an inlined macro
        source = inspector.vmm.source_line(entry)
        yield Handler(layer, place.name if place else hex(first.pc), str(source or ""))

    def _injected(self, watch: Watch, after: VcpuView | None, resumed: Where) -> Injected | None:
        found = watch.injected(after)
        if found is None:
            return None
        layer = "guest user" if found.mode == "U" else "guest kernel"
        image = self.layers.image(replace(resumed, layer=layer), found.pc, watch.code())
        return replace(found, place=_place(self.layers, image, found.pc))

    def _reflection(
        self,
        before: VcpuView,
        after: VcpuView,
        resumed: Where,
        reason: str,
        injected: Injected | None,
    ) -> Iterator[Handler]:
        """The guest's own handler, if it was given the trap."""
        if not resumed.in_guest or after.mode not in ("M", "S"):
            return
        level = after.mode.lower()
        cause, base = after.csr[f"{level}cause"], after.csr[f"{level}tvec"]
        vector = 4 * (cause & 0xFF) if base & 1 and cause & causes.INTERRUPT else 0
        names = (f"{level}epc", f"{level}cause", f"{level}tval")
        by_itself = reason in ("mret", "sret", "shadow_fill")  # to where a handler begins
        same = by_itself and all(before.csr[n] == after.csr[n] for n in names)
        if after.pc == (base & ~3) + vector and (injected is not None or not same):
            image = self.layers.image(resumed, after.pc)
            name = self.layers.symbol(image, after.pc) or hex(after.pc)
            yield Handler("guest kernel", name, self.layers.source(image, after.pc))

    # ---- reading --------------------------------------------------------------------------------

    def _real(self) -> dict[str, int]:
        return {name: self.state.hart(name) for name in _STORED}

    def _devices(self, vm: int | None) -> dict[str, int]:
        """Registers of a VM's virtual devices; none before it is made and after it has gone."""
        if vm is None or self.layers.inspector is None:
            return {}
        try:
            return self.layers.inspector.devices(vm)
        except InputError:
            return {}

    def _x(self) -> tuple[int, ...]:
        return tuple(self.state.hart(f"x{n}") for n in range(32))

    def _counts(self) -> tuple[int, int]:
        retired = self.state.mach("t") - self.state.hart("not_retired")
        return retired, retired + self.state.hart("extra_cycles")

    def _word(self, pa: int) -> int | None:
        try:
            return int.from_bytes(self.state.read_ram(pa, 8), "little")
        except IndexError:
            return None

    def _fetch(self, pc: int) -> Translation:
        state = self.state
        return walk(self._word, state.hart("satp"), pc, "fetch", state.hart("priv"),
                    state.hart("mstatus"))  # fmt: skip

    def _code(self, found: Translation) -> bytes:
        if found.pa is None:
            return b""
        try:
            return self.state.read_ram(found.pa, min(32, 4096 - found.pa % 4096))
        except IndexError:
            return b""


def _modes(before: VcpuView | None, after: VcpuView | None) -> tuple[str, str] | None:
    if before is None:
        return None
    return before.mode, before.mode if after is None else after.mode


def _word_of(event: Event, code: bytes) -> int | None:
    """Bits of the trapping instruction; None when it could not be fetched."""
    if event.a in (1, 12):
        return None
    if event.a == causes.CAUSE["ILLEGAL_INSN"]:
        return event.b
    return int.from_bytes(code[:4], "little") if len(code) >= 2 else None


def _text(word: int, pc: int) -> str:
    bits = f"{word & 0xFFFFFFFF:08x}" if length(word) == 4 else f"{word & 0xFFFF:04x}"
    return f"{disassemble(word, pc)}   [{bits}]"


def _place(layers: Layers, image: object, pc: int) -> str:
    symbol = layers.symbol(image, pc)  # type: ignore[arg-type]
    source = layers.source(image, pc)  # type: ignore[arg-type]
    return " ".join(part for part in (f"<{symbol}>" if symbol else "", source) if part)
