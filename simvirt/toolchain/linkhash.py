"""Prove that two programs contain the same object: hash it as it sits in each linked image.

Fields that linking fills in (addresses) are zeroed; every other bit of the object's code and
constants counts.
"""

import hashlib
from collections.abc import Iterator

from simvirt.elf import (
    ET_EXEC,
    ET_REL,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    STT_FUNC,
    STT_NOTYPE,
    STT_OBJECT,
    ElfFile,
    RawSymbol,
    Section,
)
from simvirt.errors import InputError
from simvirt.toolchain.relocation import mask_of, masked


def place_prefix(name: str) -> str:
    """How the symbols begin that mark the sections of the shared object ``name``."""
    return "object_" + "".join(c if c.isalnum() else "_" for c in name)


def object_hash(data: bytes, where: str) -> str:
    """The hash of an object's code and constants, relocated fields zeroed."""
    elf = ElfFile(data, where, (ET_REL,))
    parts = [masked(elf.content(s), mask_of(elf, s)) for s in _constant(elf)]
    return _hash(parts)


def linked_hash(image: bytes, image_name: str, data: bytes, where: str) -> str:
    """The same hash taken from the bytes in a linked image; InputError if they are not there."""
    elf = ElfFile(data, where, (ET_REL,))
    linked = ElfFile(image, image_name, (ET_EXEC,))
    return _hash([_linked_part(linked, elf, section) for section in _constant(elf)])


def check_stateless(data: bytes, where: str) -> None:
    """Raise InputError if an object has variables of its own: a shared core must not."""
    elf = ElfFile(data, where, (ET_REL,))
    for section in elf.sections():
        if section.flags & SHF_ALLOC and section.flags & SHF_WRITE and section.size:
            owners = [s.name for s in elf.symbols() if s.section == section.index and s.size]
            raise InputError(
                f"{where}: static variables are not allowed here, but {section.name} has "
                f"{section.size} bytes ({', '.join(owners) or 'unnamed'}); move them into a struct"
            )


def _constant(elf: ElfFile) -> tuple[Section, ...]:
    """The sections of code and constants, in an order that does not depend on the linker."""
    kept = [s for s in elf.sections() if s.flags & SHF_ALLOC and not s.flags & SHF_WRITE and s.size]
    return tuple(sorted(kept, key=lambda s: (not s.flags & SHF_EXECINSTR, s.name)))


def _hash(parts: list[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()


def _linked_part(linked: ElfFile, elf: ElfFile, section: Section) -> bytes:
    mask = mask_of(elf, section)
    expected = masked(elf.content(section), mask)
    for data in _candidates(linked, elf, section, expected):
        found = masked(data, mask) if len(data) == section.size else b""
        if found == expected:
            return found
    raise InputError(
        f"{linked.where}: {section.name} of {elf.where} is not in it unchanged; "
        "link the object as it is and keep its sections in one piece"
    )


def _candidates(
    linked: ElfFile, elf: ElfFile, section: Section, expected: bytes
) -> Iterator[bytes]:
    """Where the section may be: by a symbol both files know, else by its bytes."""
    for address in _bases(linked, elf, section):
        for home in linked.sections():
            offset = address - home.addr
            if home.flags & SHF_ALLOC and 0 <= offset < home.size:
                yield linked.content(home)[offset : offset + section.size]
    for home in linked.sections():
        if home.flags & SHF_ALLOC and not home.flags & SHF_WRITE and expected:
            at = linked.content(home).find(expected)
            if at >= 0:
                yield linked.content(home)[at : at + section.size]


def _bases(linked: ElfFile, elf: ElfFile, section: Section) -> set[int]:
    values: dict[str, list[int]] = {}
    for symbol in linked.symbols():
        if _is_place(symbol):
            values.setdefault(symbol.name, []).append(symbol.value)
    return {
        address - symbol.value
        for symbol in elf.symbols()
        if symbol.section == section.index and _is_place(symbol)
        for address in values.get(symbol.name, ())
    }


def _is_place(symbol: RawSymbol) -> bool:
    if symbol.name.startswith("object_"):
        return symbol.type == STT_NOTYPE
    return symbol.type in (STT_FUNC, STT_OBJECT) and bool(symbol.name)
