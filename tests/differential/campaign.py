"""Any number of cases on every runner, and the table of what they met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from . import cells, departures, machine_runner, oracle_runner, qemu_runner, reference_runner
from .case import Case, Final, differences
from .cases import KINDS, VALUES, many
from .compared import COUNTS
from .oracle_runner import Outcome
from .simvirt_runner import SimvirtRunner
from .unicorn_runner import UnicornRunner

BATCH = 500
FEWEST = 130
PLACES = ("made", "our kernels", "QEMU")  # of the table by kind
Pair = tuple[Case, Outcome]
Runs = dict[str, Callable[[Case, int], Final]]


@dataclass
class Tally:
    """What a campaign found: ``cells`` counts cases on QEMU and here, by instruction and place.

    ``kinds`` counts by kind, and what the cases were compared on.
    """

    made: int = 0
    ended: int = 0
    on_engine: int = 0
    on_qemu: int = 0
    on_unicorn: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    cells: Counter[cells.Cell] = field(default_factory=Counter)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


def shares(total: int) -> dict[str, int]:
    """How many cases of each kind make a campaign: in the proportions of continuous tests.

    At least ``FEWEST`` of each in a large one: continuous tests have few of those that need a boot
    of their own.
    """
    fewest = min(FEWEST, total // len(KINDS))
    made = sum(count for count, _ in COUNTS.values())
    return {kind: max(fewest, -(-total * COUNTS[kind][0] // made)) for kind in KINDS}


def run(total: int, first: int = 0, say: Callable[[str], None] = lambda text: None) -> Tally:
    """Make about ``total`` cases, numbered from ``first`` in each kind, and compare all runners."""
    tally, unicorn = Tally(), UnicornRunner()
    ours = {variant: SimvirtRunner(variant).run for variant in ("fast", "traced")}
    runs: Runs = ours | {"reference": reference_runner.run}
    for kind, count in shares(total).items():
        for start in range(first, first + count, BATCH):
            size = min(BATCH, first + count - start)
            _batch(tally, kind, list(many(kind, size, start)), runs, unicorn)
        say(f"{kind}: {tally.made} cases so far, {len(tally.complaints)} differ")
    return tally


def _batch(
    tally: Tally, kind: str, cases: Sequence[Case], runs: Runs, unicorn: UnicornRunner
) -> None:
    pairs = [(case, oracle_runner.run_fully(case)) for case in cases]
    ended = [(case, outcome) for case, outcome in pairs if outcome.final is not None]
    tally.made += len(cases)
    tally.ended += len(ended)
    tally.kinds[kind, "made"] += len(cases)
    before = tally.on_engine
    for case, outcome in ended:
        _on_ours(tally, case, outcome, runs)
        if kind in VALUES and not departures.reasons(outcome, departures.UNICORN):
            _on_unicorn(tally, case, outcome, unicorn)
    tally.kinds[kind, "our kernels"] += tally.on_engine - before
    before = tally.on_qemu
    _on_qemu(tally, ended)
    tally.kinds[kind, "QEMU"] += tally.on_qemu - before


def _note(tally: Tally, case: Case, where: str, found: Sequence[str]) -> None:
    if found:
        tally.complaints.append(f"{case.name} {where}: " + "; ".join(found))


def _on_ours(tally: Tally, case: Case, outcome: Outcome, runs: Runs) -> None:
    """Both kernels and the reference evaluation, in as many steps as the oracle took."""
    if departures.reasons(outcome, departures.ENGINE):
        return
    tally.on_engine += 1
    assert outcome.final is not None
    for name, run_case in runs.items():
        try:
            found = differences(outcome.final, run_case(case, len(outcome.steps)))
        except RuntimeError as error:
            found = [str(error)]
        _note(tally, case, f"on {name}", found)


def _on_unicorn(tally: Tally, case: Case, outcome: Outcome, unicorn: UnicornRunner) -> None:
    tally.on_unicorn += 1
    assert outcome.final is not None and case.end is not None
    expected = replace(outcome.final, pc=case.end)
    _note(tally, case, "on Unicorn", differences(expected, unicorn.run(case)))


def _on_qemu(tally: Tally, ended: Sequence[Pair]) -> None:
    """The same bare ELF here and on QEMU: both must leave the signature that the oracle expects."""
    pairs = []
    for case, outcome in ended:
        reasons = departures.reasons(outcome)
        tally.apart.update(reasons)
        if not reasons:
            pairs.append((case, outcome))
    if not pairs or not qemu_runner.available():
        return
    cases = [case for case, _ in pairs]
    theirs, here = qemu_runner.run_all(cases), machine_runner.run_all(cases)
    for (case, outcome), there, ours in zip(pairs, theirs, here, strict=True):
        tally.on_qemu += 1
        mine = None if departures.reasons(outcome, departures.ENGINE) else ours
        tally.cells.update(cells.met(outcome.steps))
        _note(tally, case, "here and on QEMU", _signatures(outcome, there, mine))


def _signatures(outcome: Outcome, theirs: Final | None, mine: Final | None) -> list[str]:
    """``mine`` is None where our machine makes another choice than the oracle."""
    if theirs is None:
        return ["does not end on QEMU"]
    assert outcome.final is not None
    ignored = departures.ignored(outcome)
    found = [f"oracle: {text}" for text in differences(outcome.final, theirs, ignored)]
    different = [] if mine is None else differences(mine, theirs, ignored)
    return found + [f"machine: {text}" for text in different]


def by_kind(tally: Tally) -> Iterator[str]:
    """Cases of each kind: made, compared with our kernels and the reference, and with QEMU."""
    yield f"{'kind':<18}" + "".join(f"{place:>13}" for place in PLACES)
    for kind in KINDS:
        row = (tally.kinds[kind, place] for place in PLACES)
        yield f"{kind:<18}" + "".join(f"{count:>13}" for count in row)


def table(found: Counter[cells.Cell]) -> Iterator[str]:
    """Cases by instruction, mode and paging, a line an instruction; then the emptiest cell."""
    heads = [f"{'USxM'[priv]} {'Sv39' if paging else 'bare'}" for priv, paging in cells.PLACES]
    yield f"{'instruction':<14}" + "".join(f"{head:>8}" for head in heads)
    for name in sorted(cells.PROFILE):
        row = (found[name, priv, paging] for priv, paging in cells.PLACES)
        yield f"{name:<14}" + "".join(f"{count:>8}" for count in row)
    count, cell = min(
        (found[name, *place], name) for name in cells.PROFILE for place in cells.PLACES
    )
    yield f"{len(cells.PROFILE) * len(cells.PLACES)} cells; the emptiest, of {cell}: {count} cases"
