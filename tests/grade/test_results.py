"""Reports, formats of other systems, and going on where one stopped."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simvirt.cli import main
from simvirt.grade.lab import Lab
from simvirt.grade.runner import Grader

Submit = Callable[..., Path]
WRONG = ("v->x[i.rd] = old;", "v->x[i.rd] = old + 1;")


def test_a_failure_is_told_in_every_format(
    small: Lab, submit: Submit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = submit("wrong", WRONG)
    files = {name: tmp_path / f"{name}.out" for name in ("json", "junit", "gradescope")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert main(["grade", str(small.folder), str(wrong), *options]) == 1
    text = capsys.readouterr().out
    assert "0 of 3 points" in text
    assert "first diverging event" in text
    [grade] = json.loads(files["json"].read_text())
    assert [test["status"] for test in grade["tests"]] == ["failed", "skipped"]
    assert (grade["score"], grade["max_score"]) == (0, 3)
    suite = ElementTree.parse(files["junit"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
    scope = json.loads(files["gradescope"].read_text())
    assert [t["visibility"] for t in scope["tests"]] == ["visible", "hidden"]
    assert [t["max_score"] for t in scope["tests"]] == [2, 1]
    command = grade["tests"][0]["replay"].split()[1:]
    assert main(command) == 1
    assert "write: failed" in capsys.readouterr().out


def test_what_is_done_is_not_done_again(small: Lab, submit: Submit, tmp_path: Path) -> None:
    grader = Grader(small, tmp_path / "out")
    first = grader.one(submit("one"))
    assert first.score == first.max_score == 3
    again = grader.one(submit("same"))  # another folder with the very same files
    assert (again.submission, again.tests, again.seconds) == ("same", first.tests, first.seconds)
    kept = tmp_path / "out" / "results" / f"{first.key}.json"
    kept.write_text("half a fi")
    assert grader.one(tmp_path / "one").tests == first.tests
    assert json.loads(kept.read_text())["score"] == 3


def test_one_bad_submission_does_not_spoil_the_others(
    small: Lab, submit: Submit, tmp_path: Path
) -> None:
    folders = [submit("good"), tmp_path / "absent", submit("broken", added="\nint x = y;\n")]
    good, absent, broken = Grader(small).all(folders, jobs=2)
    assert good.score == 3
    assert "no such folder" in absent.notes[0]
    assert "undeclared identifier" in broken.tests[0].message
    assert (absent.score, broken.score) == (0, 0)
