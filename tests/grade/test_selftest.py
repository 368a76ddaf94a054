"""`simvirt grade LAB --self-test`: what a lecturer learns of a lab that is not right yet."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.cli import main
from simvirt.grade import result
from simvirt.grade.lab import Lab
from simvirt.grade.wrong import Prepared
from tests.grade.conftest import FILE, LAB


def _change(lab: Lab, old: str, new: str) -> str:
    text = LAB.format(seconds=60)
    assert text.count(old) == 1
    (lab.folder / "lab.toml").write_text(text.replace(old, new))
    return str(lab.folder)


def _wrong(lab: Lab, text: str) -> None:
    path = lab.folder / "wrong" / "one" / "wrong.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


CHANGE = f"""title = "rd is wrong"
fails = ["{{fails}}"]
[[change]]
file = "{FILE}"
old = "v->x[i.rd] = old;"
new = "v->x[i.rd] = old + 1;"
"""


def test_a_test_that_cannot_be_graded_is_told(
    small: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason, though nothing is the matter with the submission as a whole."""
    folder = _change(small, 'csr = "mscratch"', 'csr = "mscrtch"')
    assert main(["grade", folder, "--self-test"]) == 1
    told = capsys.readouterr().out.splitlines()
    for line, name in zip(told, ("solution", "skeleton"), strict=True):
        start = (
            f"{name}: could not be graded: write: no virtual CSR 'mscrtch' is stored; there are "
        )
        assert line.startswith(start) and "mscratch" in line


@pytest.mark.parametrize("on", ["hypervisor", "hosted"])
def test_a_lab_with_csrs_and_translations_is_as_it_must_be(
    on: str, small: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever its guests run; its skeleton is the solution, and so scores too much."""
    folder = _change(small, 'title = "Small"', f'title = "Small"\non = "{on}"')
    _wrong(small, CHANGE.format(fails="write"))
    assert main(["grade", folder, "--self-test"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "solution: as it must be; fails nothing",
        "skeleton: scores 3, not 0",
        "one: as it must be; fails write",
    ]


def test_who_expects_another_failure_is_told(
    small: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    _wrong(small, CHANGE.format(fails="after"))
    assert main(["grade", str(small.folder), "--self-test"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "one: fails write, not after"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fails = [", "cannot be read"),
        ('title = "t"', "fails is missing"),
        ('fails = []\n[[change]]\nold = "a"\nnew = "b"', "file is missing"),
        ('fails = []\n[[change]]\nfile = "a.c"\nold = "a"\nnew = "b"', f"it has {FILE}"),
    ],
)
def test_a_wrong_solution_that_says_too_little_is_told(
    text: str, told: str, small: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    _wrong(small, text)
    assert main(["grade", str(small.folder), "--self-test"]) == 2
    error = capsys.readouterr().err
    assert "wrong.toml: " in error and told in error


def test_a_skeleton_that_is_not_there_is_told(
    small: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small.folder / "skeleton" / FILE).unlink()
    (tmp_path / "empty").mkdir()
    assert main(["grade", str(small.folder), "--self-test"]) == 2
    assert f"{FILE}: cannot be read" in capsys.readouterr().err


def test_all_reasons_are_told(small: Lab) -> None:
    def test(name: str, message: str) -> result.TestResult:
        return result.TestResult(name, name, "error", 0, 1, message=message)

    tests = test("a", "a reads nothing"), test("b", "not reached")
    prepared = Prepared("p", {}, (), None)
    told = prepared.complaint(result.Grade(small.name, "p", "", tests, ("it was stopped",)))
    assert told == "p: could not be graded: it was stopped; a: a reads nothing"
    told = prepared.complaint(result.Grade(small.name, "p", "", tests[1:]))
    assert told == "p: could not be graded: b: not reached"


def test_what_cannot_be_read_is_no_failure(
    small: Lab, submit: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the report, to a program that reads the exit code, and when it is shown again."""
    folder = _change(small, 'csr = "mscratch"', 'csr = "mscrtch"')
    good = str(submit("good"))
    assert main(["grade", folder, good]) == 5
    assert "  error      0/2    write: a write arrives" in capsys.readouterr().out
    before = dict(os.environ)
    assert main(["grade", folder, good, "--replay", "write"]) == 5
    assert dict(os.environ) == before  # whoever calls it here goes on with the cache
    told = capsys.readouterr()
    assert "no virtual CSR 'mscrtch'" in told.out
    assert "Traceback" not in told.out + told.err
