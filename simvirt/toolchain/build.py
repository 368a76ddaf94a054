"""Build guest programs from the manifest; the only part of SimVirt that runs a compiler."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from simvirt.cache import cache_root
from simvirt.errors import InputError
from simvirt.loader import strip_elf
from simvirt.toolchain import prebuilt
from simvirt.toolchain.artifact import Artifact, Changes, guests_folder
from simvirt.toolchain.cache import digest, store, stored
from simvirt.toolchain.compilers import NEEDED, Compiler, find_compiler
from simvirt.toolchain.compiling import Unit, compile_unit, link, object_script
from simvirt.toolchain.linkhash import check_stateless, linked_hash, object_hash
from simvirt.toolchain.manifest import Program, needed_by
from simvirt.toolchain.relocation import plain_constants
from simvirt.toolchain.sources import SourceTree

Progress = Callable[[str], None]


def _quiet(_: str) -> None:
    """Report nothing."""


def build(
    names: Iterable[str] | None = None,
    *,
    guests_dir: Path | None = None,
    overrides: Path | None = None,
    untrusted: bool = False,
    progress: Progress = _quiet,
) -> dict[str, Artifact]:
    """Build programs (all of the manifest by default) and return them by name.

    ``overrides`` is a folder laid over ``guests_dir``; ``Artifact.changes`` names what it changed;
    ``untrusted`` refuses sources of it that read files outside the tree.
    ``progress`` hears the name of each program before it is built.  An installed wheel's own
    images are used without a compiler, and before a compiler that merely happens to be there,
    unless the overrides touch them.  Raises InputError.
    """
    tree = SourceTree(guests_dir or guests_folder(), overrides, untrusted=untrusted)
    wanted = tuple(tree.programs) if names is None else tuple(dict.fromkeys(names))
    programs = needed_by(tree.programs, wanted)
    compiler = find_compiler()
    ready = compiler is None or (not compiler.ours and _all_ready_made(tree, programs))
    if compiler is None or ready:
        made = {program.name: _without_compiler(tree, program) for program in programs}
        return {name: made[name] for name in wanted}
    builder = Builder(compiler, tree)
    for program in programs:
        progress(program.name)
        builder.build(program)
    return {name: builder.artifacts[name] for name in wanted}


def _all_ready_made(tree: SourceTree, programs: Iterable[Program]) -> bool:
    return tree.base == guests_folder() and all(
        not changes_of(tree, program) and prebuilt.find(program.name) for program in programs
    )


def _without_compiler(tree: SourceTree, program: Program) -> Artifact:
    changes = changes_of(tree, program)
    artifact = prebuilt.find(program.name) if not changes else None
    if artifact is None:
        named = "; ".join(f"{', '.join(files)} {word}" for word, files in changes.named())
        why = named or "no ready-made image of it"
        raise InputError(f"{program.name}: {why}, so it must be compiled, but {NEEDED}")
    return artifact


def changes_of(tree: SourceTree, program: Program, sources: Iterable[str] | None = None) -> Changes:
    """The files of the overlay that change this program (not those of what it embeds or links).

    ``sources``: in place of its own.
    """
    if tree.overlay is None:
        return Changes()
    sources = tree.sources(program) if sources is None else tuple(sources)
    names = {*sources, *([program.script] if program.script else [])}
    for source in sources:
        names |= set(tree.headers(source, program.include))
    replaced = sorted(name for name in names if tree.is_replaced(name))
    return Changes(tuple(replaced), tuple(sorted(name for name in names if tree.is_added(name))))


@dataclass
class Builder:
    """Builds programs one after the other, each after what it needs."""

    compiler: Compiler
    tree: SourceTree
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)

    def build(self, program: Program) -> None:
        """Compile and link one program."""
        objects = self.compile(program)
        if program.object:
            plain = [(title, plain_constants(part)) for title, part in objects]
            data = link(self.compiler, program.name, plain, object_script(program.name), True)
            hashes: Mapping[str, str] = {program.name: object_hash(data, program.name)}
        else:
            parts = [(f"{name}.o", self.content[name]) for name in program.objects]
            script = self.tree.read(program.script)
            data = link(self.compiler, program.name, [*objects, *parts], script)
            hashes = {name: self._hash(program, name, data) for name in program.objects}
        self.content[program.name] = data
        self.artifacts[program.name] = self._artifact(program, data, hashes)

    def compile(self, program: Program) -> list[tuple[str, bytes]]:
        """The program's own objects, named after their sources."""
        embeds = tuple((name, self._embed(made)) for name, made in program.embed.items())
        sources = self.tree.sources(program)
        units = [Unit(source, program.include, embeds) for source in sources]
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            done = pool.map(lambda unit: compile_unit(self.compiler, self.tree, unit), units)
            return [(f"{source}.o", data) for source, data in zip(sources, done, strict=True)]

    def _embed(self, name: str) -> bytes:
        return strip_elf(self.content[name], name)

    def _hash(self, program: Program, name: str, image: bytes) -> str:
        """The hash of a linked object; it must be that of the object every other program links."""
        data = self.content[name]
        check_stateless(data, name)
        found = linked_hash(image, program.name, data, name)
        expected = self.artifacts[name].objects[name]
        if found != expected:
            raise InputError(f"{program.name}: holds {name} as {found}, but it is {expected}")
        return found

    def _artifact(self, program: Program, data: bytes, hashes: Mapping[str, str]) -> Artifact:
        sha256 = digest(data)
        suffix = "o" if program.object else "elf"
        path = cache_root() / "images" / sha256[:32] / f"{program.name}.{suffix}"
        path = stored(path) or store(path, data)
        changes = changes_of(self.tree, program)
        for name in program.needs():
            changes |= self.artifacts[name].changes
        return Artifact(program.name, path, sha256, changes, dict(hashes), program.workloads)
