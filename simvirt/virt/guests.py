"""Guests by name or by file: programs of the manifest, ELF files, C and assembly sources."""

from __future__ import annotations

from pathlib import Path

from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt.errors import InputError
from simvirt.loader import load_elf, read_file
from simvirt.toolchain import build, compile_user_program, find_compiler, guests_folder
from simvirt.toolchain.sources import SourceTree
from simvirt.virt.stacks import Guest


def open_guest(name: str, overrides: Path | None = None) -> Guest:
    """The guest called `name`: a .c, .S, .s or ELF file, or a program of the manifest.

    Raises InputError when there is none, or it does not compile.
    """
    path = Path(name)
    if path.suffix == ".c":
        return _compiled(path, overrides)
    if path.suffix in (".S", ".s"):
        return _compiled(path, overrides) if find_compiler() else _assembled(path)
    programs = SourceTree(guests_folder(), overrides).programs
    if path.name == name and not path.is_file() and name in programs:
        artifact = build([name], overrides=overrides)[name]
        return Guest(name, load_elf(artifact.path), artifact.workloads, artifact.changes)
    return Guest(path.stem, load_elf(path))


def _compiled(path: Path, overrides: Path | None) -> Guest:
    artifact = compile_user_program(path, overrides=overrides)
    return Guest(path.stem, load_elf(artifact.path), changes=artifact.changes)


def guest_source(name: str) -> bytes:
    """A source file of our guests, by its path in their tree.  Raises InputError if absent."""
    return read_file(guests_folder() / name)


def _assembled(path: Path) -> Guest:
    """Without a compiler our own assembler does."""
    try:
        source = read_file(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text ({error.reason} at byte {error.start})") from None
    return assembled_guest(source, path.stem, str(path))


def assembled_guest(source: str, name: str, where: str | None = None) -> Guest:
    """A guest from assembly text, by our own assembler.

    `where` names the text in messages.  Raises InputError with all of its errors.
    """
    program = assemble(source, name=where or name)
    try:
        return Guest(name, load_elf(elf_bytes(program)))
    except ExceptionGroup as group:
        raise InputError("\n".join(str(error) for error in group.exceptions)) from None
