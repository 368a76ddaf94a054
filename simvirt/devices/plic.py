"""The PLIC: routes device interrupts to contexts (hart 0 M, hart 0 S, hart 1 M, ...).

The gateway of a source turns each time its device drives the wire high into one request, which
stays until it is claimed, also when the wire falls; while it is in service a new request waits
for the completion.  A completion does not look at the wire again: a device that is still unhappy
drives it at the next access to it.  The specification lets the platform choose the gateway; this
is that of QEMU's board, whose drivers may forget to silence their device.
A claim ignores the threshold, as the specification says; so is it that the registers of all 1023
sources are there, but only the bits of those that exist can be set.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simvirt.devices.base import Field, Hit, IrqLine, Reg, RegisterMap

SOURCES = 64  # that exist; 0 does not
PLACES = 1024  # that have a place in the map
PRIORITY_MASK = 7
PRIORITY = 0x0
PENDING = 0x1000
ENABLE = 0x2000
ENABLE_STRIDE = 0x80
CONTEXT = 0x200000
CONTEXT_STRIDE = 0x1000
_WORD = 0xFFFF_FFFF
_EXISTING = (1 << SOURCES) - 2


@dataclass(frozen=True)
class PlicState:
    """Bit masks have one bit a source; tuples one entry a source or a context."""

    pending: int
    claimed: tuple[int, ...]
    priority: tuple[int, ...]
    enable: tuple[int, ...]
    threshold: tuple[int, ...]


def registers(contexts: int) -> tuple[Reg, ...]:
    """The registers of a PLIC with this many contexts."""
    words = PLACES // 32
    level = (Field("level", 0, "only the low three bits exist", 3),)
    source = (Field("source", 0, "a number, 0: none", 6),)
    enables = tuple(
        Reg(ENABLE + c * ENABLE_STRIDE, f"enable{c}", 4, "rw", f"sources context {c} takes",
            words, 4)
        for c in range(contexts)
    )  # fmt: skip
    return (
        Reg(PRIORITY, "priority", 4, "rw", "priority of the source, 0 (never) to 7", PLACES, 4,
            fields=level),
        Reg(PENDING, "pending", 4, "r", "one bit a source: waits for a claim", words, 4),
        *enables,
        Reg(CONTEXT, "threshold", 4, "rw", "only higher priorities interrupt", contexts,
            CONTEXT_STRIDE, fields=level),
        Reg(CONTEXT + 4, "claim", 4, "rw", "read: claim; write: complete", contexts,
            CONTEXT_STRIDE, fields=source),
    )  # fmt: skip


class _Source:
    """The input wire of one source."""

    def __init__(self, plic: "Plic", number: int) -> None:
        self._plic = plic
        self._number = number

    def set(self, level: bool) -> None:
        self._plic.set_level(self._number, level)


class Plic:
    """A PLIC with 63 usable sources (1..63) that drives one line a context."""

    def __init__(self, outputs: Sequence[IrqLine]) -> None:
        self.regs = registers(len(outputs))
        self._map = RegisterMap("PLIC", self.regs)
        self._outputs = tuple(outputs)
        self._pending = 0
        self._claimed = [0] * len(outputs)
        self._priority = [0] * SOURCES
        self._enable = [0] * len(outputs)
        self._threshold = [0] * len(outputs)

    def source(self, number: int) -> IrqLine:
        """The wire into source ``number`` (1..63); source 0 does not exist."""
        if not 0 < number < SOURCES:
            raise ValueError(f"PLIC: no source {number}; use 1..{SOURCES - 1}")
        return _Source(self, number)

    def set_level(self, number: int, level: bool) -> None:
        """A device drives the wire of source ``number``."""
        if level and not self._pending >> number & 1:
            self._pending |= 1 << number
            self._drive()

    def _ready(self, context: int) -> int:
        in_service = 0
        for claimed in self._claimed:
            in_service |= claimed
        return self._pending & ~in_service & self._enable[context]

    def _best(self, context: int) -> int:
        """The source with the highest priority (lowest number among equals); 0 if none."""
        ready = self._ready(context)
        best = 0
        while ready:
            number = (ready & -ready).bit_length() - 1
            if self._priority[number] > self._priority[best]:
                best = number
            ready &= ready - 1
        return best

    def _drive(self) -> None:
        for context, line in enumerate(self._outputs):
            line.set(self._priority[self._best(context)] > self._threshold[context])

    def read(self, offset: int, width: int) -> int:
        """Read a register; reading ``claim`` claims the best pending interrupt."""
        hit = self._map.find(offset, width, "r")
        value = self._value(hit)
        if hit.reg.name == "claim" and value:
            self._claimed[hit.index] |= 1 << value
            self._pending &= ~(1 << value)
            self._drive()
        return value

    def peek(self, offset: int, width: int) -> int:
        """Read a register; ``claim`` shows what a claim would give."""
        return self._value(self._map.find(offset, width, "r"))

    def _value(self, hit: Hit) -> int:
        name = hit.reg.name
        if name == "priority":
            return self._priority[hit.index] if hit.index < SOURCES else 0
        if name == "pending":
            return self._pending >> 32 * hit.index & _WORD
        if name == "threshold":
            return self._threshold[hit.index]
        if name == "claim":
            return self._best(hit.index)
        return self._enable[_context(hit)] >> 32 * hit.index & _WORD

    def write(self, offset: int, width: int, value: int) -> None:
        """Write a register; writing ``claim`` completes that interrupt."""
        hit = self._map.find(offset, width, "w")
        name = hit.reg.name
        if name == "priority":
            if 0 < hit.index < SOURCES:
                self._priority[hit.index] = value & PRIORITY_MASK
        elif name == "threshold":
            self._threshold[hit.index] = value & PRIORITY_MASK
        elif name == "claim":
            self._complete(hit.index, value)
        else:
            self._set_enable(hit, value)
        self._drive()

    def _complete(self, context: int, number: int) -> None:
        # The specification: a completion for a source not enabled for the context is ignored.
        if 0 < number < SOURCES and self._enable[context] >> number & 1:
            self._claimed = [claimed & ~(1 << number) for claimed in self._claimed]

    def _set_enable(self, hit: Hit, value: int) -> None:
        context, shift = _context(hit), 32 * hit.index
        kept = self._enable[context] & ~(_WORD << shift)
        self._enable[context] = (kept | value << shift) & _EXISTING

    def state(self) -> PlicState:
        """The registers."""
        return PlicState(
            self._pending,
            tuple(self._claimed),
            tuple(self._priority),
            tuple(self._enable),
            tuple(self._threshold),
        )

    def restore(self, state: PlicState) -> None:
        """Set the registers and drive the output lines."""
        self._pending = state.pending
        self._claimed = list(state.claimed)
        self._priority = list(state.priority)
        self._enable = list(state.enable)
        self._threshold = list(state.threshold)
        self._drive()


def _context(hit: Hit) -> int:
    return (hit.reg.offset - ENABLE) // ENABLE_STRIDE
