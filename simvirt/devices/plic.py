"""The PLIC: routes device interrupts to contexts (hart 0 M, hart 0 S, hart 1 M, ...).

All sources are level-triggered.  The gateway of a source forwards its level until a context claims
the interrupt, then nothing until that context completes it; a line still high is pending again.
A line that falls before the claim takes its request with it (as in QEMU; the specification would
also allow to keep it).  A claim ignores the threshold, as the specification says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simvirt.devices.base import Hit, IrqLine, Reg, RegisterMap

SOURCES = 64
PRIORITY_MASK = 7
PRIORITY = 0x0
PENDING = 0x1000
ENABLE = 0x2000
ENABLE_STRIDE = 0x80
CONTEXT = 0x200000
CONTEXT_STRIDE = 0x1000
_WORD = 0xFFFF_FFFF


@dataclass(frozen=True)
class PlicState:
    """Bit masks have one bit a source; tuples one entry a source or a context."""

    levels: int
    claimed: tuple[int, ...]
    priority: tuple[int, ...]
    enable: tuple[int, ...]
    threshold: tuple[int, ...]


def _regs(contexts: int) -> tuple[Reg, ...]:
    words = SOURCES // 32
    enables = tuple(
        Reg(
            ENABLE + c * ENABLE_STRIDE,
            f"enable{c}",
            4,
            "rw",
            f"sources context {c} takes",
            words,
            4,
        )
        for c in range(contexts)
    )
    return (
        Reg(PRIORITY, "priority", 4, "rw", "priority of the source, 0 (never) to 7", SOURCES, 4),
        Reg(PENDING, "pending", 4, "r", "one bit a source: waits for a claim", words, 4),
        *enables,
        Reg(
            CONTEXT,
            "threshold",
            4,
            "rw",
            "only higher priorities interrupt",
            contexts,
            CONTEXT_STRIDE,
        ),
        Reg(
            CONTEXT + 4, "claim", 4, "rw", "read: claim; write: complete", contexts, CONTEXT_STRIDE
        ),
    )


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
        self.regs = _regs(len(outputs))
        self._map = RegisterMap("PLIC", self.regs)
        self._outputs = tuple(outputs)
        self._levels = 0
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
        """The level of source ``number`` is now ``level``."""
        bit = 1 << number
        levels = self._levels | bit if level else self._levels & ~bit
        if levels != self._levels:
            self._levels = levels
            self._drive()

    def _pending(self) -> int:
        in_service = 0
        for claimed in self._claimed:
            in_service |= claimed
        return self._levels & ~in_service

    def _best(self, context: int) -> int:
        """The source with the highest priority (lowest number among equals); 0 if none."""
        ready = self._pending() & self._enable[context]
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
            self._drive()
        return value

    def peek(self, offset: int, width: int) -> int:
        """Read a register; ``claim`` shows what a claim would give."""
        return self._value(self._map.find(offset, width, "r"))

    def _value(self, hit: Hit) -> int:
        name = hit.reg.name
        if name == "priority":
            return self._priority[hit.index]
        if name == "pending":
            return self._pending() >> 32 * hit.index & _WORD
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
            self._priority[hit.index] = value & PRIORITY_MASK if hit.index else 0
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
        self._enable[context] = (kept | value << shift) & ~1

    def state(self) -> PlicState:
        """The registers, and the levels on the input wires."""
        return PlicState(
            self._levels,
            tuple(self._claimed),
            tuple(self._priority),
            tuple(self._enable),
            tuple(self._threshold),
        )

    def restore(self, state: PlicState) -> None:
        """Set the registers and drive the output lines."""
        self._levels = state.levels
        self._claimed = list(state.claimed)
        self._priority = list(state.priority)
        self._enable = list(state.enable)
        self._threshold = list(state.threshold)
        self._drive()


def _context(hit: Hit) -> int:
    return (hit.reg.offset - ENABLE) // ENABLE_STRIDE
