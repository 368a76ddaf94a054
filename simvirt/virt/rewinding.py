"""A witness that goes back in time with its machine."""

from __future__ import annotations

import copy
from typing import Any

from simvirt.events import Records
from simvirt.virt.postmortem import Witness

_TAIL = 1 << 13  # of the last events as many as a checkpoint keeps


class Rewinding:
    """Stands among the listeners of a machine (`simvirt.history`) for its witness."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        witness.stack.machine.listeners.append(self)

    def __call__(self, records: Records) -> None:
        """Nothing: the witness itself has heard it."""

    def saved(self) -> tuple[Any, ...]:
        """Who has died or ended so far, and the last events."""
        witness = self._witness
        traps = {name: copy.copy(value) for name, value in vars(witness._traps).items()}
        return tuple(witness.deaths), dict(witness.ended), witness._tail[-_TAIL:].copy(), traps

    def rewind(self, saved: tuple[Any, ...]) -> None:
        """Know just that."""
        witness = self._witness
        deaths, ended, tail, traps = saved
        witness.deaths[:], witness.ended, witness._tail = deaths, dict(ended), tail
        vars(witness._traps).update({name: copy.copy(value) for name, value in traps.items()})
