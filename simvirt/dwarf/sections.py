"""The sections of a file that hold DWARF, decompressed where they are compressed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from simvirt.dwarf.cursor import Budget, Cursor, Damaged
from simvirt.elf import ET_EXEC, ElfFile

MOST = 512 << 20  # bytes of all sections of one file
MOST_SHARED = 1 << 22  # entries of range lists, attributes of abbreviations, files
_COMPRESSED = 0x800  # section flag
_ZLIB = 1
_NAMES = {
    ".debug_info": "info", ".debug_abbrev": "abbrev", ".debug_line": "line", ".debug_str": "text",
    ".debug_line_str": "line_text", ".debug_str_offsets": "text_offsets",
    ".debug_addr": "addresses", ".debug_ranges": "ranges", ".debug_rnglists": "range_lists",
}  # fmt: skip


@dataclass(frozen=True)
class Sections:
    """Bytes by section; empty where the file has none."""

    info: bytes = b""
    abbrev: bytes = b""
    line: bytes = b""
    text: bytes = b""
    line_text: bytes = b""
    text_offsets: bytes = b""
    addresses: bytes = b""
    ranges: bytes = b""
    range_lists: bytes = b""
    budget: Budget = field(default_factory=lambda: Budget(MOST_SHARED), compare=False)


def read_sections(data: bytes) -> Sections:
    """Those of an executable.  Raises Damaged, and InputError for what is no such file."""
    elf = ElfFile(data, "(bytes)", (ET_EXEC,))
    found: dict[str, Any] = {}
    left = MOST
    for section in elf.sections():
        name = _NAMES.get(section.name)
        if name is None or name in found:
            continue
        content = elf.content(section)
        found[name] = _decompressed(content, left) if section.flags & _COMPRESSED else content
        left -= len(found[name])
    return Sections(budget=Budget(MOST_SHARED), **found)


def _decompressed(content: bytes, most: int) -> bytes:
    """A section behind its compression header; what it says of its size is not believed."""
    head = Cursor(content)
    if head.number(4) != _ZLIB:
        raise Damaged("a section that is not compressed by zlib")
    head.skip(4)
    size = head.number(8)
    head.skip(8)
    if size > most:
        raise Damaged(f"debug information of more than {MOST} bytes")
    try:
        return zlib.decompressobj().decompress(content[head.at :], size or 1)
    except zlib.error as error:
        raise Damaged(f"a damaged compressed section: {error}") from None
