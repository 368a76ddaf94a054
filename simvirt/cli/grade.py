"""``simvirt grade``: run a lab's tests on submissions."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simvirt.cli.jsonfile import check_writable
from simvirt.cli.messages import say
from simvirt.errors import InputError
from simvirt.grade import exports, report
from simvirt.grade.lab import Lab, load_lab
from simvirt.grade.result import Grade
from simvirt.grade.runner import Grader, write_json, write_text
from simvirt.grade.submission import take

ALL_POINTS, NOT_ALL, BROKEN = 0, 1, 5


def main(options: argparse.Namespace) -> int:
    """Grade; 0 when every submission has all points, 1 when not, 5 when some were not graded."""
    lab = load_lab(options.lab)
    for path in (options.json, options.junit, options.gradescope):
        if path is not None:
            check_writable(path)
    if options.gradescope is not None and len(options.submission) != 1:
        raise InputError("--gradescope is for one submission; give one, or use --json")
    if options.self_test:
        return _self_test(lab, options)
    if not options.submission:
        raise InputError("which submissions? give the folder of at least one")
    if options.replay is not None:
        return _replay(lab, options)
    grades = _grade(lab, options)
    if options.json is not None:
        write_json(options.json, [grade.to_json() for grade in grades])
    if options.junit is not None:
        write_text(options.junit, exports.junit(grades))
    if len(grades) > 1:
        print(report.summary(grades), end="")
    if any(grade.broken for grade in grades):
        return BROKEN
    return ALL_POINTS if all(g.score == g.max_score for g in grades) else NOT_ALL


def _grade(lab: Lab, options: argparse.Namespace) -> list[Grade]:
    def write_gradescope(grade: Grade) -> None:
        """After every test, since whoever runs us may stop us at any time."""
        if options.gradescope is not None:
            write_json(options.gradescope, exports.gradescope(grade))

    grades = []
    grader = Grader(lab, options.out, options.seed, write_gradescope)
    for grade in grader.all(options.submission, _jobs(options.jobs)):
        print(report.text(grade, options.show_hidden), end="", flush=True)
        write_gradescope(grade)
        grades.append(grade)
    return grades


def _self_test(lab: Lab, options: argparse.Namespace) -> int:
    """For who writes a lab: do the prepared submissions score what they must?"""
    from simvirt.grade.wrong import prepared

    wrong = 0
    with tempfile.TemporaryDirectory(prefix="simvirt-grade-") as folder:
        cases = list(prepared(lab))
        grader = Grader(lab, options.out, options.seed)
        grades = grader.all([case.write(Path(folder)) for case in cases], _jobs(options.jobs))
        for case, grade in zip(cases, grades, strict=True):
            complaint = case.complaint(grade)
            wrong += bool(complaint)
            failed = ", ".join(grade.failed) or "nothing"
            print(complaint or f"{case.name}: as it must be; fails {failed}", flush=True)
    return NOT_ALL if wrong else ALL_POINTS


def _jobs(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise InputError(f"--jobs {text}: not a number from 1 to 1024")
    return int(text)


def _replay(lab: Lab, options: argparse.Namespace) -> int:
    """One test of one submission again, here, with what happened around the divergence."""
    from simvirt.grade.trying import Trying  # all of the machine, which is slow to import

    if len(options.submission) != 1:
        raise InputError("--replay is for one submission; give one")
    test = lab.test(options.replay)
    submission = take(lab, options.submission[0])
    with tempfile.TemporaryDirectory(prefix="simvirt-grade-") as folder, _scratch(Path(folder)):
        trying = Trying(lab, submission.write(Path(folder) / "submission"), options.seed)
        words = trying.compiles()
        if words:
            say(words)
            return NOT_ALL
        result, events = trying.replay(test)
    print(f"{test.id}: {result.status}", *events, exports.details(result), sep="\n")
    return {"passed": ALL_POINTS, "failed": NOT_ALL}.get(result.status, BROKEN)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[None]:
    """Within this context a stranger's objects come into a folder here, not into the cache."""
    before = os.environ.get("SIMVIRT_SCRATCH")
    (folder / "scratch").mkdir()
    os.environ["SIMVIRT_SCRATCH"] = str(folder / "scratch")
    try:
        yield
    finally:
        if before is None:
            del os.environ["SIMVIRT_SCRATCH"]
        else:
            os.environ["SIMVIRT_SCRATCH"] = before
