"""Law 6: a guest runs in real U-mode, on frames of its own; each defence is shown to bite."""

from pathlib import Path

import pytest

from simvirt.events import mask_of
from simvirt.virt.postmortem import Witness
from simvirt.virt.stacks import Stack
from tests.virt.runs import (
    ALL,
    VIRTUAL,
    Recorder,
    all_runs,
    foreign_leaves,
    mistaken_owners,
    mutated,
)

BUDGET = 10_000_000
HV, HOST = "hypervisor", "hosted"

MSTATUS = ("hypervisor/main.c", "csr_write(CSR_MSTATUS, 0)")
LEAF = ("hypervisor/tables.c", "| perm | PTE_V | PTE_U | PTE_A")
PMP_TOP = ("hypervisor/tables.c", "(m->ram.base + m->ram.size) >> 2")
FRAME = ("hypervisor/hal.c", "hpa_of(machine_of(vm), gpa), perm)")
VM_MAP = ("host/kernel/guest.c", "if (gpa < BOARD_RAM || gpa - BOARD_RAM >= ram->size)")
HAL_MAP = ("vmm/hosted/hal.c", "system_call(SYS_VM_MAP, (u64)root, gva, gpa, perm)")

REAL_S = "csr_write(CSR_MSTATUS, 1ul << MSTATUS_MPP_SHIFT)"
NOT_USER = "| perm | PTE_V | PTE_A"
OTHER_VM = "hpa_of(machine_of(vm), gpa) + ({}), perm)"
ALWAYS = OTHER_VM.format("machine_of(vm)->ram.size")
SOMETIMES = OTHER_VM.format("gpa & 0x10000 ? machine_of(vm)->ram.size : 0")
NO_CHECK = "if (gpa == 1)"
HOSTS_FRAME = (
    "system_call(SYS_VM_MAP, (u64)root, gva, gpa - (gpa & 0x10000 ? 64ul << 20 : 0), perm)"
)


@pytest.mark.parametrize(("placement", "names"), ALL)
def test_no_violation_over_the_whole_run(placement: str, names: tuple[str, ...]) -> None:
    assert all_runs()[placement, names].violations == 0


@pytest.mark.parametrize(("placement", "names"), [key for key in ALL if key[0] in VIRTUAL])
def test_shadow_tables_show_a_vm_only_its_own_frames(
    placement: str, names: tuple[str, ...]
) -> None:
    found = all_runs()[placement, names]
    assert found.foreign == ()
    if found.stop.t > 60_000_000:  # else there was hardly a look
        assert found.looked > 100


def violations(stack: Stack) -> int:
    """Run until the first one, or for the budget."""
    stack.machine.select_events(mask_of(["VIOLATION"]), mask_of(["VIOLATION"]))
    stack.machine.run(BUDGET)
    return stack.machine.state.mach("violations")


def test_a_guest_in_real_s_is_caught(tmp_path: Path) -> None:
    stack = mutated(tmp_path, HV, {MSTATUS: REAL_S, LEAF: NOT_USER})
    assert violations(stack) > 0


def test_user_pages_alone_keep_a_guest_out_of_real_s(tmp_path: Path) -> None:
    """S cannot execute U pages: with one line changed nothing of the guest runs at all."""
    stack = mutated(tmp_path, HV, {MSTATUS: REAL_S})
    witness = Witness(stack)
    assert violations(stack) == 0
    assert all(outcome >> 8 for outcome in witness.ended.values())
    assert stack.consoles == [b"", b""]


def test_a_frame_of_another_vm_is_caught(tmp_path: Path) -> None:
    wide = PMP_TOP[1].replace("+ m->ram.size", "+ 2 * m->ram.size")
    stack = mutated(tmp_path, HV, {FRAME: SOMETIMES, PMP_TOP: wide})
    assert violations(stack) > 0
    assert foreign_leaves(stack)[1]


def test_the_pmp_stops_what_a_wrong_table_would_allow(tmp_path: Path) -> None:
    stack = mutated(tmp_path, HV, {FRAME: SOMETIMES})
    assert violations(stack) == 0
    assert foreign_leaves(stack)[1]


def test_a_vm_that_runs_wholly_on_another_ones_frames_is_caught(tmp_path: Path) -> None:
    wide = PMP_TOP[1].replace("+ m->ram.size", "+ 2 * m->ram.size")
    stack = mutated(tmp_path, HV, {FRAME: ALWAYS, PMP_TOP: wide})
    recorder = Recorder(stack, ["MARK", "OWNER"])
    stack.machine.run(BUDGET // 2)
    assert next(mistaken_owners(recorder.events), None) is not None
    assert foreign_leaves(stack)[1]


@pytest.mark.parametrize("placement", VIRTUAL)
def test_owners_agree_with_the_marks_when_nothing_is_changed(
    placement: str, tmp_path: Path
) -> None:
    stack = mutated(tmp_path, placement, {})
    recorder = Recorder(stack, ["MARK", "OWNER"])
    stack.machine.run(BUDGET // 2)
    assert len(recorder.events) > 1000
    assert next(mistaken_owners(recorder.events), None) is None


def test_a_vmm_process_that_maps_the_hosts_frames_is_caught(tmp_path: Path) -> None:
    stack = mutated(tmp_path, HOST, {VM_MAP: NO_CHECK, HAL_MAP: HOSTS_FRAME})
    assert violations(stack) > 0


def test_the_host_kernel_refuses_such_a_map(tmp_path: Path) -> None:
    stack = mutated(tmp_path, HOST, {HAL_MAP: HOSTS_FRAME})
    witness = Witness.attach(stack)
    stop = stack.machine.run(BUDGET)
    assert stack.machine.state.mach("violations") == 0
    assert stop.reason == "finished"
    assert [outcome.kind for outcome in witness.outcomes(stop)] == ["died", "died"]
    assert b"vm_map" in stack.layer_console
    assert "its VMM" in str(witness.deaths) or "VMM" in witness.deaths[0].who
