"""The bare ELF of many cases on our whole machine: board, devices, loader, engine."""

from __future__ import annotations

from collections.abc import Sequence

from simvirt.loader import load_elf
from simvirt.simulation import Simulation
from simvirt.virt.stacks import Guest, Options, make_stack

from .bare import bare_elf, boot_of, finals, ram_size
from .case import Case, Final

STEPS_PER_CASE = 200_000  # copying a case's arena in and out takes about 35,000
BATCH = 250


def run_all(cases: Sequence[Case]) -> list[Final]:
    """The final states of many cases; RuntimeError when the ELF does not end as it should."""
    ended: list[Final] = []
    while len(ended) < len(cases):
        ended += _boot(boot_of(cases[len(ended) : len(ended) + BATCH]))
    return ended


def _boot(cases: Sequence[Case]) -> list[Final]:
    guest = Guest("cases", load_elf(bare_elf(cases)))
    sim = Simulation(make_stack("bare", [guest], Options(mem=ram_size(len(cases)))))
    stop = sim.run(max_steps=STEPS_PER_CASE * len(cases))
    if (stop.reason, stop.code) != ("finished", 0):
        raise RuntimeError(f"the cases from {cases[0].name} end with {stop.reason} {stop.code}")
    return finals(sim.machine.state.read_ram)
