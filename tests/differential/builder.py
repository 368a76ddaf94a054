"""What all generators of cases need: a seeded source, registers by role, a program being built."""

from __future__ import annotations

from random import Random

from tests.oracle import Oracle

from . import asm
from .case import Case
from .layout import ARENA, CODE, DATA, DATA_END, END, ENTRY, HANDLER, SAVE

POINTERS = (2, 8, 9, 10, 11)  # sp, and those that compressed loads can name
TARGETS = (0, 1, 3, 4, 5, 6, 7, 12, 13, 14, 15, 16, 17)  # may be written
HELD = tuple(range(18, 31))  # hold chosen operands, in this order; nothing writes them
CORNERS = (
    0, 1, 2, 7, (1 << 64) - 1, (1 << 64) - 2, 1 << 63, (1 << 63) - 1, (1 << 63) + 1, 1 << 31,
    (1 << 31) - 1, (1 << 32) - 1, 1 << 32, (1 << 64) - (1 << 31), 0x5555555555555555,
)  # fmt: skip
_NOISE = memoryview(Random("noise").randbytes(2 * (DATA_END - DATA)))  # seen, never copied


class Builder:
    """A case being built: start registers, CSRs, code and data."""

    def __init__(self, rng: Random, name: str) -> None:
        self.rng = rng
        self.name = name
        self.x = [self.value() for _ in range(32)]
        self.x[0], self.x[31] = 0, SAVE
        for i in POINTERS:
            self.x[i] = DATA + rng.randrange(0x100, DATA_END - DATA - 0x200, 8)
        self.csr: dict[str, int] = {"mtvec": END, "mepc": CODE, "mstatus": 3 << 11}
        self.memory: dict[int, bytes | memoryview] = {}
        self.code = bytearray()
        self.lines = 0
        self.ad_faults = self.locks = False
        self._free = list(HELD)
        start = rng.randrange(0, DATA_END - DATA, 8)
        self.put(DATA, _NOISE[start : start + DATA_END - DATA])

    def value(self) -> int:
        """A 64-bit value: often a corner."""
        kind = self.rng.randrange(4)
        if kind == 0:
            return self.rng.choice(CORNERS)
        if kind == 1:
            return self.rng.getrandbits(self.rng.randrange(1, 65))
        if kind == 2:
            return (1 << 64) - 1 - self.rng.getrandbits(self.rng.randrange(1, 64))
        return self.rng.getrandbits(64)

    def target(self) -> int:
        """A register that may be written: no pointer, none that holds an operand, not x31."""
        return self.rng.choice(TARGETS)

    def source(self) -> int:
        """Any register but x31."""
        return self.rng.randrange(31)

    def holding(self, value: int) -> int:
        """A register that holds ``value`` when the case starts; x0 when none is left."""
        if not self._free:
            return 0
        register = self._free.pop(0)
        self.x[register] = value & ((1 << 64) - 1)
        return register

    def put(self, address: int, data: bytes | memoryview) -> None:
        """Initial memory, by address."""
        self.memory[address - ARENA] = data

    def emit(self, *words: int) -> None:
        """Append 32-bit instructions."""
        for word in words:
            self.code += word.to_bytes(4, "little")

    def emit16(self, half: int) -> None:
        """Append one 16-bit instruction."""
        self.code += half.to_bytes(2, "little")

    @property
    def here(self) -> int:
        """The physical address of the next instruction."""
        return CODE + len(self.code)

    def handler(self, words: list[int]) -> None:
        """The S-mode trap handler."""
        self.put(HANDLER, b"".join(word.to_bytes(4, "little") for word in words))

    def case(self, end: int | None = None) -> Case:
        """The finished case."""
        self.put(ENTRY, asm.MRET.to_bytes(4, "little"))
        self.put(CODE, bytes(self.code))
        switches = self.ad_faults, self.locks
        return Case(
            self.name, tuple(self.x), self._legal(), self.memory, self.lines, end, *switches
        )

    def _legal(self) -> dict[str, int]:
        """The start values as a machine would hold them."""
        machine = Oracle(ARENA, 8)
        for name, value in sorted(self.csr.items(), key=lambda item: item[0] == "pmpcfg0"):
            machine.write_csr(name, value)
        return {name: machine.csr[name] for name in self.csr}
