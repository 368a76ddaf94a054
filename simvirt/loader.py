"""ELF images: what to put into RAM, where to start, and the names behind addresses."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from simvirt.board import PAGE, format_size
from simvirt.elf import (
    ET_EXEC,
    HEADER,
    PROGRAM_HEADER,
    PT_LOAD,
    SHF_ALLOC,
    SHN_UNDEF,
    STT_FILE,
    STT_FUNC,
    STT_SECTION,
    ElfFile,
    ProgramHeader,
    RawSymbol,
)
from simvirt.errors import InputError
from simvirt.lines import CallTable, Frame, LineTable, SourceLine, frames, read_lines

MAX_FILE = 256 << 20
PF_X, PF_W, PF_R = 1, 2, 4


@dataclass(frozen=True)
class Segment:
    """Bytes for [paddr, paddr + memsize); after ``data`` comes zero.  ``flags`` are PF_*."""

    paddr: int
    data: bytes = field(repr=False)
    memsize: int
    flags: int


@dataclass(frozen=True)
class Symbol:
    """A named address; ``size`` is 0 when the file does not say."""

    address: int
    name: str
    size: int = 0
    function: bool = False


@dataclass(frozen=True)
class Place:
    """An address as name + offset."""

    name: str
    offset: int

    def __str__(self) -> str:
        return f"{self.name}+{self.offset:#x}" if self.offset else self.name


@dataclass(frozen=True)
class LoadedSection:
    """A section that occupies memory when the image runs."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """An executable: segments to load, entry point, symbols sorted by address, sections."""

    entry: int
    segments: tuple[Segment, ...] = field(repr=False)
    symbols: tuple[Symbol, ...] = field(repr=False)
    sha256: str
    path: str
    sections: tuple[LoadedSection, ...] = field(repr=False)
    content: bytes = field(repr=False, compare=False)

    @cached_property
    def _addresses(self) -> list[int]:
        return [symbol.address for symbol in self.symbols]

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {symbol.name: symbol.address for symbol in reversed(self.symbols)}

    @cached_property
    def _calls(self) -> CallTable:
        return CallTable(self.content)

    @cached_property
    def _lines(self) -> LineTable:
        return read_lines(self.content)

    def symbol_at(self, address: int) -> Place | None:
        """The symbol that ``address`` belongs to: the nearest one at or below, within its size."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        symbol = self.symbols[index]
        offset = address - symbol.address
        if offset and symbol.size and offset >= symbol.size:
            return None
        inside = any(0 <= address - s.address < s.size for s in self.sections)
        return Place(symbol.name, offset) if inside or not offset else None

    def address_of(self, name: str) -> int:
        """The address of a symbol; InputError when there is none of that name."""
        try:
            return self._by_name[name]
        except KeyError:
            raise InputError(f"{self.path}: no symbol {name!r}; was the file stripped?") from None

    def source_line(self, address: int) -> SourceLine | None:
        """The source file and line of the instruction at ``address``, if DWARF tells."""
        return self._lines.find(address)

    def frames_at(self, address: int) -> tuple[Frame, ...]:
        """The functions at ``address``, innermost first; all but the last are inlined.

        Where DWARF names none, the symbol does; empty when nothing is known.
        """
        place = self.symbol_at(address)
        name = "" if place is None else place.name
        return frames(self._calls.find(address), self.source_line(address), name)

    @property
    def end(self) -> int:
        """The first physical address after all segments."""
        return max(segment.paddr + segment.memsize for segment in self.segments)


def load_elf(source: str | Path | bytes) -> Image:
    """Read a RISC-V ELF64 executable; anything else raises InputError."""
    data = source if isinstance(source, bytes) else read_file(Path(source))
    where = "(bytes)" if isinstance(source, bytes) else str(source)
    elf = ElfFile(data, where, (ET_EXEC,))
    return Image(
        entry=elf.entry,
        segments=_segments(elf),
        symbols=tuple(_symbols(elf.symbols())),
        sha256=hashlib.sha256(data).hexdigest(),
        path=where,
        sections=_sections(elf),
        content=data,
    )


def read_file(path: Path) -> bytes:
    """The bytes of a file of reasonable size, else InputError."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise InputError(f"{path}: a folder; name a file inside it")
        if size > MAX_FILE:
            raise InputError(f"{path}: {size} bytes; the limit is {format_size(MAX_FILE)}")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}") from None


def _loads(elf: ElfFile) -> tuple[ProgramHeader, ...]:
    loads = tuple(h for h in elf.program_headers() if h.type == PT_LOAD and h.memsz)
    if not loads:
        elf.refuse("no loadable segment; check the linker script")
    for header in loads:
        if header.filesz > header.memsz:
            elf.refuse(f"segment at {header.paddr:#x} has more bytes in the file than in memory")
        if header.paddr + header.memsz > 1 << 64:
            elf.refuse(f"segment at {header.paddr:#x} wraps around the address space")
    return loads


def _segments(elf: ElfFile) -> tuple[Segment, ...]:
    return tuple(
        Segment(h.paddr, elf.data[h.offset : h.offset + h.filesz], h.memsz, h.flags)
        for h in _loads(elf)
    )


def _sections(elf: ElfFile) -> tuple[LoadedSection, ...]:
    return tuple(
        LoadedSection(s.name, s.addr, s.size)
        for s in elf.sections()
        if s.flags & SHF_ALLOC and s.size
    )


def _symbols(raw: tuple[RawSymbol, ...]) -> Iterator[Symbol]:
    """Symbols by address; at one address functions first, then those of known size."""
    kept = [s for s in raw if s.section != SHN_UNDEF and _named(s)]
    kept.sort(key=lambda s: (s.value, s.type == STT_FUNC, s.size, s.name))
    for s in kept:
        yield Symbol(s.value, s.name, s.size, s.type == STT_FUNC)


def _named(symbol: RawSymbol) -> bool:
    # Mapping symbols ($x, $d) and compiler-local labels (.L...) name no object.
    return symbol.type not in (STT_SECTION, STT_FILE) and symbol.name[:1] not in ("", "$", ".")


def check_fits(image: Image, ram_base: int, ram_size: int) -> None:
    """Raise InputError unless all segments and the entry lie in RAM."""
    ram_end = ram_base + ram_size
    for segment in image.segments:
        end = segment.paddr + segment.memsize
        what = f"{image.path}: its segment [{segment.paddr:#x}, {end:#x})"
        if segment.paddr < ram_base:
            raise InputError(f"{what} lies below RAM, which starts at {ram_base:#x}; relink it")
        if end > ram_end:
            need = -(-(image.end - ram_base) // (1 << 20))
            raise InputError(
                f"{what} does not fit RAM, which ends at {ram_end:#x}; "
                f"it needs --mem {need}M or more"
            )
    if not ram_base <= image.entry < ram_end:
        raise InputError(f"{image.path}: its entry {image.entry:#x} is outside RAM; relink it")


def strip_elf(data: bytes, where: str = "(bytes)") -> bytes:
    """The executable with its headers and loadable bytes only: no sections, symbols, DWARF."""
    elf = ElfFile(data, where, (ET_EXEC,))
    loads = _loads(elf)
    out = bytearray(HEADER.size + len(loads) * PROGRAM_HEADER.size)
    headers = []
    for h in loads:
        align = min(h.align, PAGE) or 1
        out += bytes((h.vaddr - len(out)) % align)  # offset and address agree modulo the alignment
        headers.append((PT_LOAD, h.flags, len(out), h.vaddr, h.paddr, h.filesz, h.memsz, align))
        out += data[h.offset : h.offset + h.filesz]
    for index, header in enumerate(headers):
        PROGRAM_HEADER.pack_into(out, HEADER.size + index * PROGRAM_HEADER.size, *header)
    fields = list(HEADER.unpack_from(data))
    fields[5], fields[6] = HEADER.size, 0  # program headers follow; no section headers
    fields[9:14] = [PROGRAM_HEADER.size, len(loads), 0, 0, 0]
    HEADER.pack_into(out, 0, *fields)
    return bytes(out)
