"""Labs: a folder with `lab.toml`, a statement, a skeleton, tests, and prepared wrong solutions."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import simvirt
from simvirt.errors import InputError
from simvirt.grade import expectations

LAB = "lab.toml"
MAX_FILE = 256 << 10
ON = ("bare", "hypervisor", "hosted")
_LAB_KEYS = {
    "title", "on", "files", "steps", "seed", "seconds", "memory", "max_file", "module", "tests",
}  # fmt: skip
_TEST_KEYS = {
    "id", "title", "points", "depends", "steps", "seed", "hidden", "guest", "inputs", "expect",
}  # fmt: skip


@dataclass(frozen=True)
class Test:
    """One test: what it is worth, what must hold before it, and what it looks at.

    `guest` are assembly files of the lab, read as one; `inputs` say which words to put at which
    symbol of it; `expect` are expectations (simvirt.grade.declared).  Without a `guest` the test
    is the function of that name in the lab's module.  `steps` bounds one run.
    """

    id: str
    title: str
    points: float
    steps: int
    seed: int
    depends: tuple[str, ...] = ()
    hidden: bool = False
    guest: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    expect: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Lab:
    """A lab; `files` are what a student may change, by their path in the guests' source tree.

    `seconds` and `memory` (bytes) are safety nets for the process that grades a submission.
    """

    name: str
    folder: Path
    title: str
    on: str
    files: tuple[str, ...]
    tests: tuple[Test, ...]
    seconds: float = 120.0
    memory: int = 3 << 30
    max_file: int = MAX_FILE
    module: str = ""

    @property
    def max_score(self) -> float:
        """What the reference solution scores."""
        return sum(test.points for test in self.tests)

    def test(self, name: str) -> Test:
        """The test of that id.  Raises InputError when there is none."""
        for test in self.tests:
            if test.id == name:
                return test
        raise InputError(f"{self.name}: no test {name!r}; there are {', '.join(self.ids)}")

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all tests, in order."""
        return tuple(test.id for test in self.tests)

    def read(self, name: str) -> bytes:
        """A file of the lab.  Raises InputError, which says what it should be, when it cannot."""
        path = self.folder / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read: {error.strerror}; the lab needs it (docs/how-to.md)"
            ) from None

    def skeleton(self, name: str) -> bytes:
        """One of `files` as a student gets it.  Raises InputError when the lab has not got it."""
        return self.read(f"skeleton/{name}")

    @property
    def solution(self) -> Path | None:
        """The folder of the reference solution; None: our own sources are the solution."""
        folder = self.folder / "solution"
        return folder if folder.is_dir() else None

    @cached_property
    def digest(self) -> str:
        """Changes with every file of the lab that grading depends on."""
        known = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(self.folder).as_posix()
                known.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
        return known.hexdigest()


def labs_folder() -> Path:
    """The labs that come with SimVirt."""
    return Path(simvirt.__file__).parent / "labs"


def lab_names() -> tuple[str, ...]:
    """The labs that come with SimVirt, by name."""
    return tuple(sorted(path.parent.name for path in labs_folder().glob(f"*/{LAB}")))


def load_lab(name: str | Path) -> Lab:
    """A lab of ours by name, or any by its folder.  Raises InputError when it is not one."""
    ours = labs_folder() / name
    folder = ours if str(name) in lab_names() else Path(name)
    path = folder / LAB
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError:
        known = ", ".join(lab_names())
        raise InputError(f"{name}: no lab ({known}) and no folder with a {LAB}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    return _lab(path, table)


def _lab(path: Path, table: dict[str, Any]) -> Lab:
    _known(str(path), table, _LAB_KEYS, ("title", "files", "tests"))
    defaults = {"steps": table.get("steps", 50_000_000), "seed": table.get("seed", 0)}
    tests = tuple(_test(str(path), defaults | entry) for entry in table["tests"])
    optional = {key: table[key] for key in ("seconds", "memory", "max_file", "module")
                if key in table}  # fmt: skip
    lab = Lab(
        path.parent.resolve().name, path.parent, table["title"], table.get("on", "hypervisor"),
        tuple(table["files"]), tests, **optional,
    )  # fmt: skip
    _check(str(path), lab)
    return lab


def _test(where: str, table: dict[str, Any]) -> Test:
    where = f"{where}: test {table.get('id', '?')}"
    _known(where, table, _TEST_KEYS, ("id", "title", "points"))
    lists = {key: tuple(table.get(key, ())) for key in ("depends", "guest", "expect")}
    for expectation in lists["expect"]:
        expectations.check(where, expectation)
    return Test(**{**table, **lists})


def _known(where: str, table: Any, keys: set[str], needed: tuple[str, ...]) -> None:
    if unknown := sorted(set(table) - keys):
        raise InputError(f"{where}: unknown key {unknown[0]!r}; use {', '.join(sorted(keys))}")
    if missing := [key for key in needed if key not in table]:
        raise InputError(f"{where}: {missing[0]} is missing")


def _check(where: str, lab: Lab) -> None:
    if lab.on not in ON:  # a submission would be blamed for it
        raise InputError(f"{where}: no placement {lab.on!r}; use one of {', '.join(ON)}")
    for name in (*lab.files, *(file for test in lab.tests for file in test.guest)):
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise InputError(f"{where}: path {name!r} leaves its folder; keep inside it")
    seen: set[str] = set()
    for test in lab.tests:
        if test.id in seen:
            raise InputError(f"{where}: two tests are called {test.id!r}")
        if later := [name for name in test.depends if name not in seen]:
            raise InputError(f"{where}: {test.id} depends on {later[0]!r}, which no test before is")
        if not test.guest and not lab.module:
            raise InputError(f"{where}: {test.id} has no guest, and the lab no module of tests")
        seen.add(test.id)
