"""A single source file of the user's: ``simvirt run hello.c``."""

from dataclasses import replace
from pathlib import Path

from simvirt.cache import cache_root
from simvirt.elf import ET_REL, SHN_UNDEF, ElfFile
from simvirt.errors import InputError
from simvirt.loader import read_file
from simvirt.toolchain.artifact import Artifact, guests_folder
from simvirt.toolchain.build import Builder, changes_of
from simvirt.toolchain.cache import digest, store
from simvirt.toolchain.compilers import require_compiler
from simvirt.toolchain.compiling import Unit, compile_unit, link
from simvirt.toolchain.manifest import Program
from simvirt.toolchain.sources import USER, SourceTree

MODEL = "hello"


def compile_user_program(
    path: Path, *, guests_dir: Path | None = None, overrides: Path | None = None
) -> Artifact:
    """Compile and link one .c or .S file; our runtime joins unless it defines ``_start``.

    Raises InputError with the compiler's message, or when there is no compiler.
    """
    if path.suffix not in (".c", ".S", ".s"):
        raise InputError(f"{path}: not a .c, .S or .s file; give one of these, or an ELF")
    read_file(path)  # a missing file is reported as such, before any compiler is
    compiler = require_compiler()
    base = guests_dir or guests_folder()
    tree = SourceTree(base, overrides, mounts={USER: path.absolute().parent})
    model = tree.programs.get(MODEL)
    if model is None:
        raise InputError(f"{base}: the manifest has no [{MODEL}], which says what a program gets")
    source = f"{USER}/{path.name}"
    own = compile_unit(compiler, tree, Unit(source, model.include))
    objects = [(f"{source}.o", own)]
    sources = [source]
    if not _defines(own, "_start", path):
        if not _defines(own, "main", path):
            raise InputError(f"{path}: nowhere to begin; define main or _start (and .globl it)")
        runtime = _runtime(model)
        sources += tree.sources(runtime)
        objects += Builder(compiler, tree).compile(runtime)
    data = link(compiler, str(path), objects, tree.read(model.script))
    sha256 = digest(data)
    output = cache_root() / "images" / sha256[:32] / f"{path.stem}.elf"
    changes = changes_of(tree, model, sources)
    return Artifact(path.stem, store(output, data), sha256, changes)


def _runtime(model: Program) -> Program:
    """What ``hello`` is made of besides ``hello.c``: the user's file takes the place of that."""
    return replace(model, sources=tuple(s for s in model.sources if not s.startswith("hello/")))


def _defines(data: bytes, name: str, path: Path) -> bool:
    """Does the object define a name that the linker finds?  InputError if it keeps it to itself."""
    found = [
        symbol
        for symbol in ElfFile(data, "object", (ET_REL,)).symbols()
        if symbol.name == name and symbol.section != SHN_UNDEF
    ]
    if found and all(symbol.local for symbol in found):
        cure = "take its `static` away" if path.suffix == ".c" else f"add the line `.globl {name}`"
        raise InputError(f"{path}: {name} is local, so the linker does not find it; {cure}")
    return bool(found)
