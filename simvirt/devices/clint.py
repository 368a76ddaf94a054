"""The CLINT: software interrupts and the timer of machine mode.

The device only holds the registers; whoever runs the harts compares ``mtime`` with ``mtimecmp``.
``mtime`` is derived from the number of steps executed, hence it cannot be written.
"""

from dataclasses import dataclass
from typing import Protocol

from simvirt.devices.base import Clock, Field, Reg, RegisterMap, extract, merge

MSIP = 0x0
MTIMECMP = 0x4000
MTIME = 0xBFF8
NEVER = (1 << 64) - 1


class HartTimer(Protocol):
    """The harts' side of the CLINT."""

    def set_msip(self, hart: int, level: bool) -> None:
        """Raise or lower the machine software interrupt of a hart."""

    def set_mtimecmp(self, hart: int, value: int) -> None:
        """The machine timer interrupt of a hart is pending while mtime >= value."""


@dataclass(frozen=True)
class ClintState:
    """The registers, one entry a hart."""

    msip: tuple[int, ...]
    mtimecmp: tuple[int, ...]


def registers(harts: int) -> tuple[Reg, ...]:
    """The registers of a CLINT for ``harts`` harts."""
    pending = (Field("pending", 0, "software interrupt of the hart"),)
    return (
        Reg(MSIP, "msip", 4, "rw", "software interrupt, one a hart", harts, 4, fields=pending),
        Reg(
            MTIMECMP, "mtimecmp", 8, "rw", "deadline of the hart, in ticks", harts, 8, (4, 8), NEVER
        ),
        Reg(
            MTIME, "mtime", 8, "r", "time in ticks; writing is an access fault", widths=(4, 8),
            reset=None,
        ),
    )  # fmt: skip


class Clint:
    """CLINT for ``harts`` harts; ``mtimecmp`` starts at its maximum: no interrupt."""

    def __init__(self, harts: int, clock: Clock, timer: HartTimer) -> None:
        self.regs = registers(harts)
        self._clock = clock
        self._timer = timer
        self._map = RegisterMap("CLINT", self.regs)
        self._values = {"msip": [0] * harts, "mtimecmp": [NEVER] * harts}

    def read(self, offset: int, width: int) -> int:
        """Read a register; none has side effects."""
        return self.peek(offset, width)

    def peek(self, offset: int, width: int) -> int:
        """Read a register."""
        hit = self._map.find(offset, width, "r")
        name = hit.reg.name
        value = self._clock() if name == "mtime" else self._values[name][hit.index]
        return extract(value, hit, width)

    def write(self, offset: int, width: int, value: int) -> None:
        """Write msip or mtimecmp and tell the harts."""
        hit = self._map.find(offset, width, "w")
        values = self._values[hit.reg.name]
        new = merge(values[hit.index], hit, width, value)
        values[hit.index] = new & 1 if hit.reg.name == "msip" else new
        self._drive(hit.index)

    def _drive(self, hart: int) -> None:
        self._timer.set_msip(hart, bool(self._values["msip"][hart]))
        self._timer.set_mtimecmp(hart, self._values["mtimecmp"][hart])

    def state(self) -> ClintState:
        """The registers."""
        return ClintState(tuple(self._values["msip"]), tuple(self._values["mtimecmp"]))

    def restore(self, state: ClintState) -> None:
        """Set the registers and tell the harts."""
        self._values = {"msip": list(state.msip), "mtimecmp": list(state.mtimecmp)}
        for hart in range(len(state.msip)):
            self._drive(hart)
