"""Wrong bodies, one error each, written as ``isa`` writes them: every check must notice them."""

from __future__ import annotations

from collections.abc import Callable

from isa.bits import (
    add,
    and_,
    div_u,
    eq,
    flag,
    lt_s,
    lt_u,
    mul_high_su,
    rem_s,
    select,
    sext32,
    shr,
    zext32,
)  # fmt: skip


def sra(a: int, b: int) -> int:
    """Zeros come in."""
    return shr(a, b)


def sltu(a: int, b: int) -> int:
    """Signed."""
    return flag(lt_s(a, b))


def addw(a: int, b: int) -> int:
    """Not sign-extended."""
    return zext32(add(a, b))


def srlw(a: int, b: int) -> int:
    """Upper bits come in."""
    return sext32(shr(a, and_(b, 31)))


def mulh(a: int, b: int) -> int:
    """b is taken as unsigned."""
    return mul_high_su(a, b)


def div(a: int, b: int) -> int:
    """Unsigned."""
    return div_u(a, b)


def rem(a: int, b: int) -> int:
    """0 when dividing by zero."""
    return select(eq(b, 0), 0, rem_s(a, b))


def jalr(a: int, imm: int) -> int:
    """Bit 0 stays."""
    return add(a, imm)


def bgeu(a: int, b: int) -> bool:
    """True for less, false for equal."""
    return lt_u(a, b)


def amomax_w(old: int, b: int) -> int:
    """Unsigned."""
    return select(lt_u(old, b), b, old)


def csrrc(old: int, src: int) -> int:
    """Keeps what is to be cleared."""
    return and_(old, src)


BODIES: dict[str, Callable[..., object]] = {
    "sra": sra, "sltu": sltu, "addw": addw, "srlw": srlw, "mulh": mulh, "div": div, "rem": rem,
    "jalr": jalr, "bgeu": bgeu, "amomax.w": amomax_w, "csrrc": csrrc,
}  # fmt: skip
