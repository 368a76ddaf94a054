"""``python -m tests.differential KIND/NUMBER``: one case, step by step, on every runner."""

from __future__ import annotations

import sys

from . import departures, oracle_runner, qemu_runner
from .case import Case, differences
from .cases import make
from .oracle_runner import Outcome
from .simvirt_runner import SimvirtRunner


def _say(*parts: object) -> None:
    sys.stdout.write(" ".join(map(str, parts)) + "\n")


def main(name: str) -> None:
    """Print what a case does and where the runners differ from the oracle."""
    kind, _, number = name.partition("/")
    case = make(kind, int(number))
    outcome = oracle_runner.run_fully(case)
    _say("start CSRs:", {name: hex(value) for name, value in case.csr.items()})
    _say("start registers:", {f"x{i}": hex(value) for i, value in enumerate(case.x)})
    for step in outcome.steps:
        word = "-" if step.word is None else f"{step.word:08x}"
        trap = "" if step.cause is None else f"  trap {step.cause:#x} tval {step.tval:#x}"
        _say(f"  {step.pc:#x}: {word}{trap}")
    _say("not compared with QEMU because of:", departures.reasons(outcome) or "nothing")
    _say("not compared with the engine:", departures.reasons(outcome, departures.ENGINE) or "-")
    _compare(case, outcome)


def _compare(case: Case, outcome: Outcome) -> None:
    if outcome.final is None:
        _say("the case does not end")
        return
    ours = SimvirtRunner().run(case, len(outcome.steps))
    _say("engine:", differences(outcome.final, ours) or "agrees")
    if qemu_runner.available():
        theirs = qemu_runner.run(case)
        found = differences(outcome.final, theirs, departures.ignored(outcome))
        _say("QEMU:", found or "agrees")


if __name__ == "__main__":
    main(sys.argv[1])
