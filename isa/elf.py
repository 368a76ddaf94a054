"""A minimal static ELF64 for RISC-V from an assembled program: segments, sections, symbols."""

import struct

from isa.asm_program import Program, Section

_PAGE = 4096
_MACHINE_RISCV = 243
_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_SYM = struct.Struct("<IBBHQQ")
_SHT = {"progbits": 1, "symtab": 2, "strtab": 3, "nobits": 8}
_SHN_ABS = 0xFFF1


def elf_bytes(program: Program) -> bytes:
    """The program as an executable: one PT_LOAD a section, .symtab with every symbol.

    Raises ExceptionGroup of AsmError if the program has errors.
    """
    sections = program.check().sections
    body, offsets = _contents(sections)
    names = _Strings()
    headers = [bytes(_SHDR.size)]
    headers += [_section_header(s, names, o) for s, o in zip(sections, offsets, strict=True)]
    symbols, strings, locals_count = _symbol_table(program)
    start = len(body)
    body += symbols + strings
    strtab = len(sections) + 2
    headers.append(_SHDR.pack(
        names.add(".symtab"), _SHT["symtab"], 0, 0, start, len(symbols), strtab, locals_count, 8,
        _SYM.size))  # fmt: skip
    headers.append(_plain(names.add(".strtab"), start + len(symbols), len(strings)))
    shstr_name = names.add(".shstrtab")
    headers.append(_plain(shstr_name, len(body), len(names.data)))
    body += names.data
    body += bytes(-len(body) % 8)
    table = len(body)
    body[: _EHDR.size] = _file_header(program.entry, len(sections), table, len(headers))
    for index, (section, offset) in enumerate(zip(sections, offsets, strict=True)):
        at = _EHDR.size + index * _PHDR.size
        body[at : at + _PHDR.size] = _segment(section, offset)
    return bytes(body + b"".join(headers))


class _Strings:
    """A string table: names end in a zero byte, the first is empty."""

    def __init__(self) -> None:
        self.data = bytearray(1)

    def add(self, text: str) -> int:
        start = len(self.data)
        self.data += text.encode() + b"\0"
        return start


def _contents(sections: tuple[Section, ...]) -> tuple[bytearray, list[int]]:
    """Room for the headers, then each section at an offset congruent to its address."""
    body = bytearray(_EHDR.size + len(sections) * _PHDR.size)
    offsets = []
    for section in sections:
        body += bytes((section.address - len(body)) % _PAGE)
        offsets.append(len(body))
        body += section.data
    return body + bytes(-len(body) % 8), offsets


def _file_header(entry: int, segments: int, table: int, count: int) -> bytes:
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return _EHDR.pack(
        ident, 2, _MACHINE_RISCV, 1, entry, _EHDR.size, table, 1,  # flags: RVC, soft float
        _EHDR.size, _PHDR.size, segments, _SHDR.size, count, count - 1,
    )  # fmt: skip


def _segment(section: Section, offset: int) -> bytes:
    flags = sum({"x": 1, "w": 2, "r": 4}[flag] for flag in section.flags)
    address, size = section.address, len(section.data)
    return _PHDR.pack(1, flags, offset, address, address, size, section.size, _PAGE)


def _section_header(section: Section, names: _Strings, offset: int) -> bytes:
    flags = 2 | (4 if "x" in section.flags else 0) | (1 if "w" in section.flags else 0)
    kind = _SHT["progbits" if section.data else "nobits"]
    return _SHDR.pack(
        names.add(section.name), kind, flags, section.address, offset, section.size, 0, 0, 4, 0
    )


def _plain(name: int, offset: int, size: int) -> bytes:
    return _SHDR.pack(name, _SHT["strtab"], 0, 0, offset, size, 0, 0, 1, 0)


def _symbol_table(program: Program) -> tuple[bytes, bytes, int]:
    """.symtab, .strtab and the number of local symbols, which come first."""
    names = _Strings()
    numbers = {section.name: index for index, section in enumerate(program.sections, 1)}
    entries = [bytes(_SYM.size)]
    ordered = sorted(program.symbols.values(), key=lambda symbol: symbol.is_global)
    for symbol in ordered:
        section = numbers.get(symbol.section, _SHN_ABS)
        kind = _symbol_type(program, symbol.section)
        info = (16 if symbol.is_global else 0) | kind
        value = symbol.value & ((1 << 64) - 1)
        entries.append(_SYM.pack(names.add(symbol.name), info, 0, section, value, 0))
    locals_count = 1 + sum(not symbol.is_global for symbol in ordered)
    return b"".join(entries), bytes(names.data), locals_count


def _symbol_type(program: Program, section: str) -> int:
    """STT_FUNC in code, STT_OBJECT in data, STT_NOTYPE for constants."""
    flags = next((s.flags for s in program.sections if s.name == section), "")
    return 2 if "x" in flags else 1 if flags else 0
