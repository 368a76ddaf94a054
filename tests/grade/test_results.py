"""Reports, formats of other systems, and going on where one stopped."""

import json
import re
import shlex
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
    assert "first diverging event: entry " in text
    assert re.search(r"  a1 is 0x(\w+); under the reference 0x(?!\1$)\w+", text, re.MULTILINE)
    [grade] = json.loads(files["json"].read_text())
    assert [test["status"] for test in grade["tests"]] == ["failed", "skipped"]
    assert (grade["score"], grade["max_score"]) == (0, 3)
    suite = ElementTree.parse(files["junit"]).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
    scope = json.loads(files["gradescope"].read_text())
    assert [t["visibility"] for t in scope["tests"]] == ["visible", "hidden"]
    assert [t["max_score"] for t in scope["tests"]] == [2, 1]
    assert {t["status"] for t in scope["tests"]} == {"failed"}  # it has no word for skipped
    command = shlex.split(grade["tests"][0]["replay"])
    assert command[0] == "simvirt"
    assert main(command[1:]) == 1
    told = capsys.readouterr().out
    assert told.startswith("write: failed\nt=")
    assert grade["tests"][0]["diverging"] in told


def test_a_replay_command_is_one_for_a_shell(
    small: Lab, submit: Submit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = submit("o'dd name", WRONG)
    seed = "-s e"
    [grade] = Grader(small, seed=seed).all([odd])
    assert main(shlex.split(grade.tests[0].replay)[1:]) == 1
    assert grade.tests[0].message in capsys.readouterr().out  # the same inputs, so the same values


def test_another_seed_gives_other_inputs(small: Lab, submit: Submit) -> None:
    wrong = submit("wrong", WRONG)
    messages = {Grader(small, seed=seed).one(wrong).tests[0].message for seed in ("a", "b", "")}
    assert len(messages) == 3


def test_a_divergence_in_events_comes_first(small: Lab, submit: Submit) -> None:
    late = ("v->x[i.rd] = old;", "v->x[i.rd] = old;\n\tv->pc += 4;")
    grade = Grader(small).one(submit("late", late))
    assert re.match(r"event \d+\n  reference:  t=.*\n  submission: ", grade.tests[0].diverging)


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
