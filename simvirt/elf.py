"""Bounds-checked reading of little-endian RISC-V ELF64 files: headers, sections, symbols.

Files may come from strangers: every size is checked against the file before it is used.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from simvirt.errors import InputError

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
EM_RISCV = 243
PT_LOAD = 1
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_MERGE, SHF_STRINGS = 1, 2, 4, 0x10, 0x20
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE = range(5)
STB_LOCAL = 0
SHN_UNDEF, SHN_LORESERVE = 0, 0xFF00

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")

_TYPES = {
    ET_REL: "a relocatable object (.o)",
    ET_DYN: "position-independent or shared",
    4: "a core",
}
_MACHINES = {
    2: "SPARC", 3: "x86 (32-bit)", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S390",
    40: "ARM (32-bit)", 62: "x86-64", 183: "ARM (AArch64)", 247: "BPF", 258: "LoongArch",
}  # fmt: skip


@dataclass(frozen=True)
class ProgramHeader:
    """One entry of the program header table."""

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True)
class Section:
    """One section; ``offset`` and ``size`` lie inside the file unless it is NOBITS."""

    index: int
    name: str
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int


@dataclass(frozen=True)
class RawSymbol:
    """One symbol table entry."""

    name: str
    type: int
    section: int
    value: int
    size: int
    local: bool  # known in its own object only: the linker does not find it from outside


class ElfFile:
    """An ELF file of the right class, byte order and machine; ``types`` lists what is accepted."""

    def __init__(self, data: bytes, where: str, types: tuple[int, ...] = (ET_EXEC,)) -> None:
        self.data = data
        self.where = where
        self._identify()
        fields = HEADER.unpack_from(data)
        self.type, self.entry = fields[1], fields[4]
        self._phoff, self._shoff = fields[5], fields[6]
        self._phnum, self._shnum, self._shstrndx = fields[10], fields[12], fields[13]
        self._check_type(fields[2], types)
        self._check_tables(fields[9], fields[11])

    def refuse(self, why: str) -> NoReturn:
        """Raise InputError about this file."""
        raise InputError(f"{self.where}: {why}")

    def _identify(self) -> None:
        ident = self.data[:16]
        if ident[:4] != b"\x7fELF":
            self.refuse("not an ELF file; give a RISC-V kernel, or a .c or .S source")
        if len(self.data) < HEADER.size:
            self.refuse("truncated: the ELF header is incomplete; build or copy it again")
        if ident[5] == 2:
            self.refuse("a big-endian ELF; this machine is little-endian RV64")
        if ident[4] != 2:
            self.refuse("a 32-bit ELF; build it for RV64 (-march=rv64imac -mabi=lp64)")
        if ident[5] != 1:
            self.refuse(f"damaged ELF header: byte order {ident[5]}")

    def _check_type(self, machine: int, types: tuple[int, ...]) -> None:
        if machine != EM_RISCV:
            name = _MACHINES.get(machine, f"machine number {machine}")
            self.refuse(f"an ELF for {name}; build it for RISC-V (riscv64)")
        if self.type not in types:
            kind = _TYPES.get(self.type, f"of unknown type {self.type}")
            self.refuse(f"this ELF is {kind}, not an executable; link it statically (ET_EXEC)")

    def _check_tables(self, phentsize: int, shentsize: int) -> None:
        if self._phnum and phentsize != PROGRAM_HEADER.size:
            self.refuse(f"damaged ELF header: program headers of {phentsize} bytes")
        if self._shnum and shentsize != SECTION_HEADER.size:
            self.refuse(f"damaged ELF header: section headers of {shentsize} bytes")
        self._span("program headers", self._phoff, self._phnum * PROGRAM_HEADER.size)
        self._span("section headers", self._shoff, self._shnum * SECTION_HEADER.size)

    def _span(self, what: str, offset: int, size: int) -> None:
        if size and offset + size > len(self.data):
            self.refuse(
                f"truncated: {what} end at byte {offset + size:#x} of {len(self.data):#x}; "
                "build or copy the file again"
            )

    def program_headers(self) -> tuple[ProgramHeader, ...]:
        """All program headers; the bytes of PT_LOAD segments are inside the file."""
        headers = []
        for index in range(self._phnum):
            at = self._phoff + index * PROGRAM_HEADER.size
            header = ProgramHeader(*PROGRAM_HEADER.unpack_from(self.data, at))
            if header.type == PT_LOAD:
                self._span(f"segment {index}", header.offset, header.filesz)
            headers.append(header)
        return tuple(headers)

    def sections(self) -> tuple[Section, ...]:
        """All sections, in order of the table."""
        raw = [
            SECTION_HEADER.unpack_from(self.data, self._shoff + index * SECTION_HEADER.size)
            for index in range(self._shnum)
        ]
        names = b""
        if 0 < self._shstrndx < len(raw):
            offset, size = raw[self._shstrndx][4:6]
            self._span("section names", offset, size)
            names = self.data[offset : offset + size]
        return tuple(self._section(index, fields, names) for index, fields in enumerate(raw))

    def _section(self, index: int, fields: tuple[int, ...], names: bytes) -> Section:
        name, kind, flags, addr, offset, size, link, info = fields[:8]
        if kind not in (0, SHT_NOBITS):
            self._span(f"section {index}", offset, size)
        return Section(index, text_at(names, name), kind, flags, addr, offset, size, link, info)

    def content(self, section: Section) -> bytes:
        """The bytes of a section; empty for NOBITS."""
        if section.type == SHT_NOBITS:
            return b""
        return self.data[section.offset : section.offset + section.size]

    def symbols(self) -> tuple[RawSymbol, ...]:
        """The entries of the symbol table in order, number 0 included; none if stripped."""
        sections = self.sections()
        for section in sections:
            if section.type == SHT_SYMTAB and section.link < len(sections):
                strings = self.content(sections[section.link])
                return tuple(self._symbols(self.content(section), strings))
        return ()

    @staticmethod
    def _symbols(table: bytes, strings: bytes) -> Iterator[RawSymbol]:
        whole = len(table) - len(table) % SYMBOL.size
        for name, info, _, section, value, size in SYMBOL.iter_unpack(table[:whole]):
            local = info >> 4 == STB_LOCAL
            yield RawSymbol(text_at(strings, name), info & 15, section, value, size, local)


def text_at(strings: bytes, offset: int) -> str:
    """The NUL-terminated text at ``offset`` of a string table; "" when it is outside."""
    end = strings.find(b"\0", offset)
    return strings[offset:end].decode("utf-8", "backslashreplace") if end >= 0 else ""
