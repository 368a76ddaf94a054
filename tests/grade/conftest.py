"""A small lab for the tests of the grader, and folders to submit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.grade.lab import Lab, load_lab
from simvirt.virt.guests import guest_source

FILE = "vmm/core/csr_insn.c"
LAB = """
title = "Small"
files = ["vmm/core/csr_insn.c"]
seconds = {seconds}
steps = 3_000_000

[[tests]]
id = "write"
title = "a write arrives"
points = 2
guest = ["write.S"]
inputs = {{ operands = 1 }}
expect = [
    {{ words = "result", are = ["operands[0]"] }},
    {{ csr = "mscratch", is = "operands[0]" }},
    {{ exits = "csr", at_least = 2, at_most = 2 }},
    {{ gva = 0x8000_0000, gpa = 0x8000_0000 }},
    {{ golden = true }},
]

[[tests]]
id = "after"
title = "depends on it"
points = 1
hidden = true
depends = ["write"]
guest = ["write.S"]
inputs = {{ operands = [7] }}
expect = [{{ words = "result", are = [7] }}]
"""
GUEST = """
_start: la s1, operands
 ld a0, 0(s1)
 csrw mscratch, a0
 csrr a1, mscratch
 sd a1, 8(s1)
 li a0, 0x100000
 li a1, 0x5555
 sw a1, 0(a0)
1: j 1b
.data
operands: .dword 0
result: .dword 0
"""


@pytest.fixture
def small(tmp_path: Path) -> Lab:
    """A lab with one file and two tests."""
    return make_lab(tmp_path / "small")


def make_lab(folder: Path, seconds: float = 60) -> Lab:
    """The small lab in a folder."""
    (folder / "tests").mkdir(parents=True)
    (folder / "lab.toml").write_text(LAB.format(seconds=seconds))
    (folder / "tests" / "write.S").write_text(GUEST)
    skeleton = folder / "skeleton" / FILE
    skeleton.parent.mkdir(parents=True)
    skeleton.write_bytes(guest_source(FILE))
    return load_lab(folder)


@pytest.fixture
def submit(tmp_path: Path) -> Callable[..., Path]:
    """Make a submission: the reference's file with pieces replaced, and text added."""

    def make(name: str, *changes: tuple[str, str], added: str = "") -> Path:
        text = guest_source(FILE).decode()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / name / FILE
        path.parent.mkdir(parents=True)
        path.write_text(text + added)
        return tmp_path / name

    return make
