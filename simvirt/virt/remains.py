"""Words for what is left of software that died: places, instructions, walks."""

from __future__ import annotations

from isa.disasm import disassemble, length
from simvirt.loader import Image
from simvirt.virt.views import step_text
from simvirt.walk import Translation

ACCESS = {12: "fetch", 13: "load", 15: "store", 1: "fetch", 5: "load", 7: "store"}  # by cause
PAGE_FAULTS = (12, 13, 15)
WITH_ADDRESS = (0, 1, 4, 5, 6, 7, 12, 13, 15)  # causes whose trap value is an address


def gpa(found: Translation) -> str:
    """ ", GPA ..." of what a walk found, "" if it found nothing."""
    return "" if found.pa is None else f", GPA {found.pa:#x}"


def place(image: Image, pc: int) -> str:
    """ ", in FUNCTION (FILE:LINE)" of a pc."""
    symbol, line = image.symbol_at(pc), image.source_line(pc)
    if symbol is None:
        return ", in no known function"
    return f", in {symbol}" + (f" ({line})" if line else "")


def instruction(word: int | None, pc: int, image: Image) -> str:
    """The instruction at a pc, disassembled; without its bits, as the image has it."""
    if word is None:
        word = _word_of_image(image, pc)
    if word is None:
        return "none can be fetched there"
    text = disassemble(word, pc, lambda address: str(image.symbol_at(address) or "") or None)
    bits = f"{word & 0xFFFFFFFF:08x}" if length(word) == 4 else f"{word & 0xFFFF:04x}"
    return f"{text}   [{bits}]"


def _word_of_image(image: Image, pc: int) -> int | None:
    for segment in image.segments:
        at = pc - segment.paddr
        if 0 <= at < len(segment.data) - 1:
            return int.from_bytes(segment.data[at : at + 4], "little")
    return None


def walk_text(found: Translation, kind: str) -> str:
    """The steps of a walk, a line each, and why it failed; `kind`: of its addresses."""
    return "\n".join([*(step_text(step, kind) for step in found.steps), found.fault])
