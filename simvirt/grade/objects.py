"""What a submission's objects ask of the linker: to read further files, which they may not.

A section of an object can name a library (`#pragma comment(lib, ...)`); the linker then reads it,
takes code from it, and quotes it if it is neither object nor library.
"""

from __future__ import annotations

from pathlib import Path

from simvirt.cache import scratch_root
from simvirt.elf import ET_REL, ElfFile
from simvirt.errors import InputError

LINKER_OPTIONS, LIBRARIES = 0x6FFF_4C01, 0x6FFF_4C04  # SHT_LLVM_LINKER_OPTIONS, ..._LIBRARIES


def refused() -> str:
    """Why the objects compiled for this submission are refused, "" if they are not.

    They are all in the scratch folder: while a submission is graded nothing goes to the cache.
    """
    scratch = scratch_root()
    for path in sorted((scratch or Path()).glob("objects/*.o")) if scratch else ():
        if asks_for_files(path.read_bytes(), path.name):
            return "an object names a library for the linker to read; submissions may not"
    return ""


def asks_for_files(data: bytes, name: str) -> bool:
    """Has a relocatable object a section that makes a linker read further files?"""
    try:
        sections = ElfFile(data, name, (ET_REL,)).sections()
    except InputError:
        return True  # whatever it is, it did not come from a plain source
    return any(section.type in (LINKER_OPTIONS, LIBRARIES) for section in sections)
