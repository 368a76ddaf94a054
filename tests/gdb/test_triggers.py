"""Trigger registers from outside: the selected word is written, and takes effect."""

from __future__ import annotations

from simvirt.gdb.pokes import poke_register
from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

SOURCE = """
_start: la      t0, handler
        csrw    mtvec, t0
        la      t1, word
1:      ld      s0, 0(t1)
        j       1b
        .balign 8
handler: j      handler
word:   .dword  0
"""


def test_a_trigger_set_from_outside_fires() -> None:
    sim = Simulation(make_stack("bare", [assembled_guest(SOURCE, "triggers")]))
    sim.run(max_steps=200_000)  # the load is hot, its page cached
    poke_register(sim, "tselect", 1)
    poke_register(sim, "tselect", 7)  # no such trigger: 1 stays
    poke_register(sim, "tdata2", sim.registers().x[6])
    poke_register(sim, "tdata1", 6 << 60 | 1 << 6 | 1 | 1 << 40)
    poke_register(sim, "mstatus", sim.csr("mstatus").value | 8)  # in M without MIE none fires
    assert sim.csr("tdata1").value == 6 << 60 | 1 << 6 | 1, "bits that are not there stay 0"
    sim.run(max_steps=10)
    assert (sim.csr("mcause").value, sim.csr("mtval").value) == (3, sim.registers().x[6])
    poke_register(sim, "tselect", 0)
    assert sim.csr("tdata1").value == 15 << 60
