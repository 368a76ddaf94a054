"""A whole stack as it lies in RAM before its first instruction, for our machine and for QEMU.

Both get a board without UARTs for VMs, so all layers write to the one UART that QEMU has.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from simvirt import fdt
from simvirt.board import RAM, Board
from simvirt.loader import Image
from simvirt.machine import Machine, Module
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import make_stack
from tests.differential.qemu_runner import QEMU

BUDGET = 4_000_000_000
_ROOM = 16 << 20  # above all that is used: QEMU puts its copy of the device tree at the end of RAM


@dataclass(frozen=True)
class System:
    """What boots: the program in M, its device tree, and what lies in RAM beside it."""

    image: Image
    tree: bytes
    modules: tuple[Module, ...]
    ram: int


def system(placement: str, guests: tuple[str, ...]) -> System:
    """A placement with guests of the manifest, all on one console."""
    stack = make_stack(placement, [open_guest(name) for name in guests])
    state = stack.machine.state
    at = state.hart("x11")
    size = int.from_bytes(state.read_ram(at + 4, 4), "big")
    tree = fdt.parse(state.read_ram(at, size))
    image = stack.layers.get(placement, stack.guests[0].image)
    modules = [] if placement == "bare" else list(_modules(stack.machine, tree))
    return System(image, fdt.emit(_one_console(tree)), tuple(modules), stack.machine.board.ram_size)


def _modules(machine: Machine, tree: fdt.Parsed) -> list[Module]:
    """Every reserved region that holds something: images, device trees, files."""
    found = []
    reserved = fdt.lookup(tree, "/reserved-memory")
    assert isinstance(reserved, dict)
    for name, node in reserved.items():
        if not isinstance(node, dict):
            continue
        reg = node["reg"]
        assert isinstance(reg, bytes)
        base, size = (int.from_bytes(reg[i : i + 8], "big") for i in (0, 8))
        data = machine.state.read_ram(base, size)
        if any(data):
            found.append(Module(base, data, name))
    return found


def _one_console(tree: fdt.Parsed) -> fdt.Tree:
    """The tree without the UARTs that belong to VMs, and without the mention of them."""

    def without(node: fdt.Parsed, path: str) -> fdt.Tree:
        kept: fdt.Tree = {}
        for name, value in node.items():
            if name == "console" and "/vm@" in path:
                continue
            if name.startswith("serial@1001"):
                continue
            kept[name] = without(value, f"{path}/{name}") if isinstance(value, dict) else value
        return kept

    return without(tree, "")


def here(found: System) -> tuple[bytes, int]:
    """The console and the code that the board is switched off with, on our machine."""
    machine = Machine(Board(found.ram), found.image, found.tree, found.modules)
    stop = machine.run(BUDGET)
    assert stop.reason == "finished", stop
    return bytes(machine.consoles[0].output), stop.code


def on_qemu(found: System, folder: Path) -> tuple[bytes, int]:
    """The same on QEMU's board, whose RAM is a little larger."""
    kernel, tree, console = folder / "kernel.elf", folder / "board.dtb", folder / "console"
    kernel.write_bytes(found.image.content)
    tree.write_bytes(found.tree)
    command = [
        QEMU, "-machine", "virt", "-smp", "1", "-bios", "none", "-m", f"{found.ram + _ROOM}B",
        "-cpu", "rv64,sstc=on", "-display", "none", "-monitor", "none", "-net", "none",
        "-serial", f"file:{console}", "-kernel", str(kernel), "-dtb", str(tree),
    ]  # fmt: skip
    for i, module in enumerate(found.modules):
        path = folder / f"module{i}"
        path.write_bytes(module.data)
        address = f"addr={module.address:#x},force-raw=on"
        command += ["-device", f"loader,file={path},{address}"]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert not done.stderr, done.stderr.decode()
    return console.read_bytes(), done.returncode


assert RAM == 0x8000_0000
