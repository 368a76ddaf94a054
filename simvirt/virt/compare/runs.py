"""The runs that a comparison is made of: what is booted, when it ends, what is noted down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from simvirt import fdt
from simvirt.board import PAGE, RAM
from simvirt.errors import InputError
from simvirt.loader import Image, load_elf
from simvirt.machine import Machine, Stop
from simvirt.toolchain import Changes
from simvirt.virt.accounting import Account, Accountant, Window
from simvirt.virt.compare.facts import BARE, HOSTED
from simvirt.virt.compare.tally import TALLIED, Tally
from simvirt.virt.stacks import LAYER_PROGRAM, Guest, Options, Stack, make_stack

BUDGET = 10**10  # steps
CHUNK = 500_000  # steps between two looks whether a run has shown what it was for
PATIENCE = 4_000_000  # steps within which a layer has to answer what is typed
NEIGHBOUR = "spin 100000000 &"  # a computation that outlasts every run
TYPED = "hello\nvmm 1 {guest}.elf vm1.dtb\nexit\n"


class Cancelled(Exception):
    """Someone has asked all runs to stop."""


@dataclass(frozen=True)
class Setup:
    """What all runs share: options of their stacks, and a word to stop them by."""

    options: Options
    cancelled: Event = field(default_factory=Event)


@dataclass(frozen=True)
class Run:
    """What one run gave.  `typed`: bytes that the layer answered to a typed command, or None."""

    placement: str
    stop: Stop
    account: Account
    windows: dict[int, dict[str, Window]]
    consoles: list[bytes]
    layer_console: bytes
    result: bytes  # of VM 0: the region that the guest declares as its result
    violations: int
    tally: Tally
    layer_ram: int  # bytes of RAM outside the guests' that are not zero, by whole pages
    settings: int  # what had to be set up: properties, files, lines
    layer_code: dict[str, int]  # bytes of executable segments, by program
    objects: dict[str, str]  # hash of each linked object as found in the image
    changes: dict[str, Changes]  # by the user, by program
    answered: int = 0
    typed_at: int = 0  # instructions of the machine so far


# ---- what a stack consists of --------------------------------------------------------------------


def settings(stack: Stack) -> int:
    """Items that describe VMs: properties of the device tree, files, lines of rc."""
    if stack.placement == BARE:
        return 0
    machine = stack.machine
    address = machine.state.hart("x11")
    tree = fdt.parse(machine.state.read_ram(address, RAM + machine.board.ram_size - address))
    count = sum(_properties(node) for name in ("chosen", "reserved-memory")
                if isinstance(node := tree.get(name), dict))  # fmt: skip
    return count + _file_settings(machine, tree)


def _properties(node: fdt.Parsed) -> int:
    return sum(_properties(v) if isinstance(v, dict) else 1 for v in node.values())


def _file_settings(machine: Machine, tree: fdt.Parsed) -> int:
    """Files of the host's image and lines of its rc."""
    files = fdt.lookup(tree, "/chosen/files")
    if not isinstance(files, bytes):
        return 0
    base = int.from_bytes(files[:8], "big")
    image = machine.state.read_ram(base, int.from_bytes(files[8:16], "big"))
    count = int.from_bytes(image[8:12], "little")
    lines = 0
    for i in range(count):
        entry = image[16 + 64 * i : 80 + 64 * i]
        if entry[:48].rstrip(b"\0") == b"rc":
            start, size = (int.from_bytes(entry[at : at + 8], "little") for at in (48, 56))
            lines = image[start : start + size].count(b"\n")
    return count + lines


def code_bytes(image: Image) -> int:
    """Bytes of the sections that hold a program's code."""
    return sum(section.size for section in image.sections if section.name.startswith(".text"))


def _layer_code(stack: Stack) -> dict[str, int]:
    names = {LAYER_PROGRAM.get(stack.placement), "host-vmm"}
    return {
        name: code_bytes(load_elf(artifact.path))
        for name, artifact in stack.artifacts.items()
        if name in names
    }


def _layer_ram(stack: Stack) -> int:
    if stack.placement == BARE:
        return 0
    words = stack.machine.state.arrays.ram64
    used: NDArray[np.bool_] = np.any(words.reshape(-1, PAGE // 8), axis=1)
    for base, size in stack.regions:
        used[(base - RAM) // PAGE : (base + size - RAM) // PAGE] = False
    return int(np.count_nonzero(used)) * PAGE


def _result(stack: Stack) -> bytes:
    """The final contents of the region between result_begin and result_end of VM 0."""
    image = stack.guests[0].image
    try:
        begin, end = image.address_of("result_begin"), image.address_of("result_end")
    except InputError:
        return b""
    return stack.machine.state.read_ram(stack.regions[0][0] + begin - RAM, end - begin)


# ---- running -------------------------------------------------------------------------------------


class Session:
    """A stack that runs under observation."""

    def __init__(
        self, placement: str, guests: list[Guest], setup: Setup, commands: tuple[str, ...] = ()
    ) -> None:
        self.cancelled = setup.cancelled
        self.stack = make_stack(placement, guests, replace(setup.options, commands=commands))
        self.machine = self.stack.machine
        self.settings = settings(self.stack)
        self.tally = Tally()
        self.accountant = Accountant.attach(self.stack, also=TALLIED)
        self.machine.listeners.append(self.tally)
        self.answered = 0
        self.typed_at = 0

    def run(self, until: Callable[[], bool] | None = None, steps: int = BUDGET) -> Stop:
        """Run to the machine's end, or until a condition holds at the end of a chunk."""
        end = self.machine.state.mach("t") + steps
        while True:
            left = end - self.machine.state.mach("t")
            stop = self.machine.run(min(CHUNK, left))
            if stop.reason != "budget" or left <= CHUNK or (until and until()):
                return stop
            if self.cancelled.is_set():
                raise Cancelled

    def type(self, text: str) -> None:
        """Type into the layer's console, and count what it answers within PATIENCE steps."""
        before = len(self.stack.layer_console)
        self.typed_at = self.accountant.account().total.instructions
        self.machine.send(text.encode())
        self.run(steps=PATIENCE)
        self.answered = len(self.stack.layer_console) - before

    def finished(self, vm: int) -> int:
        """How many workloads a VM has finished."""
        return len(self.accountant.workloads().get(vm, {}))

    def ended(self, vm: int) -> bool:
        """Has this VM ended?"""
        return bool(self.accountant.account().vms[vm].outcomes) if self.started(vm) else False

    def started(self, vm: int, times: int = 1) -> bool:
        """Has this VM's guest executed, this often started?"""
        account = self.accountant.account().vms.get(vm)
        return account is not None and len(account.entries) >= times

    def note(self, stop: Stop) -> Run:
        """All that is kept of the run."""
        stack = self.stack
        objects = [artifact.objects for artifact in stack.artifacts.values()]
        return Run(
            placement=stack.placement,
            stop=stop,
            account=self.accountant.account(),
            windows=self.accountant.workloads(),
            consoles=stack.consoles,
            layer_console=stack.layer_console,
            result=_result(stack),
            violations=self.machine.state.mach("violations"),
            tally=self.tally,
            layer_ram=_layer_ram(stack),
            settings=self.settings,
            layer_code=_layer_code(stack),
            objects={name: digest for found in objects for name, digest in found.items()},
            changes=stack.changes(),
            answered=self.answered,
            typed_at=self.typed_at,
        )


def alone(placement: str, guest: Guest, setup: Setup) -> Run:
    """The guest and nothing else, to the end."""
    session = Session(placement, [guest], setup)
    stop = session.run()
    if stop.reason != "finished" or stop.code != 0:
        said = (session.stack.layer_console or session.stack.consoles[0]).decode("ascii", "replace")
        last = said.strip().splitlines()[-1:] or ["nothing"]
        raise InputError(
            f"{placement}: {guest.name} came to {stop.reason!r} with code {stop.code} at "
            f"t={stop.t}, so there is nothing to compare; the last line was: {last[0]}; "
            f"try: simvirt run --on {placement} {guest.name}"
        )
    return session.note(stop)


def beside_vm(placement: str, guest: Guest, setup: Setup, workloads: int) -> Run:
    """Two VMs of the same guest, until the first has finished some workloads."""
    session = Session(placement, [guest, guest], setup)
    return session.note(session.run(lambda: session.finished(0) >= workloads))


def beside_process(guest: Guest, setup: Setup, workloads: int) -> Run:
    """A VM beside a host process that computes, until the VM has finished some workloads."""
    session = Session(HOSTED, [guest], setup, (NEIGHBOUR,))
    return session.note(session.run(lambda: session.finished(0) >= workloads))


def managed(placement: str, guest: Guest, second: Guest, setup: Setup) -> Run:
    """While VM 0 runs, VM 1 ends; then someone types commands to start a program and VM 1 again."""
    commands = ("sh &",) if placement == HOSTED else ()
    session = Session(placement, [guest, second], setup, commands)
    session.run(lambda: session.ended(1) or session.ended(0))
    if session.ended(1):
        session.type(TYPED.format(guest=second.name))
    if session.ended(0) or not session.ended(1):
        raise InputError(
            f"{placement}: {guest.name} came to its end before {second.name} beside it, so "
            f"starting a VM again beside another cannot be measured; let {guest.name} do more"
        )
    return session.note(session.run(lambda: session.started(1, 2) or session.ended(0)))


def sha256(data: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(data).hexdigest()
