"""Our engine against the oracle, Unicorn and QEMU (laws 2 and 3), and in slices (law 4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from . import compared, departures
from .case import Case, Final, differences
from .cases import KINDS, ON_QEMU, VALUES
from .oracle_runner import Outcome
from .simvirt_runner import SimvirtRunner
from .test_oracle_emulators import needs_qemu
from .unicorn_runner import UnicornRunner


def _run(runner: SimvirtRunner, case: Case, outcome: Outcome, slices: int = 1) -> Final | str:
    try:
        return runner.run(case, len(outcome.steps), slices)
    except RuntimeError as error:
        return str(error)


def _complaint(case: Case, expected: Final, got: Final | str) -> list[str]:
    found = [got] if isinstance(got, str) else differences(expected, got)
    return [f"{case.name}: " + "; ".join(found)] if found else []


def _comparable(kind: str) -> list[tuple[Case, Outcome]]:
    pairs = compared.outcomes(kind)
    return [(c, o) for c, o in pairs if not departures.reasons(o, departures.ENGINE)]


@pytest.mark.parametrize("variant", ["fast", "traced"])
@pytest.mark.parametrize("kind", KINDS)
def test_engine_agrees_with_the_oracle(kind: str, variant: str) -> None:
    """All state after as many steps as the oracle took."""
    runner = SimvirtRunner(variant)
    complaints = []
    for case, outcome in _comparable(kind):
        assert outcome.final is not None
        complaints += _complaint(case, outcome.final, _run(runner, case, outcome))
    assert not complaints, compared.report(complaints)


@pytest.mark.parametrize("kind", KINDS)
def test_engine_in_slices_of_one_step(kind: str) -> None:
    """Coming out after every step changes nothing."""
    runner = SimvirtRunner()
    complaints = []
    for case, outcome in _comparable(kind):
        whole = _run(runner, case, outcome)
        sliced = _run(runner, case, outcome, len(outcome.steps))
        if isinstance(whole, str):
            complaints.append(whole)
        else:
            complaints += _complaint(case, whole, sliced)
    assert not complaints, compared.report(complaints)


@pytest.mark.parametrize("kind", VALUES)
def test_engine_agrees_with_unicorn(kind: str) -> None:
    """Directly, not by way of the oracle."""
    runner, unicorn = SimvirtRunner(), UnicornRunner()
    complaints = []
    for case, outcome in compared.outcomes(kind):
        if departures.reasons(outcome, departures.UNICORN):
            continue
        assert case.end is not None
        ours = _run(runner, case, replace(outcome, steps=outcome.steps[:-1]))
        complaints += _complaint(case, unicorn.run(case), ours)
    assert not complaints, compared.report(complaints)


@needs_qemu
@pytest.mark.parametrize("kind", ON_QEMU)
def test_engine_agrees_with_qemu(kind: str) -> None:
    """Directly, not by way of the oracle."""
    runner = SimvirtRunner()
    complaints = []
    for (case, outcome), theirs in zip(
        compared.for_qemu(kind), compared.on_qemu(kind), strict=True
    ):
        if theirs is None or departures.reasons(outcome, departures.ENGINE):
            continue
        ours = _run(runner, case, outcome)
        text = ours if isinstance(ours, str) else compared.complaint(case, theirs, ours, outcome)
        complaints += [text] if text else []
    assert not complaints, compared.report(complaints)
