"""A very small encoder, so that the tests need neither a compiler nor our own assembler."""

from __future__ import annotations

ECALL, EBREAK, MRET, SRET, WFI = 0x73, 0x100073, 0x30200073, 0x10200073, 0x10500073
FENCE_I, SFENCE = 0x100F, 0x12000073


def r(opcode: int, f3: int, f7: int, rd: int, rs1: int, rs2: int) -> int:
    """R-type."""
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode


def i(opcode: int, f3: int, rd: int, rs1: int, imm: int) -> int:
    """I-type."""
    return (imm & 0xFFF) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode


def s(f3: int, rs1: int, rs2: int, imm: int) -> int:
    """A store."""
    return (imm >> 5 & 0x7F) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (imm & 31) << 7 | 0x23


def b(f3: int, rs1: int, rs2: int, offset: int) -> int:
    """A conditional branch."""
    high = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15
    return high | f3 << 12 | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7 | 0x63


def jal(rd: int, offset: int) -> int:
    """A jump."""
    assert -(1 << 20) <= offset < 1 << 20
    imm = (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3FF) << 21 | (offset >> 11 & 1) << 20
    return imm | (offset >> 12 & 0xFF) << 12 | rd << 7 | 0x6F


def addi(rd: int, rs1: int, imm: int) -> int:
    """Add immediate."""
    return i(0x13, 0, rd, rs1, imm)


def ld(rd: int, rs1: int, imm: int) -> int:
    """Load doubleword."""
    return i(0x03, 3, rd, rs1, imm)


def sd(rs2: int, rs1: int, imm: int) -> int:
    """Store doubleword."""
    return s(3, rs1, rs2, imm)


def csr(kind: int, rd: int, source: int, number: int) -> int:
    """A CSR instruction; kind 1 w, 2 s, 3 c, 5 wi, 6 si, 7 ci."""
    return number << 20 | source << 15 | kind << 12 | rd << 7 | 0x73


def csrw(number: int, rs1: int) -> int:
    """Write a CSR."""
    return csr(1, 0, rs1, number)


def csrr(rd: int, number: int) -> int:
    """Read a CSR."""
    return csr(2, rd, 0, number)


def constant(rd: int, value: int) -> list[int]:
    """Load a non-negative constant below 2**44."""
    words = [i(0x13, 0, rd, 0, value >> 33 & 0x7FF)]
    for shift in (22, 11, 0):
        words += [i(0x13, 1, rd, rd, 11), i(0x13, 6, rd, rd, value >> shift & 0x7FF)]
    return words
