"""Every trap of a guest that takes them all is explained as the manual and the VMM have it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from isa.causes import describe
from simvirt.simulation import Simulation
from simvirt.stops import OnTrap
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.guests import assembled_guest
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import make_stack
from simvirt.virt.twin import twin

# Every handler goes on behind what trapped (mepc + 4), in the mode that trapped.
SOURCE = """\
_start:     la t0, m_handler
            csrw mtvec, t0
            la t0, s_handler
            csrw stvec, t0
            li t0, -1
            csrw pmpaddr0, t0
            li t0, 0x1f
            csrw pmpcfg0, t0
            li t0, 0x2000
            csrs mstatus, t0
            li t0, 7
            csrw mcounteren, t0
            li t0, 0x300
            csrw medeleg, t0
in_m:       csrw mscratch, sp
            csrr a0, misa
            ebreak
            .word 0
            ecall
            li t1, 0x40000000
            lw a0, 0(t1)
            sw a0, 0(t1)
            li t1, 0x10000000
            lbu a0, 5(t1)
            li t1, 0x02000000
            lw a0, 0(t1)
            li t1, 0x0c000000
            lw a0, 4(t1)
            sfence.vma
            rdtime a1
            li t0, 0x1800
            csrc mstatus, t0
            li t0, 0x0800
            csrs mstatus, t0
            la t0, in_s
            csrw mepc, t0
            mret
in_s:       csrw sscratch, a0
            ecall
            csrr a0, mstatus
            ebreak
            li t0, 0x100
            csrc sstatus, t0
            la t0, in_u
            csrw sepc, t0
            sret
in_u:       ecall
            csrr a0, sstatus
            ebreak
            wfi
            sret
            li t1, 0x40000000
            lw a0, 0(t1)
            li t0, 0x100000
            li t1, 0x5555
            sw t1, 0(t0)
            j in_u
            .balign 4
m_handler:  csrr t0, mepc
            addi t0, t0, 4
            csrw mepc, t0
            mret
            .balign 4
s_handler:  csrr t0, sepc
            addi t0, t0, 4
            csrw sepc, t0
            sret
"""


@dataclass(frozen=True)
class Expected:
    """What is true of one trap, as written down by hand."""

    text: str
    virtual: tuple[str, str]
    reason: str  # as a VM
    cause: int | None  # on the bare machine; None: it does not trap there
    changes: frozenset[str]  # virtual CSRs and registers, as a VM
    function: str  # of the VMM core


def _e(text: str, modes: str, reason: str, cause: int | None, changes: str, f: str) -> Expected:
    return Expected(text, (modes[0], modes[1]), reason, cause, frozenset(changes.split()), f)


TRAPS = (
    _e("csrw mscratch, sp", "MM", "csr", None, "", "emulate_csr"),
    _e("csrr a0, misa", "MM", "csr", None, "a0", "emulate_csr"),
    _e("ebreak", "MM", "exception", 3, "mstatus mepc mcause mtval", ""),
    _e("ecall", "MM", "ecall", 11, "mstatus mepc mcause mtval", ""),
    _e("lbu a0, 5(t1)", "MM", "mmio_uart", None, "a0", ""),
    _e("sfence.vma", "MM", "sfence", None, "", "emulate_"),
    _e("mret", "MS", "mret", None, "mode mstatus", ""),
    _e("csrw sscratch, a0", "SS", "csr", None, "sscratch", "emulate_csr"),
    _e("csrr a0, mstatus", "SM", "exception", 2, "mode mstatus mepc mcause mtval", ""),
    _e("sret", "SU", "sret", None, "mode mstatus", ""),
    _e("csrr a0, sstatus", "UM", "exception", 2, "mode mstatus mepc mcause mtval", ""),
    _e("rdtime a1", "MM", "time", None, "a1", ""),
    _e("lw a0, 0(t1)", "MM", "mmio_clint", None, "a0", ""),
    _e("lw a0, 4(t1)", "MM", "mmio_plic", None, "a0", ""),
)


def explained(placement: str) -> list[tuple[Explanation, Simulation]]:
    """All traps of the guest, each explained from a copy of the machine before it."""
    stack = make_stack(placement, [assembled_guest(SOURCE, "traps")])
    sim = Simulation(stack)
    layers = Layers(stack)
    sim.record()
    found: list[tuple[Explanation, Simulation]] = []
    base = twin(stack)
    while sim.run(OnTrap(), max_steps=50_000_000).reason == "stop" and len(found) < 120:
        event = sim.events("TRAP", last=1)[0]
        guest = event.owner or placement == "bare" or _first_fetch(event.pc, event.mode_from)
        if guest:
            found.append((explain(replay(base, [], event.t), layers), sim))
            base = twin(stack)
    return found


def _first_fetch(pc: int, mode: str) -> bool:
    return mode == "U" and pc >= 0x8000_0000


@pytest.fixture(scope="module", params=["bare", "hypervisor", "hosted"])
def told(request: pytest.FixtureRequest) -> tuple[str, list[Explanation]]:
    """The placement, and its explanations."""
    return request.param, [explanation for explanation, _ in explained(request.param)]


def test_every_trap_is_explained(told: tuple[str, list[Explanation]]) -> None:
    placement, explanations = told
    assert len(explanations) >= 12, [e.instruction for e in explanations]
    for e in explanations:
        assert e.where.in_guest, e
        assert e.real_modes == (e.event.mode_from, e.event.mode_to)
        assert e.ended or e.cycles > 0
        assert e.place.startswith("<") or e.event.a == 12
        if placement != "bare":
            assert e.reason, e
            assert e.handlers[0].name == {"hypervisor": "trap_entry", "hosted": "guest_leave"}[
                placement]  # fmt: skip


@pytest.mark.parametrize("expected", TRAPS, ids=lambda e: f"{e.text}-{e.virtual[0]}")
def test_what_a_trap_did(expected: Expected, told: tuple[str, list[Explanation]]) -> None:
    placement, explanations = told
    mine = [e for e in explanations if e.instruction.split("   ")[0] == expected.text]
    if placement == "bare":
        if expected.cause is None:
            return  # if it traps there at all, then in another mode
        assert any(e.event.a == expected.cause for e in mine)
        assert all(e.handlers[0].name in ("m_handler", "s_handler") for e in mine)
        assert all({c.name for c in e.real} & {"mcause", "scause"} for e in mine)
        return
    found = [e for e in mine if e.virtual_modes == expected.virtual and e.reason == expected.reason]
    assert found, [str(e) for e in mine] or [e.instruction for e in explanations]
    e = found[0]
    names = {change.name for change in e.virtual}
    assert names <= expected.changes | {"mstatus"}, str(e)
    assert not (expected.changes - names) & {"mode", "a0", "a1"} or expected.text in (
        "csrr a0, misa", "lbu a0, 5(t1)", "lw a0, 4(t1)", "lw a0, 0(t1)")  # fmt: skip
    assert any(h.name.startswith(expected.function) for h in e.handlers[1:]), str(e)
    if expected.reason in ("exception", "ecall"):
        assert e.handlers[-1].name in ("m_handler", "s_handler") and e.resume_pc != e.event.pc
    elif expected.text not in ("mret", "sret"):
        assert e.resume_pc == e.event.pc + 4
    assert e.resumed is not None and e.resumed.vm == 0


def test_words(told: tuple[str, list[Explanation]]) -> None:
    for e in told[1]:
        text = str(e)
        assert describe(e.event.a) in text and "cost" in text and "resumes" in text


def test_explaining_changes_nothing() -> None:
    sim = Simulation(make_stack("hypervisor", [assembled_guest(SOURCE, "traps")]))
    sim.record()
    base = twin(sim.stack)
    sim.run(OnTrap())
    before = sim.machine.state.digest()
    first = explain(replay(base, [], sim.events("TRAP", last=1)[0].t))
    assert sim.machine.state.digest() == before
    assert explain(replay(base, [], first.event.t)) == first
