"""The oracle against emulators that others wrote (law 3): it is checked before it judges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import compared, departures, qemu_runner
from .case import differences
from .cases import ON_QEMU, VALUES
from .unicorn_runner import UnicornRunner

needs_qemu = pytest.mark.skipif(
    not qemu_runner.available(),
    reason=f"{qemu_runner.QEMU} is not installed; its cases are not run, Unicorn's are",
)


@pytest.mark.parametrize("kind", VALUES)
def test_oracle_agrees_with_unicorn(kind: str) -> None:
    """Registers, pc and memory after programs of plain values."""
    unicorn = UnicornRunner()
    complaints = []
    for case, outcome in compared.outcomes(kind):
        if departures.reasons(outcome, departures.UNICORN):
            continue
        assert outcome.final is not None and case.end is not None
        found = differences(replace(outcome.final, pc=case.end), unicorn.run(case))
        if found:
            complaints.append(f"{case.name}: " + "; ".join(found))
    assert not complaints, compared.report(complaints)
    assert len(compared.outcomes(kind)) >= compared.COUNTS[kind][1]


@needs_qemu
@pytest.mark.parametrize("kind", ON_QEMU)
def test_oracle_agrees_with_qemu(kind: str) -> None:
    """Registers, pc, mode, CSRs and memory when a case has trapped into M."""
    complaints = []
    for (case, outcome), got in zip(compared.for_qemu(kind), compared.on_qemu(kind), strict=True):
        assert outcome.final is not None
        text = compared.complaint(case, outcome.final, got, outcome)
        complaints += [text] if text else []
    assert not complaints, compared.report(complaints)
    assert len(compared.for_qemu(kind)) >= compared.COUNTS[kind][1]


def test_there_are_twenty_thousand_cases() -> None:
    """At least so many are compared with QEMU."""
    assert sum(least for _, least in compared.COUNTS.values()) >= 20_000
