"""All of a machine's state but RAM, between two steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import numpy as np

from simvirt.core.layout import HART, MACH_INDEX
from simvirt.core.state import Words
from simvirt.devices.virtio import VirtioState
from simvirt.machine import Machine


@runtime_checkable
class Rewindable(Protocol):
    """A listener that goes back with its machine."""

    def saved(self) -> Any:
        """What it knows now; not changed by what it hears later."""

    def rewind(self, saved: Any) -> None:
        """Know just that."""


@dataclass(frozen=True)
class Frozen:
    """Words of the hart, the machine and its TLB; devices by name; inputs so far; listeners."""

    t: int
    idle: int
    hart: Words
    mach: Words
    tlb: Words
    owner: int
    banks: Words | None  # with several harts: the words of the others
    devices: dict[str, Any]
    finished: Any
    inputs: int
    listeners: tuple[tuple[Rewindable, Any], ...]


def weight(point: Frozen, before: Frozen | None = None) -> int:
    """Bytes that a checkpoint takes, about, beside its RAM and what the one before has, too."""
    has = set() if before is None else {id(item) for item in _large(before)}
    return 2048 + sum(_bytes(item) for item in _large(point) if id(item) not in has)


def _large(value: Any) -> Iterator[Any]:
    """Arrays and bytes in a value, however deep."""
    if isinstance(value, (np.ndarray, bytes)):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _large(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _large(item)
    elif isinstance(value, (Frozen, VirtioState)):
        for field in fields(value):
            yield from _large(getattr(value, field.name))


def _bytes(item: Any) -> int:
    return int(item.nbytes) if isinstance(item, np.ndarray) else len(item)


def hart_rows(frozen: Frozen) -> list[Words]:
    """The words of each hart, by number."""
    harts, current = (int(frozen.mach[MACH_INDEX[name]]) for name in ("harts", "current"))
    if frozen.banks is None or harts == 1:
        return [frozen.hart]
    rows = [bank[: len(HART)] for bank in frozen.banks[:harts]]
    rows[current] = frozen.hart
    return rows


def freeze(machine: Machine, inputs: int) -> Frozen:
    """The machine's state now, between two runs; `inputs` of the logged inputs have entered."""
    machine.flush_events()
    state = machine.state
    arrays = state.arrays
    return Frozen(
        state.mach("t"),
        state.mach("idle"),
        arrays.hart.copy(),
        arrays.mach.copy(),
        arrays.tlb.copy(),
        state.work("owner"),
        arrays.banks.copy() if state.mach("harts") > 1 else None,
        {mapping.name: mapping.device.state() for mapping in machine.bus.mappings},
        machine.finished,
        inputs,
        tuple((listener, listener.saved()) for listener in _rewindable(machine)),
    )


def thaw(machine: Machine, frozen: Frozen) -> None:
    """Put a machine back into a state; its RAM is the caller's task."""
    machine.flush_events()
    state = machine.state
    arrays = state.arrays
    arrays.hart[:], arrays.mach[:], arrays.tlb[:] = frozen.hart, frozen.mach, frozen.tlb
    state.set_work("owner", frozen.owner)
    if frozen.banks is not None:
        arrays.banks[:] = frozen.banks
    for name in ("mmio_ready", "status", "stop_request", "mark_hit", "watch_hit", "skip_stop"):
        state.set_work(name, 0)
    for mapping in machine.bus.mappings:
        mapping.device.restore(frozen.devices[mapping.name])
    machine.finished = frozen.finished
    state.forget_pages()
    state.mark_reserved()
    for listener, saved in frozen.listeners:
        listener.rewind(saved)


def _rewindable(machine: Machine) -> list[Rewindable]:
    owners = (getattr(listener, "__self__", listener) for listener in machine.listeners)
    return [owner for owner in owners if isinstance(owner, Rewindable)]
