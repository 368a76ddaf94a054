"""A virtual interrupt that comes on the way back into a VM is told, and only when it comes.

What is expected was written down by hand, from the program text and the privileged manual (3.1.6.1,
3.1.9: an interrupt is taken after the xret that lets it through, before the next instruction).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from simvirt.simulation import Simulation
from simvirt.stops import OnTrap
from simvirt.virt.explain import Explanation, explain, replay
from simvirt.virt.guests import assembled_guest
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import make_stack
from simvirt.virt.twin import twin

SOFTWARE = 1 << 63 | 1  # supervisor software interrupt
TEXT = "supervisor software interrupt"
SOURCE = """\
_start:     la t0, s_handler
            csrw stvec, t0
            li t0, -1
            csrw pmpaddr0, t0
            li t0, 0x1f
            csrw pmpcfg0, t0
            li t0, 0x100
            csrw medeleg, t0
            li t0, 2
            csrw mideleg, t0
            csrw mie, t0
            csrw mip, t0
            li t0, 0x802
            csrw mstatus, t0
            la t0, in_s
            csrw mepc, t0
to_s:       mret
in_s:       csrw sstatus, zero
            la t0, in_u
            csrw sepc, t0
            csrsi sip, 2
to_u:       sret
in_u:       nop
call:       ecall
last:       li t0, 0x100000
            li t1, 0x5555
            sw t1, 0(t0)
            .balign 4
s_handler:  csrr t0, scause
            bltz t0, pending
            csrr t0, sepc
            addi t0, t0, 4
            csrw sepc, t0
            j back
pending:    csrci sip, 2
back:       sret
"""


@dataclass(frozen=True)
class Case:
    """The n-th trap at a label.  `mode`: where it led to by itself; `to`: label that runs next."""

    label: str
    n: int
    modes: str
    to: str
    injected: tuple[str, str] | None  # (virtual mode, label) that the interrupt found
    way: str


CASES = (
    Case("to_s", 0, "MS", "s_handler", ("S", "in_s"), "M → S → S"),
    Case("back", 0, "SS", "in_s", None, "S → S"),  # sret, nothing pending
    Case("to_u", 0, "SS", "s_handler", ("U", "in_u"), "S → U → S"),
    Case("back", 1, "SU", "in_u", None, "S → U"),
    Case("call", 0, "US", "s_handler", None, "U → S"),  # its own trap, no interrupt
    Case("back", 2, "SU", "last", None, "S → U"),
)


@cache
def told(placement: str) -> tuple[dict[str, int], dict[tuple[str, int], Explanation]]:
    """Addresses of labels, and explanations of the traps at labels in their order."""
    guest = assembled_guest(SOURCE, "injected")
    labels = {symbol.name: symbol.address for symbol in guest.image.symbols}
    names = {labels[case.label]: case.label for case in CASES}
    stack = make_stack(placement, [guest])
    sim, layers = Simulation(stack), Layers(stack)
    sim.record()
    found: dict[tuple[str, int], Explanation] = {}
    base = twin(stack)
    while sim.run(OnTrap(), max_steps=50_000_000).reason == "stop":
        event = sim.events("TRAP", last=1)[0]
        name = names.get(event.pc)
        mine = event.owner or placement == "bare"
        if mine and name and event.a in (2, 8):
            n = sum(label == name for label, _ in found)
            found[name, n] = explain(replay(base, [], event.t), layers)
        base = twin(stack)
    return labels, found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.label}-{case.n}")
@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_an_interrupt_on_the_way_back(case: Case, placement: str) -> None:
    labels, explanations = told(placement)
    e = explanations[case.label, case.n]
    assert e.virtual_modes == tuple(case.modes) and e.resume_pc == labels[case.to]
    rows = e.lines()
    assert ("virtual mode", case.way) in rows
    then = [text for title, text in rows if title == "then"]
    if case.injected is None:
        assert e.injected is None and not then
        return
    mode, place = case.injected
    assert e.injected is not None
    assert (e.injected.cause, e.injected.level) == (SOFTWARE, "S")
    assert (e.injected.mode, e.injected.pc) == (mode, labels[place])
    assert len(then) == 1 and TEXT in then[0] and "the VMM delivered" in then[0]
    assert f"{labels[place]:#x} <{place}> in virtual {mode}" in then[0]
    titles = [title for title, _ in rows if title in ("handled by", "then")]
    assert titles == ["handled by", "handled by", "then", "handled by"]
    assert e.handlers[-1].name == "s_handler" and e.reflected


def test_on_the_bare_machine_nobody_delivers_anything() -> None:
    _, explanations = told("bare")
    assert explanations and all(e.injected is None for e in explanations.values())
