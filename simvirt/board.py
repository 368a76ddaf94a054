"""The board as data: memory map, costs, device tree and C header, all from the same constants.

The map is that of QEMU's ``virt`` machine, so what boots there boots here.
"""

import re
from dataclasses import dataclass, field, fields

from simvirt import fdt
from simvirt.errors import InputError

FINISHER, FINISHER_SIZE = 0x0010_0000, 0x1000
FINISHER_DIED = 128  # + the cause of the unhandled trap, as a shell adds the signal
FINISHER_PANIC = FINISHER_DIED + 31  # no cause has this number: a guest gave up without a trap
CLINT, CLINT_SIZE = 0x0200_0000, 0x1_0000
PLIC, PLIC_SIZE = 0x0C00_0000, 0x60_0000
UART0, UART_SIZE, UART0_IRQ = 0x1000_0000, 0x100, 10
UART_CLOCK = 3_686_400
VIRTIO, VIRTIO_STRIDE, VIRTIO_IRQ, VIRTIO_SLOTS = 0x1000_1000, 0x1000, 1, 8
VIRTIO_SIZE = 0x200
DISK_STEPS = 1000  # from the notification of a disk until it answers, in steps of machine time
VM_UART, VM_UART_STRIDE, VM_UART_IRQ = 0x1001_0000, 0x1000, 16
RAM = 0x8000_0000
TIMEBASE = 10_000_000
STEPS_PER_TICK = 10
PLIC_SOURCES = 64
PAGE = 4096
MIN_RAM = 64 << 10
MAX_RAM = 16 << 30
MAX_HARTS = 8
MAX_QUANTUM = 10**9  # steps
MAX_VM_CHANNELS = PLIC_SOURCES - VM_UART_IRQ
MAX_VMS = 8  # what the tables of both layers have room for
ISA_STRING = "rv64imac_zicsr_zifencei_sstc"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes of a size such as "64M", "512K", "1GiB" or "1048576" (powers of 1024)."""
    match = re.fullmatch(r"(\d{1,15})\s*([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InputError(f"size {text!r} is not a number with K, M or G; write for example 64M")
    size = int(match[1]) * _UNITS[match[2].upper()]
    if size == 0:
        raise InputError(f"size {text!r} is zero; a machine needs RAM, for example 64M")
    if size > MAX_RAM:
        raise InputError(f"size {text!r} is too big; the most is {format_size(MAX_RAM)}")
    return size


def format_size(size: int) -> str:
    """A size in the largest unit that divides it: 67108864 is "64M"."""
    for unit in ("G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def _cost(default: int, doc: str) -> int:
    value: int = field(default=default, metadata={"doc": doc})
    return value


@dataclass(frozen=True)
class CostModel:
    """Penalties in modelled cycles; ``mcycle`` = instructions + these.

    It is a model, not a measurement of any chip: round numbers of the order seen on small in-order
    cores, where a page-table reference mostly hits the cache and a device is far away.
    """

    trap: int = _cost(30, "taking a trap or an interrupt: the pipeline drains and refills")
    xret: int = _cost(10, "mret or sret")
    walk_ref: int = _cost(5, "each page-table entry read by a walk (three for a 4 KiB page)")
    mmio: int = _cost(50, "a load or store to a device")
    fence: int = _cost(10, "sfence.vma or fence.i")
    csr: int = _cost(0, "a CSR instruction, beyond the one cycle of any instruction")

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) < 0:
                raise InputError(f"cost model: {item.name} is negative; use 0 or more cycles")

    def rows(self) -> tuple[tuple[str, int, str], ...]:
        """(name, cycles, meaning) of each penalty, for reports."""
        return tuple((f.name, getattr(self, f.name), f.metadata["doc"]) for f in fields(self))


@dataclass(frozen=True)
class Board:
    """A machine to build: RAM size in bytes, harts, VM console channels, disks, costs, variants.

    Harts take turns of `quantum` steps; a `seed` other than 0 makes the turns uneven, half as long
    to one and a half times as long, and another seed is another interleaving.

    A board with a disk has all the slots for virtio devices; those without one say so.

    With `ad_faults` the harts do not set the A and D bits of page-table entries: they raise a page
    fault, and software sets them (Svade).
    """

    ram_size: int
    harts: int = 1
    vm_channels: int = 0
    costs: CostModel = field(default_factory=CostModel)
    variants: tuple[str, ...] = ()
    disks: int = 0
    quantum: int = 2000
    seed: int = 0
    ad_faults: bool = False

    def __post_init__(self) -> None:
        self._check_ram()
        if not 1 <= self.harts <= MAX_HARTS:
            raise InputError(f"board: {self.harts} harts; use 1 to {MAX_HARTS}")
        if not (1 <= self.quantum <= MAX_QUANTUM and 0 <= self.seed < 1 << 64):
            raise InputError(f"board: a quantum of 1 to {MAX_QUANTUM} steps, a seed below 2^64")
        if not 0 <= self.vm_channels <= MAX_VM_CHANNELS:
            raise InputError(f"board: {self.vm_channels} VM channels; use 0 to {MAX_VM_CHANNELS}")
        if not 0 <= self.disks <= VIRTIO_SLOTS:
            raise InputError(f"board: {self.disks} disks; it has room for {VIRTIO_SLOTS}")

    def _check_ram(self) -> None:
        size = self.ram_size
        if size % PAGE:
            raise InputError(f"board: RAM of {size} bytes is not a multiple of {PAGE}")
        if not MIN_RAM <= size <= MAX_RAM:
            raise InputError(
                f"board: RAM of {format_size(size)}; "
                f"use {format_size(MIN_RAM)} to {format_size(MAX_RAM)}"
            )

    @property
    def ram_end(self) -> int:
        """The first physical address after RAM."""
        return RAM + self.ram_size

    def vm_uart(self, channel: int) -> int:
        """Physical address of the UART of a VM's console channel."""
        return VM_UART + channel * VM_UART_STRIDE

    def vm_uart_irq(self, channel: int) -> int:
        """PLIC source of that UART."""
        return VM_UART_IRQ + channel

    def slots(self) -> tuple["Slot", ...]:
        """Every device of the board, with its window and interrupt."""
        fixed = (
            Slot("finisher", "finisher", FINISHER, FINISHER_SIZE),
            Slot("clint", "clint", CLINT, CLINT_SIZE),
            Slot("plic", "plic", PLIC, PLIC_SIZE),
            Slot("uart", "uart0", UART0, UART_SIZE, UART0_IRQ),
        )
        channels = (
            Slot("uart", f"vm{i} uart", self.vm_uart(i), UART_SIZE, self.vm_uart_irq(i))
            for i in range(self.vm_channels)
        )
        return (*fixed, *self._virtio_slots(), *channels)

    def _virtio_slots(self) -> tuple["Slot", ...]:
        return tuple(
            Slot("virtio-blk" if i < self.disks else "virtio-empty", f"virtio{i}",
                 VIRTIO + i * VIRTIO_STRIDE, VIRTIO_SIZE, VIRTIO_IRQ + i)
            for i in range(VIRTIO_SLOTS if self.disks else 0)
        )  # fmt: skip

    def dtb_address(self, size: int) -> int:
        """Where a device tree of ``size`` bytes goes: the top of RAM, 8-byte aligned."""
        if size > self.ram_size // 2:
            raise InputError(f"device tree: {size} bytes fill more than half of RAM; use more RAM")
        return (self.ram_end - size) & ~7

    def device_tree(self, extra: fdt.Tree | None = None) -> bytes:
        """The board's device tree blob, with the nodes and properties of ``extra`` merged in."""
        return fdt.emit(fdt.merged(_tree(self), extra or {}))


@dataclass(frozen=True)
class Slot:
    """A device of the board: kind, name, window of physical addresses, PLIC source (0: none)."""

    kind: str
    name: str
    base: int
    size: int
    irq: int = 0


# The device tree

_PLIC_HANDLE = 0x40
_FINISHER_HANDLE = 0x41


def _intc_handle(hart: int) -> int:
    return hart + 1


def _tree(board: Board) -> fdt.Tree:
    return {
        "#address-cells": 2,
        "#size-cells": 2,
        "compatible": "riscv-virtio",
        "model": "simvirt,board",
        "chosen": {
            "#address-cells": 2,
            "#size-cells": 2,
            "stdout-path": f"/soc/serial@{UART0:x}",
        },
        f"memory@{RAM:x}": {"device_type": "memory", "reg": fdt.u64(RAM, board.ram_size)},
        "cpus": _cpus(board),
        "soc": _soc(board),
        "poweroff": _syscon("syscon-poweroff", 0x5555),
        "reboot": _syscon("syscon-reboot", 0x7777),
    }


def _syscon(kind: str, value: int) -> fdt.Tree:
    return {"compatible": kind, "regmap": _FINISHER_HANDLE, "offset": 0, "value": value}


def _cpus(board: Board) -> fdt.Tree:
    harts = {f"cpu@{hart:x}": _cpu(board, hart) for hart in range(board.harts)}
    cells = {"#address-cells": 1, "#size-cells": 0, "timebase-frequency": TIMEBASE}
    return {**cells, **harts}


def _cpu(board: Board, hart: int) -> fdt.Tree:
    return {
        "device_type": "cpu",
        "reg": hart,
        "status": "okay",
        "compatible": "riscv",
        "riscv,isa": ISA_STRING + ("_svade" if board.ad_faults else ""),
        "mmu-type": "riscv,sv39",
        "interrupt-controller": {
            "#address-cells": 0,
            "#interrupt-cells": 1,
            "interrupt-controller": True,
            "compatible": "riscv,cpu-intc",
            "phandle": _intc_handle(hart),
        },
    }


def _soc(board: Board) -> fdt.Tree:
    vm_uarts = {
        f"serial@{board.vm_uart(i):x}": _serial(board.vm_uart(i), board.vm_uart_irq(i))
        for i in range(board.vm_channels)
    }
    virtio = {
        f"virtio_mmio@{slot.base:x}": _virtio(slot)
        for slot in board.slots()
        if slot.kind.startswith("virtio")
    }
    return {
        "#address-cells": 2,
        "#size-cells": 2,
        "compatible": "simple-bus",
        "ranges": True,
        f"test@{FINISHER:x}": {
            "compatible": ["sifive,test1", "sifive,test0", "syscon"],
            "reg": fdt.u64(FINISHER, FINISHER_SIZE),
            "phandle": _FINISHER_HANDLE,
        },
        f"clint@{CLINT:x}": {
            "compatible": ["sifive,clint0", "riscv,clint0"],
            "reg": fdt.u64(CLINT, CLINT_SIZE),
            "interrupts-extended": _wires(board, 3, 7),
        },
        f"plic@{PLIC:x}": _plic(board),
        f"serial@{UART0:x}": _serial(UART0, UART0_IRQ),
        **virtio,
        **vm_uarts,
    }


def _wires(board: Board, *causes: int) -> list[int]:
    """Interrupt inputs of every hart, as (phandle, cause) cells."""
    cells = []
    for hart in range(board.harts):
        for cause in causes:
            cells += [_intc_handle(hart), cause]
    return cells


def _plic(board: Board) -> fdt.Tree:
    return {
        "compatible": ["sifive,plic-1.0.0", "riscv,plic0"],
        "reg": fdt.u64(PLIC, PLIC_SIZE),
        "interrupts-extended": _wires(board, 11, 9),
        "interrupt-controller": True,
        "#interrupt-cells": 1,
        "#address-cells": 0,
        "riscv,ndev": PLIC_SOURCES - 1,
        "phandle": _PLIC_HANDLE,
    }


def _serial(base: int, irq: int) -> fdt.Tree:
    return {
        "compatible": "ns16550a",
        "reg": fdt.u64(base, UART_SIZE),
        "clock-frequency": UART_CLOCK,
        "interrupts": irq,
        "interrupt-parent": _PLIC_HANDLE,
    }


def _virtio(slot: Slot) -> fdt.Tree:
    return {
        "compatible": "virtio,mmio",
        "reg": fdt.u64(slot.base, slot.size),
        "interrupts": slot.irq,
        "interrupt-parent": _PLIC_HANDLE,
    }


# The C header

_HEADER = (
    ("BOARD_FINISHER", f"{FINISHER:#x}", "0x5555 pass, 0x3333 | code << 16 fail"),
    ("BOARD_FINISHER_DIED", f"{FINISHER_DIED}", "code: an unhandled trap; + its cause"),
    ("BOARD_FINISHER_PANIC", f"{FINISHER_PANIC}", "code: died for another reason"),
    ("BOARD_CLINT", f"{CLINT:#x}", ""),
    ("BOARD_PLIC", f"{PLIC:#x}", ""),
    ("BOARD_PLIC_SOURCES", f"{PLIC_SOURCES}", "source 0 does not exist"),
    ("BOARD_UART0", f"{UART0:#x}", ""),
    ("BOARD_UART0_IRQ", f"{UART0_IRQ}", "PLIC source"),
    ("BOARD_UART_CLOCK", f"{UART_CLOCK}", "Hz"),
    ("BOARD_VM_UART(i)", f"({VM_UART:#x} + (i) * {VM_UART_STRIDE:#x})", "console channel of VM i"),
    ("BOARD_VM_UART_IRQ(i)", f"({VM_UART_IRQ} + (i))", "PLIC source"),
    ("BOARD_VM_UARTS", f"{MAX_VM_CHANNELS}", "the most that a board can have"),
    ("BOARD_MAX_VMS", f"{MAX_VMS}", "the most that a layer runs"),
    ("BOARD_RAM", f"{RAM:#x}", ""),
    ("BOARD_TIMEBASE", f"{TIMEBASE}", "ticks of mtime a second"),
)


def c_header() -> str:
    """The text of ``board.h``; the assembler reads it too, so constants have no suffix."""
    lines = ["/* Generated from simvirt/board.py: do not edit. */", "#pragma once", ""]
    for name, value, doc in _HEADER:
        text = f"#define {name} {value}"
        lines.append(f"{text:<52} /* {doc} */" if doc else text)
    return "\n".join(lines) + "\n"
