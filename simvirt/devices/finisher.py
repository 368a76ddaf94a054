"""The finisher (``sifive,test0``): software writes its verdict here and the machine stops."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from simvirt.devices.base import AccessFault, Field, Reg, RegisterMap

PASS = 0x5555
FAIL = 0x3333
RESET = 0x7777

REGS = (
    Reg(
        0,
        "finish",
        4,
        "rw",
        "the verdict that ends the run",
        fields=(
            Field("verdict", 0, "0x5555 pass, 0x3333 fail, 0x7777 reset; no other", 16),
            Field("code", 16, "of a failure", 16),
        ),
    ),
)


class Verdict(Enum):
    """How software ended the machine."""

    PASS = PASS
    FAIL = FAIL
    RESET = RESET


@dataclass(frozen=True)
class FinisherState:
    """The finisher remembers nothing."""


class Finisher:
    """Calls ``finish(verdict, code)`` when software writes a verdict; code is 0 unless it failed.

    Reads give 0.  A value that is no verdict raises AccessFault, so that a mistyped one is seen.
    """

    regs = REGS

    def __init__(self, finish: Callable[[Verdict, int], None]) -> None:
        self._finish = finish
        self._map = RegisterMap("finisher", REGS)

    def read(self, offset: int, width: int) -> int:
        """Always 0."""
        return self.peek(offset, width)

    def peek(self, offset: int, width: int) -> int:
        """Always 0."""
        self._map.find(offset, width, "r")
        return 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Report the verdict."""
        self._map.find(offset, width, "w")
        try:
            verdict = Verdict(value & 0xFFFF)
        except ValueError:
            raise AccessFault(
                f"finisher: {value:#x} is no verdict (0x5555, 0x3333, 0x7777)"
            ) from None
        code = value >> 16 & 0xFFFF if verdict is Verdict.FAIL else 0
        self._finish(verdict, code)

    def state(self) -> FinisherState:
        """Nothing."""
        return FinisherState()

    def restore(self, state: FinisherState) -> None:
        """Nothing to do."""
