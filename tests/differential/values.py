"""Cases of plain values: computation, branches, loads and stores, atomics, compressed."""

from __future__ import annotations

from . import asm
from .builder import POINTERS, Builder
from .case import Case

_OP = [(f3, f7) for f3 in range(8) for f7 in (0, 1)] + [(0, 0x20), (5, 0x20)]
_OP_WORD = [(0, 0), (0, 0x20), (1, 0), (5, 0), (5, 0x20)] + [(f3, 1) for f3 in (0, 4, 5, 6, 7)]
_AMO = (0x00, 0x01, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C)


def alu(b: Builder) -> None:
    """Register-register and register-immediate computation, LUI, AUIPC."""
    rng, rd, rs1 = b.rng, b.target(), b.source()
    kind = rng.randrange(6)
    if kind == 0:
        f3, f7 = rng.choice(_OP)
        b.emit(asm.r(0x33, f3, f7, rd, rs1, b.source()))
    elif kind == 1:
        f3, f7 = rng.choice(_OP_WORD)
        b.emit(asm.r(0x3B, f3, f7, rd, rs1, b.source()))
    elif kind == 2:
        b.emit(asm.i(0x13, rng.choice((0, 2, 3, 4, 6, 7)), rd, rs1, rng.getrandbits(12)))
    elif kind == 3:
        f3 = rng.choice((1, 5))
        shift = rng.randrange(64) | (rng.choice((0, 0x400)) if f3 == 5 else 0)
        b.emit(asm.i(0x13, f3, rd, rs1, shift))
    elif kind == 4:
        f3 = rng.choice((0, 1, 5))
        shift = rng.randrange(32) | (rng.choice((0, 0x400)) if f3 == 5 else 0)
        b.emit(asm.i(0x1B, f3, rd, rs1, shift if f3 else rng.getrandbits(12)))
    else:
        b.emit(rng.getrandbits(20) << 12 | rd << 7 | rng.choice((0x37, 0x17)))


def multiply(b: Builder) -> None:
    """M on values that the case starts with."""
    if b.rng.random() < 0.6:
        b.emit(asm.r(0x33, b.rng.randrange(8), 1, b.target(), b.source(), b.source()))
    else:
        f3 = b.rng.choice((0, 4, 5, 6, 7))
        b.emit(asm.r(0x3B, f3, 1, b.target(), b.source(), b.source()))


def branch(b: Builder) -> None:
    """A forward branch or jump over a few instructions, or a jump through a register."""
    rng = b.rng
    count = rng.randrange(4)
    skipped = [asm.addi(b.target(), b.source(), rng.getrandbits(11)) for _ in range(count)]
    offset = 4 + 4 * len(skipped)
    kind = rng.randrange(4)
    if kind == 0:
        b.emit(asm.jal(b.target(), offset))
    elif kind == 1:
        base = b.holding(b.here + rng.randrange(-1000, 1000))
        distance = b.here + offset - b.x[base]
        b.emit(asm.i(0x67, 0, b.target(), base, distance) if base else asm.addi(0, 0, 0))
    else:
        b.emit(asm.b(rng.choice((0, 1, 4, 5, 6, 7)), b.source(), b.source(), offset))
    b.emit(*skipped)


def access(b: Builder) -> None:
    """A load or a store, at any alignment."""
    base, offset = b.rng.choice(POINTERS), b.rng.randrange(-256, 512)
    if b.rng.random() < 0.5:
        b.emit(asm.i(0x03, b.rng.randrange(7), b.target(), base, offset))
    else:
        b.emit(asm.s(b.rng.randrange(4), base, b.source(), offset))


def atomic(b: Builder) -> None:
    """An AMO, or LR and SC with something between them."""
    rng, base, f3 = b.rng, b.rng.choice(POINTERS), b.rng.choice((2, 3))
    ordering = rng.randrange(4)
    if rng.random() < 0.6:
        f5 = rng.choice(_AMO)
        b.emit(asm.r(0x2F, f3, f5 << 2 | ordering, b.target(), base, b.source()))
        return
    b.emit(asm.r(0x2F, f3, 2 << 2 | ordering, b.target(), base, 0))
    for _ in range(rng.randrange(3)):
        rng.choice((alu, alu, access))(b)
    other = base if rng.random() < 0.9 else rng.choice(POINTERS)
    for _ in range(rng.choice((1, 1, 1, 2))):
        b.emit(asm.r(0x2F, f3, 3 << 2 | ordering, b.target(), other, b.source()))


def compressed(b: Builder) -> None:
    """A pair of compressed instructions that neither jump nor write a pointer."""
    for _ in range(2):
        b.emit16(_compressed(b))


def _compressed(b: Builder) -> int:
    rng = b.rng
    rd, short = b.target() or 1, rng.randrange(4, 8)  # x12 to x15 of the short registers
    pointer = rng.randrange(4)  # x8 to x11
    imm = rng.getrandbits(1) << 12 | rng.getrandbits(5) << 2
    nonzero = imm or 4
    return rng.choice(
        (
            0x0000 | (rng.randrange(1, 256) << 5) | short << 2,  # c.addi4spn
            rng.choice((0x4000, 0x6000)) | rng.getrandbits(3) << 10 | pointer << 7
            | rng.getrandbits(2) << 5 | short << 2,  # c.lw, c.ld
            rng.choice((0xC000, 0xE000)) | rng.getrandbits(3) << 10 | pointer << 7
            | rng.getrandbits(2) << 5 | rng.randrange(8) << 2,  # c.sw, c.sd
            0x0001 | rd << 7 | imm,  # c.addi
            0x2001 | rd << 7 | imm,  # c.addiw
            0x4001 | rd << 7 | imm,  # c.li
            0x6001 | rd << 7 | nonzero,  # c.lui
            0x8001 | rng.randrange(3) << 10 | short << 7 | imm,  # c.srli, c.srai, c.andi
            0x8C01 | short << 7 | rng.randrange(4) << 5 | rng.randrange(8) << 2,  # c.sub ...
            0x9C01 | short << 7 | rng.randrange(2) << 5 | rng.randrange(8) << 2,  # c.subw, c.addw
            0x0002 | rd << 7 | imm,  # c.slli
            rng.choice((0x4002, 0x6002)) | rd << 7 | imm,  # c.lwsp, c.ldsp
            rng.choice((0x8002, 0x9002)) | rd << 7 | rng.randrange(1, 32) << 2,  # c.mv, c.add
            rng.choice((0xC002, 0xE002)) | rng.getrandbits(6) << 7 | rng.randrange(32) << 2,
        )
    )  # fmt: skip


MIXED = (alu, alu, alu, multiply, multiply, branch, access, access, atomic, compressed, compressed)


def value_case(b: Builder) -> Case:
    """Ten to thirty instructions in M that trap only at the end."""
    for pointer in POINTERS:
        b.x[pointer] &= ~7
    for _ in range(b.rng.randrange(8, 25)):
        b.rng.choice(MIXED)(b)
    b.emit(asm.addi(0, 0, 0))  # a jump over the end lands here
    end = b.here
    b.emit(asm.ECALL)
    return b.case(end)


def compressed_jump_case(b: Builder) -> Case:
    """c.j, c.beqz, c.bnez, c.jr, c.jalr over a few other instructions."""
    for _ in range(b.rng.randrange(2, 8)):
        skip = b.rng.randrange(3)
        _compressed_jump(b, 2 + 2 * skip)
        for _ in range(skip):
            b.emit16(0x0001 | b.rng.randrange(12, 18) << 7 | b.rng.getrandbits(5) << 2)
        alu(b)
    end = b.here
    b.emit(asm.ECALL)
    return b.case(end)


def _compressed_jump(b: Builder, offset: int) -> None:
    kind = b.rng.randrange(4)
    if kind == 0:
        b.emit16(0xA001 | (offset >> 1 & 7) << 3)
    elif kind in (1, 2):
        low = (offset >> 1 & 3) << 3 | (offset >> 3 & 3) << 10
        b.emit16((0xC001, 0xE001)[kind - 1] | low | b.rng.randrange(8) << 7)
    else:
        register = b.holding(b.here + offset + b.rng.randrange(2))
        link = b.rng.choice((0x8002, 0x9002))
        b.emit16(link | register << 7 if register else 0x0001)
