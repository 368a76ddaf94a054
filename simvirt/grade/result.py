"""Results of grading, as written to JSON and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = "simvirt/grade/1"
NOT_REACHED = "not reached"  # the message of a test that grading never came to


@dataclass(frozen=True)
class TestResult:
    """One test of one submission.

    `status` is "passed", "failed", "skipped" (a test that it depends on has not passed) or "error"
    (not the submission's fault).  `diverging` is the first event that differs from the reference's
    run, in words; `replay` the command that shows it again, with the instructor's seed; `shown` is
    the same for students, who must not see that.  `steps` is how far the machine ran.
    """

    id: str
    title: str
    status: str
    score: float
    points: float
    hidden: bool = False
    message: str = ""
    diverging: str = ""
    replay: str = ""
    shown: str = ""
    steps: int = 0


@dataclass(frozen=True)
class Grade:
    """One submission.  `notes` tell of the submission as a whole; `memory` is in bytes.

    `seconds` of wall clock were needed, `timings` of them for compiling ("compile") and by test.
    """

    lab: str
    submission: str
    key: str
    tests: tuple[TestResult, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    memory: int = 0
    complete: bool = True
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Points reached."""
        return sum(test.score for test in self.tests)

    @property
    def max_score(self) -> float:
        """Points that can be reached."""
        return sum(test.points for test in self.tests)

    @property
    def failed(self) -> tuple[str, ...]:
        """The ids of the tests that failed; those skipped because of them are not listed."""
        return tuple(test.id for test in self.tests if test.status == "failed")

    @property
    def broken(self) -> bool:
        """Is there something that is not the submission's fault?"""
        return not self.complete or any(test.status == "error" for test in self.tests)

    def to_json(self) -> dict[str, Any]:
        """A JSON value."""
        totals = {"schema": SCHEMA, "score": self.score, "max_score": self.max_score}
        return totals | asdict(self)


def from_json(value: Mapping[str, Any]) -> Grade:
    """The grade that a JSON value holds.  Raises ValueError, KeyError or TypeError for others."""
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']!r} is not {SCHEMA}")
    names = ("lab", "submission", "key", "seconds", "memory", "complete")
    tests = tuple(TestResult(**test) for test in value["tests"])
    notes, timings = tuple(value["notes"]), value.get("timings", {})
    return Grade(**{n: value[n] for n in names}, tests=tests, notes=notes, timings=timings)
