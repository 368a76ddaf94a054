"""Find a C compiler and linker for RISC-V: ziglang's clang, clang on PATH, a RISC-V gcc on PATH."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from simvirt.errors import InputError
from simvirt.toolchain.process import run
from simvirt.toolchain.sources import USER

ZIG_VERSION = "0.17.1"
NEEDED = (
    "no C compiler for RISC-V found; install ours with  pip install 'simvirt[cc]'  "
    "(101 MB download, 411 MB on disk), or put clang and ld.lld, or riscv64-unknown-elf-gcc, "
    "on PATH"
)

_COMMON = (
    "-mabi=lp64", "-mcmodel=medany", "-mno-relax", "-ffreestanding", "-nostdlib",
    "-fno-stack-protector", "-fno-pic", "-fno-omit-frame-pointer",
    "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-O2", "-g",
)  # fmt: skip
_CLANG = ("-fno-sanitize=all", "-fno-addrsig", "-fdebug-compilation-dir=.")
_GNU_ARCH = "-march=rv64imac_zicsr_zifencei"
C_ONLY = ("-std=gnu17", "-Wall", "-Wextra", "-Wdate-time")
# Warnings are errors for our files and the compiler that we chose; others warn of other things.
STRICT, LENIENT = "-Werror", "-Werror=date-time"
# Without optimisation lld merges no strings, so each object's .rodata stays in one piece.
LINK = ("-nostdlib", "--no-relax", "-O0", "--build-id=none", "-z", "max-page-size=4096")


@dataclass(frozen=True)
class Compiler:
    """Commands and flags of a compiler and its linker; ``identity`` is part of every cache key."""

    kind: str
    identity: str
    cc: tuple[str, ...]
    ld: tuple[str, ...]
    flags: tuple[str, ...]
    folder: str
    environment: tuple[tuple[str, str], ...] = ()

    def compile_command(
        self, source: str, output: str, folder: Path, strict: bool = True
    ) -> list[str]:
        """The command that compiles ``source``, run in ``folder``, without its -I flags."""
        places = ((str(folder), "."), (self.folder, "/compiler"), (USER, "."))
        maps = [f"-ffile-prefix-map={old}={new}" for old, new in places]
        warnings = STRICT if strict and self.kind == "zig" else LENIENT
        c_only = (*C_ONLY, warnings) if source.endswith(".c") else ()
        return [*self.cc, *self.flags, *c_only, *maps, "-c", source, "-o", output]

    @property
    def ours(self) -> bool:
        """The pinned compiler, or one that the user asked for; not any that was found on PATH."""
        return self.kind == "zig" or bool(os.environ.get("SIMVIRT_CC"))

    def key(self) -> list[str]:
        """All that a result depends on besides the sources; no path of this computer."""
        return [self.identity, *self.flags, *C_ONLY, *LINK]


def _version(command: tuple[str, ...], argument: str = "--version") -> str | None:
    try:
        outcome = run([*command, argument], Path.cwd(), _path_only(), seconds=20)
    except (OSError, InputError):
        return None
    return outcome.text.strip().splitlines()[0] if outcome.status == 0 and outcome.text else None


def _path_only() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath)}


def _zig() -> Compiler | None:
    spec = importlib.util.find_spec("ziglang")
    for folder in (spec and spec.submodule_search_locations) or ():
        program = Path(folder) / ("zig.exe" if os.name == "nt" else "zig")
        version = _version((str(program),), "version") if program.exists() else None
        if version:
            flags = ("-target", "riscv64-freestanding-none", "-mcpu=generic_rv64+m+a+c")
            return Compiler(
                kind="zig",
                identity=f"zig {version}",
                cc=(str(program), "cc"),
                ld=(str(program), "ld.lld"),
                flags=flags + _COMMON + _CLANG,
                folder=str(folder),
            )
    return None


def _clang() -> Compiler | None:
    clang, lld = shutil.which("clang"), shutil.which("ld.lld")
    version = _version((clang,)) if clang and lld else None
    if not clang or not lld or not version:
        return None
    flags = ("-target", "riscv64-unknown-elf", _GNU_ARCH)
    folder = str(Path(clang).resolve().parent.parent)
    return Compiler("clang", version, (clang,), (lld,), flags + _COMMON + _CLANG, folder)


def _gcc() -> Compiler | None:
    for prefix in ("riscv64-unknown-elf", "riscv64-elf", "riscv64-none-elf", "riscv64-linux-gnu"):
        gcc, ld = shutil.which(f"{prefix}-gcc"), shutil.which(f"{prefix}-ld")
        version = _version((gcc,)) if gcc and ld else None
        if gcc and ld and version:
            path = tuple(_path_only().items())  # gcc looks for its assembler there
            folder = str(Path(gcc).resolve().parent.parent)
            return Compiler("gcc", version, (gcc,), (ld,), (_GNU_ARCH, *_COMMON), folder, path)
    return None


FINDERS: dict[str, Callable[[], Compiler | None]] = {"zig": _zig, "clang": _clang, "gcc": _gcc}


@cache
def _find(choice: str) -> Compiler | None:
    for kind, finder in FINDERS.items():
        compiler = finder() if choice in ("", kind) else None
        if compiler is not None:
            return compiler
    return None


def find_compiler() -> Compiler | None:
    """The first compiler found; SIMVIRT_CC (zig, clang, gcc or none) limits the search."""
    choice = os.environ.get("SIMVIRT_CC", "")
    if choice not in ("", "none", *FINDERS):
        raise InputError(f"SIMVIRT_CC={choice!r} is unknown; use zig, clang, gcc or none")
    return _find(choice)


def require_compiler() -> Compiler:
    """A compiler, or InputError that says how to get one."""
    compiler = find_compiler()
    if compiler is None:
        raise InputError(NEEDED)
    return compiler
