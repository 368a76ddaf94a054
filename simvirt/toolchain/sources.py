"""The source tree: ours, with a user's folder laid over it, and what a source file includes."""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from simvirt.errors import InputError
from simvirt.loader import read_file
from simvirt.toolchain.manifest import MANIFEST, Program, read_manifest

GENERATED = "generated"
EMBED = "embed"
USER = "simvirt-user"  # where the folder of a user's single file appears in the tree
INCLUDE = (GENERATED, EMBED, "include", "lib", "vmm", ".")
_INCLUDES = re.compile(
    rb'^[ \t]*(?:#[ \t]*include|\.include)[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE
)


@dataclass(frozen=True)
class SourceTree:
    """Files by their path relative to ``guests/``; those in ``overlay`` come first.

    ``mounts`` puts further folders into the tree, by their first path component;
    ``untrusted``: the overlay is a stranger's, so guard.py looks at what it compiles to.
    """

    base: Path
    overlay: Path | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)
    untrusted: bool = False

    def __post_init__(self) -> None:
        if self.overlay is not None and not self.overlay.is_dir():
            raise InputError(f"{self.overlay}: no such folder; make one with `simvirt new`")

    @cached_property
    def programs(self) -> dict[str, Program]:
        """The manifest; tables in the overlay's manifest replace ours."""
        programs = read_manifest(self.base)
        if self.overlay is not None and (self.overlay / MANIFEST).is_file():
            programs |= read_manifest(self.overlay, overrides=True)
        return programs

    @cached_property
    def _content(self) -> dict[str, bytes]:
        return {}

    def find(self, name: str) -> Path | None:
        """The file that stands for ``name``."""
        first, _, rest = name.partition("/")
        if first in self.mounts:
            candidates = [self.mounts[first] / rest]
        else:
            candidates = [folder / name for folder in (self.overlay, self.base) if folder]
        return next((path for path in candidates if path.is_file()), None)

    def read(self, name: str) -> bytes:
        """The content of ``name``, the same throughout one build."""
        if name not in self._content:
            path = self.find(name)
            if path is None:
                raise InputError(f"{self.base / name}: no such file; the manifest names it")
            self._content[name] = read_file(path)
        return self._content[name]

    def must_guard(self, names: Iterable[str]) -> bool:
        """Is one of these files a stranger's?"""
        overlay = self.overlay
        if not self.untrusted or overlay is None:
            return False
        return any((overlay / name).is_file() for name in names)

    def is_replaced(self, name: str) -> bool:
        """Does the overlay hold another content than ours?"""
        if self.overlay is None or not (self.overlay / name).is_file():
            return False
        ours = self.base / name
        return ours.is_file() and ours.read_bytes() != self.read(name)

    def is_added(self, name: str) -> bool:
        """Does only the overlay hold this file?"""
        if self.overlay is None or not (self.overlay / name).is_file():
            return False
        return not (self.base / name).is_file()

    def is_users(self, name: str) -> bool:
        """Is this file the user's, by itself or in place of ours?"""
        mounted = name.partition("/")[0] in self.mounts
        return mounted or self.is_replaced(name) or self.is_added(name)

    def display(self, name: str) -> str:
        """A path for messages: as short as it can be for who reads it."""
        path = self.find(name)
        if path is None:
            return name
        relative = os.path.relpath(path) if path.drive == Path.cwd().drive else str(path)
        return str(path) if relative.startswith("..") else relative

    def sources(self, program: Program) -> tuple[str, ...]:
        """The source files of a program, globs expanded; an empty match raises InputError."""
        names: dict[str, None] = {}
        for pattern in program.sources:
            found = sorted(self._match(pattern, program.own_table))
            if not found:
                raise InputError(
                    f"{self.base / MANIFEST}: [{program.name}]: no file matches {pattern!r}"
                )
            names |= dict.fromkeys(found)
        return tuple(names)

    def _match(self, pattern: str, own_table: bool) -> set[str]:
        theirs = set(_glob(self.overlay, pattern)) if self.overlay else set()
        if theirs and own_table:  # a whole program folder: files left out are meant to be out
            return theirs
        return theirs | set(_glob(self.base, pattern))

    def headers(self, source: str, extra: tuple[str, ...] = ()) -> tuple[str, ...]:
        """All files of the tree that ``source`` includes, directly or not."""
        seen: dict[str, None] = {}
        pending = [source]
        while pending:
            here = pending.pop()
            for quoted, name in _included(self.read(here)):
                folders = (*((posixpath.dirname(here),) if quoted else ()), *extra, *INCLUDE)
                found = self._resolve(name, folders)
                if found and found not in seen and found != source:
                    seen[found] = None
                    pending.append(found)
        return tuple(sorted(seen))

    def _resolve(self, name: str, folders: tuple[str, ...]) -> str | None:
        for folder in folders:
            path = posixpath.normpath(posixpath.join(folder, name))
            if not path.startswith(("..", "/")) and self.find(path):
                return path
        return None


def _glob(folder: Path, pattern: str) -> Iterator[str]:
    for path in folder.glob(pattern):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _included(text: bytes) -> Iterator[tuple[bool, str]]:
    for match in _INCLUDES.finditer(text):
        name = match[1] or match[2]
        yield match[1] is not None, name.decode("utf-8", "replace")
