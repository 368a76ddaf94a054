"""Arithmetic on 64-bit patterns held as non-negative Python integers."""

M32 = (1 << 32) - 1
M64 = (1 << 64) - 1


def sext(value: int, width: int) -> int:
    """Sign-extend the low ``width`` bits of ``value`` to a 64-bit pattern."""
    value &= (1 << width) - 1
    if value >> (width - 1):
        value -= 1 << width
    return value & M64


def signed(value: int, width: int = 64) -> int:
    """The low ``width`` bits of ``value`` as a signed number."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def field(word: int, high: int, low: int) -> int:
    """Bits ``high`` down to ``low`` of ``word``."""
    return word >> low & ((1 << (high - low + 1)) - 1)
