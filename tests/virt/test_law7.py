"""Law 7: what the VMM core emulates is what the machine executes, from random states."""

import struct
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from simvirt.virt.stacks import Guest, Stack, make_stack
from tests.virt.privileged_cases import RESULT, guest_source, make_cases
from tests.virt.runs import BUDGET, VIRTUAL, mutated, program, result

SEED, COUNT = 7, 900
MUTANT_BUDGET = 60_000_000  # steps; without an error 40 million are enough
MCAUSE, MEPC = RESULT.index("mcause"), RESULT.index("mepc")


@cache
def guest() -> Guest:
    """One guest with all the cases."""
    return program(guest_source(make_cases(SEED, COUNT)), "cases")


@cache
def results(placement: str) -> tuple[dict[str, int], ...]:
    """What each case left behind, by name."""
    stack = make_stack(placement, [guest()])
    stop = stack.machine.run(BUDGET)
    assert (stop.reason, stop.code) == ("finished", 0), stack.layer_console.decode()
    return rows(stack)


def rows(stack: Stack) -> tuple[dict[str, int], ...]:
    """The result region, by case and name."""
    unpacked = struct.iter_unpack(f"<{len(RESULT)}Q", result(stack))
    return tuple(dict(zip(RESULT, row, strict=True)) for row in unpacked)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_every_case_is_as_on_the_bare_machine(placement: str) -> None:
    pairs = zip(make_cases(SEED, COUNT), results("bare"), results(placement), strict=True)
    wrong = [
        f"{case}: {name} {bare[name]:#x}, but {virtual[name]:#x} in a VM"
        for case, bare, virtual in pairs
        for name in RESULT
        if bare[name] != virtual[name]
    ]
    assert not wrong, "\n".join(wrong[:20])


def test_the_cases_reach_what_they_are_about() -> None:
    causes = Counter(row["mcause"] for row in results("bare"))
    assert causes[2] > 50  # illegal instructions: privilege is checked
    assert causes[8] + causes[9] + causes[11] > 200  # most are executed in some mode
    assert causes[13] + causes[15] > 10  # fences take effect
    assert any(cause >> 63 for cause in causes)  # an interrupt was let through
    words = {str(case).split(":")[1].split()[0] for case in make_cases(SEED, COUNT)}
    assert {"csrrw", "csrrsi", "sret", "mret", "wfi", "sfence.vma"} <= words
    assert len(make_cases(SEED, COUNT)) >= 300


MUTATIONS = {
    "sret forgets SPIE": (
        "vmm/core/xret.c",
        "if (c->mstatus & MSTATUS_SPIE)",
        "if (0)",
    ),
    "mret keeps MPP": (
        "vmm/core/xret.c",
        "c->mstatus & ~(MSTATUS_MPP | MSTATUS_MIE)",
        "c->mstatus & ~MSTATUS_MIE",
    ),
    "TVM is not looked at": (
        "vmm/core/emulate.c",
        "is_sfence_vma(insn) && allowed(v, MSTATUS_TVM)",
        "is_sfence_vma(insn) && allowed(v, 0)",
    ),
    "TW is not looked at": (
        "vmm/core/emulate.c",
        "insn == INSN_WFI && allowed(v, MSTATUS_TW)",
        "insn == INSN_WFI && allowed(v, 0)",
    ),
    "fences are ignored": (
        "vmm/core/emulate.c",
        "\tshadow_fence(v->vm, rs1 ? &v->x[rs1] : NULL, rs2 ? &asid : NULL);",
        "\t(void)asid; (void)rs1;",
    ),
    "csrrc sets": ("vmm/core/csr_insn.c", "old & ~i->source", "old | i->source"),
    "sip shows what is not delegated": (
        "vmm/core/csr.c",
        "*value = pending_now(v) & c->mideleg",
        "*value = pending_now(v)",
    ),
    "MPP takes a reserved mode": (
        "vmm/core/csr.c",
        "if (field(value, MSTATUS_MPP_SHIFT, 2) == 2)",
        "if (0)",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_error_is_found(name: str, tmp_path: Path) -> None:
    file, old, new = MUTATIONS[name]
    stack = mutated(tmp_path, "hypervisor", {(file, old): new}, [guest()])
    stack.machine.run(MUTANT_BUDGET)
    assert rows(stack) != results("bare")
