"""One compilation or link: a fresh folder with the named files only, and the cache around it."""

import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from simvirt.cache import cache_root
from simvirt.errors import InputError
from simvirt.toolchain import guard
from simvirt.toolchain.cache import digest, fetch, key_of, store
from simvirt.toolchain.compilers import LINK, Compiler
from simvirt.toolchain.linkhash import place_prefix
from simvirt.toolchain.process import run
from simvirt.toolchain.sources import EMBED, GENERATED, INCLUDE, SourceTree

_log = logging.getLogger(__name__)
_PARENT = re.compile(r"(?<![^\s/])(?!\.\.?/)[\w.+-]+/\.\./")


@cache
def generated_headers() -> dict[str, bytes]:
    """The headers made from our tables, by their name in the tree."""
    from isa.cheader import header
    from simvirt.board import c_header

    headers = {"isa.h": header(), "board.h": c_header()}
    return {f"{GENERATED}/{name}": text.encode() for name, text in headers.items()}


@dataclass(frozen=True)
class Unit:
    """One source file to compile, with what it can see."""

    source: str
    include: tuple[str, ...] = ()
    embeds: tuple[tuple[str, bytes], ...] = ()


def compile_unit(compiler: Compiler, tree: SourceTree, unit: Unit) -> bytes:
    """The relocatable object of one source, from the cache if nothing it depends on changed."""
    headers = tree.headers(unit.source, unit.include)
    files = {name: tree.read(name) for name in (unit.source, *headers)}
    files |= generated_headers()
    files |= {f"{EMBED}/{name}": content for name, content in unit.embeds}
    hashes = {name: digest(content) for name, content in files.items()}
    strict = not any(tree.is_users(name) for name in (unit.source, *headers))
    modes = [*(["guarded"] if tree.must_guard(files) else []), *([] if strict else ["lenient"])]
    key = key_of("object", compiler.key(), unit.source, unit.include, hashes, *modes)
    path = cache_root() / "objects" / f"{key}.o"
    said = path.with_suffix(".txt")
    cached = fetch(path)
    if cached is not None:
        _warn((fetch(said) or b"").decode())
        return cached
    data, warnings = _compile(compiler, tree, unit, files, strict)
    if warnings:
        store(said, warnings.encode())
    store(path, data)
    _warn(warnings)
    return data


def _warn(text: str) -> None:
    if text:
        _log.warning("%s", text)


def _compile(
    compiler: Compiler, tree: SourceTree, unit: Unit, files: Mapping[str, bytes], strict: bool
) -> tuple[bytes, str]:
    """The object, and the compiler's warnings."""
    with tempfile.TemporaryDirectory(prefix="simvirt-cc-") as name:
        folder = Path(name).resolve()
        _stage(folder, files)
        command = compiler.compile_command(unit.source, "out.o", folder, strict)
        command += [flag for path in (*unit.include, *INCLUDE) for flag in ("-I", path)]
        failed, said = _messages(compiler, tree.must_guard(files), command, folder, unit.source)
        text = _for_user(said, folder, tree, files)
        if failed:
            shown = tree.display(unit.source)
            raise InputError(f"{shown}: does not compile ({compiler.identity}):\n{text}")
        return (folder / "out.o").read_bytes(), text


def _messages(
    compiler: Compiler, guarded: bool, command: list[str], folder: Path, source: str
) -> tuple[bool, str]:
    """Compile: whether it failed, and what the compiler says."""
    environment = _environment(compiler, folder)
    if guarded:
        text = guard.check(compiler, command, folder, source, environment)
        if text:
            return True, text
    outcome = run(command, folder, environment)
    if outcome.status:
        return True, outcome.text or "the compiler failed"
    return False, outcome.text


def _stage(folder: Path, files: Mapping[str, bytes]) -> None:
    for include in INCLUDE:
        (folder / include).mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _environment(compiler: Compiler, folder: Path) -> dict[str, str]:
    private = folder / ".cache"
    zig = {"ZIG_GLOBAL_CACHE_DIR": str(private), "ZIG_LOCAL_CACHE_DIR": str(private)}
    return {**dict(compiler.environment), **(zig if compiler.kind == "zig" else {})}


def _for_user(text: str, folder: Path, tree: SourceTree, files: Mapping[str, bytes]) -> str:
    """The compiler's words with the user's own paths instead of those of the fresh folder."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".")
    while (shorter := _PARENT.sub("", text)) != text:  # a/../b is b
        text = shorter
    shown = {name: tree.display(name) for name in files}
    names = "|".join(re.escape(name) for name in sorted(shown, key=len, reverse=True))
    pattern = rf"(?<![\w/.-])(?:\./)?({names})(?=[:,\s])"
    return re.sub(pattern, lambda match: shown[match[1]], text).strip()


# Each kind of section of a shared object becomes one piece, with a name at its start by which the
# core hash finds it again in a linked image.
_OBJECT_SCRIPT = """SECTIONS
{{
    .text 0 : {{ {prefix}_text = .; *(.text .text.*) }}
    .rodata 0 : {{ {prefix}_rodata = .; *(.rodata .rodata.* .srodata .srodata.*) }}
}}
"""


def object_script(name: str) -> bytes:
    """The linker script that makes one relocatable object of many."""
    return _OBJECT_SCRIPT.format(prefix=place_prefix(name)).encode()


def link(
    compiler: Compiler,
    name: str,
    objects: Sequence[tuple[str, bytes]],
    script: bytes,
    relocatable: bool = False,
) -> bytes:
    """Link named objects to an executable, or to one relocatable object."""
    hashes = [(title, digest(data)) for title, data in objects]
    key = key_of("link", compiler.key(), hashes, digest(script), relocatable)
    path = cache_root() / "links" / f"{key}.elf"
    cached = fetch(path)
    if cached is not None:
        return cached
    data = _link(compiler, name, objects, script, relocatable)
    store(path, data)
    return data


def _link(
    compiler: Compiler,
    name: str,
    objects: Sequence[tuple[str, bytes]],
    script: bytes,
    relocatable: bool,
) -> bytes:
    with tempfile.TemporaryDirectory(prefix="simvirt-ld-") as temporary:
        folder = Path(temporary).resolve()
        files = {**dict(objects), "script.ld": script}
        _stage(folder, files)
        mode = ["-r"] if relocatable else list(LINK)
        titles = [title for title, _ in objects]
        command = [*compiler.ld, *mode, "-T", "script.ld", *titles, "-o", "out.elf"]
        outcome = run(command, folder, _environment(compiler, folder))
        if outcome.status:
            text = outcome.text.replace(f"{folder}/", "").strip()
            raise InputError(f"{name}: does not link ({compiler.identity}):\n{text}")
        return (folder / "out.elf").read_bytes()
