"""Notebooks need nothing but `Simulation`, its stop conditions and their displays."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import simvirt

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
MAGIC = "%load_ext simvirt.notebook"
OTHERS = (set(sys.stdlib_module_names) - {"importlib", "runpy"}) | {"pandas"}
BELOW = {"stack", "machine"}  # of a Simulation: what it is made of
DEEPER = r"\b(?:from|import)\s+(?:isa|simvirt\.(?!notebook\b)\w+)|`(?:isa|simvirt)\.(?!notebook)\w"


def cells(path: Path, kind: str) -> list[str]:
    """The sources of a notebook's cells of a kind."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def complaints(source: str) -> list[str]:
    """What a code cell does that a notebook must not do."""
    lines = source.splitlines()
    magics = [line.strip() for line in lines if line.lstrip()[:1] in ("%", "!")]
    plain = "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)
    told = [f"no magic but one: {line}" for line in magics if line != MAGIC]
    for node in ast.walk(ast.parse(plain)):
        told += [f"no import: {name}" for name in _imports(node) if not _allowed(name)]
        if isinstance(node, ast.Attribute) and (node.attr in BELOW or node.attr.startswith("_")):
            told.append(f"nothing below Simulation: .{node.attr}")
        if isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval"):
            told.append(f"no {node.id}")
    return told


def _imports(node: ast.AST) -> Iterator[str]:
    """What is imported, as `module` or `module:name`."""
    if isinstance(node, ast.Import):
        for alias in node.names:  # `import a.b` without a name makes all of `a` reachable
            named = alias.asname or "." not in alias.name
            yield alias.name if named else alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield from (f"{module}:{alias.name}" for alias in node.names)


def _allowed(name: str) -> bool:
    module, _, wanted = name.partition(":")
    if module == "simvirt":
        return wanted in (*simvirt.__all__, "notebook")
    return module == "simvirt.notebook" or module.split(".")[0] in OTHERS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_needs_simulation_only(path: Path) -> None:
    """In every cell."""
    assert [told for source in cells(path, "code") for told in complaints(source)] == []
    assert any("Simulation" in source for source in cells(path, "code"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_text_needs_simulation_only(path: Path) -> None:
    """Exercises name no other module, either."""
    assert [text for text in cells(path, "markdown") if re.search(DEEPER, text)] == []


@pytest.mark.parametrize(
    "planted",
    [
        "from isa.disasm import disassemble",
        "import isa.causes as causes",
        "from simvirt.simulation import Simulation",
        "from simvirt.virt.accounting import Accountant",
        "from simvirt.virt import views",
        "from simvirt import stops",
        "from simvirt import Simulation, virt",
        "import simvirt",
        "import simvirt.notebook",
        "import simvirt.virt.timeline as t",
        "import numpy as np",
        "import importlib",
        "from . import helpers",
        "if True:\n    def f():\n        from simvirt.machine import Machine",
        "__import__('simvirt.virt.views')",
        "exec('import isa')",
        "sim.stack.machine",
        "sim._accountant",
        "%run helpers.py",
        "!pip install numpy",
    ],
)
def test_whatever_else_is_refused(planted: str) -> None:
    """Planted into a real cell, it is found."""
    source = cells(NOTEBOOKS[0], "code")[0]
    assert complaints(source) == []
    assert complaints(f"{source}\n{planted}\n") != []


def test_what_is_allowed() -> None:
    """The standard library, pandas, and every word of `Simulation`."""
    words = ", ".join(simvirt.__all__)
    source = (
        f"import math, pandas as pd\nfrom collections import Counter\nfrom simvirt import {words}"
    )
    assert complaints(source) == []
    assert complaints("import simvirt.notebook as nb\nfrom simvirt import notebook") == []


@pytest.mark.parametrize(
    "text",
    ["`from simvirt.board import CostModel`", "`simvirt.virt.stacks`", "`isa.causes` has it"],
)
def test_a_text_that_leads_elsewhere_is_refused(text: str) -> None:
    """Planted names are found."""
    assert re.search(DEEPER, text)
