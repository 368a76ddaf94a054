"""M: integer multiplication and division (unprivileged, ch. 12)."""

from isa.bits import (
    div_s,
    div_u,
    mul,
    mul_high_ss,
    mul_high_su,
    mul_high_uu,
    rem_s,
    rem_u,
    sext32,
    zext32,
)  # fmt: skip
from isa.spec import insn

_R = "{rd}, {rs1}, {rs2}"


@insn("alu", "mul", "0000001 rs2 rs1 000 rd 0110011", _R)
def mul_(a: int, b: int) -> int:
    """Low 64 bits of the product. [12.1]"""
    return mul(a, b)


@insn("alu", "mulh", "0000001 rs2 rs1 001 rd 0110011", _R)
def mulh(a: int, b: int) -> int:
    """High 64 bits of the signed product. [12.1]"""
    return mul_high_ss(a, b)


@insn("alu", "mulhsu", "0000001 rs2 rs1 010 rd 0110011", _R)
def mulhsu(a: int, b: int) -> int:
    """High 64 bits of signed a times unsigned b. [12.1]"""
    return mul_high_su(a, b)


@insn("alu", "mulhu", "0000001 rs2 rs1 011 rd 0110011", _R)
def mulhu(a: int, b: int) -> int:
    """High 64 bits of the unsigned product. [12.1]"""
    return mul_high_uu(a, b)


@insn("alu", "div", "0000001 rs2 rs1 100 rd 0110011", _R)
def div(a: int, b: int) -> int:
    """Signed quotient; -1 if b is 0. [12.2]"""
    return div_s(a, b)


@insn("alu", "divu", "0000001 rs2 rs1 101 rd 0110011", _R)
def divu(a: int, b: int) -> int:
    """Unsigned quotient; all ones if b is 0. [12.2]"""
    return div_u(a, b)


@insn("alu", "rem", "0000001 rs2 rs1 110 rd 0110011", _R)
def rem(a: int, b: int) -> int:
    """Signed remainder; a if b is 0. [12.2]"""
    return rem_s(a, b)


@insn("alu", "remu", "0000001 rs2 rs1 111 rd 0110011", _R)
def remu(a: int, b: int) -> int:
    """Unsigned remainder; a if b is 0. [12.2]"""
    return rem_u(a, b)


@insn("alu", "mulw", "0000001 rs2 rs1 000 rd 0111011", _R)
def mulw(a: int, b: int) -> int:
    """32-bit product, sign-extended. [12.1]"""
    return sext32(mul(a, b))


@insn("alu", "divw", "0000001 rs2 rs1 100 rd 0111011", _R)
def divw(a: int, b: int) -> int:
    """32-bit signed quotient. [12.2]"""
    return sext32(div_s(sext32(a), sext32(b)))


@insn("alu", "divuw", "0000001 rs2 rs1 101 rd 0111011", _R)
def divuw(a: int, b: int) -> int:
    """32-bit unsigned quotient, sign-extended. [12.2]"""
    return sext32(div_u(zext32(a), zext32(b)))


@insn("alu", "remw", "0000001 rs2 rs1 110 rd 0111011", _R)
def remw(a: int, b: int) -> int:
    """32-bit signed remainder. [12.2]"""
    return sext32(rem_s(sext32(a), sext32(b)))


@insn("alu", "remuw", "0000001 rs2 rs1 111 rd 0111011", _R)
def remuw(a: int, b: int) -> int:
    """32-bit unsigned remainder, sign-extended. [12.2]"""
    return sext32(rem_u(zext32(a), zext32(b)))
