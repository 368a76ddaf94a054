"""Snapshots: all of a machine at a moment, to go back to, to keep in a file, to compare.

A snapshot holds whatever later steps depend on, and the consoles; not the software's files, nor
the disks' images: those must be the same where it is restored (`simvirt.history.identity`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from simvirt.core.state import PAGE, RAM_BASE, State, Words
from simvirt.errors import InputError
from simvirt.history.difference import Change, Difference, differences
from simvirt.history.frozen import Frozen, freeze, thaw
from simvirt.history.identity import Identity, compare, identify
from simvirt.outside import Outside

if TYPE_CHECKING:
    from simvirt.machine import Machine
    from simvirt.virt.stacks import Stack

__all__ = ["Change", "Difference", "Snapshot", "diff", "put", "take"]
_ZERO = bytes(PAGE)
_NAMED = 3  # differences that a message names


@dataclass(frozen=True)
class Snapshot:
    """A machine between two steps.  `pages`: those of RAM that are not zero, by number.

    `inputs` is the log of what had come from outside, None when it is not known (from a file);
    `ended` says which VMs had ended, and how, when somebody knew.
    """

    identity: Identity = field(repr=False)
    frozen: Frozen = field(repr=False)
    pages: Mapping[int, bytes] = field(repr=False)
    consoles: tuple[bytes, ...] = field(repr=False)
    inputs: tuple[Outside, ...] | None = field(default=(), repr=False)
    ended: Mapping[int, int] = field(default_factory=dict, repr=False)

    @property
    def t(self) -> int:
        """Steps so far."""
        return self.frozen.t

    def __str__(self) -> str:
        size = len(self.pages) * PAGE >> 10
        return f"snapshot at t={self.t}: {self.identity.summary}, {size} KiB of RAM in use"


def take(stack: Stack, ended: Mapping[int, int] | None = None) -> Snapshot:
    """The machine as it stands now."""
    machine = stack.machine
    inputs = tuple(machine.inputs)
    return Snapshot(
        identify(stack),
        freeze(machine, len(inputs)),
        _used_pages(machine.state),
        tuple(bytes(console.output) for console in machine.consoles),
        inputs,
        dict(ended or {}),
    )


def put(stack: Stack, snapshot: Snapshot) -> None:
    """Make the machine what it was.  Raises InputError, which names what differs, if it cannot be.

    A history of the machine must be told: `Simulation.restore` does.
    """
    check(stack, snapshot)
    machine = stack.machine
    _thaw(machine, snapshot)
    write_pages(machine.state, snapshot.pages)
    for console, said in zip(machine.consoles, snapshot.consoles, strict=True):
        console.output[:] = said
    machine.inputs[:] = snapshot.inputs or ()


def _thaw(machine: Machine, snapshot: Snapshot) -> None:
    """All but RAM and consoles; a device may refuse, and then nothing has changed."""
    before = freeze(machine, len(machine.inputs))
    said = [bytes(console.output) for console in machine.consoles]
    try:
        thaw(machine, snapshot.frozen)
    except ValueError as error:
        thaw(machine, before)
        for console, old in zip(machine.consoles, said, strict=True):
            console.output[:] = old
        raise InputError(f"the snapshot (t={snapshot.t}) is damaged: {error}") from None


def check(stack: Stack, snapshot: Snapshot) -> None:
    """Raise InputError unless the snapshot is of a machine like this one."""
    differing = compare(snapshot.identity, identify(stack))
    if len(differing) > _NAMED:
        differing[_NAMED:] = [f"and {len(differing) - _NAMED} more"]
    if differing:
        raise InputError(
            f"the snapshot (t={snapshot.t}) is of another machine: {'; '.join(differing)}; "
            "boot what it was taken of"
        )
    if not _same_shape(snapshot.frozen, freeze(stack.machine, 0)):
        raise InputError(f"the snapshot (t={snapshot.t}) is damaged: it has not this board's shape")


def _same_shape(its: Frozen, ours: Frozen) -> bool:
    """Are there as many words, and of each device as many values?"""
    sizes = [[words.size for words in _words(frozen)] for frozen in (its, ours)]
    return sizes[0] == sizes[1] and _shape(its.devices) == _shape(ours.devices)


def _words(frozen: Frozen) -> list[Words]:
    words = (frozen.hart, frozen.mach, frozen.tlb, frozen.banks)
    return [array for array in words if array is not None]


def _shape(devices: Mapping[str, Any]) -> dict[str, tuple[str, list[int]]]:
    """Names, kinds, and the lengths of tuples but those of a disk's blocks."""
    return {
        name: (
            type(state).__name__,
            [len(value) for key, value in _fields(state) if isinstance(value, tuple)
             and key != "backend"],
        )
        for name, state in devices.items()
    }  # fmt: skip


def _fields(state: Any) -> list[tuple[str, Any]]:
    return [(item.name, getattr(state, item.name)) for item in fields(state)]


def diff(before: Snapshot, after: Snapshot) -> Difference:
    """What differs between two snapshots."""
    return differences(before, after)


def write_pages(state: State, pages: Mapping[int, bytes]) -> None:
    """Make RAM just these pages, zero elsewhere; what is right already is not touched."""
    for number in set(state.used_pages().tolist()) - pages.keys():
        state.write_ram(RAM_BASE + number * PAGE, _ZERO)
    for number in pages:
        content, address = pages[number], RAM_BASE + number * PAGE
        if state.read_ram(address, PAGE) != content:
            state.write_ram(address, content)


def _used_pages(state: State) -> dict[int, bytes]:
    numbers = state.used_pages().tolist()
    return {number: state.read_ram(RAM_BASE + number * PAGE, PAGE) for number in numbers}
