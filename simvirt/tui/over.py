"""When a trap of the bare machine is over."""

from __future__ import annotations

from dataclasses import dataclass

from simvirt.events import Event


@dataclass
class OnReturn:
    """After the xRET of a trap that a hart has just taken; traps within its handler are its own.

    It counts, so it is good for one trap.
    """

    hart: int = 0
    depth: int = 1

    kinds = ("TRAP", "XRET")

    def matches(self, event: Event) -> bool:
        """Is this event the return?"""
        if event.hart != self.hart:
            return False
        self.depth += {"TRAP": 1, "XRET": -1}.get(event.kind, 0)
        return self.depth <= 0
