"""Processes that grade: forked or fresh, ended from outside, gone on with after a kill."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.cli import main
from simvirt.grade.lab import Lab, load_lab
from simvirt.grade.processes import CAN_FORK, Nursery
from simvirt.grade.runner import Grader
from simvirt.grade.scratch import Scratch, sweep
from tests.grade.conftest import LAB, make_lab

Submit = Callable[..., Path]
ROOT = Path(__file__).parents[2]
START = "void emulate_csr(struct vcpu *v, u32 insn)\n{"
ENDLESS = (START, f"{START}\n\tfor (;;)\n\t\t;")
forks = pytest.mark.skipif(not CAN_FORK, reason="this system has no fork that serves")


def patient_lab(folder: Path) -> Lab:
    """The small lab, with so many steps that an endless submission never uses them up."""
    make_lab(folder)
    text = LAB.format(seconds=600).replace("steps = 3_000_000", "steps = 1_000_000_000_000")
    (folder / "lab.toml").write_text(text)
    return load_lab(folder)


@forks
def test_forked_and_fresh_processes_find_the_same(small: Lab, submit: Submit) -> None:
    folders = [
        submit("good"),
        submit("wrong", ("v->x[i.rd] = old;", "v->x[i.rd] = old + 1;")),
        submit("broken", added="\nint x = y;\n"),
    ]
    forked = [*Grader(small, fork=True).all(folders, jobs=2)]
    fresh = [*Grader(small, fork=False).all(folders, jobs=2)]
    assert [grade.tests for grade in forked] == [grade.tests for grade in fresh]
    assert [grade.score for grade in forked] == [3, 0, 0]
    for grade in (*forked, *fresh):
        assert set(grade.timings) == {"compile", "write", "after"}
        assert grade.timings["compile"] > 0
        assert 0 < grade.memory < 600e6


def _request(lab: Lab, folder: Path, scratch: Path) -> dict[str, str]:
    scratch.mkdir(exist_ok=True)
    return {"lab": str(lab.folder), "overlay": str(folder), "seed": "", "scratch": str(scratch),
            "phase": "test"}  # fmt: skip


@forks
def test_a_nursery_that_was_ended_is_begun_again(
    small: Lab, submit: Submit, tmp_path: Path
) -> None:
    nursery = Nursery(small.folder, "")
    request = _request(small, submit("good"), tmp_path / "scratch")
    for _ in range(2):
        with tempfile.TemporaryFile() as errors:
            *_, memory, end = nursery.ask(request, errors)
        assert (memory["complete"], end) == (True, {"ended": 0})
        assert nursery._process is not None
        nursery._process.kill()
        nursery._process.wait()
    nursery.close()


@forks
def test_nothing_outlives_the_nursery(tmp_path: Path, submit: Submit) -> None:
    lab = patient_lab(tmp_path / "patient")
    nursery = Nursery(lab.folder, "")
    with tempfile.TemporaryFile() as errors:
        request = _request(lab, submit("endless", ENDLESS), tmp_path / "scratch")
        messages = nursery.ask(request, errors)
        assert set(next(messages)) == {"pid"}
        assert nursery._process is not None
        nursery._process.kill()
        assert "ended" not in {key for message in messages for key in message}  # and it stops
    nursery.close()


def test_a_killed_process_is_not_the_submissions_fault(tmp_path: Path, submit: Submit) -> None:
    grader = Grader(patient_lab(tmp_path / "patient"), tmp_path / "out")
    graded = threading.Event()

    def killer() -> None:
        while not graded.wait(0.05):
            grader.stop()

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        grade = grader.one(submit("endless", ENDLESS))
    finally:
        graded.set()
        thread.join()
    assert grade.broken
    assert "was killed" in grade.notes[0] or "ended with -9" in grade.notes[0]
    assert {test.status for test in grade.tests} == {"error"}
    assert not (tmp_path / "out").exists()  # to be graded again


def test_what_was_graded_before_a_kill_is_kept(
    tmp_path: Path, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = patient_lab(tmp_path / "patient")
    good, endless = submit("good"), submit("endless", ENDLESS)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "simvirt", "grade", lab.folder, good, endless, "--out", out]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}  # it leaves some
    process = subprocess.Popen([*map(str, command)], env=environment, stdout=subprocess.DEVNULL)

    def in_the_midst() -> bool:  # one is graded; the folders of nursery and endless one are there
        folders = [*tmp_path.glob("simvirt-grade-*/in-use")]
        return bool([*out.glob("results/*.json")]) and len(folders) == 2

    while not in_the_midst() and process.poll() is None:
        time.sleep(0.05)
    process.kill()  # in the midst of the endless one
    assert process.wait() == -signal.SIGKILL
    assert [*tmp_path.glob("simvirt-grade-*")]
    [kept] = out.glob("results/*.json")
    before = kept.stat().st_mtime_ns
    later = submit("later", added="\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    words = ["grade", lab.folder, good, later, "--out", out, "--json", tmp_path / "all.json"]
    assert main([*map(str, words)]) == 0
    assert kept.stat().st_mtime_ns == before
    assert [g["score"] for g in json.loads((tmp_path / "all.json").read_text())] == [3, 3]
    assert len([*out.glob("results/*.json")]) == 2
    assert not [*tmp_path.glob("simvirt-grade-*")]  # what the killed one has left is gone


@pytest.mark.skipif(os.name == "nt", reason="no locks of this kind")
def test_folders_in_use_and_of_others_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "simvirt-grade-unknown").mkdir()
    with Scratch() as used, Scratch() as other:
        (other / "linked").mkdir()
        (tmp_path / "simvirt-grade-link").symlink_to(other)
        sweep()
        assert used.is_dir() and other.is_dir()
    assert not used.exists() and not other.exists()
    sweep()
    assert (tmp_path / "simvirt-grade-unknown").is_dir()
