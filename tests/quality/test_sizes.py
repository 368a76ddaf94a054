"""Files and functions stay short: 400 lines a file, 80 a function, a median of 10."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("isa", "simvirt", "guests", "tests", "docs", "notebooks")
FILE_LIMIT, FUNCTION_LIMIT, MEDIAN_LIMIT = 400, 80, 10
PYTHON, C = (".py",), (".c", ".h", ".S")
_C_START = re.compile(r"^[A-Za-z_].*\)\s*\{?$")


def sources(suffixes: tuple[str, ...]) -> list[Path]:
    """Our source files; what is built or cached is none."""
    found = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in suffixes]
    built = (ROOT / "simvirt" / "_guests", ROOT / "simvirt" / "images")
    return sorted(p for p in found if not any(b in p.parents for b in built))


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function, decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def c_functions(path: Path) -> Iterator[tuple[str, int]]:
    """First line and number of lines of each function: from column 0 to a brace in column 0."""
    start, head = 0, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if _C_START.match(line):
            start, head = number, line
        elif start and line == "}":
            yield head, number - start + 1
            start = 0
        elif line.endswith(";") and not line.startswith((" ", "\t", "{")):
            start = 0


def all_functions(suffixes: tuple[str, ...]) -> list[tuple[str, int]]:
    """All functions of a language, named with their file."""
    measure = python_functions if suffixes == PYTHON else c_functions
    return [
        (f"{path.relative_to(ROOT)}: {name}", lines)
        for path in sources(suffixes)
        for name, lines in measure(path)
    ]


@pytest.mark.parametrize("path", sources(PYTHON + C), ids=lambda p: str(p.relative_to(ROOT)))
def test_file_is_short(path: Path) -> None:
    """Longer files are split by subject."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LIMIT


@pytest.mark.parametrize("suffixes", [PYTHON, C], ids=["Python", "C"])
def test_functions_are_short(suffixes: tuple[str, ...]) -> None:
    """None is long, most are very short."""
    functions = all_functions(suffixes)
    assert len(functions) > 200, "the functions are not found"
    assert [f for f in functions if f[1] > FUNCTION_LIMIT] == []
    assert median(lines for _, lines in functions) <= MEDIAN_LIMIT


def test_isa_is_ours() -> None:
    """Another package of this name exists."""
    import isa

    assert isa.__file__ is not None and Path(isa.__file__).is_relative_to(ROOT)
