"""Decoding: an instruction word to the operation and its operands, from the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from isa.spec import TABLE, Insn
from isa.table import instructions


@dataclass(frozen=True)
class Decoded:
    """An instruction and its operands as encoded (immediates sign- or zero-extended).

    `base` and `rd rs1 rs2 imm` are what the machine executes: for a compressed instruction its
    expansion, else the instruction itself.  `imm` is signed; for a CSR instruction it is the
    CSR number, and an immediate source is in `rs1`.
    """

    insn: Insn
    values: dict[str, int]
    base: str
    rd: int
    rs1: int
    rs2: int
    imm: int

    @property
    def length(self) -> int:
        """Bytes of the encoding."""
        return self.insn.bits // 8


def operand_value(insn: Insn, operand: str, word: int) -> int:
    """The value of one operand in an encoding, sign-extended when it is called imm."""
    value = 0
    for piece in insn.pieces:
        if piece.operand == operand:
            value |= ((word >> piece.source) & ((1 << piece.width) - 1)) << piece.target
    if operand.endswith("'"):
        return value + 8
    if operand == "imm":
        width = insn.width_of("imm")
        return value - (1 << width) if value >> (width - 1) else value
    return value


def encodes(insn: Insn, word: int) -> bool:
    """Is this word an encoding of the instruction?"""
    if word & insn.mask != insn.match:
        return False
    if any(operand_value(insn, name, word) == 0 for name in insn.nonzero):
        return False
    return all(operand_value(insn, name, word) != value for name, value in insn.excluded)


def decode(word: int) -> Decoded | None:
    """Decode 32 bits (of which a compressed instruction uses the low 16); None if illegal."""
    bits = 32 if word & 3 == 3 else 16
    return _decode(word & ((1 << bits) - 1), bits, TABLE.revision)


@lru_cache(maxsize=65536)
def _decode(word: int, bits: int, revision: int) -> Decoded | None:
    """The same for exactly `bits` bits, remembered for one revision of the table."""
    for insn in instructions():
        if insn.bits == bits and encodes(insn, word):
            return _decoded(insn, word)
    return None


def _decoded(insn: Insn, word: int) -> Decoded:
    values = {name: operand_value(insn, name, word) for name in insn.operands}
    if insn.expansion is None:
        imm = values.get("csr", values.get("imm", values.get("shamt", 0)))
        rs1 = values.get("uimm5", values.get("rs1", 0))
        return Decoded(insn, values, insn.name, values.get("rd", 0), rs1, values.get("rs2", 0), imm)

    def resolve(operand: int | str) -> int:
        return values[operand] if isinstance(operand, str) else operand

    to = insn.expansion
    return Decoded(
        insn, values, to.insn, resolve(to.rd), resolve(to.rs1), resolve(to.rs2), resolve(to.imm)
    )
