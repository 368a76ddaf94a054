"""The helpers of ``isa.bits`` as LLVM instructions: the third evaluation of the semantics.

The reference evaluation is ``isa.bits`` itself, the second one ``simvirt.core.expand``.  Bodies
are called with names of LLVM values in place of integers; what they return names the result.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

Operand = str | int  # an LLVM value's name, or a constant
MASK64 = (1 << 64) - 1


def constant(value: Operand) -> str:
    """An operand as LLVM text: constants as signed 64-bit numbers."""
    if isinstance(value, str):
        return value
    value &= MASK64
    return str(value - (1 << 64) if value >> 63 else value)


class Values:
    """Appends instructions to `lines`, each defining a value of its own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def define(self, text: str) -> str:
        """One instruction; the name of its value."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def op(self, name: str, a: Operand, b: Operand) -> str:
        """A binary instruction on 64-bit values."""
        return self.define(f"{name} i64 {constant(a)}, {constant(b)}")

    def compare(self, how: str, a: Operand, b: Operand) -> str:
        """A comparison: an i1."""
        return self.define(f"icmp {how} i64 {constant(a)}, {constant(b)}")

    def narrow(self, value: Operand, width: int) -> str:
        """The low bytes of a value: an integer of `width` bytes."""
        if width == 8:
            return constant(value)
        return self.define(f"trunc i64 {constant(value)} to i{8 * width}")

    def widen(self, value: str, width: int, signed: bool) -> str:
        """An integer of `width` bytes extended to 64 bits."""
        if width == 8:
            return value
        return self.define(f"{'sext' if signed else 'zext'} i{8 * width} {value} to i64")

    def evaluate(self, body: Callable[..., object], arguments: dict[str, Operand]) -> str:
        """The result of an instruction's body on these arguments.

        Raises TypeError when the body uses anything but the helpers.
        """
        assert isinstance(body, FunctionType)
        names = {**body.__globals__, **{name: getattr(self, name) for name in HELPERS}}
        result: Any = FunctionType(body.__code__, names)(**arguments)
        if not isinstance(result, str | int) or isinstance(result, bool):
            raise TypeError(f"{body.__name__}: semantics use the helpers of isa.bits only")
        return constant(result)

    # ---- the helpers -----------------------------------------------------------------------

    def add(self, a: Operand, b: Operand) -> str:
        return self.op("add", a, b)

    def sub(self, a: Operand, b: Operand) -> str:
        return self.op("sub", a, b)

    def mul(self, a: Operand, b: Operand) -> str:
        return self.op("mul", a, b)

    def and_(self, a: Operand, b: Operand) -> str:
        return self.op("and", a, b)

    def or_(self, a: Operand, b: Operand) -> str:
        return self.op("or", a, b)

    def xor(self, a: Operand, b: Operand) -> str:
        return self.op("xor", a, b)

    def clear(self, a: Operand, b: Operand) -> str:
        return self.op("and", a, self.op("xor", b, -1))

    def shl(self, a: Operand, n: Operand) -> str:
        return self.op("shl", a, self.op("and", n, 63))

    def shr(self, a: Operand, n: Operand) -> str:
        return self.op("lshr", a, self.op("and", n, 63))

    def sar(self, a: Operand, n: Operand) -> str:
        return self.op("ashr", a, self.op("and", n, 63))

    def sext32(self, a: Operand) -> str:
        return self.widen(self.narrow(a, 4), 4, True)

    def zext32(self, a: Operand) -> str:
        return self.op("and", a, 0xFFFFFFFF)

    def eq(self, a: Operand, b: Operand) -> str:
        return self.compare("eq", a, b)

    def ne(self, a: Operand, b: Operand) -> str:
        return self.compare("ne", a, b)

    def lt_u(self, a: Operand, b: Operand) -> str:
        return self.compare("ult", a, b)

    def ge_u(self, a: Operand, b: Operand) -> str:
        return self.compare("uge", a, b)

    def lt_s(self, a: Operand, b: Operand) -> str:
        return self.compare("slt", a, b)

    def ge_s(self, a: Operand, b: Operand) -> str:
        return self.compare("sge", a, b)

    def select(self, condition: str, a: Operand, b: Operand) -> str:
        return self.define(f"select i1 {condition}, i64 {constant(a)}, i64 {constant(b)}")

    def flag(self, condition: str) -> str:
        return self.define(f"zext i1 {condition} to i64")

    def field(self, a: Operand, low: Operand, width: Operand) -> str:
        return self.op("and", self.op("lshr", a, low), self._ones(width))

    def insert(self, a: Operand, low: Operand, width: Operand, value: Operand) -> str:
        ones = self._ones(width)
        kept = self.clear(a, self.op("shl", ones, low))
        return self.op("or", kept, self.op("shl", self.op("and", value, ones), low))

    def any_bits(self, a: Operand, mask: Operand) -> str:
        return self.compare("ne", self.op("and", a, mask), 0)

    def mul_high_uu(self, a: Operand, b: Operand) -> str:
        return self._high(a, "zext", b, "zext")

    def mul_high_ss(self, a: Operand, b: Operand) -> str:
        return self._high(a, "sext", b, "sext")

    def mul_high_su(self, a: Operand, b: Operand) -> str:
        return self._high(a, "sext", b, "zext")

    def div_u(self, a: Operand, b: Operand) -> str:
        zero = self.eq(b, 0)
        return self.select(zero, -1, self.op("udiv", a, self.select(zero, 1, b)))

    def rem_u(self, a: Operand, b: Operand) -> str:
        zero = self.eq(b, 0)
        return self.select(zero, a, self.op("urem", a, self.select(zero, 1, b)))

    def div_s(self, a: Operand, b: Operand) -> str:
        safe = self._safe_divisor(a, b)  # overflow: a / 1 is a
        return self.select(self.eq(b, 0), -1, self.op("sdiv", a, safe))

    def rem_s(self, a: Operand, b: Operand) -> str:
        safe = self._safe_divisor(a, b)  # overflow: a % 1 is 0
        return self.select(self.eq(b, 0), a, self.op("srem", a, safe))

    def _ones(self, width: Operand) -> str:
        return self.op("sub", self.op("shl", 1, width), 1)

    def _high(self, a: Operand, extend_a: str, b: Operand, extend_b: str) -> str:
        wide = [
            self.define(f"{how} i64 {constant(value)} to i128")
            for value, how in ((a, extend_a), (b, extend_b))
        ]
        product = self.define(f"mul i128 {wide[0]}, {wide[1]}")
        high = self.define(f"lshr i128 {product}, 64")
        return self.define(f"trunc i128 {high} to i64")

    def _safe_divisor(self, a: Operand, b: Operand) -> str:
        """1 in place of 0, and of -1 where the quotient would overflow: LLVM defines neither."""
        overflow = self.define(f"and i1 {self.eq(a, 1 << 63)}, {self.eq(b, MASK64)}")
        bad = self.define(f"or i1 {self.eq(b, 0)}, {overflow}")
        return self.select(bad, 1, b)


HELPERS = (
    "add", "sub", "mul", "mul_high_uu", "mul_high_ss", "mul_high_su", "div_u", "rem_u", "div_s",
    "rem_s", "and_", "or_", "xor", "clear", "shl", "shr", "sar", "sext32", "zext32", "eq", "ne",
    "lt_u", "ge_u", "lt_s", "ge_s", "select", "flag", "field", "insert", "any_bits",
)  # fmt: skip
