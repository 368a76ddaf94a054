"""Snapshots as coloured lines.  Nothing here knows a widget, or changes anything.

Colours are middle tones, so they can be read on light and on dark.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from rich.text import Text

from simvirt.tui import snapshot as snap
from simvirt.tui.snapshot import Snapshot

COLOURS = {
    "guest user": "#2f9e44",
    "guest kernel": "#1c8db8",
    "hypervisor": "#d6453d",
    "VMM process": "#c07a00",
    "host kernel": "#9c5fd0",
    "host user": "#7d8590",
}
STATES = {"agrees": "#2f9e44", "missing": "#c07a00", "stale": "#d6453d", "neither": "#7d8590",
          "device": "#1c8db8"}  # fmt: skip
CHANGED = "bold #d6453d"
FAINT = "#8a8f98"
_BLOCKS = " ▁▂▃▄▅▆▇█"
_BESIDE = 105  # columns from which the three walks stand side by side
_TITLE = 13  # columns of a report's titles
_HANGING = 13  # columns left of the fields of a CSR that go on below it
_COMPACT = 78  # columns below which a line leaves out what is said elsewhere

Lines = list[Text]


def badge(layer: str) -> Text:
    """The name of a layer in its colour."""
    return Text().append(f" {layer} ", style=f"bold #ffffff on {COLOURS[layer]}")


def status(s: Snapshot, width: int) -> Lines:
    """Two lines: what runs, and what the debugger says."""
    where = s.where
    first = badge(where.layer)
    vm = "" if where.vm is None else f"  VM {where.vm} vCPU {where.vcpu or 0}"
    virtual = f"  virtual {where.virtual_mode}" if where.virtual_mode else ""
    first.append(f"{vm}  real {where.real_mode}{virtual}", style="bold")
    if s.hart:
        first.append(f"  {s.hart}", style="bold")
    first.append(f"  t={s.t:,}")
    if where.process and width >= _COMPACT:
        first.append(f"  process {where.process}", style=FAINT)
    state = Text().append("▶ " if s.running else "■ ", style=COLOURS["guest user" if s.running else
                                                         "hypervisor"])  # fmt: skip
    state.append(s.message)
    if s.running and s.mips:
        state.append(f"  {s.mips:.0f} million steps/s", style=FAINT)
    return [first, state]


def code(s: Snapshot, width: int, cursor: int | None) -> Lines:
    """Instructions with functions above them and source lines beside them."""
    lines: Lines = []
    colour = COLOURS[s.where.layer]
    for row in s.code:
        if row.function:
            lines.append(Text(f"{row.function}:", style=f"bold {colour}"))
        line = Text().append("●" if row.is_break else " ", style=CHANGED)
        line.append("▶" if row.is_pc else " ", style=f"bold {colour}")
        line.append(f"{row.address:>10x} ", style=FAINT)
        if width >= 78:
            line.append(f"{row.bits:<8} ", style=FAINT)
        line.append(f"{row.text:<{34 if width >= 70 else 28}}", style="bold" if row.is_pc else "")
        line.append(f" {row.source}", style=FAINT)
        if row.address == cursor:
            line.stylize("reverse")
        lines.append(line)
    if not s.code:
        lines.append(Text("nothing is mapped here; the next step is a fault of the fetch"))
    return lines


def registers(s: Snapshot, width: int) -> Lines:
    """pc and the integer registers in columns; what changed stands out."""
    columns = max(1, min(4, width // 22))
    lines = [Text().append(f"pc   {s.pc:016x} ", style="bold").append(s.place, style=FAINT)]
    rows = -(-len(s.registers) // columns)
    for i in range(rows):
        line = Text()
        for register in s.registers[i::rows]:
            style = CHANGED if register.changed else ""
            line.append(f"{register.name:<4} ", style=FAINT)
            line.append(f"{register.value:016x} ", style=style)
        lines.append(line)
    return lines


def csrs(s: Snapshot, width: int) -> Lines:
    """The machine's CSRs beside the vCPU's, with the fields that are set."""
    both = any(row.virtual is not None for row in s.csrs)
    head = f"{'CSR':<11}{'real':<17}" + (f"{'virtual':<17}" if both else "")
    lines = [Text(head + ("fields real/virtual" if both else "fields"), style=f"bold {FAINT}")]
    for row in s.csrs:
        line = Text().append(f"{row.name:<11}", style=FAINT)
        line.append(f"{row.real:<16x} ", style=CHANGED if row.changed else "")
        if both:
            value = "" if row.virtual is None else f"{row.virtual:x}"
            style = CHANGED if row.virtual_changed else ("" if row.virtual == row.real else "bold")
            line.append(f"{value:<16} ", style=style)
        lines += _wrapped(line, [_field(*field) for field in row.fields], width)
    return lines


def _field(name: str, real: int, virtual: int | None) -> Text:
    """A field that is set, "" of one that is not."""
    if not real and not virtual:
        return Text()
    if virtual is None:
        return Text(f"{name}={real:x}")
    return Text(f"{name}={real:x}/{virtual:x}", style="" if real == virtual else "bold")


def _wrapped(line: Text, fields: list[Text], width: int) -> Lines:
    """A line and its fields; those that do not fit go on below, none is parted."""
    lines = [line]
    for field in filter(None, fields):
        if lines[-1].cell_len + field.cell_len > width:
            lines.append(Text(" " * _HANGING))
        lines[-1].append_text(field).append(" ")
    return lines


def address(s: Snapshot, width: int) -> Lines:
    """Guest's walk, physical map and shadow entry of one address, each labelled."""
    view = s.address
    if view is None:
        return []
    colour = STATES.get(view.state)
    state = Text().append(f" {view.state} ", style=f"bold #ffffff on {colour}" if colour else FAINT)
    title = Text().append(view.title, style="bold").append(", shadow: ").append_text(state)
    lines = [title, Text(view.note, style=FAINT)]
    if not view.guest:
        return lines
    beside = width >= _BESIDE
    parts = [
        _walk(view.whose, view.guest),
        _map(view, beside),
        _walk("shadow table", view.shadow or ("(none)",)),
    ]
    if beside:
        return [*lines, *_beside(parts, width)]
    return [*lines, *(line for part in parts for line in part)]


def _walk(title: str, steps: tuple[str, ...]) -> Lines:
    lines = [Text(title, style=f"bold {COLOURS['guest kernel']}")]
    for step in steps:
        lines.append(Text(" " + _short(step)))
    return lines


def _short(step: str) -> str:
    """A step of a walk without the words and zeros that all have."""
    text = step.replace("entry at ", "").replace("level ", "L").replace(": ", " ", 1)
    return re.sub(r" is 0x0*([0-9a-f]+)", r": 0x\1", text)


def _map(view: snap.AddressView, below: bool) -> Lines:
    """From GPA to HPA: in one line, or one `below` the other."""
    steps = []
    for i, (name, value) in enumerate(view.physical):
        step = Text("→ " if i else "").append(f"{name} ", style="bold")
        steps.append(step.append("none " if value is None else f"{value:#x} "))
    lines = [Text(" ") + step for step in steps] if below else [Text(" ") + Text().join(steps)]
    return [Text("physical map", style=f"bold {COLOURS['guest kernel']}"), *lines]


def _beside(parts: list[Lines], width: int) -> Lines:
    """Side by side; the middle one is as wide as it must be, the walks share the rest."""
    middle = max(line.cell_len for line in parts[1]) + 3
    widths = ((width - middle) // 2, middle, (width - middle) // 2)
    lines = []
    for i in range(max(len(part) for part in parts)):
        line = Text()
        for part, columns in zip(parts, widths, strict=True):
            cell = part[i].copy() if i < len(part) else Text()
            cell.truncate(columns - 1)
            cell.pad_right(columns - cell.cell_len)
            line.append_text(cell)
        lines.append(line)
    return lines


def log(s: Snapshot, width: int) -> Lines:
    """The last traps and exits; the newest is the last."""
    lines = []
    for row in s.log:
        line = Text().append("▌", style=COLOURS[row.layer])
        if width >= _COMPACT:
            line.append(f"{row.t:>12,} ", style=FAINT)
            line.append(f"{row.layer:<13}", style=COLOURS[row.layer])
        line.append(" ".join(row.text.split()))
        lines.append(line)
    return lines or [Text("no trap yet; ] runs to the next one")]


def counts(s: Snapshot, width: int) -> Lines:
    """VM exits by reason with their costs, and all traps of the machine."""
    lines: Lines = []
    for vm, rows in s.exits:
        head = f"{f'exits of VM {vm}':<16}{'count':>8}{'instructions':>14}{'cycles':>13}{'each':>7}"
        lines.append(Text(head, style="bold"))
        for row in rows:
            cycles, instructions = row.cycles or 0, row.instructions or 0
            lines.append(Text(f"{row.name:<16}{row.count:>8,}{instructions:>14,}{cycles:>13,}"
                              f"{cycles // max(row.count, 1):>7,}"))  # fmt: skip
        lines.append(Text())
    lines.append(Text("traps of the machine", style="bold"))
    lines += [Text(f"{row.count:>10,}  {row.name}") for row in s.traps]
    return lines


def timeline(s: Snapshot, width: int) -> Lines:
    """Who ran, one row each; the height of a block is the share of its time."""
    lines = [Text(f"from t={s.timeline_from:,} to t={s.t:,}   (z Z: longer, shorter)", style=FAINT)]
    for row in s.timeline:
        line = Text().append(f"{row.name[:15]:<16}", style=COLOURS[row.layer])
        line.append("".join(_BLOCKS[share] for share in row.shares), style=COLOURS[row.layer])
        lines.append(line)
    return lines


def console(s: Snapshot, width: int, chosen: int) -> Lines:
    """One console; the titles of all, the chosen one marked."""
    if not s.consoles:
        return []
    chosen %= len(s.consoles)
    head = Text()
    for i, view in enumerate(s.consoles):
        head.append(f" {view.title} ", style="reverse bold" if i == chosen else FAINT)
    head.append("  i types, o other console", style=FAINT)
    shown = "".join(c if c.isprintable() or c == "\n" else "·" for c in s.consoles[chosen].text)
    lines = [Text(line) for line in shown.expandtabs().split("\n")]
    return [head, *(lines[:-1] if lines and not lines[-1] else lines)]


def explanation(rows: tuple[tuple[str, str], ...], width: int) -> Text:
    """The report on a trap; titles that repeat stand once, long lines go on under their own."""
    text, last = Text(), ""
    for title, body in rows:
        text.append(f"{'' if title == last else title:<{_TITLE}}", style=f"bold {FAINT}")
        folded = textwrap.wrap(body, max(width - _TITLE, 20)) or [""]
        whole = f"\n{'':<{_TITLE}}".join(folded)
        text.append(whole + "\n", style="bold" if title in ("trap", "why") else "")
        last = title
    return text


PLAIN: dict[str, Callable[[Snapshot, int], Lines]] = {
    "registers": registers,
    "csrs": csrs,
    "address": address,
    "log": log,
    "counts": counts,
    "timeline": timeline,
}
