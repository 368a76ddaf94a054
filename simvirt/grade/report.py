"""Grades for people: what a student or a lecturer reads."""

from __future__ import annotations

from collections.abc import Sequence

from simvirt.grade import words
from simvirt.grade.result import Grade, TestResult
from simvirt.grade.words import one_line


def text(grade: Grade, hidden: bool = False) -> str:
    """One submission; `hidden` shows what went wrong in hidden tests, too."""
    head = (
        f"{one_line(grade.submission)}: {number(grade.score)} of {number(grade.max_score)} points"
    )
    notes = (f"  note: {one_line(note)}" for note in grade.notes)
    lines = [f"{head} ({grade.lab}{_needed(grade)})", *notes]
    said = ""
    for test in grade.tests:
        told = f"{number(test.score):>4}/{number(test.points):<4} {test.id}: {test.title}"
        lines.append(f"  {test.status:<8}{told}")
        # One reason for all, such as the compiler's, is told once.
        if test.message != said and (hidden or not test.hidden):
            lines += [f"{'':<11}{line}" for line in details(test)]
            said = test.message
    return "\n".join(lines) + "\n"


def _needed(grade: Grade) -> str:
    return f"; {grade.seconds:.1f} s, {grade.memory / 1e6:.0f} MB" if grade.memory else ""


def details(test: TestResult) -> list[str]:
    """Lines with all that a student may know of a test: neither secrets nor control characters."""
    parts = [test.message]
    if test.diverging:
        parts.append(f"first diverging event: {test.diverging}")
    if test.shown:
        parts.append(f"see it again: {test.shown}")
    return [line for part in parts if part for line in words.lines(part)]


def summary(grades: Sequence[Grade]) -> str:
    """One line for all submissions."""
    full = sum(grade.score == grade.max_score for grade in grades)
    broken = sum(grade.broken for grade in grades)
    told = f"{len(grades)} submissions, {full} with all points"
    return told + (f", {broken} could not be graded fully" if broken else "") + "\n"


def number(value: float) -> str:
    """Points without needless zeros."""
    return f"{value:g}"
