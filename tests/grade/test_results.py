"""Reports, formats of other systems, and going on where one stopped."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simvirt.cli import main
from simvirt.grade import exports, report, result
from simvirt.grade.lab import Lab
from simvirt.grade.runner import Grader
from simvirt.grade.trying import Trying
from simvirt.grade.words import command
from tests.grade.conftest import FILE

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


def test_a_replay_ends_at_the_first_other_value(small: Lab, submit: Submit) -> None:
    """Not at the end of the run, which has dozens of events after the wrong register."""
    tests = small.folder / "tests" / "write.S"
    text = tests.read_text()
    again = " csrr a2, mscratch\n" * 30
    tests.write_text(text.replace(" sd a1, 8(s1)\n", f" sd a1, 8(s1)\n{again}"))
    trying = Trying(small, submit("wrong", WRONG))
    told, events = trying.replay(small.tests[0])
    found = re.match(r"entry \d+ of the VM, t=(\d+), ", told.diverging)
    assert found
    assert events[-1].startswith(f"t={int(found[1]) - 1} ")  # the step before it stands there
    assert "ENTER" in events[-1]


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


@pytest.mark.parametrize("seed", ["S3CRET", "s3 'cret"])
def test_students_do_not_see_the_seed(
    seed: str, small: Lab, submit: Submit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"{name}.out" for name in ("json", "junit", "gradescope")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    words = ["grade", str(small.folder), str(submit("wrong", WRONG)), f"--seed={seed}", *options]
    assert main([*words, "--show-hidden"]) == 1
    [grade] = json.loads(files["json"].read_text())
    assert shlex.split(grade["tests"][0]["replay"])[-1] == f"--seed={seed}"
    shown = [capsys.readouterr().out, files["junit"].read_text(), files["gradescope"].read_text()]
    for text in shown:
        assert "cret" not in text.casefold()
        assert "--replay write --seed=THE-INSTRUCTORS-SEED" in text


FORGED = "x\n  passed     2/2    write: a write arrives\n\x1b[1A\u202e\x85y"


def test_a_name_cannot_forge_a_line(
    small: Lab, submit: Submit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither one of a submission that fails, nor of one that is not even there."""
    files = {name: tmp_path / f"{name}.out" for name in ("junit", "gradescope")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    link = tmp_path / ("link" + FORGED)
    (link / Path(FILE).parent).mkdir(parents=True)
    (link / FILE).symlink_to(small.folder)
    for folder in (submit(FORGED, WRONG), tmp_path / ("absent" + FORGED), link):
        assert main(["grade", str(small.folder), str(folder), *options]) == 1
        scope = json.loads(files["gradescope"].read_text())
        suite = ElementTree.parse(files["junit"]).getroot()[0]
        texts = [
            capsys.readouterr().out,
            *(value for element in suite.iter() for value in element.attrib.values()),
            *(element.text or "" for element in suite.iter()),
            *(test["output"] for test in scope["tests"]),
            scope["output"],
        ]
        assert r"\x1b[1A\u202e\x85y" in texts[0]
        for text in texts:
            assert all(c.isprintable() for line in text.split("\n") for c in line)
            assert "\n  passed " not in text


def test_every_text_is_escaped() -> None:
    """Whatever it is that has not been escaped where it came from."""
    words = "a\x1b[2J\x85b"
    test = result.TestResult("t", "T", "failed", 0, 1, message=words, diverging=words)
    grade = result.Grade("lab", words + "\n  passed", "", (test,), (words + "\n  passed",))
    scope = exports.gradescope(grade)
    for text in (report.text(grade), exports.junit([grade]), scope["output"]):
        assert all(c.isprintable() for line in text.split("\n") for c in line)
        assert "\n  passed" not in text and "&#10;" not in text
    assert scope["tests"][0]["output"].count(r"a\x1b[2J\x85b") == 2


def test_a_compilers_words_cannot_act(small: Lab, submit: Submit) -> None:
    grade = Grader(small).one(submit("broken", added="\n#error \x1b[2J\n"))
    assert "#error" in grade.tests[0].message
    assert "\x1b" not in report.text(grade) + exports.junit([grade])
    assert "\x1b" not in exports.details(grade.tests[0])


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash, whose quoting this is")
def test_a_command_of_odd_words_is_one_for_a_shell() -> None:
    odd = ["a\nb'\\", "\x1b1", "\u00e9\u202e", "plain", "$x"]
    line = command(["printf", r"%s\0", *odd])
    assert line.isprintable()
    told = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
    assert told.decode().split("\0") == [*odd, ""]
