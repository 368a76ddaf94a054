"""How a `Simulation` and all that it answers with show themselves in a notebook.

The results know nothing of notebooks: `load` tells IPython which function shows which class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from isa.registers import NAMES
from simvirt.notebook.charts import number, stretch_rows, stretch_text
from simvirt.notebook.markup import Html, block, plain, table
from simvirt.notebook.walks import journey_picture, walk_picture
from simvirt.results import (
    Account,
    CsrValue,
    Death,
    Difference,
    Event,
    ExitCost,
    InputError,
    Journey,
    Judgement,
    Line,
    Registers,
    Stretch,
    Translation,
    VcpuView,
    VmAccount,
    VmExit,
    VmInfo,
    VmView,
)
from simvirt.simulation import Simulation

_HTML = "text/html"
_SVG = "image/svg+xml"


def registers_html(found: Registers) -> str:
    """pc, mode and the integer registers, four in a row."""
    return table((), _register_rows(found.x), f"pc {found.pc:#x}, mode {found.mode}")


def _register_rows(x: Sequence[int]) -> list[list[str]]:
    cells = [[name, f"{value:016x}"] for name, value in zip(NAMES, x, strict=True)]
    return [[text for cell in cells[i : i + 4] for text in cell] for i in range(0, 32, 4)]


def csr_html(found: CsrValue) -> str:
    """A CSR and its fields."""
    rows = [[name, f"{value:#x}"] for name, value in found.fields]
    return table(("field", "value"), rows, f"{found.name} = {found.value:#x}")


def line_html(line: Line) -> str:
    """One instruction."""
    return table((), [[str(line), line.place]])


def vm_info_html(vm: VmInfo) -> str:
    """Where a VM lies."""
    where = f"RAM at HPA {vm.base:#x}, {vm.size >> 20} MiB"
    return table((), [[f"VM {vm.number}", vm.guest, where]])


def vcpu_html(vcpu: VcpuView) -> str:
    """A vCPU: virtual mode, pc, registers, and the virtual CSRs that are not zero."""
    csrs = [[name, f"{value:#x}"] for name, value in vcpu.csr.items() if value]
    title = f"vCPU {vcpu.number}: virtual {vcpu.mode}-mode, pc (GVA) {vcpu.pc:#x}"
    registers = table((), _register_rows(vcpu.x), title)
    return registers + table(("virtual CSR", "value"), csrs, "virtual CSRs that are not zero")


def vm_html(vm: VmView) -> str:
    """A VM: its vCPU, and the real page tables it runs under."""
    rows = [
        [str(r.index), r.kind, f"{r.guest_satp:#x}", f"{r.table:#x}" if r.table else "not made"]
        for r in vm.roots
        if r.kind != "free"
    ]
    head = ("root", "kind", "guest satp", "real root table (HPA)")
    return vcpu_html(vm.vcpu) + table(head, rows, f"shadow page tables of VM {vm.number}")


def exits_html(account: VmAccount) -> str:
    """Exits of a VM by reason, the costliest first."""
    rows = [
        [name, *(number(v) for v in (e.count, e.instructions, e.cycles, e.cycles / e.count))]
        for name, e in account.exits.items()
    ]
    title = f"guest itself: {number(account.guest.cycles)} cycles; {account.exit_count} exits"
    return table(("exit", "count", "instructions", "cycles", "cycles each"), rows, title)


def exit_cost_html(cost: ExitCost) -> str:
    """Count and cost of exits of one reason."""
    row = [number(v) for v in (cost.count, cost.instructions, cost.cycles)]
    return table(("count", "instructions", "cycles"), [row])


def account_html(account: Account) -> str:
    """Where all cycles of the machine went; the parts add up to the total."""
    parts = [("boot of the layer", account.boot), ("idle", account.idle)]
    parts += [(f"host process {pid}", cost) for pid, cost in account.processes.items()]
    for vm, its in account.vms.items():
        parts.append((f"VM {vm}: the guest itself", its.guest))
        parts.append((f"VM {vm}: its exits", its.handling))
        parts.append((f"VM {vm}: making and ending it", its.management))
    shown = [(name, cost) for name, cost in parts if cost.cycles] + [("total", account.total)]
    rows = [[name, number(c.instructions), number(c.cycles)] for name, c in shown]
    return table(("who", "instructions", "cycles"), rows, bold=[len(rows) - 1])


def exit_html(found: VmExit) -> str:
    """One exit: what it was, and how it was handled."""
    row = [str(found.t), str(found.end), number(found.instructions), number(found.cycles)]
    head = ("from t", "to t", "instructions", "cycles", "mode switches")
    title = f"exit of VM {found.vm}: {found.reason}"
    return table(head, [[*row, str(found.mode_switches)]], title)


def judgement_html(found: Judgement) -> str:
    """Figures, the rule, and what it makes of them."""
    return block(str(found))


def event_html(event: Event) -> str:
    """One event."""
    return block(event.text())


def difference_html(found: Difference) -> str:
    """What differs between two snapshots."""
    rows = [[c.kind, c.place, c.before, c.after] for c in found.rows()]
    return table(("what", "where", "before", "after"), rows, found.title)


def simulation_html(simulation: Simulation) -> str:
    """What runs where, and how far it has come."""
    stack = simulation.stack
    rows = [[f"VM {v.number}" if stack.layers else "machine", v.guest] for v in simulation.vms()]
    title = f"{stack.placement}: t={simulation.t:,}, mode {simulation.registers().mode}"
    return table((), [*rows, *([["layer", name] for name in stack.layers])], title)


# ---- several things in one table -----------------------------------------------------------------


def listing(simulation: Simulation, address: int | None = None, count: int = 8) -> Html:
    """Instructions from a virtual address of the running mode (default: pc), with their source."""
    pc = simulation.registers().pc
    lines = simulation.disassemble(address, count)
    rows = [
        [
            ">" if line.address == pc else "",
            *str(line).split("  ", 2),
            line.place,
            _source(simulation, line.address),
        ]
        for line in lines
    ]
    here = [number for number, line in enumerate(lines) if line.address == pc]
    head = ("", "address", "bits", "instruction", "place", "source")
    return Html(table(head, rows, bold=here), plain(head, rows))


def _source(simulation: Simulation, address: int) -> str:
    """The file and line; code that belongs to no line has number 0."""
    return (simulation.source_line(address) or "").removesuffix(":0")


def csrs(simulation: Simulation, names: Iterable[str], vm: int | None = None) -> Html:
    """CSRs of the machine; with a VM's number, its virtual ones beside them."""
    head = ["CSR", "real", "fields of the real one that are not zero"]
    rows = [_csr_row(simulation.csr(name)) for name in names]
    if vm is not None:
        simulation.vm(vm)  # an error here is the caller's; one below is only a "-"
        head.insert(2, f"virtual, VM {vm}")
        for row in rows:
            row.insert(2, _virtual(simulation, row[0], vm))
    return Html(table(head, rows), plain(head, rows))


def _csr_row(found: CsrValue) -> list[str]:
    fields = " ".join(f"{name}={value:#x}" for name, value in found.fields if value)
    return [found.name, f"{found.value:#x}", fields]


def _virtual(simulation: Simulation, name: str, vm: int) -> str:
    try:
        return f"{simulation.csr(name, vm).value:#x}"
    except InputError:
        return "-"  # the VMM keeps none


def path(stretches: Sequence[Stretch]) -> Html:
    """Who ran one after the other, what it took, and why it began."""
    return Html(table(*stretch_rows(stretches)), stretch_text(stretches))


# ---- telling IPython -----------------------------------------------------------------------------

FORMATTERS: dict[str, dict[type, Callable[[Any], str]]] = {
    _HTML: {
        Registers: registers_html,
        CsrValue: csr_html,
        Line: line_html,
        VmInfo: vm_info_html,
        VcpuView: vcpu_html,
        VmView: vm_html,
        VmAccount: exits_html,
        ExitCost: exit_cost_html,
        VmExit: exit_html,
        Judgement: judgement_html,
        Account: account_html,
        Event: event_html,
        Simulation: simulation_html,
        Difference: difference_html,
        Death: lambda death: block(str(death)),
        InputError: lambda error: block(str(error)),
    },
    _SVG: {
        Translation: lambda found: walk_picture(found).svg,
        Journey: lambda found: journey_picture(found).svg,
    },
}


def load(shell: Any) -> None:
    """Register every display with an IPython shell."""
    for kind, displays in FORMATTERS.items():
        formatter = shell.display_formatter.formatters[kind]
        for shown, display in displays.items():
            formatter.for_type(shown, display)


def unload(shell: Any) -> None:
    """Take them back."""
    for kind, displays in FORMATTERS.items():
        formatter = shell.display_formatter.formatters[kind]
        for shown in displays:
            formatter.pop(shown, None)
