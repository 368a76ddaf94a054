"""``simvirt devices``: the board's devices and registers, from the data that dispatch them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from simvirt.board import DISK_STEPS, RAM, Board, Slot
from simvirt.devices import block, clint, finisher, plic, uart, virtio
from simvirt.devices.base import Field, Reg
from simvirt.errors import InputError

_ABOUT = {
    "finisher": "ends the run with a verdict",
    "clint": "software interrupts and the timer of machine mode",
    "plic": "routes the interrupts of devices to harts",
    "uart": "a 16550: the console",
    "virtio-blk": f"a disk (with --disk); a request is answered {DISK_STEPS} steps after notify",
    "virtio-empty": "a slot of a board with disks that has none itself",
}
_BOARD = Board(1 << 20, disks=1)


def main(options: argparse.Namespace) -> int:
    """Print the list of devices, or the page of one."""
    print(index() if options.name is None else page(options.name))
    return 0


def registers(kind: str, board: Board = _BOARD) -> tuple[Reg, ...]:
    """The registers of a kind of device."""
    tables = {
        "finisher": finisher.REGS,
        "clint": clint.registers(board.harts),
        "plic": plic.registers(2 * board.harts),
        "uart": uart.REGS,
        "virtio-blk": (*virtio.REGS, *block.CONFIG_REGS),
        "virtio-empty": virtio.EMPTY_REGS,
    }
    return tables[kind]


def index() -> str:
    """All devices: name, window, interrupt."""
    rows = [("name", "addresses", "PLIC", "what it is")]
    rows += [
        (slot.name, f"{slot.base:#010x}..{slot.base + slot.size - 1:#010x}",
         str(slot.irq or "-"), f"{slot.kind}: {_ABOUT[slot.kind]}")
        for slot in _BOARD.slots()
    ]  # fmt: skip
    rows.append(("ram", f"{RAM:#010x}..", "-", "as much as --mem says"))
    return _table(rows) + "\n\n`simvirt devices NAME` shows registers; NAME is a name or a kind"


def page(name: str) -> str:
    """One device: its windows and its registers with their fields."""
    slots = [slot for slot in _BOARD.slots() if name in (slot.name, slot.kind)]
    if not slots:
        kinds = dict.fromkeys(slot.kind for slot in _BOARD.slots())
        raise InputError(
            f"{name}: no such device; `simvirt devices` lists them: {', '.join(kinds)}"
        )
    kind = slots[0].kind
    lines = [f"{kind}: {_ABOUT[kind]}", *(_where(slot) for slot in slots), ""]
    rows: list[Sequence[str]] = [("offset", "register", "bytes", "", "reset", "what it is")]
    for reg in registers(kind):
        rows.append(_row(reg))
        rows += [_field_row(field) for field in reg.fields]
    lines.append(_table(rows))
    lines.append("\nany other offset or size is an access fault")
    return "\n".join(lines)


def _where(slot: Slot) -> str:
    source = f", PLIC source {slot.irq}" if slot.irq else ""
    return f"{slot.name} at {slot.base:#x}, {slot.size:#x} bytes{source}"


def _row(reg: Reg) -> Sequence[str]:
    name = reg.name if reg.count == 1 else f"{reg.name}[{reg.count}]"
    offset = f"{reg.offset:#x}" if reg.count == 1 else f"{reg.offset:#x}+{reg.stride:#x}*i"
    widths = ",".join(str(width) for width in reg.widths or (reg.width,))
    readable = "r" in reg.access and reg.reset is not None
    return offset, name, widths, reg.access, f"{reg.reset:#x}" if readable else "-", reg.doc


def _field_row(field: Field) -> Sequence[str]:
    high = field.low + field.width - 1
    bits = f"{high}:{field.low}" if field.width > 1 else f"{field.low}"
    return "", f"  {bits} {field.name}", "", "", "", field.doc


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
