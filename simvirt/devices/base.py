"""What a device is: registers in a window of physical addresses, a clock, interrupt lines.

A device knows nothing else: neither harts nor other devices; one that does DMA is given the memory.
Its registers are declared as data (``regs``), from which offsets and widths are checked, the
implementation is dispatched and reference pages are printed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Clock = Callable[[], int]
"""Gives the time in ticks of the board's timebase (``mtime``)."""


class AccessFault(Exception):
    """A physical access that nothing answers; the hart turns it into an access-fault trap."""


class DmaFault(Exception):
    """A device was told to access memory where there is none."""


class Memory(Protocol):
    """Physical memory as a device sees it: DMA, beside the harts and their TLBs."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at a physical address.  Raises DmaFault unless all of them are RAM."""

    def write(self, address: int, data: bytes) -> None:
        """Write there.  Raises DmaFault, and writes nothing, unless all of it is RAM."""


class IrqLine(Protocol):
    """An interrupt wire: the device drives a level, the other end decides what it means."""

    def set(self, level: bool) -> None:
        """Drive the line high (True) or low (False).  Driving it high again asks again."""


class NoIrq:
    """A wire that leads nowhere."""

    def set(self, level: bool) -> None:
        """Ignore the level."""


@dataclass(frozen=True)
class Field:
    """Some bits of a register: ``width`` of them from bit ``low`` up."""

    name: str
    low: int
    doc: str
    width: int = 1


@dataclass(frozen=True)
class Reg:
    """A device register, or ``count`` equal ones every ``stride`` bytes.

    ``width`` is in bytes; ``widths`` lists the sizes of access allowed when they are not just
    ``width`` (parts are naturally aligned).  ``access`` is "r", "w" or "rw".  ``reset`` is what a
    read gives at power-on; None: it depends on the board.
    """

    offset: int
    name: str
    width: int
    access: str
    doc: str
    count: int = 1
    stride: int = 0
    widths: tuple[int, ...] = ()
    reset: int | None = 0
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """Where an access falls: which register, which one of an array, which bits of it."""

    reg: Reg
    index: int
    shift: int


class Device(Protocol):
    """The five members by which bus, snapshot and inspector know a device."""

    @property
    def regs(self) -> Sequence[Reg]:
        """The registers, in order of offset."""

    def read(self, offset: int, width: int) -> int:
        """Read ``width`` bytes as software does, side effects included; may raise AccessFault."""

    def write(self, offset: int, width: int, value: int) -> None:
        """Write ``width`` bytes as software does; may raise AccessFault."""

    def peek(self, offset: int, width: int) -> int:
        """What ``read`` would give, without its side effects."""

    def state(self) -> Any:
        """A frozen dataclass of plain values that holds all that later behaviour depends on."""

    def restore(self, state: Any) -> None:
        """Become what ``state`` describes.

        An interrupt controller tells the harts; other devices drive no wire, for what a wire has
        done is in the controller's state.
        """


class RegisterMap:
    """Finds the register behind an offset and refuses what the device does not have."""

    def __init__(self, device: str, regs: Sequence[Reg]) -> None:
        self._device = device
        self._hits: dict[tuple[int, int], Hit] = {}
        for reg in regs:
            self._add(reg)

    def _add(self, reg: Reg) -> None:
        for index in range(reg.count):
            base = reg.offset + index * reg.stride
            for width in reg.widths or (reg.width,):
                for part in range(0, reg.width, width):
                    self._hits[base + part, width] = Hit(reg, index, 8 * part)

    def find(self, offset: int, width: int, access: str) -> Hit:
        """The register at ``offset`` for an access ("r" or "w") of ``width`` bytes."""
        hit = self._hits.get((offset, width))
        if hit is not None and access in hit.reg.access:
            return hit
        verb = "read" if access == "r" else "written"
        why = "no such register" if hit is None else f"{hit.reg.name} cannot be {verb}"
        raise AccessFault(f"{self._device}: {width}-byte access at offset {offset:#x}: {why}")


def merge(old: int, hit: Hit, width: int, value: int) -> int:
    """The register's value after ``width`` bytes of it, at ``hit``, have been replaced."""
    mask = ((1 << 8 * width) - 1) << hit.shift
    return (old & ~mask) | (value << hit.shift & mask)


def extract(value: int, hit: Hit, width: int) -> int:
    """The ``width`` bytes of a register's value that an access at ``hit`` sees."""
    return value >> hit.shift & ((1 << 8 * width) - 1)
