"""A small two-pass assembler in the style of GNU as, on the instruction table.

The first pass gives every statement a section, an offset and a size; the second, with all
addresses known, makes its bytes.  It compresses and relaxes nothing: one line, one predictable
size.  There is no macro language and no C preprocessor.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial

from isa import asm_directives, asm_insn, asm_pseudo
from isa.asm_expr import Value, absolute
from isa.asm_program import ListingLine, Program, Section, Symbol
from isa.asm_source import (
    AsmError,
    Statement,
    name_near_labels,
    needs_preprocessor,
    parse,
    statements,
)  # fmt: skip
from isa.encode import Mistake

__all__ = ["AsmError", "Program", "assemble", "assemble_insn"]

PAGE = 4096
MAX_ERRORS = 50
_STRINGS = (".ascii", ".asciz", ".string")
_PCREL = re.compile(r"%pcrel_hi\((.*)\)")
_KINDS = (  # name prefix, flags, order in memory, without contents in the file
    (".text", "rx", 0),
    (".rodata", "r", 1),
    (".data", "rw", 2),
    (".sdata", "rw", 2),
    (".bss", "rw", 3),
    (".sbss", "rw", 3),
)


@dataclass
class _Chunk:
    """`size` bytes at `offset` of a section, made by `make` once addresses are known."""

    line: int
    section: str
    offset: int
    size: int
    make: Callable[[], bytes]


@dataclass
class _Part:
    """A section under construction."""

    flags: str
    order: int
    size: int = 0
    align: int = 4
    address: int = 0
    data: bytearray = field(default_factory=bytearray)


def assemble(source: str, origin: int = 0x80000000, name: str = "source") -> Program:
    """Assemble a source; .text starts at `origin`, each other kind of section on a new page.

    Mistakes are collected in the program's `errors` (`Program.check` raises them).  The entry is
    `_start` if that is defined, else the origin.
    """
    asm = Assembler(source, origin, name)
    asm.first_pass()
    asm.lay_out()
    asm.second_pass()
    return asm.program()


def assemble_insn(text: str, pc: int = 0) -> int:
    """The word of one instruction that stands at `pc`.

    Raises AsmError if it is none, or a pseudo-instruction of several words.
    """
    program = assemble(text, pc, "instruction")
    if program.errors:
        raise program.errors[0]
    data = b"".join(section.data for section in program.sections)
    if len(data) not in (2, 4) or program.sections[0].name != ".text":
        words = "no instruction" if not data else f"{len(data)} bytes, not one instruction"
        raise AsmError("instruction", 1, text, f"this is {words}", "use assemble for a program")
    return int.from_bytes(data, "little")


class Assembler:
    """The state of both passes; directives work on it, expressions look symbols up in it."""

    def __init__(self, source: str, origin: int, name: str) -> None:
        self.lines = source.splitlines()
        self.source = source
        self.origin = origin
        self.name = name
        self.parts: dict[str, _Part] = {}
        self.symbols: dict[str, Value] = {}
        self.globals: set[str] = set()
        self.near: dict[str, int] = {}
        self.chunks: list[_Chunk] = []
        self.errors: list[AsmError] = []
        self.pcrel: dict[tuple[str, int], str] = {}
        self.current = ""
        self.line = 0
        self.laid_out = False
        self.here = Value(0)
        self.enter(".text", None)

    # ---- first pass --------------------------------------------------------------------------

    def first_pass(self) -> None:
        """Define labels and measure every statement."""
        for number, line in enumerate(self.lines, 1):
            if needs_preprocessor(line):
                self.line = number
                self.fail("this needs the C preprocessor", "use .equ, or compile with simvirt[cc]")
        for number, text in statements(self.source):
            self.line = number
            self.attempt(partial(self.source_statement, number, text))

    def source_statement(self, number: int, text: str) -> None:
        """One statement as text."""
        self.statement(parse(number, text))

    def statement(self, statement: Statement) -> None:
        """Labels, then the directive or instruction."""
        for label in statement.labels:
            self.label(label)
        operands = statement.operands
        if statement.word not in _STRINGS:
            operands = tuple(name_near_labels(text, self.near) for text in operands)
        if statement.word.startswith("."):
            asm_directives.run(self, statement.word, operands)
        elif statement.word:
            for line in asm_pseudo.expand(statement.word, operands, self):
                self.instruction(line)

    def instruction(self, line: asm_pseudo.Line) -> None:
        """Reserve the place of one instruction."""
        mnemonic, operands = line
        for operand in operands:
            if match := _PCREL.fullmatch(operand):
                self.pcrel[self.current, self.part.size] = match[1]
        size = asm_insn.size_of(mnemonic)

        def make() -> bytes:
            word = asm_insn.build(mnemonic, operands, self.here.number, self)
            return word.to_bytes(size, "little")

        self.emit(size, make)

    @property
    def part(self) -> _Part:
        """The current section."""
        return self.parts[self.current]

    def enter(self, name: str, flags: str | None) -> None:
        """Make a section the current one; `flags` as in .section, None: by its name."""
        if name not in self.parts:
            self.parts[name] = _new_part(name, flags)
        self.current = name
        self.here = Value(self.part.size, name)

    def emit(self, size: int, make: Callable[[], bytes]) -> None:
        """Append bytes that are made in the second pass."""
        part = self.part
        self.chunks.append(_Chunk(self.line, self.current, part.size, size, make))
        part.size += size
        self.here = Value(part.size, self.current)

    def align(self, boundary: int, fill: int | None) -> None:
        """Pad up to a multiple of `boundary`."""
        part = self.part
        part.align = max(part.align, boundary)
        size = -part.size % boundary
        if size:
            code = "x" in part.flags
            self.emit(size, lambda: asm_directives.padding(size, code, fill))

    def label(self, name: str) -> None:
        """Define a label here; a number may be defined many times (1: ... 1b, 1f)."""
        if name.isdigit():
            self.near[name] = self.near.get(name, 0) + 1
            name = f"{name}@{self.near[name]}"
        self.define(name, Value(self.part.size, self.current), again=False)

    def define(self, name: str, value: Value, again: bool) -> None:
        """Give a symbol a value.  Raises Mistake if it has one and may not change."""
        if name in self.symbols and not again:
            raise Mistake(
                f"the label {name} is defined twice", "rename one, or use 1: with 1f and 1b"
            )
        self.symbols[name] = value

    # ---- expressions (asm_expr.Scope) --------------------------------------------------------

    def symbol(self, name: str) -> Value:
        """Value of a symbol: relative to its section before layout, an address after it."""
        if name not in self.symbols:
            raise self.undefined(name)
        value = self.symbols[name]
        return self.fixed(value) if self.laid_out else value

    def fixed(self, value: Value) -> Value:
        """The value with its section's address added."""
        return Value(value.number + self.parts[value.base].address) if value.base else value

    def undefined(self, name: str) -> Mistake:
        """What to say about a symbol without a value."""
        number, at, _ = name.partition("@")
        if at:
            where = "before" if self.near.get(number) else "anywhere around"
            return Mistake(
                f"there is no label {number}: for {number}f or {number}b", f"look {where} it"
            )
        if not self.laid_out:
            return Mistake(
                f"{name} is not known here yet", "define it above; use la for an address"
            )
        close = get_close_matches(name, [n for n in self.symbols if "@" not in n], 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "define it with a label or .equ"
        return Mistake(f"the symbol {name} is not defined", hint)

    def pcrel_target(self, address: int) -> int:
        """Target of the %pcrel_hi in the instruction at this address."""
        for (section, offset), text in self.pcrel.items():
            if self.parts[section].address + offset == address:
                here, self.here = self.here, Value(address)
                value = absolute(text, self)
                self.here = here
                return value
        hint = "name the label of the auipc, not the symbol itself"
        raise Mistake(f"%pcrel_lo: there is no %pcrel_hi at {address:#x}", hint)

    # ---- layout and second pass --------------------------------------------------------------

    def lay_out(self) -> None:
        """Give sections addresses: code, then constants, data and .bss, each kind on new pages."""
        address, last = self.origin, ""
        for part in sorted(self.parts.values(), key=lambda part: part.order):
            if last and part.flags != last and part.size:
                address = -(-address // PAGE) * PAGE
            part.address = -(-address // part.align) * part.align
            address = part.address + part.size
            last = part.flags
        self.laid_out = True

    def second_pass(self) -> None:
        """Make the bytes of every statement."""
        for chunk in self.chunks:
            self.line, self.current = chunk.line, chunk.section
            self.here = Value(self.part.address + chunk.offset)
            self.attempt(partial(self.fill, chunk))

    def fill(self, chunk: _Chunk) -> None:
        """Append the bytes of a chunk to its section; .bss may hold zeros only."""
        data = chunk.make()
        if self.part.order != 3:
            self.part.data += data
        elif any(data):
            raise Mistake(f"{chunk.section} cannot hold data", "put it into .data")

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something for the current line; a mistake is recorded and assembling goes on."""
        if len(self.errors) >= MAX_ERRORS:
            return
        try:
            action()
        except Mistake as mistake:
            self.fail(mistake.problem, mistake.hint)

    def fail(self, problem: str, hint: str) -> None:
        """Record a mistake at the current line."""
        source = self.lines[self.line - 1] if self.line <= len(self.lines) else ""
        problem, hint = (re.sub(r"(\d+)@\d+", r"\1", text) for text in (problem, hint))
        error = AsmError(self.name, self.line, source, problem, hint)
        if str(error) not in map(str, self.errors[-1:]):  # both halves of a pseudo-instruction
            self.errors.append(error)

    # ---- result ------------------------------------------------------------------------------

    def program(self) -> Program:
        """Everything that was made."""
        for name in sorted(self.globals - set(self.symbols)):
            self.line = next((i for i, text in enumerate(self.lines, 1) if name in text), 1)
            self.fail(
                f"{name} is declared .globl but not defined", "define it: nothing is linked in"
            )
        symbols = {name: self.final_symbol(name) for name in self.symbols if "@" not in name}
        entry = symbols["_start"].value if "_start" in symbols else self.origin
        return Program(
            self.name, self.final_sections(), symbols, entry, self.listing(),
            tuple(sorted(self.errors, key=lambda error: error.line)),
        )  # fmt: skip

    def final_symbol(self, name: str) -> Symbol:
        """A symbol for the result."""
        value = self.symbols[name]
        return Symbol(name, self.fixed(value).number, value.base, name in self.globals)

    def final_sections(self) -> tuple[Section, ...]:
        """The sections that hold something, by address."""
        found = [
            Section(name, part.address, part.flags, bytes(part.data), part.size)
            for name, part in self.parts.items()
            if part.size
        ]
        return tuple(sorted(found, key=lambda section: section.address))

    def listing(self) -> tuple[ListingLine, ...]:
        """Every source line with the bytes it became."""
        first: dict[int, int] = {}
        data: dict[int, bytes] = {}
        for chunk in self.chunks:
            part = self.parts[chunk.section]
            first.setdefault(chunk.line, part.address + chunk.offset)
            piece = bytes(part.data[chunk.offset : chunk.offset + chunk.size])
            data[chunk.line] = data.get(chunk.line, b"") + piece
        return tuple(
            ListingLine(number, first.get(number), data.get(number, b""), source)
            for number, source in enumerate(self.lines, 1)
        )


def _new_part(name: str, flags: str | None) -> _Part:
    for prefix, access, order in _KINDS:
        if flags is None and (name == prefix or name.startswith(prefix + ".")):
            return _Part(access, order)
    if flags is None:
        known = ", ".join(kind[0] for kind in _KINDS)
        raise Mistake(
            f"what {name} holds is not known", f'add flags ("ax" "a" "aw") or use {known}'
        )
    if "x" in flags:
        return _Part("rx", 0)
    if "w" in flags:
        return _Part("rw", 3 if name.startswith((".bss", ".sbss")) else 2)
    return _Part("r", 1)
