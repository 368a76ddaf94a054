"""Compressed instructions: each is the short form of one 32-bit instruction (unpriv 26)."""

from __future__ import annotations

from collections.abc import Callable

from .bits import field, sext

OP, OP_W, OP_IMM, OP_IMM_W, LOAD, STORE, LUI, JAL, JALR, BRANCH = (
    0x33, 0x3B, 0x13, 0x1B, 0x03, 0x23, 0x37, 0x6F, 0x67, 0x63,
)  # fmt: skip
EBREAK = 0x00100073


def expand(half: int) -> int | None:
    """The 32-bit equivalent of a 16-bit instruction, or None when it is illegal or reserved."""
    form = _FORMS.get((half & 3, field(half, 15, 13)))
    return form(half) if form and half else None


def _r(opcode: int, kind: int, high: int, rd: int, rs1: int, rs2: int) -> int:
    return high << 25 | rs2 << 20 | rs1 << 15 | kind << 12 | rd << 7 | opcode


def _i(opcode: int, kind: int, rd: int, rs1: int, imm: int) -> int:
    return (imm & 0xFFF) << 20 | rs1 << 15 | kind << 12 | rd << 7 | opcode


def _s(kind: int, rs1: int, rs2: int, imm: int) -> int:
    return imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | kind << 12 | (imm & 31) << 7 | STORE


def _j(rd: int, imm: int) -> int:
    scattered = field(imm, 20, 20) << 31 | field(imm, 10, 1) << 21 | field(imm, 11, 11) << 20
    return scattered | field(imm, 19, 12) << 12 | rd << 7 | JAL


def _b(kind: int, rs1: int, imm: int) -> int:
    high = field(imm, 12, 12) << 31 | field(imm, 10, 5) << 25 | rs1 << 15
    return high | kind << 12 | field(imm, 4, 1) << 8 | field(imm, 11, 11) << 7 | BRANCH


def _rd(half: int) -> int:
    return field(half, 11, 7)


def _rs2(half: int) -> int:
    return field(half, 6, 2)


def _short_high(half: int) -> int:
    """rs1' or rd' of bits 9..7: registers x8 to x15."""
    return 8 + field(half, 9, 7)


def _short_low(half: int) -> int:
    """rs2' or rd' of bits 4..2."""
    return 8 + field(half, 4, 2)


def _imm6(half: int) -> int:
    return sext(field(half, 12, 12) << 5 | field(half, 6, 2), 6)


def _shamt(half: int) -> int:
    return field(half, 12, 12) << 5 | field(half, 6, 2)


def _offset_w(half: int) -> int:
    return field(half, 5, 5) << 6 | field(half, 12, 10) << 3 | field(half, 6, 6) << 2


def _offset_d(half: int) -> int:
    return field(half, 6, 5) << 6 | field(half, 12, 10) << 3


# --- quadrant 0 -----------------------------------------------------------------------------------


def _addi4spn(half: int) -> int | None:
    imm = field(half, 10, 7) << 6 | field(half, 12, 11) << 4
    imm |= field(half, 5, 5) << 3 | field(half, 6, 6) << 2
    return _i(OP_IMM, 0, _short_low(half), 2, imm) if imm else None


def _lw(half: int) -> int:
    return _i(LOAD, 2, _short_low(half), _short_high(half), _offset_w(half))


def _ld(half: int) -> int:
    return _i(LOAD, 3, _short_low(half), _short_high(half), _offset_d(half))


def _sw(half: int) -> int:
    return _s(2, _short_high(half), _short_low(half), _offset_w(half))


def _sd(half: int) -> int:
    return _s(3, _short_high(half), _short_low(half), _offset_d(half))


# --- quadrant 1 -----------------------------------------------------------------------------------


def _addi(half: int) -> int:
    return _i(OP_IMM, 0, _rd(half), _rd(half), _imm6(half))


def _addiw(half: int) -> int | None:
    return _i(OP_IMM_W, 0, _rd(half), _rd(half), _imm6(half)) if _rd(half) else None


def _li(half: int) -> int:
    return _i(OP_IMM, 0, _rd(half), 0, _imm6(half))


def _lui_or_addi16sp(half: int) -> int | None:
    imm = _imm6(half)
    if imm == 0:
        return None
    if _rd(half) != 2:
        return (imm & 0xFFFFF) << 12 | _rd(half) << 7 | LUI
    scattered = field(half, 12, 12) << 9 | field(half, 4, 3) << 7 | field(half, 5, 5) << 6
    scattered |= field(half, 2, 2) << 5 | field(half, 6, 6) << 4
    return _i(OP_IMM, 0, 2, 2, sext(scattered, 10))


def _arithmetic(half: int) -> int | None:
    rd, function = _short_high(half), field(half, 11, 10)
    if function == 0:
        return _i(OP_IMM, 5, rd, rd, _shamt(half))
    if function == 1:
        return _i(OP_IMM, 5, rd, rd, 0x400 | _shamt(half))
    if function == 2:
        return _i(OP_IMM, 7, rd, rd, _imm6(half))
    rs2, which = _short_low(half), field(half, 12, 12) << 2 | field(half, 6, 5)
    forms = {
        0: (OP, 0, 0x20), 1: (OP, 4, 0), 2: (OP, 6, 0), 3: (OP, 7, 0),
        4: (OP_W, 0, 0x20), 5: (OP_W, 0, 0),
    }  # fmt: skip
    if which not in forms:
        return None
    opcode, kind, high = forms[which]
    return _r(opcode, kind, high, rd, rd, rs2)


def _jump(half: int) -> int:
    imm = field(half, 12, 12) << 11 | field(half, 8, 8) << 10 | field(half, 10, 9) << 8
    imm |= field(half, 6, 6) << 7 | field(half, 7, 7) << 6 | field(half, 2, 2) << 5
    imm |= field(half, 11, 11) << 4 | field(half, 5, 3) << 1
    return _j(0, sext(imm, 12))


def _branch(half: int, kind: int) -> int:
    imm = field(half, 12, 12) << 8 | field(half, 6, 5) << 6 | field(half, 2, 2) << 5
    imm |= field(half, 11, 10) << 3 | field(half, 4, 3) << 1
    return _b(kind, _short_high(half), sext(imm, 9))


# --- quadrant 2 -----------------------------------------------------------------------------------


def _slli(half: int) -> int:
    return _i(OP_IMM, 1, _rd(half), _rd(half), _shamt(half))


def _lwsp(half: int) -> int | None:
    imm = field(half, 3, 2) << 6 | field(half, 12, 12) << 5 | field(half, 6, 4) << 2
    return _i(LOAD, 2, _rd(half), 2, imm) if _rd(half) else None


def _ldsp(half: int) -> int | None:
    imm = field(half, 4, 2) << 6 | field(half, 12, 12) << 5 | field(half, 6, 5) << 3
    return _i(LOAD, 3, _rd(half), 2, imm) if _rd(half) else None


def _jumps_and_moves(half: int) -> int | None:
    rd, rs2, link = _rd(half), _rs2(half), field(half, 12, 12)
    if rs2:
        return _r(OP, 0, 0, rd, rd if link else 0, rs2)
    if rd:
        return _i(JALR, 0, link, rd, 0)
    return EBREAK if link else None


def _swsp(half: int) -> int:
    return _s(2, 2, _rs2(half), field(half, 8, 7) << 6 | field(half, 12, 9) << 2)


def _sdsp(half: int) -> int:
    return _s(3, 2, _rs2(half), field(half, 9, 7) << 6 | field(half, 12, 10) << 3)


_FORMS: dict[tuple[int, int], Callable[[int], int | None]] = {
    (0, 0): _addi4spn, (0, 2): _lw, (0, 3): _ld, (0, 6): _sw, (0, 7): _sd,
    (1, 0): _addi, (1, 1): _addiw, (1, 2): _li, (1, 3): _lui_or_addi16sp, (1, 4): _arithmetic,
    (1, 5): _jump, (1, 6): lambda half: _branch(half, 0), (1, 7): lambda half: _branch(half, 1),
    (2, 0): _slli, (2, 2): _lwsp, (2, 3): _ldsp, (2, 4): _jumps_and_moves,
    (2, 6): _swsp, (2, 7): _sdsp,
}  # fmt: skip
