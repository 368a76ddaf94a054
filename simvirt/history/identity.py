"""Which machine a snapshot is of: what must be the same for it to be restored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from simvirt.board import format_size
from simvirt.core import layout
from simvirt.devices.clint import ClintState
from simvirt.devices.finisher import FinisherState
from simvirt.devices.plic import PlicState
from simvirt.devices.uart import UartState
from simvirt.devices.virtio import EmptyState, VirtioState

if TYPE_CHECKING:
    from simvirt.virt.stacks import Stack

STATE_VERSION = 1  # of the meaning of a snapshot's words; their names are hashed besides
DEVICE_STATES: dict[str, Any] = {
    kind.__name__: kind for kind in (ClintState, EmptyState, FinisherState, PlicState, UartState,
                                     VirtioState)
}  # fmt: skip
_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Identity:
    """(what, value) of all that must be the same, in the order of a message."""

    parts: tuple[tuple[str, str], ...]

    def __getitem__(self, what: str) -> str:
        return dict(self.parts).get(what, "")

    @property
    def summary(self) -> str:
        """In a few words: placement, guests, RAM."""
        names = ", ".join(part.rpartition(" ")[0] for part in self["guests"].split("; "))
        return f"{names} on {self['placement']}, {self['RAM']} of RAM"


def identify(stack: Stack) -> Identity:
    """Of the machine of a stack and the software in it."""
    machine = stack.machine
    board = machine.board
    programs = {
        **{name: image.sha256 for name, image in stack.layers.items()},
        **{n: hashlib.sha256(a.path.read_bytes()).hexdigest() for n, a in stack.artifacts.items()},
    }
    return Identity((
        ("version of the state", state_version()),
        ("placement", stack.placement),
        ("RAM", format_size(board.ram_size)),
        ("harts", str(board.harts)),
        ("turns", f"{board.quantum} steps, seed {board.seed}" if board.harts > 1 else "none"),
        ("A and D bits", "page faults" if board.ad_faults else "set by hardware"),
        ("costs", ", ".join(f"{name} {cost}" for name, cost, _ in board.costs.rows())),
        ("devices", "; ".join(f"{slot.kind} {slot.base:#x}" for slot in board.slots())),
        ("guests", "; ".join(f"{guest.name} {guest.image.sha256}" for guest in stack.guests)),
        ("programs below", "; ".join(f"{n} {h}" for n, h in sorted(programs.items()))),
        ("memory of the VMs", "; ".join(f"{base:#x}+{size:#x}" for base, size in stack.regions)),
        ("disks", "; ".join(
            f"{file.disk.size} bytes{' read-only' * file.disk.read_only} "
            f"{file.image_digest().hex()}" for file in stack.disks
        )),
    ))  # fmt: skip


def compare(its: Identity, ours: Identity) -> list[str]:
    """What differs, in words."""
    names = dict.fromkeys(name for name, _ in (*its.parts, *ours.parts))
    return [f"{name}: {_both(its[name], ours[name])}" for name in names if its[name] != ours[name]]


def _both(its: str, ours: str) -> str:
    """Two lists without what they have in common."""
    left, right = its.split("; "), ours.split("; ")
    its_own = [item for item in left if item not in right] or left
    our_own = [item for item in right if item not in left] or right
    return f"it has {_short(its_own)}, this one {_short(our_own)}"


def _short(items: list[str]) -> str:
    text = "; ".join(items) or "none"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def state_version() -> str:
    """A number, and a hash of the names of all words and device fields."""
    devices = [(name, [f.name for f in fields(kind)]) for name, kind in DEVICE_STATES.items()]
    shape = (layout.HART, layout.MACH, layout.TLB_WORDS, devices)
    return f"{STATE_VERSION}-{hashlib.sha256(repr(shape).encode()).hexdigest()[:12]}"
