"""The helpers of ``isa.bits`` that take more than one expression."""


def mul_high_uu(a, b):
    """High 64 bits of unsigned x unsigned, from four 32-bit products."""
    low = U64(0xFFFFFFFF)
    a0, a1, b0, b1 = a & low, a >> U64(32), b & low, b >> U64(32)
    middle = a1 * b0 + ((a0 * b0) >> U64(32))
    other = a0 * b1 + (middle & low)
    return a1 * b1 + (middle >> U64(32)) + (other >> U64(32))


def mul_high_ss(a, b):
    """High 64 bits of signed x signed."""
    return mul_high_uu(a, b) - (b if I64(a) < 0 else U0) - (a if I64(b) < 0 else U0)


def mul_high_su(a, b):
    """High 64 bits of signed x unsigned."""
    return mul_high_uu(a, b) - (b if I64(a) < 0 else U0)


def div_u(a, b):
    """Unsigned quotient; all ones when b is 0."""
    return a // b if b != U0 else ALL_ONES


def rem_u(a, b):
    """Unsigned remainder; a when b is 0."""
    return a % b if b != U0 else a


def magnitude(a):
    """Absolute value of a signed word."""
    return U0 - a if I64(a) < 0 else a


def div_s(a, b):
    """Signed quotient towards zero; -1 when b is 0."""
    if b == U0:
        return ALL_ONES
    quotient = magnitude(a) // magnitude(b)
    return U0 - quotient if I64(a ^ b) < 0 else quotient


def rem_s(a, b):
    """Signed remainder with the sign of a; a when b is 0."""
    if b == U0:
        return a
    remainder = magnitude(a) % magnitude(b)
    return U0 - remainder if I64(a) < 0 else remainder
