"""Total 64-bit helpers: the only operations that semantics may use.

Each helper is defined for every input (division by zero and overflow included) and gives an
unsigned 64-bit value, or a bool for comparisons.  This module is the *reference evaluation* on
Python integers; ``simvirt.core`` has the same helpers as expressions for its compiler.  A test
holds the two together.
"""

MASK64 = (1 << 64) - 1
SIGN64 = 1 << 63


def _signed(a: int) -> int:
    return a - (1 << 64) if a & SIGN64 else a


def add(a: int, b: int) -> int:
    """a + b modulo 2**64."""
    return (a + b) & MASK64


def sub(a: int, b: int) -> int:
    """a - b modulo 2**64."""
    return (a - b) & MASK64


def mul(a: int, b: int) -> int:
    """Low 64 bits of the product."""
    return (a * b) & MASK64


def mul_high_uu(a: int, b: int) -> int:
    """High 64 bits of unsigned x unsigned."""
    return (a * b) >> 64


def mul_high_ss(a: int, b: int) -> int:
    """High 64 bits of signed x signed."""
    return ((_signed(a) * _signed(b)) >> 64) & MASK64


def mul_high_su(a: int, b: int) -> int:
    """High 64 bits of signed x unsigned."""
    return ((_signed(a) * b) >> 64) & MASK64


def div_u(a: int, b: int) -> int:
    """Unsigned quotient; all ones when b is 0."""
    return a // b if b else MASK64


def rem_u(a: int, b: int) -> int:
    """Unsigned remainder; a when b is 0."""
    return a % b if b else a


def div_s(a: int, b: int) -> int:
    """Signed quotient towards zero; -1 when b is 0; overflow gives a."""
    if b == 0:
        return MASK64
    quotient = abs(_signed(a)) // abs(_signed(b))
    return (-quotient if (a ^ b) & SIGN64 else quotient) & MASK64


def rem_s(a: int, b: int) -> int:
    """Signed remainder with the sign of a; a when b is 0; overflow gives 0."""
    if b == 0:
        return a
    remainder = abs(_signed(a)) % abs(_signed(b))
    return (-remainder if a & SIGN64 else remainder) & MASK64


def and_(a: int, b: int) -> int:
    """Bitwise and."""
    return a & b


def or_(a: int, b: int) -> int:
    """Bitwise or."""
    return a | b


def xor(a: int, b: int) -> int:
    """Bitwise exclusive or."""
    return a ^ b


def clear(a: int, b: int) -> int:
    """The bits of a that are not in b."""
    return a & (b ^ MASK64)


def shl(a: int, n: int) -> int:
    """a shifted left by n modulo 64."""
    return (a << (n & 63)) & MASK64


def shr(a: int, n: int) -> int:
    """a shifted right by n modulo 64, zeros coming in."""
    return a >> (n & 63)


def sar(a: int, n: int) -> int:
    """a shifted right by n modulo 64, sign bits coming in."""
    return (_signed(a) >> (n & 63)) & MASK64


def sext32(a: int) -> int:
    """The low 32 bits, sign-extended."""
    return ((a & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000 & MASK64


def zext32(a: int) -> int:
    """The low 32 bits, zero-extended."""
    return a & 0xFFFFFFFF


def eq(a: int, b: int) -> bool:
    """a == b."""
    return a == b


def ne(a: int, b: int) -> bool:
    """a != b."""
    return a != b


def lt_u(a: int, b: int) -> bool:
    """a < b, unsigned."""
    return a < b


def ge_u(a: int, b: int) -> bool:
    """a >= b, unsigned."""
    return a >= b


def lt_s(a: int, b: int) -> bool:
    """a < b, signed."""
    return _signed(a) < _signed(b)


def ge_s(a: int, b: int) -> bool:
    """a >= b, signed."""
    return _signed(a) >= _signed(b)


def select(condition: bool, a: int, b: int) -> int:
    """a if the condition holds, else b."""
    return a if condition else b


def flag(condition: bool) -> int:
    """1 if the condition holds, else 0."""
    return 1 if condition else 0


def field(a: int, low: int, width: int) -> int:
    """The field of `width` bits of a that starts at bit `low`."""
    return (a >> low) & ((1 << width) - 1)


def insert(a: int, low: int, width: int, value: int) -> int:
    """a with its field of `width` bits at bit `low` replaced by value."""
    mask = ((1 << width) - 1) << low
    return (a & (mask ^ MASK64)) | ((value << low) & mask)


def any_bits(a: int, mask: int) -> bool:
    """Is any bit of the mask set in a?"""
    return (a & mask) != 0
