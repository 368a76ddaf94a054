"""Grades for people: what a student or a lecturer reads."""

from __future__ import annotations

from collections.abc import Sequence

from simvirt.grade.result import Grade, TestResult


def text(grade: Grade, hidden: bool = False) -> str:
    """One submission; `hidden` shows what went wrong in hidden tests, too."""
    head = f"{grade.submission}: {number(grade.score)} of {number(grade.max_score)} points"
    lines = [f"{head} ({grade.lab}{_needed(grade)})", *(f"  note: {note}" for note in grade.notes)]
    said = ""
    for test in grade.tests:
        told = f"{number(test.score):>4}/{number(test.points):<4} {test.id}: {test.title}"
        lines.append(f"  {test.status:<8}{told}")
        if test.message != said:  # one reason for all, such as the compiler's, is told once
            lines += _details(test, hidden)
            said = test.message
    return "\n".join(lines) + "\n"


def _needed(grade: Grade) -> str:
    return f"; {grade.seconds:.1f} s, {grade.memory / 1e6:.0f} MB" if grade.memory else ""


def _details(test: TestResult, hidden: bool) -> list[str]:
    if test.hidden and not hidden:
        return []
    parts = [test.message]
    if test.diverging:
        parts.append(f"first diverging event: {test.diverging}")
    if test.replay:
        parts.append(f"see it again: {test.replay}")
    return [f"{'':<11}{line}" for part in parts if part for line in part.splitlines()]


def summary(grades: Sequence[Grade]) -> str:
    """One line for all submissions."""
    full = sum(grade.score == grade.max_score for grade in grades)
    broken = sum(grade.broken for grade in grades)
    words = f"{len(grades)} submissions, {full} with all points"
    return words + (f", {broken} could not be graded fully" if broken else "") + "\n"


def number(value: float) -> str:
    """Points without needless zeros."""
    return f"{value:g}"
