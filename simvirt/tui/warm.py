"""What takes a tenth of a second when it is done first, done before a key can wait for it."""

from __future__ import annotations

from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

_LOOP = """\
_start: addi t0, t0, 1
        addi t1, t1, 1
        j _start
"""
_STEPS = 20_000_000  # until the loop is hot enough to be compiled, and a little more


def warm() -> None:
    """Load the kernel, and make the compiler of hot code ready, by a machine of no consequence."""
    Simulation(make_stack("bare", [assembled_guest(_LOOP, "warm")])).run(max_steps=_STEPS)
