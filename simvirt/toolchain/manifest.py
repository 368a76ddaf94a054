"""``guests.toml``: which programs there are and what each is made of."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simvirt.errors import InputError
from simvirt.loader import read_file

MANIFEST = "guests.toml"


@dataclass(frozen=True)
class Program:
    """One table of the manifest; paths are relative to the guests folder."""

    name: str
    sources: tuple[str, ...]
    script: str = ""
    object: bool = False
    objects: tuple[str, ...] = ()
    embed: Mapping[str, str] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    own_table: bool = False

    def needs(self) -> tuple[str, ...]:
        """The programs that must be built before this one."""
        return (*self.embed.values(), *self.objects)


def read_manifest(folder: Path, overrides: bool = False) -> dict[str, Program]:
    """The programs of a guests folder, by name."""
    path = folder / MANIFEST
    try:
        tables = tomllib.loads(read_file(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    return {name: _program(path, name, table, overrides) for name, table in tables.items()}


_STRINGS = {"sources", "objects", "workloads", "include"}
_KEYS = _STRINGS | {"script", "object", "embed"}


def _program(path: Path, name: str, table: Any, overrides: bool) -> Program:
    where = f"{path}: [{name}]"
    if not isinstance(table, dict):
        raise InputError(f"{where}: not a table; each program is a table such as [minos]")
    if unknown := sorted(set(table) - _KEYS):
        raise InputError(f"{where}: unknown key {unknown[0]!r}; use {', '.join(sorted(_KEYS))}")
    lists = {key: _strings(where, key, table[key]) for key in _STRINGS & set(table)}
    embed = table.get("embed", {})
    if not isinstance(embed, dict) or not all(isinstance(v, str) for v in embed.values()):
        raise InputError(f'{where}: embed must be like {{ "user.elf" = "minos-user" }}')
    program = Program(
        name=name,
        sources=lists.get("sources", ()),
        script=str(table.get("script", "")),
        object=table.get("object", False) is True,
        objects=lists.get("objects", ()),
        embed=embed,
        workloads=lists.get("workloads", ()),
        include=lists.get("include", ()),
        own_table=overrides,
    )
    _check(where, program)
    return program


def _strings(where: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(f"{where}: {key} must be a list of strings")
    return tuple(value)


def _check(where: str, program: Program) -> None:
    if not program.sources:
        raise InputError(f"{where}: no sources; name at least one file")
    if not program.object and not program.script:
        raise InputError(f"{where}: no script; name a linker script, or set object = true")
    for path in (*program.sources, *program.include, program.script, *program.embed):
        if path.startswith("/") or "\\" in path or ".." in path.split("/"):
            raise InputError(f"{where}: path {path!r} leaves the guests folder; keep inside it")


def needed_by(programs: Mapping[str, Program], names: tuple[str, ...]) -> tuple[Program, ...]:
    """``names`` and all they need, each after what it needs; InputError if unknown or circular."""
    done: dict[str, Program] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            raise InputError(f"{MANIFEST}: programs need each other: {' -> '.join((*path, name))}")
        if name not in programs:
            by = f" (needed by {path[-1]})" if path else ""
            raise InputError(f"no guest program {name!r}{by}; there are: {', '.join(programs)}")
        for other in programs[name].needs():
            visit(other, (*path, name))
        done[name] = programs[name]

    for name in names:
        visit(name, ())
    return tuple(done.values())
