"""A: atomic read-modify-write, load-reserved and store-conditional (unprivileged, ch. 13).

The operands of a .w form are the sign-extended 32-bit values; only the low half of the result
is stored.
"""

from isa.bits import add, and_, lt_s, lt_u, or_, select, xor, zext32
from isa.spec import insn

_AMO = "{rd}, {rs2}, ({rs1})"


def _w(funct5: str) -> str:
    return f"{funct5} aq rl rs2 rs1 010 rd 0101111"


def _d(funct5: str) -> str:
    return f"{funct5} aq rl rs2 rs1 011 rd 0101111"


@insn("lr", "lr.w", "00010 aq rl 00000 rs1 010 rd 0101111", "{rd}, ({rs1})", width=4)
@insn("lr", "lr.d", "00010 aq rl 00000 rs1 011 rd 0101111", "{rd}, ({rs1})", width=8)
def lr() -> None:
    """Load and reserve the doubleword. [13.2]"""


@insn("sc", "sc.w", _w("00011"), _AMO, width=4)
@insn("sc", "sc.d", _d("00011"), _AMO, width=8)
def sc() -> None:
    """Store if the reservation is still held; rd = 0 on success, 1 on failure. [13.2]"""


@insn("amo", "amoswap.w", _w("00001"), _AMO, width=4)
@insn("amo", "amoswap.d", _d("00001"), _AMO, width=8)
def amoswap(old: int, b: int) -> int:
    """Memory takes b. [13.4]"""
    return or_(b, 0)


@insn("amo", "amoadd.w", _w("00000"), _AMO, width=4)
@insn("amo", "amoadd.d", _d("00000"), _AMO, width=8)
def amoadd(old: int, b: int) -> int:
    """Memory takes the sum. [13.4]"""
    return add(old, b)


@insn("amo", "amoxor.w", _w("00100"), _AMO, width=4)
@insn("amo", "amoxor.d", _d("00100"), _AMO, width=8)
def amoxor(old: int, b: int) -> int:
    """Memory takes the exclusive or. [13.4]"""
    return xor(old, b)


@insn("amo", "amoand.w", _w("01100"), _AMO, width=4)
@insn("amo", "amoand.d", _d("01100"), _AMO, width=8)
def amoand(old: int, b: int) -> int:
    """Memory takes the and. [13.4]"""
    return and_(old, b)


@insn("amo", "amoor.w", _w("01000"), _AMO, width=4)
@insn("amo", "amoor.d", _d("01000"), _AMO, width=8)
def amoor(old: int, b: int) -> int:
    """Memory takes the or. [13.4]"""
    return or_(old, b)


@insn("amo", "amomin.w", _w("10000"), _AMO, width=4)
@insn("amo", "amomin.d", _d("10000"), _AMO, width=8)
def amomin(old: int, b: int) -> int:
    """Memory takes the smaller, signed. [13.4]"""
    return select(lt_s(old, b), old, b)


@insn("amo", "amomax.w", _w("10100"), _AMO, width=4)
@insn("amo", "amomax.d", _d("10100"), _AMO, width=8)
def amomax(old: int, b: int) -> int:
    """Memory takes the larger, signed. [13.4]"""
    return select(lt_s(old, b), b, old)


@insn("amo", "amominu.w", _w("11000"), _AMO, width=4)
def amominu_w(old: int, b: int) -> int:
    """Memory takes the smaller 32-bit value, unsigned. [13.4]"""
    return select(lt_u(zext32(old), zext32(b)), old, b)


@insn("amo", "amominu.d", _d("11000"), _AMO, width=8)
def amominu_d(old: int, b: int) -> int:
    """Memory takes the smaller, unsigned. [13.4]"""
    return select(lt_u(old, b), old, b)


@insn("amo", "amomaxu.w", _w("11100"), _AMO, width=4)
def amomaxu_w(old: int, b: int) -> int:
    """Memory takes the larger 32-bit value, unsigned. [13.4]"""
    return select(lt_u(zext32(old), zext32(b)), b, old)


@insn("amo", "amomaxu.d", _d("11100"), _AMO, width=8)
def amomaxu_d(old: int, b: int) -> int:
    """Memory takes the larger, unsigned. [13.4]"""
    return select(lt_u(old, b), b, old)
