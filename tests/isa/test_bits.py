"""The helpers of bits.py against Python's unbounded integers, on corners and random values."""

import random
from collections.abc import Callable
from itertools import product

import pytest

from isa import bits

M = (1 << 64) - 1
CORNERS = [0, 1, 2, 31, 32, 63, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, 1 << 62,
           (1 << 63) - 1, 1 << 63, (1 << 63) + 1, M - 1, M]  # fmt: skip
_rng = random.Random(2)
VALUES = CORNERS + [_rng.getrandbits(_rng.choice((8, 32, 64))) for _ in range(12)]
PAIRS = list(product(VALUES, VALUES))


def signed(a: int, width: int = 64) -> int:
    a &= (1 << width) - 1
    return a - (1 << width) if a >> (width - 1) else a


def truncated(x: int, y: int) -> int:
    """The quotient towards zero, by unbounded integers."""
    quotient = abs(x) // abs(y)
    return quotient if (x < 0) == (y < 0) else -quotient


EXPECTED: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: (a + b) % 2**64,
    "sub": lambda a, b: (a - b) % 2**64,
    "mul": lambda a, b: a * b % 2**64,
    "mul_high_uu": lambda a, b: a * b // 2**64,
    "mul_high_ss": lambda a, b: signed(a) * signed(b) // 2**64 % 2**64,
    "mul_high_su": lambda a, b: signed(a) * b // 2**64 % 2**64,
    "div_u": lambda a, b: a // b if b else M,
    "rem_u": lambda a, b: a % b if b else a,
    "div_s": lambda a, b: truncated(signed(a), signed(b)) % 2**64 if b else M,
    "rem_s": lambda a, b: (
        (signed(a) - signed(b) * truncated(signed(a), signed(b))) % 2**64 if b else a
    ),
    "and_": lambda a, b: a & b,
    "or_": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "clear": lambda a, b: a & ~b,
    "shl": lambda a, b: a * 2 ** (b % 64) % 2**64,
    "shr": lambda a, b: a // 2 ** (b % 64),
    "sar": lambda a, b: signed(a) // 2 ** (b % 64) % 2**64,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt_u": lambda a, b: a < b,
    "ge_u": lambda a, b: a >= b,
    "lt_s": lambda a, b: signed(a) < signed(b),
    "ge_s": lambda a, b: signed(a) >= signed(b),
    "any_bits": lambda a, b: a & b > 0,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_two_operands(name: str) -> None:
    helper = getattr(bits, name)
    for a, b in PAIRS:
        result = helper(a, b)
        assert result == EXPECTED[name](a, b), f"{name}({a:#x}, {b:#x})"
        assert 0 <= result <= M


def test_one_operand() -> None:
    for a in VALUES:
        assert bits.sext32(a) == signed(a, 32) % 2**64
        assert bits.zext32(a) == a % 2**32
        assert bits.flag(bits.ne(a, 0)) == int(a != 0)


def test_fields_select() -> None:
    for a, b in PAIRS:
        assert bits.field(a, 5, 9) == a // 32 % 512
        inserted = bits.insert(a, 5, 9, b)
        assert bits.field(inserted, 5, 9) == b % 512
        assert inserted & ~(511 << 5) == a & ~(511 << 5)
        assert bits.select(True, a, b) == a
        assert bits.select(False, a, b) == b


def test_every_helper_is_tested() -> None:
    helpers = {name for name, value in vars(bits).items() if callable(value) and name[0] != "_"}
    others = {"sext32", "zext32", "flag", "field", "insert", "select"}
    assert helpers == set(EXPECTED) | others
