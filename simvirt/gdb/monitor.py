"""The ``monitor`` commands: what gdb has no word for.

Each gives a text; an InputError says why not, and becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import zip_longest

from isa.choices import DTLB_ENTRIES, ITLB_ENTRIES
from isa.csrs import BY_NAME
from simvirt.errors import InputError
from simvirt.gdb.past import explain_last_trap, go
from simvirt.gdb.processes import Process, Processes, virtual_csr
from simvirt.virt.accounting import Accountant
from simvirt.virt.views import VERDICTS
from simvirt.walk import Translation, flags_text

_CONSOLE_TAIL = 4000  # characters
_STALE_GDB = "gdb shows old registers until `maintenance flush register-cache`"


class Monitor:
    """Carries out commands.  `chosen`: the process that gdb has selected, `hart`: its thread."""

    def __init__(self, processes: Processes, accountant: Accountant) -> None:
        self._processes, self._accountant = processes, accountant
        self._sim = processes.sim
        self._commands: dict[str, tuple[Callable[..., str], str]] = {
            "help": (self._help, "this list"),
            "t": (self._t, "time, in steps, and where the machine is"),
            "vms": (self._vms, "the VMs: where their RAM is, what their vCPU does"),
            "walk": (self._walk, "ADDR [VM]: guest's table, physical map and shadow table"),
            "csr": (self._csr, "NAME: the real CSR, of each hart, and every vCPU's, with fields"),
            "exits": (self._exits, "VM exits by reason: how many, and what they cost"),
            "tlb": (self._tlb, "[ADDR]: what the chosen hart's TLB holds; of a page"),
            "why": (self._why, "the last trap explained"),
            "goto": (self._goto, "T: go to a step, " + _STALE_GDB),
            "console": (self._console, "[VM]: the end of what a guest, or the layer, has written"),
            "type": (self._type, "[vmN] TEXT: keys for a console, \\n is Enter"),
            "symbols": (self._symbols, "gdb's commands that load every executable's symbols"),
        }

    def run(self, command: str, chosen: Process, hart: int = 0) -> str:
        """The text that a command answers; the errors of users are texts, too."""
        name, _, rest = command.strip().partition(" ")
        if name not in self._commands:
            return f"no command {name!r}; `monitor help` lists them\n"
        self._chosen, self._hart = chosen, hart
        try:
            return self._commands[name][0](rest.strip()).rstrip() + "\n"
        except InputError as error:
            return f"{error}\n"

    def _help(self, _: str) -> str:
        return "\n".join(f"{name:<8} {text}" for name, (_, text) in self._commands.items())

    # ---- where -----------------------------------------------------------------------------------

    def _t(self, _: str) -> str:
        now, hart = self._processes.current(), self._processes.turns.next
        words = f"t={self._sim.t:,} pc={self._processes.turns.pc(hart):#x}"
        return f"{words} in process {now.pid} ({now.name}), {self._processes.describe(now, hart)}"

    def _vms(self, _: str) -> str:
        lines = []
        for info in self._sim.vms():
            span = f"RAM at HPA {info.base:#x}, {info.size >> 20} MiB"
            if self._sim.stack.placement == "bare":
                return f"bare machine, no VMs: {info.guest}, {span}"
            process = self._processes.of("vm", info.number)
            state = self._processes.describe(process)
            pc = self._processes.registers(process).pc
            lines.append(f"vm{info.number} {info.guest}: {span}; pc {pc:#x}, {state}")
        return "\n".join(lines)

    # ---- addresses -------------------------------------------------------------------------------

    def _walk(self, text: str) -> str:
        words = text.split()
        if not 1 <= len(words) <= 2:
            raise InputError("monitor walk ADDR [VM]: for example `monitor walk 0x80001000`")
        address = self._address(words[0])
        inspector = self._processes.layers.inspector
        vm = self._number(words[1], "VM") if len(words) > 1 else self._chosen.vm
        if len(words) == 1 and (inspector is None or vm is None):
            return "\n".join(_table(self._own(address)))
        if inspector is None or vm is None or not 0 <= vm < len(self._sim.stack.guests):
            raise InputError(f"there is no VM {words[-1]}; `monitor vms` lists them")
        journey = inspector.journey(vm, address)
        names = (("GPA", journey.gpa), ("HVA", journey.hva), ("HPA", journey.hpa))
        physical = [f"{name} {value:#x}" for name, value in names if value is not None]
        shadow = journey.shadow
        verdict = f"{journey.verdict}: {VERDICTS[journey.verdict]}"
        columns = {
            f"guest's table of VM {vm}": _steps(journey.guest, "GPA"),
            "physical map": physical or ["(not mapped)"],
            "shadow table": _steps(shadow, "HPA") if shadow else ["(none yet)"],
        }
        return "\n".join([f"load of GVA {address:#x}", *_table(columns), verdict])

    def _own(self, address: int) -> dict[str, list[str]]:
        with self._processes.turns.of(self._hart):
            found, mode = self._sim.translate(address), self._sim.registers().mode
        pa = f"physical {found.pa:#x}" if found.pa is not None else "(not mapped)"
        whose = f" of hart {self._hart}" if self._processes.turns.harts > 1 else ""
        title = f"load of virtual {address:#x} in {mode}-mode{whose}"
        return {title: _steps(found, "physical"), "physical map": [pa]}

    @staticmethod
    def _address(text: str) -> int:
        try:
            address = int(text, 0)
        except ValueError:
            raise InputError(
                f"{text!r} is no number; for a symbol: `output/x &NAME` first, or "
                'eval "monitor walk 0x%lx", &NAME'
            ) from None
        if not 0 <= address < 1 << 64:
            raise InputError("an address has at most 64 bits, and no sign")
        return address

    @staticmethod
    def _number(text: str, what: str) -> int:
        try:
            return int(text.lower().removeprefix("vm"), 0)
        except ValueError:
            raise InputError(f"{text!r} is no number of a {what}") from None

    def _tlb(self, text: str) -> str:
        page = self._address(text) & ~0xFFF if text else None
        with self._processes.turns.of(self._hart):
            words = self._sim.machine.state.arrays.tlb.reshape(-1, 3).tolist()
        lines = [f"of hart {self._hart}"] if self._processes.turns.harts > 1 else []
        for title, rows in (
            ("data", words[:DTLB_ENTRIES]),
            ("instructions", words[DTLB_ENTRIES : DTLB_ENTRIES + ITLB_ENTRIES]),
        ):
            held = [r for r in rows if r[0] & 1 and page in (None, r[0] & ~0xFFF)]
            lines.append(f"{title}: {len(held)} of {len(rows)} entries")
            for va, asid, pte in held:
                pa = (pte >> 10 & (1 << 44) - 1) << 12
                where = f"VA {va & ~0xFFF:#x} -> {pa:#x} level {va >> 2 & 3}"
                lines.append(f"  {where} ASID {asid} {flags_text(pte)}")
        return "\n".join(lines)

    # ---- values ----------------------------------------------------------------------------------

    def _csr(self, text: str) -> str:
        turns, lines = self._processes.turns, []
        for hart in range(turns.harts):
            with turns.of(hart):
                title = f"hart {hart}" if turns.harts > 1 else "real"
                lines.append(f"{title:<8}{self._sim.csr(text)}")
        for process in self._processes.all:
            vm = process.vm if process.kind == "vm" else None
            vcpu = None if vm is None else self._processes.layers.vcpu(vm)
            found = None if vcpu is None else virtual_csr(vcpu, text)
            if found is not None:
                fields = " ".join(
                    f"{f.name}={(found & f.mask) >> f.low:#x}" for f in BY_NAME[text].fields
                )
                lines.append(f"vm{vm:<5} {text} {found:#x} {fields}")
        return "\n".join(lines)

    def _exits(self, _: str) -> str:
        if self._sim.stack.placement == "bare":
            return "bare: no VM, so no exits"
        lines = [f"{'VM':<4}{'exit reason':<16}{'count':>10}{'instructions':>14}{'cycles':>14}"]
        self._sim.machine.flush_events()
        for vm, reasons in self._accountant.exits().items():
            for name, cost in reasons.items():
                numbers = f"{cost.count:>10}{cost.instructions:>14}{cost.cycles:>14}"
                lines.append(f"{vm:<4}{name:<16}{numbers}")
        return "\n".join(lines)

    def _why(self, _: str) -> str:
        rows = explain_last_trap(self._sim, self._processes.layers).lines()
        return "\n".join(f"{title:<13}{text}" for title, text in rows)

    # ---- doing -----------------------------------------------------------------------------------

    def _goto(self, text: str) -> str:
        try:
            t = int(text.replace(",", ""), 0)
        except ValueError:
            raise InputError("monitor goto T: a number of steps, such as 1000000") from None
        go(self._sim, t)
        return f"{self._t('')}; {_STALE_GDB}"

    def _console(self, text: str) -> str:
        vm = self._number(text, "VM") if text else None
        if vm is not None and not 0 <= vm < len(self._sim.stack.guests):
            raise InputError(f"there is no VM {text}; `monitor vms` lists them")
        shown = self._sim.console(vm).decode("utf-8", "replace")[-_CONSOLE_TAIL:]
        clean = "".join(c if c.isprintable() or c in "\n\t" else "" for c in shown)
        return clean or "(nothing has been written)"

    def _type(self, text: str) -> str:
        vm, word = 0, text.split(" ", 1)[0]
        if word.startswith("vm") and word[2:].isdigit():
            vm, text = int(word[2:]), text[len(word) + 1 :]
        if vm >= len(self._sim.stack.guests):
            raise InputError(f"there is no VM {vm}; `monitor vms` lists them")
        data = text.replace("\\n", "\n").encode()
        self._sim.machine.send(data, 0 if self._sim.stack.placement == "bare" else vm + 1)
        return f"{len(data)} bytes typed"

    def _symbols(self, _: str) -> str:
        lines = ["# each inferior has loaded its own; the programs that run in them:"]
        own = {process.image.path for process in self._processes.all if process.symbols}
        for image in self._processes.layers.executables():
            if image.path not in own:
                lines.append(f"add-symbol-file {image.path}")
        return "\n".join(dict.fromkeys(lines))


def _steps(found: Translation, kind: str) -> list[str]:
    rows = [f"L{s.level} {s.address:#x}: {s.pte:#x} {s.what}" for s in found.steps]
    if found.pa is None:
        return [*rows, found.fault]
    return [*rows, f"-> {kind} {found.pa:#x}" if rows else f"no translation: {kind} {found.pa:#x}"]


def _table(columns: dict[str, list[str]]) -> Iterator[str]:
    widths = [max(map(len, [title, *rows])) for title, rows in columns.items()]
    for row in (tuple(columns), *zip_longest(*columns.values(), fillvalue="")):
        yield " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
