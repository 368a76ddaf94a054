"""Cases on the oracle, and what else a case did that decides where it can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle import Oracle, StepResult
from tests.oracle.csr import PMP_L, TRIGGERS
from tests.oracle.memory import pmp_range

from .case import HERE, WRITTEN, Case, Final, pages
from .layout import ARENA, ARENA_SIZE, END, ENTRY, MTIME, STEP_LIMIT

EXECUTE = 4  # of tdata1


@dataclass(frozen=True)
class Outcome:
    """How a case went: ``final`` is None when it did not end within the step limit."""

    final: Final | None
    steps: tuple[StepResult, ...]
    notes: frozenset[str]
    outside: tuple[int, ...]
    csr_reads: tuple[str, ...]
    csr_writes: tuple[tuple[str, int], ...]
    paging: bool = field(default=False)


def start(case: Case) -> Oracle:
    """An oracle in the start state of a case."""
    o = Oracle(ARENA, ARENA_SIZE)
    o.x = list(case.x)
    o.pc = ENTRY
    o.lines, o.mtime = case.lines, MTIME
    o.ad_faults = case.ad_faults
    for name, value in case.words():
        o.write_csr(name, value)
    o.notes.clear()
    if case.ad_faults:
        o.notes.add("started with A and D that fault")
    o.notes |= _trigger_notes(o.csr)
    for at, data in case.memory.items():
        o.mem[at : at + len(data)] = data
    return o


def _trigger_notes(csr: dict[str, int]) -> set[str]:
    """What is set at the start, for those who look where a case can be compared."""
    armed = [csr[f"tdata1_{n}"] for n in range(TRIGGERS) if csr[f"tdata1_{n}"] >> 60 == 6]
    notes = {"started with triggers"} if armed else set()
    if len(armed) > 1 and all(control & EXECUTE for control in armed):
        notes.add("started with two triggers of code")
    return notes


def ended(o: Oracle) -> bool:
    """Whether the case has trapped into M."""
    return o.priv == 3 and END <= o.pc < END + 64


def final_state(o: Oracle) -> Final:
    """The comparable state of an oracle."""
    csr = {name: o.read_csr(name) for name in (*HERE, "minstret")}
    csr[WRITTEN] = o.csr["mip"]
    return Final(tuple(o.x), o.pc, o.priv, pages(bytes(o.mem)), csr)


def run_fully(case: Case) -> Outcome:
    """Run a case to its end and report everything."""
    o = start(case)
    steps: list[StepResult] = []
    while not ended(o) and len(steps) < STEP_LIMIT:
        steps.append(o.step())
        if steps[-1].waiting:
            o.notes.add("waits for ever")
            break
    if shuts_out(o):
        o.notes.add("a lock shuts the harness out")
    final = final_state(o) if ended(o) else None
    paging = any(name == "satp" for name, _ in o.csr_writes) or case.csr.get("satp", 0) != 0
    return Outcome(
        final, tuple(steps), frozenset(o.notes), tuple(o.outside), tuple(o.csr_reads),
        tuple(o.csr_writes), paging,
    )  # fmt: skip


def shuts_out(o: Oracle) -> bool:
    """May a locked entry keep M from what lies outside the arena, where the harness is?"""
    below = 0
    for i, config in enumerate(o.csr["pmpcfg0"].to_bytes(8, "little")):
        address = o.csr[f"pmpaddr{i}"]
        low, high = pmp_range(config >> 3 & 3, address, below)
        below = address << 2
        inside = low >= high or (low >= ARENA and high <= ARENA + ARENA_SIZE)
        open_to_all = config & 7 == 7 and (low | high) % 16 == 0
        if config & PMP_L and not inside and not open_to_all:
            return True
    return False


def run(case: Case) -> Final:
    """The state in which a case ends."""
    final = run_fully(case).final
    if final is None:
        raise ValueError(f"case {case.name} does not end in a trap into M")
    return final
