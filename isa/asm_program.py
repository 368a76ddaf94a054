"""What the assembler makes: sections with addresses, symbols, a listing, the errors."""

from dataclasses import dataclass

from isa.asm_source import AsmError


@dataclass(frozen=True)
class Section:
    """One section in memory.  flags: some of "r", "w", "x"; `size` exceeds `data` for .bss."""

    name: str
    address: int
    flags: str
    data: bytes
    size: int


@dataclass(frozen=True)
class Symbol:
    """A name and its value; `section` is "" for a constant (.equ)."""

    name: str
    value: int
    section: str
    is_global: bool


@dataclass(frozen=True)
class ListingLine:
    """A source line, and the address and bytes it became (None and b"" if it became none)."""

    line: int
    address: int | None
    data: bytes
    source: str


@dataclass(frozen=True)
class Program:
    """The result of assembling one source.  With errors the other parts are incomplete."""

    name: str
    sections: tuple[Section, ...]
    symbols: dict[str, Symbol]
    entry: int
    listing: tuple[ListingLine, ...]
    errors: tuple[AsmError, ...]

    def check(self) -> "Program":
        """This program.  Raises ExceptionGroup of AsmError if it has errors."""
        if self.errors:
            raise ExceptionGroup(f"{self.name} cannot be assembled", self.errors)
        return self

    def section(self, name: str) -> Section:
        """The section of this name.  Raises KeyError if there is none."""
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)

    def listing_text(self) -> str:
        """Line number, address, bytes (at most 8 shown) and source, one line each."""
        return "\n".join(_listing_line(line) for line in self.listing) + "\n"


def _listing_line(line: ListingLine) -> str:
    address = "" if line.address is None else f"{line.address:08x}"
    data = line.data[:8].hex() + ("+" if len(line.data) > 8 else "")
    return f"{line.line:5}  {address:<10} {data:<17}  {line.source}".rstrip()
