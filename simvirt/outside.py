"""What comes from outside enters at an exact moment and is logged, so a run can be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simvirt.machine import Machine


@dataclass(frozen=True)
class Input:
    """Bytes at a console as logged: they entered when the machine was exactly here."""

    t: int
    idle: int
    channel: int
    data: bytes

    def enter(self, machine: Machine) -> None:
        """Let them enter."""
        machine.consoles[self.channel].feed(self.data)


@dataclass(frozen=True)
class Poke:
    """A change from outside as logged: of RAM at a physical address, or of a word of the hart."""

    t: int
    idle: int
    place: int | str
    data: bytes

    def enter(self, machine: Machine) -> None:
        """Make the change."""
        if isinstance(self.place, int):
            machine.state.write_ram(self.place, self.data)
        else:
            machine.state.set_hart(self.place, int.from_bytes(self.data, "little"))
            machine.state.forget_pages()


Outside = Input | Poke
