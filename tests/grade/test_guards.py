"""Guards of the grader, each shown by what happens where it stands."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import simvirt.cli.grade as command
from simvirt.cli import main
from simvirt.errors import InputError
from simvirt.grade import runner
from simvirt.grade.checks import Bench, CheckFailed
from simvirt.grade.lab import Lab, load_lab
from simvirt.grade.processes import CAN_FORK
from simvirt.grade.runner import Grader
from simvirt.grade.submission import take
from simvirt.grade.trying import Trying
from simvirt.virt.guests import guest_source
from tests.grade.conftest import FILE, make_lab

Submit = Callable[..., Path]
MODULE = """
from simvirt.grade.checks import CheckFailed

def breach(bench):
    trial = bench.boot("write.S", inputs={"operands": [7]})
    trial.run()
    trial.expect_passed()
    trial.simulation.machine.state.set_mach("violations", 1)  # as the hardware counts them

def limits(bench):
    import resource
    kinds = resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE
    raise CheckFailed(str([resource.getrlimit(kind)[0] for kind in kinds]))
"""


def _lab(folder: Path, test: str, head: str = "") -> Lab:
    """A lab of one test, which is a function of MODULE."""
    make_lab(folder)
    (folder / "module.py").write_text(MODULE)
    table = f'[[tests]]\nid = "{test}"\ntitle = "t"\npoints = 1\n'
    words = f'title = "L"\nfiles = ["{FILE}"]\nmodule = "module.py"\n{head}\n{table}'
    (folder / "lab.toml").write_text(words)
    return load_lab(folder)


# ---- what a test looks at ------------------------------------------------------------------------


def test_who_breaks_isolation_has_no_points(submit: Submit, tmp_path: Path) -> None:
    lab = _lab(tmp_path / "lab", "breach")
    result = Trying(lab, submit("breaker")).one(lab.tests[0])
    assert (result.status, result.score) == ("failed", 0)
    assert "isolation was broken 1 times" in result.message


@pytest.mark.parametrize("changed", [False, True])
def test_another_layout_is_refused(changed: bool, small: Lab, tmp_path: Path) -> None:
    """A guest that is run and read as if nothing were: only the structure is another."""
    text = guest_source("vmm/vm.h").decode()
    old = "struct vm {\n\tu32 id;\n"
    assert text.count(old) == 1
    path = tmp_path / "own" / "vmm" / "vm.h"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, f"{old}\tu64 more;\n") if changed else text)
    bench = Bench(small.folder / "tests", tmp_path / "own", steps=3_000_000)
    trial = bench.boot("write.S", inputs={"operands": [7]})
    trial.run()
    trial.expect_passed()
    if changed:
        with pytest.raises(CheckFailed, match="leave it as it is"):
            trial.vcpu()
    else:
        assert trial.vcpu().csr["mscratch"] == 7


# ---- what is kept --------------------------------------------------------------------------------


def test_a_kept_result_is_of_this_seed_and_this_tool(
    small: Lab, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = take(small, submit("good")), take(small, submit("other", added="\n"))
    changed = replace(small, folder=make_lab(small.folder.parent / "lab2", seconds=61).folder)
    first = Grader(small)._key(good)
    assert Grader(small)._key(good) == first
    keys = {first, Grader(small, seed="s")._key(good), Grader(small)._key(other)}
    keys.add(Grader(changed)._key(good))
    monkeypatch.setattr(runner, "_known", ["another tool"])
    keys.add(Grader(small)._key(good))
    assert len(keys) == 5


def test_the_tools_version_is_that_of_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "simvirt"
    package.mkdir()
    (tmp_path / "guests").mkdir()
    monkeypatch.setattr(runner.simvirt, "__file__", str(package / "__init__.py"))
    found = set()
    for path in (package / "a.py", tmp_path / "guests" / "a.c", tmp_path / "guests" / "a.c"):
        path.write_text(f"{len(found)}")
        monkeypatch.setattr(runner, "_known", [])
        found.add(runner._tool())
    assert len(found) == 3


def test_gradescopes_file_is_written_after_every_test(
    small: Lab, submit: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "results.json", []

    def spy(place: Path, value: object) -> None:
        runner.write_json(place, value)
        seen.append([test["score"] for test in json.loads(path.read_text())["tests"]])

    monkeypatch.setattr(command, "write_json", spy)
    words = ["grade", str(small.folder), str(submit("good")), "--gradescope", str(path)]
    assert main(words) == 0
    assert seen == [[2], [2, 1], [2, 1]]


# ---- the grading process, and what it reads ------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="no limits on address space elsewhere")
@pytest.mark.parametrize("fork", [False, True] if CAN_FORK else [False])
def test_a_grading_process_is_limited(fork: bool, submit: Submit, tmp_path: Path) -> None:
    lab = _lab(tmp_path / "lab", "limits", "memory = 2_000_000_000\nseconds = 77")
    grade = Grader(lab, fork=fork).one(submit("any"))
    assert grade.tests[0].message == str([2_000_000_000, 78, 0])


@pytest.fixture
def impatient() -> Iterator[None]:
    """What would wait for ever is ended, and fails."""

    def late(*_: object) -> None:
        raise TimeoutError("waits for somebody to write into a pipe")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such pipes")
@pytest.mark.parametrize("kind", ["pipe", "folder"])
@pytest.mark.usefixtures("impatient")
def test_what_is_no_plain_file_is_refused(kind: str, small: Lab, tmp_path: Path) -> None:
    path = tmp_path / "odd" / FILE
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(InputError, match="not a plain file"):
        take(small, tmp_path / "odd")
