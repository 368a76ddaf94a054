"""``simvirt asm``: our own assembler."""

from __future__ import annotations

import argparse
from pathlib import Path

from isa.asm import Program, assemble
from isa.elf import elf_bytes
from simvirt.cache import write_atomically
from simvirt.cli.jsonfile import check_writable
from simvirt.errors import InputError
from simvirt.loader import read_file


def main(options: argparse.Namespace) -> int:
    """Assemble; print a listing, or write an executable."""
    program = _assemble(options.file)
    if options.output is None:
        print(program.listing_text(), end="")
        return 0
    check_writable(options.output)
    write_atomically(options.output.absolute(), elf_bytes(program))
    return 0


def _assemble(path: Path) -> Program:
    try:
        source = read_file(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text ({error.reason} at byte {error.start})") from None
    program = assemble(source, name=str(path))
    if program.errors:
        raise InputError("\n".join(str(error) for error in program.errors))
    return program
