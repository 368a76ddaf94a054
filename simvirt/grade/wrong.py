"""Prepared submissions of a lab: the solution, the skeleton, and solutions that are wrong.

A wrong solution is `wrong/NAME/wrong.toml`: `title`, the tests that it `fails` (others may be
skipped because of them), and `[[change]]` tables (`file`, `old`, `new`) to the reference
solution; or whole files beside it, at their paths.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simvirt.errors import InputError
from simvirt.grade.lab import Lab
from simvirt.grade.result import NOT_REACHED, Grade
from simvirt.virt.guests import guest_source


@dataclass(frozen=True)
class Prepared:
    """One prepared submission; `fails` are the tests that must fail, and no others.

    `score`: what it must reach, or None.
    """

    name: str
    files: dict[str, bytes]
    fails: tuple[str, ...] | None
    score: float | None

    def write(self, folder: Path) -> Path:
        """Make a submission of it, in a folder of its own."""
        for name, content in self.files.items():
            path = folder / self.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.name

    def complaint(self, grade: Grade) -> str:
        """What is not as it must be, or nothing."""
        if grade.broken:
            return f"{self.name}: could not be graded: {_why(grade)}"
        if self.score not in (None, grade.score):
            return f"{self.name}: scores {grade.score:g}, not {self.score:g}"
        if self.fails is not None and set(self.fails) != set(grade.failed):
            found = ", ".join(grade.failed) or "nothing"
            return f"{self.name}: fails {found}, not {', '.join(self.fails)}"
        return ""


def _why(grade: Grade) -> str:
    """All that is known of why a grade says nothing: of the whole, and of single tests."""
    errors = [test for test in grade.tests if test.status == "error"]
    told = [f"{test.id}: {test.message}" for test in errors if test.message != NOT_REACHED]
    return "; ".join((*grade.notes, *told)) or f"{', '.join(t.id for t in errors)}: {NOT_REACHED}"


def prepared(lab: Lab) -> Iterator[Prepared]:
    """All prepared submissions of a lab."""
    solution = {name: _reference(lab, name) for name in lab.files}
    skeleton = {name: lab.skeleton(name) for name in lab.files}
    yield Prepared("solution", solution, (), lab.max_score)
    yield Prepared("skeleton", skeleton, None, 0)
    for path in sorted((lab.folder / "wrong").glob("*/wrong.toml")):
        yield _wrong(lab, path, solution)


def _reference(lab: Lab, name: str) -> bytes:
    own = lab.folder / "solution" / name
    return own.read_bytes() if own.is_file() else guest_source(name)


def _wrong(lab: Lab, path: Path, solution: dict[str, bytes]) -> Prepared:
    table = _table(path)
    files = dict(solution)
    for name in lab.files:
        if (path.parent / name).is_file():
            files[name] = (path.parent / name).read_bytes()
    for change in table.get("change", ()):
        name, old = change["file"], change["old"].encode()
        if name not in files:
            raise InputError(f"{path}: {name} is no file of the lab; it has {', '.join(lab.files)}")
        if files[name].count(old) != 1:
            raise InputError(f"{path}: {change['old']!r} is not once in {name}")
        files[name] = files[name].replace(old, change["new"].encode())
    return Prepared(path.parent.name, files, tuple(table["fails"]), None)


def _table(path: Path) -> dict[str, Any]:
    """A `wrong.toml`.  Raises InputError for one that does not say enough."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    needed = [("fails", table), *((key, change) for change in table.get("change", ())
                                  for key in ("file", "old", "new"))]  # fmt: skip
    if missing := [key for key, place in needed if key not in place]:
        raise InputError(f"{path}: {missing[0]} is missing")
    return table
