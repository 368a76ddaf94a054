"""How many cases of each kind are made, which of them can be compared, and how they ended."""

from __future__ import annotations

from functools import cache

from . import departures, oracle_runner, qemu_runner
from .case import Case, Final, differences, sharing
from .cases import KINDS, make
from .oracle_runner import Outcome

# Cases made, and how many of them at least must remain comparable with QEMU.
COUNTS = {
    "values": (3000, 2950), "compressed-jumps": (1000, 1000), "csr": (1600, 750),
    "traps": (1400, 930), "interrupts": (1400, 950), "random-words": (1600, 840),
    "paging": (1500, 1090), "fetch": (800, 780), "mprv": (1200, 880), "protection": (1200, 880),
    "cells": (10000, 9000), "locked": (48, 36), "triggers": (1500, 620), "ad-faults": (1000, 0),
}  # fmt: skip
SHOWN = 5
BATCH = 500  # cases in one boot


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
    pairs = for_qemu(kind)
    finals: list[Final | None] = []
    for first in range(0, len(pairs), BATCH):
        part = pairs[first : first + BATCH]
        theirs = qemu_runner.run_all([case for case, _ in part])
        finals += [_kept(o, final) for (_, o), final in zip(part, theirs, strict=True)]
    return tuple(finals)


def _kept(outcome: Outcome, final: Final | None) -> Final | None:
    if final is None or outcome.final is None:
        return final
    return sharing(outcome.final, final)


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
