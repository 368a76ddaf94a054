"""How many cases of each kind are made, which of them can be compared, and how they ended."""

from __future__ import annotations

from functools import cache

from . import departures, oracle_runner, qemu_runner
from .case import Case, Final, differences
from .cases import KINDS, make
from .oracle_runner import Outcome

# Cases made, and how many of them at least must remain comparable with QEMU.
COUNTS = {
    "values": (3000, 2990), "compressed-jumps": (1000, 1000), "csr": (1600, 780),
    "traps": (1400, 960), "interrupts": (1400, 970), "random-words": (1600, 860),
    "paging": (1500, 1130), "fetch": (800, 790), "mprv": (1200, 910), "protection": (1200, 900),
    "cells": (10000, 9100),
}  # fmt: skip
SHOWN = 5


@cache
def outcomes(kind: str) -> tuple[tuple[Case, Outcome], ...]:
    """All cases of a kind that end, with what the oracle says of them."""
    made = (make(kind, number) for number in range(COUNTS[kind][0]))
    pairs = ((case, oracle_runner.run_fully(case)) for case in made)
    return tuple((case, outcome) for case, outcome in pairs if outcome.final is not None)


@cache
def for_qemu(kind: str) -> tuple[tuple[Case, Outcome], ...]:
    """The cases in which QEMU makes no choice other than ours."""
    return tuple((c, o) for c, o in outcomes(kind) if not departures.reasons(o))


@cache
def on_qemu(kind: str) -> tuple[Final | None, ...]:
    """How the cases of ``for_qemu`` ended on QEMU."""
    return tuple(qemu_runner.run_all([case for case, _ in for_qemu(kind)]))


def complaint(case: Case, expected: Final, got: Final | None, outcome: Outcome) -> str | None:
    """What differs from QEMU in one case, or None."""
    if got is None:
        return f"{case.name}: does not end"
    found = differences(expected, got, departures.ignored(outcome))
    return f"{case.name}: " + "; ".join(found) if found else None


def report(complaints: list[str]) -> str:
    """A message for a failed comparison."""
    shown = "\n".join(complaints[:SHOWN])
    advice = "run `python -m tests.differential case NAME` to see one"
    return f"{len(complaints)} cases differ; {advice}\n{shown}"


assert COUNTS.keys() == KINDS.keys()
