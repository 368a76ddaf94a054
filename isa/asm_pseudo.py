"""Pseudo-instructions of several words: li, la, call, tail, loads and stores by name."""

import re
from collections.abc import Callable

from isa.asm_expr import Scope, Value, absolute, low12
from isa.encode import Mistake
from isa.registers import NUMBERS
from isa.table import instructions

Line = tuple[str, tuple[str, ...]]
"""A mnemonic and its operands."""

MASK64 = (1 << 64) - 1


def expand(mnemonic: str, operands: tuple[str, ...], scope: Scope) -> list[Line]:
    """The instructions that a line stands for: itself if it is no such pseudo-instruction."""
    if mnemonic in _RULES:
        count, rule, usage = _RULES[mnemonic]
        if len(operands) != count:
            raise Mistake(f"{mnemonic} does not take {len(operands)} operands", f"write {usage}")
        return rule(operands, scope)
    return _by_name(mnemonic, operands) or [(mnemonic, operands)]


def constant(rd: str, value: int) -> list[Line]:
    """The shortest common sequence that loads a 64-bit constant: lui, addiw, slli, addi."""
    value = (value & MASK64 ^ 1 << 63) - (1 << 63)
    if -2048 <= value < 2048:
        return [("addi", (rd, "zero", str(value)))]
    low = low12(value)
    if -(1 << 31) <= value < 1 << 31:
        upper = [("lui", (rd, str(value - low >> 12 & 0xFFFFF)))]
        return upper + ([("addiw", (rd, rd, str(low)))] if low else [])
    rest = ((value - low & MASK64) ^ 1 << 63) - (1 << 63) >> 12
    zeros = (rest & -rest).bit_length() - 1
    lines = constant(rd, rest >> zeros)
    lines.append(("slli", (rd, rd, str(zeros + 12))))
    return lines + ([("addi", (rd, rd, str(low)))] if low else [])


def _li(operands: tuple[str, ...], scope: Scope) -> list[Line]:
    value = absolute(operands[1], scope)
    if not -(1 << 63) <= value < 1 << 64:
        raise Mistake(f"{value:#x} does not fit 64 bits", "a register holds 64 bits")
    return constant(operands[0], value)


def _la(operands: tuple[str, ...], scope: Scope) -> list[Line]:
    rd, symbol = operands
    return [
        ("auipc", (rd, f"%pcrel_hi({symbol})")),
        ("addi", (rd, rd, f"%previous_lo({symbol})")),
    ]


def _jump_far(link: str, through: str, symbol: str) -> list[Line]:
    return [
        ("auipc", (through, f"%pcrel_hi({symbol})")),
        ("jalr", (link, f"%previous_lo({symbol})({through})")),
    ]


def _shifts(left: str, right: str, count: int) -> Callable[[tuple[str, ...], Scope], list[Line]]:
    def rule(operands: tuple[str, ...], scope: Scope) -> list[Line]:
        rd, rs = operands
        return [(left, (rd, rs, str(count))), (right, (rd, rd, str(count)))]

    return rule


_Rule = Callable[[tuple[str, ...], Scope], list[Line]]
_RULES: dict[str, tuple[int, _Rule, str]] = {
    "li": (2, _li, "li rd, constant"),
    "la": (2, _la, "la rd, symbol"),
    "lla": (2, _la, "lla rd, symbol"),
    "call": (1, lambda ops, scope: _jump_far("ra", "ra", ops[0]), "call symbol"),
    "tail": (1, lambda ops, scope: _jump_far("zero", "t1", ops[0]), "tail symbol"),
    "zext.w": (2, _shifts("slli", "srli", 32), "zext.w rd, rs"),
    "zext.h": (2, _shifts("slli", "srli", 48), "zext.h rd, rs"),
    "sext.h": (2, _shifts("slli", "srai", 48), "sext.h rd, rs"),
    "sext.b": (2, _shifts("slli", "srai", 56), "sext.b rd, rs"),
}
NAMES = tuple(_RULES)
_EXAMPLE = "0x123456789abcdef0"


class _NoSymbols:
    """A scope for examples."""

    here = Value(0)

    def symbol(self, name: str) -> Value:
        raise Mistake(f"{name} has no value", "use a number")

    def pcrel_target(self, address: int) -> int:
        raise Mistake("there is no label here", "use a number")


def explain(mnemonic: str) -> str:
    """A reference page: the pseudo-instruction and what it becomes (li: an example)."""
    usage = _RULES[mnemonic][2]
    operands = tuple(usage.partition(" ")[2].replace("constant", _EXAMPLE).split(", "))
    lines = expand(mnemonic, operands, _NoSymbols())
    shown = [f"    {name} {', '.join(ops)}" for name, ops in lines]
    text = "\n".join(shown).replace("%previous_lo(", "%pcrel_lo(auipc of ")
    example = f" (example: {_EXAMPLE})" if mnemonic == "li" else ""
    return f"{usage}\n    a pseudo-instruction; it becomes{example}:\n\n{text}\n"


def _by_name(mnemonic: str, operands: tuple[str, ...]) -> list[Line]:
    """``lw rd, symbol`` and ``sw rs, symbol, temporary``; empty if it is another line."""
    kind = next((i.kind for i in instructions() if i.name == mnemonic), "")
    register, symbol, *rest = (*operands, "", "")[: max(len(operands), 2)]
    has_base = re.search(r"\([\w.$]+\)$", symbol) and not symbol.startswith("(")
    if has_base or not symbol or symbol in NUMBERS:
        return []
    if kind == "load" and len(operands) == 2 and not symbol.startswith(("(", "%")):
        return _access(mnemonic, register, symbol, register)
    if kind == "store" and len(operands) == 3:
        return _access(mnemonic, register, symbol, rest[0])
    return []


def _access(mnemonic: str, register: str, symbol: str, base: str) -> list[Line]:
    return [
        ("auipc", (base, f"%pcrel_hi({symbol})")),
        (mnemonic, (register, f"%previous_lo({symbol})({base})")),
    ]
