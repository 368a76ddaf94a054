"""Why a trap was taken, where the cause alone does not tell: triggers, A and D bits that fault."""

from __future__ import annotations

import pytest

from simvirt.simulation import Simulation
from simvirt.stops import OnTrap
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from simvirt.virt.twin import twin

TRIGGER = """
_start: la      t0, handler
        csrw    mtvec, t0
        csrsi   mstatus, 8
        la      t1, place
        csrw    tdata2, t1
        li      t2, 6 << 60 | 64 | {what}
        csrw    tdata1, t2
place:  {access}
        .balign 4
handler: j      handler
"""
PAGED = """
_start: la      t0, handler
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 31
        la      t1, root
        li      t2, 0x20000007 | {bits}
        sd      t2, 16(t1)
        srli    t1, t1, 12
        li      t2, 8 << 60
        or      t1, t1, t2
        csrw    satp, t1
        li      t0, 0x1800 | 0x20000
        csrc    mstatus, t0
        li      t0, 0x20800
        csrs    mstatus, t0
        la      t1, root
        {access}
        .balign 4
handler: j      handler
        .balign 4096
root:   .zero   4096
"""


def first_trap(source: str, **options: bool) -> Explanation:
    """The explanation of the first trap of a bare machine."""
    stack = make_stack("bare", [assembled_guest(source, "why")], Options(**options))
    before = twin(stack)
    sim = Simulation(stack)
    sim.record()
    assert sim.run(OnTrap(), max_steps=1000).reason == "stop"
    return explain(replay(before, [], sim.events("TRAP", last=1)[0].t))


@pytest.mark.parametrize(("what", "access"), [(4, "nop"), (1, "ld s0, 0(t1)"), (2, "sb t0, 0(t1)")])
def test_a_trigger_is_not_taken_for_an_ebreak(what: int, access: str) -> None:
    said = str(first_trap(TRIGGER.format(what=what, access=access)))
    assert "a trigger is set on 0x800" in said and "ebreak" not in said


def test_an_ebreak_is_one() -> None:
    assert "ebreak traps in every mode" in str(first_trap(TRIGGER.format(what=0, access="ebreak")))


@pytest.mark.parametrize(
    ("bits", "access", "missing"),
    [
        (0, "ld s0, 0(t1)", "A is 0"),
        (0x40, "sd s0, 0(t1)", "D is 0"),
        (0, "sd s0, 0(t1)", "A is 0"),
    ],
)
def test_a_missing_bit_is_named(bits: int, access: str, missing: str) -> None:
    said = str(first_trap(PAGED.format(bits=bits, access=access), ad_faults=True))
    assert f"{missing} in the leaf, and on this board software sets it" in said
