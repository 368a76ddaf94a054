"""Directives of the assembler.  Each is one function on the assembler's state and its operands."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from isa.asm_expr import absolute, evaluate
from isa.asm_source import NAME, unescape
from isa.encode import Mistake

if TYPE_CHECKING:
    from isa.asm import Assembler

Operands = tuple[str, ...]
Directive = Callable[["Assembler", Operands], None]

MAX_SPACE = 1 << 28
_NOP, _C_NOP = b"\x13\0\0\0", b"\x01\0"


def run(asm: "Assembler", word: str, operands: Operands) -> None:
    """Carry out one directive.  Raises Mistake if there is none of this name."""
    if word not in _DIRECTIVES:
        known = " ".join(sorted(_DIRECTIVES))
        raise Mistake(f"the directive {word} is unknown", f"there are {known}")
    _DIRECTIVES[word](asm, operands)


def _section(asm: "Assembler", operands: Operands) -> None:
    if not operands:
        raise Mistake(".section needs a name", 'write .section .rodata or .section name, "aw"')
    asm.enter(operands[0].strip('"'), operands[1].strip('"') if len(operands) > 1 else None)


def _enter(name: str) -> Directive:
    return lambda asm, operands: asm.enter(name, None)


def _globl(asm: "Assembler", operands: Operands) -> None:
    asm.globals.update(operands)


def _data(size: int) -> Directive:
    def directive(asm: "Assembler", operands: Operands) -> None:
        asm.emit(size * len(operands), lambda: _integers(asm, operands, size))

    return directive


def _integers(asm: "Assembler", operands: Operands, size: int) -> bytes:
    out = b""
    for text in operands:
        value, bits = absolute(text, asm), 8 * size
        if not -(1 << (bits - 1)) <= value < 1 << bits:
            hint = f"it takes {-(1 << (bits - 1))} to {(1 << bits) - 1}"
            raise Mistake(f"{value:#x} does not fit {bits} bits", hint)
        out += (value & ((1 << bits) - 1)).to_bytes(size, "little")
        asm.here = asm.here._replace(number=asm.here.number + size)  # "." moves with the values
    return out


def _string(end: bytes) -> Directive:
    def directive(asm: "Assembler", operands: Operands) -> None:
        if not operands:
            raise Mistake("a string is missing", 'write it in double quotes: "text"')
        data = b"".join(unescape(text) + end for text in operands)
        asm.emit(len(data), lambda: data)

    return directive


def _space(asm: "Assembler", operands: Operands) -> None:
    _arguments(operands, 1, 2, ".space size, fill")
    size = absolute(operands[0], asm)
    if not 0 <= size <= MAX_SPACE:
        raise Mistake(f"a space of {size} bytes", f"it takes 0 to {MAX_SPACE}")
    fill = bytes([absolute(operands[1], asm) & 0xFF]) if len(operands) > 1 else b"\0"
    asm.emit(size, lambda: fill * size)


def _align(power: bool) -> Directive:
    def directive(asm: "Assembler", operands: Operands) -> None:
        _arguments(operands, 1, 3, ".align power of two, or .balign bytes")
        value = absolute(operands[0], asm)
        boundary = 1 << value if power and 0 <= value <= 16 else 0 if power else value
        if boundary < 1 or boundary & (boundary - 1) or boundary > 1 << 16:
            hint = ".align takes 0 to 16 (a power of two), .balign takes 1, 2, 4 ... 65536"
            raise Mistake(f"an alignment of {value}", hint)
        fill = absolute(operands[1], asm) & 0xFF if len(operands) > 1 and operands[1] else None
        asm.align(boundary, fill)

    return directive


def padding(size: int, code: bool, fill: int | None) -> bytes:
    """Bytes up to a boundary: nops in code, else zeros or the byte `fill`."""
    if fill is not None or not code:
        return bytes([fill or 0]) * size
    return b"\0" * (size % 2) + _C_NOP * (size % 4 // 2) + _NOP * (size // 4)


def _set(asm: "Assembler", operands: Operands) -> None:
    _arguments(operands, 2, 2, ".equ name, value")
    if not re.fullmatch(NAME, operands[0]):
        raise Mistake(f"{operands[0]} is not a name", "write .equ name, value")
    asm.define(operands[0], evaluate(operands[1], asm), again=True)


def _option(asm: "Assembler", operands: Operands) -> None:
    known = ("rvc", "norvc", "relax", "norelax", "push", "pop", "pic", "nopic")
    if len(operands) != 1 or operands[0] not in known:
        raise Mistake(f".option {', '.join(operands)} is unknown", f"there are {' '.join(known)}")
    # Accepted without effect: instructions are compressed only where the source says c.*


def _ignore(asm: "Assembler", operands: Operands) -> None:
    """Facts for debuggers and linkers that this assembler does not keep."""


def _arguments(operands: Operands, low: int, high: int, usage: str) -> None:
    if not low <= len(operands) <= high:
        raise Mistake(f"{len(operands)} operands are not expected here", f"write {usage}")


_DIRECTIVES: dict[str, Directive] = {
    ".text": _enter(".text"), ".data": _enter(".data"), ".bss": _enter(".bss"),
    ".rodata": _enter(".rodata"), ".section": _section,
    ".globl": _globl, ".global": _globl,
    ".byte": _data(1), ".half": _data(2), ".2byte": _data(2), ".short": _data(2),
    ".word": _data(4), ".4byte": _data(4), ".long": _data(4),
    ".dword": _data(8), ".8byte": _data(8), ".quad": _data(8),
    ".ascii": _string(b""), ".asciz": _string(b"\0"), ".string": _string(b"\0"),
    ".space": _space, ".zero": _space, ".skip": _space,
    ".align": _align(True), ".p2align": _align(True), ".balign": _align(False),
    ".equ": _set, ".set": _set, ".option": _option,
    ".type": _ignore, ".size": _ignore, ".file": _ignore, ".ident": _ignore,
    ".attribute": _ignore, ".weak": _globl, ".local": _ignore,
}  # fmt: skip
