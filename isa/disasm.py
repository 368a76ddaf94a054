"""The disassembler: an instruction word to text, from the syntax templates of the table."""

import re
from collections.abc import Callable, Mapping

from isa.aliases import ALIASES, Alias
from isa.csrs import BY_NUMBER
from isa.decode import Decoded, decode
from isa.registers import NAMES

Symbol = Callable[[int], str | None]
"""From an address to a name such as ``main+0x10``, or None if nothing is known of it."""

FIELD = re.compile(r"\{([a-z0-9']+)(?::(\w+))?\}")
_FENCE_BITS = "iorw"
_MASK64 = (1 << 64) - 1


def disassemble(word: int, pc: int, symbol: Symbol | None = None, aliases: bool = True) -> str:
    """The assembly text of the instruction that `word` holds when it stands at `pc`.

    `word` is 32 bits, of which a compressed instruction uses the low 16.  `symbol` names branch
    targets.  With `aliases` the usual pseudo-instructions are shown (``ret``, ``mv``, ``csrw``);
    compressed instructions keep their own names.  Illegal words become ``.2byte`` or ``.4byte``.
    Reserved fields that the machine ignores (those of fence and fence.i) are not shown.
    """
    decoded = decode(word & 0xFFFFFFFF)
    if decoded is None:
        return (
            f".4byte {word & 0xFFFFFFFF:#010x}" if word & 3 == 3 else f".2byte {word & 0xFFFF:#06x}"
        )
    name, syntax = decoded.insn.name + _ordering(decoded.values), decoded.insn.syntax
    alias = _alias_for(decoded) if aliases else None
    if alias is not None:
        name, syntax = alias.name, alias.syntax
    operands = FIELD.sub(lambda m: _operand(m[1], m[2], decoded.values, pc, symbol), syntax)
    return f"{name} {operands}".rstrip()


def length(word: int) -> int:
    """Bytes that the instruction at the start of `word` takes: 2 or 4."""
    return 4 if word & 3 == 3 else 2


def _alias_for(decoded: Decoded) -> Alias | None:
    for alias in ALIASES:
        fits = alias.shown and alias.real == decoded.insn.name
        if fits and all(decoded.values[name] == value for name, value in alias.fixed.items()):
            return alias
    return None


def _ordering(values: Mapping[str, int]) -> str:
    """The suffix of an atomic instruction: .aq, .rl or .aqrl."""
    suffix = ("aq" if values.get("aq") else "") + ("rl" if values.get("rl") else "")
    return f".{suffix}" if suffix else ""


def _operand(
    name: str, form: str | None, values: Mapping[str, int], pc: int, symbol: Symbol | None
) -> str:
    value = values[name]
    if form == "pc":
        return _target((pc + value) & _MASK64, symbol)
    if form == "hi20":
        return f"{value >> 12 & 0xFFFFF:#x}"
    if name.rstrip("'") in ("rd", "rs1", "rs2"):
        return NAMES[value]
    if name == "csr":
        return BY_NUMBER[value].name if value in BY_NUMBER else f"{value:#x}"
    if name in ("pred", "succ"):
        return _fence_set(value)
    return str(value)


def _target(address: int, symbol: Symbol | None) -> str:
    known = symbol(address) if symbol else None
    return f"{address:#x} <{known}>" if known else f"{address:#x}"


def _fence_set(value: int) -> str:
    letters = "".join(c for bit, c in enumerate(reversed(_FENCE_BITS)) if value >> bit & 1)
    return letters[::-1] or "0"
