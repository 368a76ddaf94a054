"""Grades in the formats of other systems: JUnit XML, Gradescope's results.json."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from simvirt.grade import report
from simvirt.grade.result import Grade, TestResult
from simvirt.grade.words import one_line

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def details(test: TestResult) -> str:
    """All that a student may know of a test that has not passed."""
    return "\n".join(report.details(test))


def gradescope(grade: Grade) -> dict[str, Any]:
    """`results.json` of a Gradescope autograder."""
    return {
        "score": grade.score,
        "execution_time": grade.seconds,
        "output": "\n".join(map(one_line, grade.notes)),
        "output_format": "text",
        "test_output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_gradescope_test(n, test) for n, test in enumerate(grade.tests, 1)],
        "extra_data": {"lab": grade.lab, "key": grade.key, "complete": grade.complete},
    }


def _gradescope_test(index: int, test: TestResult) -> dict[str, Any]:
    return {
        "number": str(index),
        "name": f"{test.id}: {test.title}",
        "score": test.score,
        "max_score": test.points,
        "status": "passed" if test.status == "passed" else "failed",
        "output": details(test),
        "output_format": "text",
        "visibility": "hidden" if test.hidden else "visible",
        "extra_data": {"status": test.status, "steps": test.steps},
    }


def junit(grades: Sequence[Grade]) -> str:
    """JUnit XML: a test suite for each submission."""
    root = ElementTree.Element("testsuites")
    for grade in grades:
        suite = ElementTree.SubElement(root, "testsuite", _counts(grade))
        for test in grade.tests:
            _junit_test(suite, grade, test)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _counts(grade: Grade) -> dict[str, str]:
    count = {status: sum(t.status == status for t in grade.tests)
             for status in ("failed", "error", "skipped")}  # fmt: skip
    return {
        "name": one_line(grade.submission),
        "tests": str(len(grade.tests)),
        "failures": str(count["failed"]),
        "errors": str(count["error"]),
        "skipped": str(count["skipped"]),
        "time": f"{grade.seconds:g}",
    }


def _junit_test(suite: ElementTree.Element, grade: Grade, test: TestResult) -> None:
    names = {"classname": f"{grade.lab}.{one_line(grade.submission)}", "name": test.id}
    time = {"time": f"{grade.timings[test.id]:g}"} if test.id in grade.timings else {}
    case = ElementTree.SubElement(suite, "testcase", {**names, **time})
    tags = {"failed": "failure", "error": "error", "skipped": "skipped"}
    if test.status in tags:
        first = test.message.splitlines()[0] if test.message else test.status
        outcome = ElementTree.SubElement(
            case, tags[test.status], {"message": _clean(one_line(first))}
        )
        outcome.text = _clean(details(test))


def _clean(text: str) -> str:
    """Characters that XML does not allow, replaced."""
    return _NOT_XML.sub("?", text)
