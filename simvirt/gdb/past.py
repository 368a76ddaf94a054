"""The machine's past: going there, and copies of it, without a trace on the consoles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from simvirt.errors import InputError
from simvirt.simulation import Simulation
from simvirt.virt.explain import Explanation, explain
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin


@contextlib.contextmanager
def muted(sim: Simulation) -> Iterator[None]:
    """Within this context the consoles show nothing: what is repeated was shown already."""
    consoles = sim.machine.consoles
    sinks = [console.sink for console in consoles]
    for console in consoles:
        console.sink = None
    try:
        yield
    finally:
        for console, sink in zip(consoles, sinks, strict=True):
            console.sink = sink


def copy_of(sim: Simulation) -> Stack:
    """A twin of the machine, with no past."""
    branch, sim.machine.before_input = sim.machine.before_input, None
    try:
        with muted(sim):
            return twin(sim.stack)
    finally:
        sim.machine.before_input = branch


def go(sim: Simulation, t: int) -> None:
    """Be at a moment, in the past or in the future as far as there is one.

    Raises InputError before the first moment.  Interruptions only split the way.
    """
    with muted(sim):
        while sim.goto(t).reason == "interrupted" and sim.t != t:
            pass


def explain_last_trap(sim: Simulation, layers: Layers) -> Explanation:
    """The last trap before now.  Raises InputError when none has been taken."""
    sim.machine.flush_events()
    traps = sim.events("TRAP", last=1)
    if not traps:
        raise InputError("no trap has been taken yet")
    now = sim.t
    go(sim, traps[0].t)
    try:
        return explain(copy_of(sim), layers)
    finally:
        go(sim, now)
