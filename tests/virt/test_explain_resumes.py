"""Where execution resumes and what it has cost: nested traps, and other harts' traps meanwhile."""

from __future__ import annotations

import pytest

from simvirt.simulation import Simulation
from simvirt.stops import OnTrap
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from simvirt.virt.twin import twin

NESTED = """
        .globl _start
_start: li      t0, -1
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 31
        la      t0, outer
        csrw    mtvec, t0
        la      t0, user
        csrw    mepc, t0
        mret
user:   ecall
after:  j       after
        .balign 4
outer:  csrr    s1, mepc
        la      t0, inner
        csrw    mtvec, t0
        ebreak
        addi    s1, s1, 4
        csrw    mepc, s1
        li      t0, 0x1800
        csrc    mstatus, t0
        mret
        .balign 4
inner:  csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
"""
HARTS = """
        .globl _start
_start: li      t0, -1
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 31
        la      t0, slow
        la      t1, user0
        csrr    t2, mhartid
        beqz    t2, 1f
        la      t0, fast
        la      t1, user1
1:      csrw    mtvec, t0
        csrw    mepc, t1
        mret
user0:  li      t1, 20
1:      addi    t1, t1, -1
        bnez    t1, 1b
first:  ecall
after:  j       after
user1:  ecall
        nop
        j       user1
        .balign 4
slow:   lui     t1, 0
        addi    t1, t1, 1500
        slli    t1, t1, 1
1:      addi    t1, t1, -1
        bnez    t1, 1b
fast:   csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .balign 4
"""
HANDLER = 3 + 2 * 3000 + 4  # instructions of `slow`


def explained(source: str, label: str, **options: int) -> tuple[Explanation, dict[str, int]]:
    """The first trap of hart 0 at a label; and all labels."""
    guest = assembled_guest(source, "resumes")
    places = {symbol.name: symbol.address for symbol in guest.image.symbols}
    stack = make_stack("bare", [guest], Options(**options))
    before = twin(stack)
    sim = Simulation(stack)
    sim.record()
    for _ in range(100_000):
        assert sim.run(OnTrap(), max_steps=1_000_000).reason == "stop"
        event = sim.events("TRAP", last=1)[0]
        if event.pc == places[label] and event.hart == 0:
            return explain(replay(before, [], event.t)), places
    raise AssertionError(label)


def test_the_return_of_a_nested_trap_is_not_its_own() -> None:
    """The handler takes a trap itself: 10 instructions of its own and 4 of the inner one."""
    found, places = explained(NESTED, "user")
    assert found.resume_pc == places["after"]
    assert found.instructions == 10 + 4


@pytest.mark.parametrize("quantum", [2000, 1999, 777, 1, 1_000_000])
def test_other_harts_trap_and_return_meanwhile(quantum: int) -> None:
    """Hart 1 does nothing else; hart 0's handler is longer than most of its turns."""
    found, places = explained(HARTS, "first", harts=2, quantum=quantum)
    assert found.resume_pc == places["after"]
    assert found.instructions == HANDLER
