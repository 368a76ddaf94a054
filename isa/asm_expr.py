"""Expressions of the assembler: numbers, symbols, operators and %functions.

Operators bind as in GNU as: ``* / % << >>`` before ``| & ^`` before ``+ -``.  A value is a number
plus, while addresses are not known yet, the section it is relative to.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from isa.asm_source import NAME, unescape
from isa.encode import Mistake

_TOKEN = re.compile(
    rf"\s*(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+@\d+|\d+|%[a-z_]+|{NAME}|<<|>>|'(?:\\.|[^\\])'|.)"
)
_LEVELS: tuple[tuple[str, ...], ...] = (("+", "-"), ("|", "&", "^"), ("*", "/", "%", "<<", ">>"))


class Value(NamedTuple):
    """A number; with `base`, an offset in that section, whose address is not known yet."""

    number: int
    base: str = ""


class Scope(Protocol):
    """What an expression may refer to."""

    here: Value

    def symbol(self, name: str) -> Value:
        """Value of a symbol; raises Mistake if it has none (yet)."""

    def pcrel_target(self, address: int) -> int:
        """Target of the %pcrel_hi in the instruction at this address."""


def evaluate(text: str, scope: Scope) -> Value:
    """The value of an expression.  Raises Mistake with what is wrong in it."""
    tokens = _TOKEN.findall(text.strip())
    if not tokens:
        raise Mistake("a value is missing", "write a number, a symbol or an expression")
    parser = _Parser([token.strip() for token in tokens], scope)
    value = parser.binary(0)
    if parser.peek():
        raise Mistake(
            f"{parser.peek()} in {text!r} is not expected", "check operators and brackets"
        )
    return value


def absolute(text: str, scope: Scope) -> int:
    """The number that an expression gives; an address is not one before layout."""
    value = evaluate(text, scope)
    if value.base:
        raise Mistake(f"{text} is an address that is not fixed yet", "use la for an address")
    return value.number


class _Parser:
    def __init__(self, tokens: list[str], scope: Scope) -> None:
        self.tokens = tokens
        self.scope = scope
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise Mistake(f"{token} is missing in an expression", "close every bracket")

    def binary(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            operator = self.take()
            left = _apply(operator, left, self.binary(level + 1))
        return left

    def unary(self) -> Value:
        token = self.take()
        if token in ("-", "+", "~"):
            number = _number(self.unary(), token)
            return Value({"-": -number, "+": number, "~": ~number}[token])
        if token == "(":
            value = self.binary(0)
            self.expect(")")
            return value
        if token.startswith("%") and len(token) > 1:
            return self.function(token)
        return self.atom(token)

    def function(self, name: str) -> Value:
        self.expect("(")
        number = _number(self.binary(0), name)
        self.expect(")")
        if name not in _FUNCTIONS:
            raise Mistake(f"{name} is unknown", f"there are {', '.join(_PUBLIC)}")
        return Value(_FUNCTIONS[name](number, self.scope))

    def atom(self, token: str) -> Value:
        if token == ".":
            return self.scope.here
        if token[:1].isdigit() and "@" not in token:
            return Value(_integer(token))
        if token.startswith("'") and len(token) > 2:
            return Value(unescape('"' + token[1:-1].replace('"', '\\"') + '"')[0])
        if token and re.fullmatch(rf"{NAME}|\d+@\d+", token):
            return self.scope.symbol(token)
        shown = token or "nothing"
        raise Mistake(f"{shown} is not a value", "write a number, a symbol or an expression")


def _integer(token: str) -> int:
    try:
        return int(token, 8 if token.isdigit() and token[0] == "0" else 0)
    except ValueError:
        raise Mistake(f"{token} is not a number", "write 10, 0x1f, 0b101 or 017") from None


def _number(value: Value, operator: str) -> int:
    if value.base:
        raise Mistake(f"{operator} needs a number, not an address", "only label - label is one")
    return value.number


def _apply(operator: str, a: Value, b: Value) -> Value:
    if operator == "+" and not (a.base and b.base):
        return Value(a.number + b.number, a.base or b.base)
    if operator == "-" and (a.base == b.base or not b.base):
        return Value(a.number - b.number, "" if b.base else a.base)
    x, y = _number(a, operator), _number(b, operator)
    if operator in ("/", "%") and y == 0:
        raise Mistake("division by zero", "check the divisor")
    if operator in ("<<", ">>") and not 0 <= y < 64:
        raise Mistake(f"a shift by {y}", "shift by 0 to 63")
    return Value(_OPERATORS[operator](x, y))


def _divide(x: int, y: int) -> int:
    quotient = abs(x) // abs(y)
    return quotient if (x < 0) == (y < 0) else -quotient


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": _divide,
    "%": lambda x, y: x - y * _divide(x, y),
    "<<": lambda x, y: x << y,
    ">>": lambda x, y: x >> y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
}


def high20(distance: int, what: str) -> int:
    """The 20 bits that lui or auipc takes so that adding the low 12, signed, gives `distance`."""
    if not -0x80000800 <= distance < 0x7FFFF800:
        hint = "use la, or li for a constant"
        raise Mistake(f"{what}: {distance:#x} is out of the reach of 32 bits, signed", hint)
    return distance + 0x800 >> 12 & 0xFFFFF


def low12(distance: int) -> int:
    """The low 12 bits, signed."""
    return (distance & 0xFFF ^ 0x800) - 0x800


def _pcrel_lo(label: int, scope: Scope) -> int:
    return low12(scope.pcrel_target(label) - label)


_FUNCTIONS: dict[str, Callable[[int, Scope], int]] = {
    "%hi": lambda value, scope: high20(value, "%hi"),
    "%lo": lambda value, scope: low12(value),
    "%pcrel_hi": lambda value, scope: high20(value - scope.here.number, "%pcrel_hi"),
    "%pcrel_lo": _pcrel_lo,
    # for pseudo-instructions of two words: the auipc stands just before
    "%previous_lo": lambda value, scope: low12(value - (scope.here.number - 4)),
}
_PUBLIC = ("%hi", "%lo", "%pcrel_hi", "%pcrel_lo")
