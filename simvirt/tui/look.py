"""Makes snapshots: reads from a stopped machine what the views show, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from isa.csrs import BY_NAME
from isa.disasm import disassemble, length
from isa.registers import NAMES
from simvirt.loader import Image
from simvirt.simulation import Simulation
from simvirt.tui import snapshot as snap
from simvirt.tui.addresses import Addresses
from simvirt.tui.places import Places
from simvirt.tui.record import Recorder
from simvirt.tui.timeline import Processes, timeline
from simvirt.turns import Turns
from simvirt.virt.accounting import Accountant
from simvirt.virt.layers import Layers, Where
from simvirt.virt.views import VcpuView

CSRS = (
    "sstatus", "sie", "sip", "stvec", "sscratch", "sepc", "scause", "stval", "satp", "stimecmp",
    "mstatus", "medeleg", "mideleg", "mie", "mip", "mtvec", "mscratch", "mepc", "mcause", "mtval",
    "mcounteren", "scounteren", "menvcfg",
)  # fmt: skip
_CONSOLE_TAIL = 6000
_BACK = 4  # rows above pc
_PAGE = 4096
_TEXTS = 20_000  # instructions whose text is kept


@dataclass
class _Seen:
    """Values when the last move began: what differs now has changed."""

    registers: dict[str, int] = field(default_factory=dict)
    real: dict[str, int] = field(default_factory=dict)
    virtual: dict[str, int] = field(default_factory=dict)


class Looker:
    """Reads a simulation for the views.  Used by the engine's thread only."""

    def __init__(self, sim: Simulation, recorder: Recorder, accountant: Accountant) -> None:
        self.sim = sim
        self.layers = Layers(sim.stack)
        self.turns = Turns(sim.machine)
        self.places = Places(sim, self.layers)
        self.addresses = Addresses(sim, self.layers)
        self._recorder, self._accountant = recorder, accountant
        self._seen = _Seen()
        self._shown_from: dict[int, int] = {}
        self._pages: dict[int, int | None] = {}  # page of code: HPA; of the present look
        self._texts: dict[tuple[int, int, int], tuple[str, str, str]] = {}

    def prepare(self) -> None:
        """Read the line tables of all executables, which takes tenths of a second, beforehand."""
        for image in self.layers.executables():
            image.source_line(image.entry)

    def begin(self) -> None:
        """A move begins: what it changes will be marked."""
        with self.turns.of(self.turns.next):
            where = self.layers.where()
            self._seen = _Seen(self._registers(), self._real(), self._virtual(self._vcpu(where)))

    def look(self, wanted: snap.Wanted, running: bool, message: str) -> snap.Snapshot:
        """The visible part of the present state: of several harts, that which goes on."""
        with self.turns.of(self.turns.next):
            return self._look(wanted, running, message)

    def _look(self, wanted: snap.Wanted, running: bool, message: str) -> snap.Snapshot:
        self._pages.clear()
        where = self.layers.where()
        self.addresses.about(where)
        state = self.sim.machine.state
        pc = state.hart("pc")
        image = self.layers.image(where, pc, self._bytes(pc))
        harts = self.turns.harts
        result = snap.Snapshot(
            t=self.sim.t, running=running, message=message, where=where, pc=pc,
            place=self.layers.symbol(image, pc), wanted=wanted, idle=state.mach("idle"),
            hart=f"hart {self.turns.next} of {harts}" if harts > 1 else "",
        )  # fmt: skip
        vcpu = self._vcpu(where)
        parts: dict[str, object] = {}
        if wanted.panes & {"log", "timeline"}:
            processes = self.layers.processes()
            if "log" in wanted.panes:
                rows = wanted.log_rows + (0 if running else snap.LOG_MORE)
                parts["log"] = self._recorder.log(rows, processes)
            if "timeline" in wanted.panes:
                parts |= self._timeline(wanted, processes)
        for pane in wanted.panes - {"log", "timeline"}:
            parts |= self._pane(pane, wanted, where, vcpu, image)
        return replace(result, **parts)  # type: ignore[arg-type]

    def _pane(
        self,
        pane: str,
        wanted: snap.Wanted,
        where: Where,
        vcpu: VcpuView | None,
        image: Image | None,
    ) -> dict[str, object]:
        if pane == "code":
            return {"code": self._code(wanted, image)}
        if pane == "registers":
            return {"registers": self._register_rows()}
        if pane == "csrs":
            return {"csrs": self._csr_rows(vcpu)}
        if pane == "address":
            return {"address": self.addresses.view(wanted, where)}
        if pane == "counts":
            return {"traps": self._recorder.counts(), "exits": self._exits()}
        return {"consoles": self._consoles()}

    # ---- code ------------------------------------------------------------------------------------

    def _physical(self, va: int) -> int | None:
        """HPA of code; a page is walked to once in a look."""
        page = va // _PAGE
        if page not in self._pages:
            self._pages[page] = self.places.fetched(page * _PAGE)[0]
        base = self._pages[page]
        return None if base is None else base + va % _PAGE

    def _bytes(self, va: int) -> bytes:
        pa = self._physical(va)
        if pa is None:
            return b""
        try:
            return self.sim.machine.state.read_ram(pa, min(32, _PAGE - pa % _PAGE))
        except IndexError:
            return b""

    def _code(self, wanted: snap.Wanted, image: Image | None) -> tuple[snap.CodeRow, ...]:
        pc = self.sim.machine.state.hart("pc")
        at = wanted.code_at
        start = self._start(pc, image) if at is None else self._boundary(at, image)
        rows: list[snap.CodeRow] = []
        at, function = start, ""
        while len(rows) < wanted.code_rows:
            word = self._instruction(at)
            if word is None:
                break
            row = self._code_row(at, word, pc, image)
            rows.append(replace(row, function="" if row.function == function else row.function))
            function = row.function
            at += length(word)
        return tuple(rows)

    def _instruction(self, at: int) -> int | None:
        data = self._bytes(at)
        if len(data) == 2 and data[0] & 3 == 3:
            data += self._bytes(at + 2)
        return int.from_bytes(data[:4], "little") if len(data) >= 2 else None

    def _code_row(self, at: int, word: int, pc: int, image: Image | None) -> snap.CodeRow:
        bits = f"{word:08x}" if length(word) == 4 else f"{word & 0xFFFF:04x}"
        key = at, word, id(image)
        if key not in self._texts:
            if len(self._texts) > _TEXTS:
                self._texts.clear()
            text = disassemble(word, at, lambda address: self.layers.symbol(image, address) or None)
            place = image.symbol_at(self.layers.linked(at)) if image else None
            name = place.name if place else ""
            self._texts[key] = text, name, self.layers.source(image, at)
        marked = self._physical(at) in self.breaks if self.breaks else False
        return snap.CodeRow(at, bits, *self._texts[key], at == pc, marked)

    breaks: frozenset[int] = frozenset()  # physical addresses

    def _start(self, pc: int, image: Image | None) -> int:
        """Where to begin so that pc has some rows above it: instructions have two lengths."""
        place = image.symbol_at(self.layers.linked(pc)) if image else None
        at = pc - min(place.offset if place else 0, 64)
        if place and place.offset > 64:
            at = self._aligned(pc - place.offset, pc)
        starts = []
        while at < pc:
            starts.append(at)
            word = self._instruction(at)
            if word is None:
                return pc
            at += length(word)
        return starts[-_BACK] if len(starts) >= _BACK and at == pc else (starts or [pc])[0]

    def _boundary(self, at: int, image: Image | None) -> int:
        """The beginning of the instruction at `at`, which may be its second half."""
        place = image.symbol_at(self.layers.linked(at)) if image else None
        here = at - place.offset if place and place.offset < 4096 else at
        while here < at:
            word = self._instruction(here)
            if word is None or here + length(word) > at:
                return at if word is None else here
            here += length(word)
        return at

    def _aligned(self, first: int, pc: int) -> int:
        """An instruction boundary some rows above pc, found from the function's beginning."""
        known = self._shown_from.get(pc)
        if known is not None:
            return known
        at, back = first, [first]
        while at < pc and len(back) < 4000:
            word = self._instruction(at)
            if word is None:
                return pc
            at += length(word)
            back.append(at)
        found = back[max(len(back) - 1 - _BACK, 0)]
        if len(self._shown_from) > 4000:
            self._shown_from.clear()
        self._shown_from[pc] = found
        return found

    # ---- registers -------------------------------------------------------------------------------

    def _registers(self) -> dict[str, int]:
        state = self.sim.machine.state
        return {name: state.hart(f"x{n}") for n, name in enumerate(NAMES)}

    def _register_rows(self) -> tuple[snap.Register, ...]:
        now = self._registers()
        old = self._seen.registers
        return tuple(snap.Register(n, v, old.get(n, v) != v) for n, v in now.items())

    def _real(self) -> dict[str, int]:
        return {name: self.sim.csr(name).value for name in CSRS}

    def _vcpu(self, where: Where) -> VcpuView | None:
        if where.vm is None or self.layers.inspector is None:
            return None
        return self.layers.vcpu(where.vm)

    def _virtual(self, vcpu: VcpuView | None) -> dict[str, int]:
        return {} if vcpu is None else {name: _virtual(vcpu, name) for name in CSRS}

    def _csr_rows(self, vcpu: VcpuView | None) -> tuple[snap.CsrRow, ...]:
        real, virtual = self._real(), self._virtual(vcpu)
        rows = []
        for name in CSRS:
            value, other = real[name], virtual.get(name)
            fields = tuple(
                (f.name, (value & f.mask) >> f.low,
                 None if other is None else (other & f.mask) >> f.low)
                for f in BY_NAME[name].fields
            )  # fmt: skip
            changed = self._seen.real.get(name, value) != value
            moved = other is not None and self._seen.virtual.get(name, other) != other
            rows.append(snap.CsrRow(name, value, other, fields, changed, moved))
        return tuple(rows)

    # ---- the rest --------------------------------------------------------------------------------

    def _exits(self) -> tuple[tuple[int, tuple[snap.CountRow, ...]], ...]:
        return tuple(
            (vm, tuple(snap.CountRow(n, c.count, c.instructions, c.cycles)
                       for n, c in reasons.items()))
            for vm, reasons in self._accountant.exits().items()
            if self.layers.inspector is not None
        )  # fmt: skip

    def _timeline(self, wanted: snap.Wanted, processes: Processes) -> dict[str, object]:
        now = self.sim.t
        rows = timeline(
            self._recorder.tail, self.sim.stack.placement, now, wanted.span, wanted.columns,
            processes,
        )  # fmt: skip
        return {"timeline": rows, "timeline_from": max(now - wanted.span, 0)}

    def _consoles(self) -> tuple[snap.ConsoleView, ...]:
        stack = self.sim.stack
        bare = stack.placement == "bare"
        views = []
        for number, uart in enumerate(stack.machine.consoles):
            if number:
                title = f"VM {number - 1} {stack.guests[number - 1].name}"
            else:
                title = stack.guests[0].name if bare else stack.placement
                title = "host" if title == "hosted" else title
            text = bytes(uart.output[-_CONSOLE_TAIL:]).decode("utf-8", "replace")
            views.append(snap.ConsoleView(title, text.replace("\r", ""), number))
        return tuple(views if bare else [*views[1:], views[0]])


def _virtual(vcpu: VcpuView, name: str) -> int:
    """A vCPU's CSR as its VMM stores it; interrupts that devices raise are not in it."""
    csr = BY_NAME[name]
    value = vcpu.csr.get(csr.view_of or name, 0)
    if name in ("sie", "sip"):
        value &= vcpu.csr["mideleg"]
    return value & csr.readable
