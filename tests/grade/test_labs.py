"""The labs of SimVirt: their prepared submissions score what they must, in bounded memory."""

from pathlib import Path

import pytest

from simvirt.grade.lab import lab_names, load_lab
from simvirt.grade.runner import Grader
from simvirt.grade.wrong import prepared


@pytest.mark.parametrize("name", lab_names())
def test_prepared_submissions_score_what_they_must(name: str, tmp_path: Path) -> None:
    lab = load_lab(name)
    cases = list(prepared(lab))
    assert len(lab.tests) >= 8
    assert len(cases) >= 2 + 6
    grades = Grader(lab).all([case.write(tmp_path) for case in cases], jobs=2)
    for case, grade in zip(cases, grades, strict=True):
        assert not case.complaint(grade), grade
        assert 0 < grade.memory < 600e6
        for test in grade.tests:
            told = bool(test.diverging and f"--replay {test.id}" in test.replay)
            assert told == (test.status == "failed")
