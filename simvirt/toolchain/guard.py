"""Guard: a stranger's source may read the source tree and the compiler's own headers, no more.

What is looked at is what the compiler says it has read, and the assembly that it makes, not the
source: macros can hide a file's name from whoever reads that.  A refusal never quotes the file.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from simvirt.errors import InputError
from simvirt.toolchain.compilers import Compiler
from simvirt.toolchain.process import run

_OUTPUT, _READ = "guard.s", "guard.d"
# Directives that read a file, and those by which one could be spelled piece by piece.
_DIRECTIVE = re.compile(r"\.(incbin|include|macro|altmacro|irpc?|rept|rep)\b", re.IGNORECASE)
_PLACE = re.compile(r"(?:^|(?<=\s))([^\s:]+):\d+", re.MULTILINE)


def check(
    compiler: Compiler,
    command: list[str],
    folder: Path,
    source: str,
    environment: Mapping[str, str],
) -> str:
    """Look at what compiling `source` (by `command`, in `folder`) reads.

    Returns the messages if that fails, else nothing.  After the preprocessor has failed nothing
    is compiled: the compiler's messages could show what a file holds.
    Raises InputError for a refused file.
    """
    listed = [*_stage(command, "-E"), "-MD", "-MF", _READ]
    outcome = run(listed, folder, environment)
    failed = outcome.status != 0
    names = _PLACE.findall(outcome.text) if failed else _dependencies(folder / _READ)
    if not all(_allowed(compiler, folder, name) for name in names):
        raise InputError(
            f"{source}: reads a file that is not one of its sources; "
            "include only headers of the source tree"
        )
    if not failed and source.endswith(".c"):
        (folder / _OUTPUT).unlink()
        outcome = run(_to_assembly(compiler, command), folder, environment)
    if outcome.status:
        return outcome.text or "the compiler failed"
    _check_directives(source, folder / _OUTPUT)
    return ""


def _check_directives(source: str, path: Path) -> None:
    found = _DIRECTIVE.search(path.read_text("utf-8", "replace"))
    if found:
        raise InputError(
            f"{source}: has the assembler directive {found[0]}; submissions may not use it"
        )


def _to_assembly(compiler: Compiler, command: list[str]) -> list[str]:
    """Inline assembly as it was written: clang's own assembler would have expanded it."""
    raw = [] if compiler.kind == "gcc" else ["-fno-integrated-as"]
    return _stage([*command, *raw], "-S")


def _stage(command: list[str], stage: str) -> list[str]:
    """The command, but stopping after an earlier stage."""
    output = command.index("-o")
    words = [word for word in command[:output] if word != "-c"]
    quiet = "-Wno-unused-command-line-argument"  # the driver of zig adds -c itself
    return [*words, quiet, stage, "-o", _OUTPUT, *command[output + 2 :]]


def _dependencies(path: Path) -> Iterator[str]:
    """The files of a make rule: blanks and dollar signs in names are escaped."""
    rule = path.read_text("utf-8", "replace").replace("\\\n", " ")
    _, _, files = rule.partition(": ")
    for name in re.findall(r"(?:\\.|[^\s\\])+", files):
        yield name.replace("\\ ", " ").replace("\\#", "#").replace("$$", "$")


def _allowed(compiler: Compiler, folder: Path, name: str) -> bool:
    path = Path(os.path.realpath(folder / name))
    if path.is_relative_to(folder):
        return True
    own = path.is_relative_to(os.path.realpath(compiler.folder))
    return own and path.suffix == ".h" and "include" in path.parts
