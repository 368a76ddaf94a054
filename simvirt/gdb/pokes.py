"""Writing from outside: logged by the machine as an input, so that its past can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from isa.csrs import BY_NAME
from simvirt.errors import InputError
from simvirt.machine import Machine
from simvirt.outside import Poke
from simvirt.simulation import Simulation
from simvirt.turns import Turns

_MODES = (0, 1, 3)


@dataclass(frozen=True)
class HartPoke(Poke):
    """A change of a word of one hart, whoever's turn it is."""

    hart: int = 0

    def enter(self, machine: Machine) -> None:
        """Make the change."""
        value = int.from_bytes(self.data, "little")
        machine.state.set_hart(str(self.place), value, self.hart)
        machine.state.forget_pages()


def poke_register(sim: Simulation, name: str, value: int, hart: int = 0) -> None:
    """Write a hart's "x5", "pc", "priv" or a CSR, which keeps to what it can hold, as by `csrw`.

    Raises InputError for what cannot be written.
    """
    if name == "x0":
        return
    if name == "priv" and value not in _MODES:
        raise InputError(f"no mode {value}: 0 U, 1 S, 3 M")
    if name == "pc":
        value &= ~1  # IALIGN is 16
    if name in BY_NAME:
        with Turns(sim.machine).of(hart):
            name, value = _storage(sim, name, value)
    machine, data = sim.machine, (value & (1 << 64) - 1).to_bytes(8, "little")
    if machine.before_input is not None:
        machine.before_input()
    poke = HartPoke(sim.t, machine.state.mach("idle"), name, data, hart)
    machine.inputs.append(poke)
    poke.enter(machine)


def _storage(sim: Simulation, name: str, value: int) -> tuple[str, int]:
    """Where a CSR's bits are, and what they are after a write."""
    csr = BY_NAME[name]
    if csr.kind in ("constant", "counter") or csr.read_only:
        raise InputError(f"{name} cannot be written")
    word = sim.machine.state.storage(csr)
    old = sim.machine.state.hart(word)
    writable = csr.writable
    if name in ("sie", "sip"):
        writable &= sim.machine.state.hart("mideleg")
    new = old & ~writable | value & writable
    legalize = (BY_NAME[csr.view_of] if csr.kind == "view" else csr).legalize
    return word, new if legalize is None else legalize(old, new)


def poke_memory(sim: Simulation, pa: int, data: bytes) -> None:
    """Write RAM at a physical address.  Raises InputError outside."""
    try:
        sim.machine.poke(pa, data)
    except IndexError as error:
        raise InputError(f"physical memory {error}") from None
