"""Cases on the oracle, and what else a case did that decides where it can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle import Oracle, StepResult

from .case import COMPARED, Case, Final, pages
from .layout import ARENA, ARENA_SIZE, END, ENTRY, MTIME, STEP_LIMIT


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
    for name, value in case.csr.items():
        o.write_csr(name, value)
    o.notes.clear()
    for at, data in case.memory.items():
        o.mem[at : at + len(data)] = data
    return o


def ended(o: Oracle) -> bool:
    """Whether the case has trapped into M."""
    return o.priv == 3 and END <= o.pc < END + 64


def final_state(o: Oracle) -> Final:
    """The comparable state of an oracle."""
    csr = {name: o.read_csr(name) for name in (*COMPARED, "minstret")}
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
    final = final_state(o) if ended(o) else None
    paging = any(name == "satp" for name, _ in o.csr_writes) or case.csr.get("satp", 0) != 0
    return Outcome(
        final, tuple(steps), frozenset(o.notes), tuple(o.outside), tuple(o.csr_reads),
        tuple(o.csr_writes), paging,
    )  # fmt: skip


def run(case: Case) -> Final:
    """The state in which a case ends."""
    final = run_fully(case).final
    if final is None:
        raise ValueError(f"case {case.name} does not end in a trap into M")
    return final
