"""Differential tests by hand: ``python -m tests.differential table | run | case | elf``.

Exit code 0: everything agrees; 1: something differs; 2: bad arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import campaign, departures, oracle_runner, qemu_runner
from .bare import bare_elf, boot_of
from .case import Case, differences
from .cases import KINDS, make, many
from .oracle_runner import Outcome
from .simvirt_runner import SimvirtRunner

SHOWN = 20


def _say(*parts: object) -> None:
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def _named(text: str) -> Case:
    """The case KIND/NUMBER."""
    kind, _, number = text.partition("/")
    if kind not in KINDS or not number.isdecimal():
        known = ", ".join(KINDS)
        raise argparse.ArgumentTypeError(f"{text!r} is no case: say KIND/NUMBER, KIND of {known}")
    return make(kind, int(number))


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cases")
    return int(text)


def one(case: Case) -> int:
    """Print what a case does and where the runners differ from the oracle."""
    outcome = oracle_runner.run_fully(case)
    _say("start CSRs:", {name: hex(value) for name, value in case.csr.items()})
    _say("start registers:", {f"x{i}": hex(value) for i, value in enumerate(case.x)})
    for step in outcome.steps:
        word = "-" if step.word is None else f"{step.word:08x}"
        trap = "" if step.cause is None else f"  trap {step.cause:#x} tval {step.tval:#x}"
        _say(f"  {'USxM'[step.priv]} {step.pc:#x}: {word}{trap}")
    _say("not compared with QEMU because of:", departures.reasons(outcome) or "nothing")
    _say("not compared with the engine:", departures.reasons(outcome, departures.ENGINE) or "-")
    return _compare(case, outcome)


def _compare(case: Case, outcome: Outcome) -> int:
    if outcome.final is None:
        _say("the case does not end")
        return 1
    ours = differences(outcome.final, SimvirtRunner().run(case, len(outcome.steps)))
    _say("engine:", ours or "agrees")
    if not qemu_runner.available():
        return bool(ours)
    theirs = qemu_runner.run(case)
    found = differences(outcome.final, theirs, departures.ignored(outcome))
    _say("QEMU:", found or "agrees")
    return bool(ours or found)


def many_cases(count: int, first: int, with_table: bool) -> int:
    """Run a campaign and print what it found."""
    start = time.perf_counter()
    tally = campaign.run(count, first, _say)
    if with_table:
        for line in campaign.table(tally.cells):
            _say(line)
    for line in campaign.by_kind(tally):
        _say(line)
    for name, times in tally.apart.most_common():
        _say(f"not compared with QEMU: {times:>6}  {name}")
    _say(
        f"{tally.made} cases made, {tally.ended} end; compared on both kernels and the reference "
        f"{tally.on_engine}, "
        f"as one ELF here and on QEMU {tally.on_qemu}, with Unicorn {tally.on_unicorn}; "
        f"{len(tally.complaints)} differ; {time.perf_counter() - start:.0f} s"
    )
    for text in tally.complaints[:SHOWN]:
        _say(text)
    if not qemu_runner.available():
        _say(f"{qemu_runner.QEMU} is not installed: nothing was compared with it")
    return bool(tally.complaints)


def write_elf(kind: str, count: int, path: Path) -> int:
    """Cases of a kind as an ELF for any board of QEMU's virt kind: as many as one boot can run."""
    cases = boot_of(list(many(kind, count)))
    path.write_bytes(bare_elf(cases))
    _say(
        f"{path}: {len(cases)} cases of kind {kind}; run it with -bios none -kernel, or simvirt run"
    )
    if len(cases) < count:
        _say("no more: nothing can follow a case that locks PMP entries without a reset")
    if any(case.ad_faults for case in cases):
        _say("they are for a board that leaves A and D to software: simvirt run --ad-bits fault")
    return 0


def main(arguments: list[str]) -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, words in (("table", "cases by instruction, mode, paging"), ("run", "no table")):
        verb = verbs.add_parser(name, help=f"run cases on every runner; {words}")
        verb.add_argument("--cases", type=_count, default=28_500)
        verb.add_argument("--first", type=_count, default=0, help="number of the first of a kind")
    verbs.add_parser("case", help="one case, step by step").add_argument("case", type=_named)
    elf = verbs.add_parser("elf", help="write cases of a kind as a bare ELF")
    elf.add_argument("kind", choices=KINDS)
    elf.add_argument("count", type=_count)
    elf.add_argument("path", type=Path)
    options = parser.parse_args(arguments)
    if options.verb == "case":
        return one(options.case)
    if options.verb == "elf":
        return write_elf(options.kind, options.count, options.path)
    return many_cases(options.cases, options.first, options.verb == "table")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
