"""The table of instruction, mode and paging: complete, full, and the same ELF on both machines."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from isa.table import EXTENSIONS, instructions
from tests.oracle import StepResult

from . import campaign, cells, compared, departures, machine_runner
from .bare import bare_elf
from .case import differences
from .cases import KINDS, ON_QEMU, many
from .test_oracle_emulators import needs_qemu

LEAST = 100


def test_the_profile_is_all_that_the_machine_has() -> None:
    """The names typed from the manual and those of ``isa`` are the same."""
    ours = {insn.name for insn in instructions() if insn.module in {e.__name__ for e in EXTENSIONS}}
    assert len(cells.PROFILE) == len(set(cells.PROFILE)) == 131
    assert ours == set(cells.PROFILE)


def test_what_a_step_counts_as() -> None:
    """Refused instructions count, in the mode that fetched them; interrupts and data do not."""
    add, nothing = 0x00B50533, 0xFFFFFFFF
    steps = (
        StepResult(0, None, 0, add, False, 1, True),
        StepResult(0, 2, 0, 0x30200073, False, 0, False),  # mret in U
        StepResult(0, 2, 0, nothing, False, 0, False),
        StepResult(0, 1 << 63, 0, None, False, 3, True),
    )
    assert cells.met(steps) == {("add", 1, True), ("mret", 0, False)}


def test_every_cell_has_a_hundred_cases() -> None:
    """Counted over the cases that are compared with QEMU, each once a cell."""
    found: Counter[cells.Cell] = Counter()
    for kind in KINDS:
        for _, outcome in compared.for_qemu(kind):
            found.update(cells.met(outcome.steps))
    wanted = [(name, *place) for name in cells.PROFILE for place in cells.PLACES]
    poor = {cell: found[cell] for cell in wanted if found[cell] < LEAST}
    assert not poor


def test_instructions_also_succeed_in_every_cell_that_permits_them() -> None:
    """Retired, not only refused.  The counters, all that U may access, are read-only."""
    retired: Counter[cells.Cell] = Counter()
    for _, outcome in compared.for_qemu("cells"):
        retired.update(cells.met(tuple(s for s in outcome.steps if s.cause is None)))
    always_trap = {"ecall", "ebreak", "c.ebreak"}
    in_u = {"mret", "sret", "wfi", "sfence.vma", "csrrw", "csrrwi"}
    refused = {0: in_u, 1: {"mret"}, 3: set()}
    wanted = {
        (name, *place) for place in cells.PLACES
        for name in set(cells.PROFILE) - always_trap - refused[place[0]]
    }  # fmt: skip
    assert not {cell for cell in wanted if retired[cell] < LEAST // 4}
    assert not {cell for cell in retired if cell[0] in always_trap | refused[cell[1]]}


@needs_qemu
@pytest.mark.parametrize("kind", ON_QEMU)
def test_the_same_bare_elf_leaves_the_same_signature(kind: str) -> None:
    """Our whole machine, its loader and devices included, beside QEMU's."""
    pairs = compared.for_qemu(kind)
    here = machine_runner.run_all([case for case, _ in pairs])
    complaints = []
    for (case, outcome), mine, theirs in zip(pairs, here, compared.on_qemu(kind), strict=True):
        assert theirs is not None
        if departures.reasons(outcome, departures.ENGINE):
            continue
        found = differences(theirs, mine, departures.ignored(outcome))
        complaints += [f"{case.name}: " + "; ".join(found)] if found else []
    assert not complaints, compared.report(complaints)


def test_a_wrong_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature in which one register of one case is wrong is a complaint, and only that."""
    [case] = many("cells", 1)
    outcome = campaign.oracle_runner.run_fully(case)
    assert outcome.final is not None
    [mine] = machine_runner.run_all([case])
    wrong = type(mine)((*mine.x[:12], mine.x[12] ^ 1, *mine.x[13:]), *_rest(mine))
    monkeypatch.setattr(campaign.qemu_runner, "available", lambda: True)
    monkeypatch.setattr(campaign.qemu_runner, "run_all", lambda cases: [outcome.final])
    for final, count in ((mine, 0), (wrong, 1)):
        monkeypatch.setattr(campaign.machine_runner, "run_all", lambda cases, f=final: [f])
        tally = campaign.Tally()
        campaign._on_qemu(tally, [(case, outcome)])
        assert len(tally.complaints) == count


def _rest(final: object) -> tuple[object, ...]:
    return tuple(getattr(final, name) for name in ("pc", "priv", "memory", "csr"))


def test_command_line(tmp_path: Path) -> None:
    """`case` and `elf` work; what is no case is refused without a traceback."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.differential", *arguments]
        folder = Path(__file__).parents[2]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    shown = call("case", "traps/1")
    assert shown.returncode == 0 and "engine: agrees" in shown.stdout
    path = tmp_path / "cases.elf"
    assert call("elf", "csr", "3", str(path)).returncode == 0
    assert path.read_bytes() == bare_elf(list(many("csr", 3)))
    locks = call("elf", "locked", "3", str(path))
    assert locks.returncode == 0 and "1 cases" in locks.stdout and "reset" in locks.stdout
    assert path.read_bytes() == bare_elf(list(many("locked", 1)))
    for bad in ("trips/1", "traps", "traps/x"):
        refused = call("case", bad)
        assert refused.returncode == 2 and "KIND/NUMBER" in refused.stderr
        assert "Traceback" not in refused.stderr
