"""Whatever a program is, the machine neither crashes nor hangs, and remains the same machine."""

from __future__ import annotations

import pytest

from .hostile import KINDS, machine, run

STEPS = 3000
ENDS = {"budget", "finished", "reset", "no-progress", "stuck"}
COUNT = 60


@pytest.mark.parametrize("kind", KINDS)
def test_random_programs_end_within_their_budget(kind: str) -> None:
    """A known reason, no more steps than allowed, and state within the CSRs' legal values."""
    reasons = set()
    for number in range(COUNT):
        made = machine(kind, number)
        stop = run(made, STEPS)
        assert stop.reason in ENDS, (kind, number, stop)
        assert made.state.mach("t") <= STEPS
        assert made.state.hart("priv") in (0, 1, 3)
        assert made.state.hart("x0") == 0 and made.state.hart("pc") % 2 == 0
        assert made.state.hart("satp") >> 60 in (0, 8)
        reasons.add(stop.reason)
    assert "budget" in reasons  # most go on and on


@pytest.mark.parametrize("kind", KINDS)
def test_random_programs_run_the_same_traced_and_in_pieces(kind: str) -> None:
    """Law 4 for programs that nobody meant."""
    for number in range(COUNT // 2):
        fast, traced, pieces = (machine(kind, number) for _ in range(3))
        traced.variant = "traced"
        stops = run(fast, STEPS), run(traced, STEPS), run(pieces, STEPS, 7)
        assert len({(stop.reason, stop.code, stop.t) for stop in stops}) == 1, (kind, number, stops)
        digests = {made.state.digest() for made in (fast, traced, pieces)}
        assert len(digests) == 1, (kind, number)


def test_random_programs_do_something() -> None:
    """Every synchronous cause is met: the generators are more than noise."""
    causes = set()
    for kind in KINDS:
        for number in range(COUNT):
            made = machine(kind, number)
            for _ in range(60):
                run(made, 5)
                causes |= {made.state.hart("mcause"), made.state.hart("scause")}
    assert {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15} <= causes
