"""RISC-V relocations: which bits of the bytes they apply to depend on where things are linked."""

import struct
from collections.abc import Iterator

from simvirt.elf import (
    ET_REL,
    RELA,
    SECTION_HEADER,
    SHF_ALLOC,
    SHF_MERGE,
    SHF_STRINGS,
    SHT_RELA,
    ElfFile,
    Section,
)

_U_IMM, _I_IMM = 0xFFFFF000, 0xFFF00000
_S_IMM = 0xFE000F80  # also the scattered immediate of branches
_CALL = _U_IMM | _I_IMM << 32  # auipc and jalr
_CB_IMM, _CJ_IMM = 0x1C7C, 0x1FFC

# relocation type -> (bytes, the bits of them that change); RISC-V psABI, section "Relocations"
FIELDS: dict[int, tuple[int, int]] = {
    0: (0, 0), 43: (0, 0), 51: (0, 0),  # NONE, ALIGN, RELAX
    1: (4, 0xFFFFFFFF), 2: (8, (1 << 64) - 1),  # 32, 64
    16: (4, _S_IMM), 17: (4, _U_IMM), 18: (8, _CALL), 19: (8, _CALL),  # BRANCH, JAL, CALL(_PLT)
    20: (4, _U_IMM), 23: (4, _U_IMM), 26: (4, _U_IMM),  # GOT_HI20, PCREL_HI20, HI20
    24: (4, _I_IMM), 27: (4, _I_IMM),  # PCREL_LO12_I, LO12_I
    25: (4, _S_IMM), 28: (4, _S_IMM),  # PCREL_LO12_S, LO12_S
    33: (1, 0xFF), 34: (2, 0xFFFF), 35: (4, 0xFFFFFFFF), 36: (8, (1 << 64) - 1),  # ADD*
    37: (1, 0xFF), 38: (2, 0xFFFF), 39: (4, 0xFFFFFFFF), 40: (8, (1 << 64) - 1),  # SUB*
    44: (2, _CB_IMM), 45: (2, _CJ_IMM),  # RVC_BRANCH, RVC_JUMP
    52: (1, 0x3F), 53: (1, 0x3F), 54: (1, 0xFF), 55: (2, 0xFFFF), 56: (4, 0xFFFFFFFF),  # SUB6, SET*
    57: (4, 0xFFFFFFFF), 59: (4, 0xFFFFFFFF),  # 32_PCREL, PLT32
}  # fmt: skip


def relocations(elf: ElfFile, section: Section) -> Iterator[tuple[int, int]]:
    """(offset, type) of every relocation that applies to ``section``."""
    for other in elf.sections():
        if other.type == SHT_RELA and other.info == section.index:
            table = elf.content(other)
            for offset, info, _ in RELA.iter_unpack(table[: len(table) - len(table) % RELA.size]):
                yield offset, info & 0xFFFFFFFF


def mask_of(elf: ElfFile, section: Section) -> bytes:
    """A byte string as long as the section: 1 where linking leaves the bit alone, else 0."""
    mask = bytearray(b"\xff" * section.size)
    for offset, kind in relocations(elf, section):
        if kind not in FIELDS:
            elf.refuse(f"relocation type {kind} in {section.name} is unknown to the core hash")
        size, bits = FIELDS[kind]
        if offset + size > section.size:
            elf.refuse(f"relocation at {offset:#x} leaves {section.name}")
        old = int.from_bytes(mask[offset : offset + size], "little")
        mask[offset : offset + size] = (old & ~bits).to_bytes(size, "little")
    return bytes(mask)


def masked(data: bytes, mask: bytes) -> bytes:
    """``data`` with the bits zeroed that ``mask`` does not keep."""
    both = int.from_bytes(data, "little") & int.from_bytes(mask, "little")
    return both.to_bytes(len(mask), "little")


def plain_constants(data: bytes) -> bytes:
    """A relocatable object whose constant sections linkers will not merge with others'.

    Linkers may merge equal strings of different objects, which would scatter .rodata.
    """

    elf = ElfFile(data, "object", (ET_REL,))
    table = struct.unpack_from("<Q", data, 40)[0]
    out = bytearray(data)
    for section in elf.sections():
        if section.flags & SHF_ALLOC:
            at = table + section.index * SECTION_HEADER.size
            flags = section.flags & ~(SHF_MERGE | SHF_STRINGS)
            struct.pack_into("<Q", out, at + 8, flags)
            struct.pack_into("<Q", out, at + 56, 0)
    return bytes(out)
