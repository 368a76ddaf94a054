"""``simvirt disasm``: executables and single words."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from isa.disasm import disassemble, length
from simvirt.board import RAM
from simvirt.errors import InputError
from simvirt.loader import PF_X, Image, load_elf

_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)


def main(options: argparse.Namespace) -> int:
    """Disassemble each argument: a file, or hexadecimal words one after the other."""
    pc = RAM
    for what in options.what:
        word = _HEX.fullmatch(what)
        if word is None or Path(what).exists():
            for line in _file_lines(load_elf(Path(what))):
                print(line)
        else:
            pc += _print_word(int(word[1], 16), what, pc)
    return 0


def _print_word(word: int, what: str, pc: int) -> int:
    size = length(word)
    if size == 2 and word > 0xFFFF:
        raise InputError(
            f"{what}: its low half {word & 0xFFFF:04x} is an instruction of 16 bits; "
            "give the halves as two words, the low one first"
        )
    print(_line(pc, word, disassemble(word, pc)))
    return size


def _line(pc: int, word: int, text: str) -> str:
    bits = f"{word:08x}" if length(word) == 4 else f"{word & 0xFFFF:04x}"
    return f"{pc:#12x}  {bits:<8}  {text}"


def _file_lines(image: Image) -> Iterator[str]:
    def name(address: int) -> str | None:
        place = image.symbol_at(address)
        return None if place is None else str(place)

    for start, data in _code(image):
        at = 0
        while at + 2 <= len(data):
            label = image.symbol_at(start + at)
            if label is not None and label.offset == 0:
                yield f"\n{label.name}:"
            word = int.from_bytes(data[at : at + 4], "little")
            yield _line(start + at, word, disassemble(word, start + at, name))
            at += length(word)


def _code(image: Image) -> Iterator[tuple[int, bytes]]:
    """Executable bytes: the sections that hold code, or whole segments of a stripped file."""
    for segment in image.segments:
        if not segment.flags & PF_X:
            continue
        end = segment.paddr + len(segment.data)
        inside = [s for s in image.sections if segment.paddr <= s.address < end]
        code = [s for s in inside if s.name.startswith((".text", ".init"))]
        if not code:
            yield segment.paddr, segment.data
        for section in code:
            at = section.address - segment.paddr
            yield section.address, segment.data[at : at + section.size]
