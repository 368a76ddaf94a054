"""Several harts, of which one runs at a time: whose step comes next, and each one's state.

At the end of a turn the machine may stand before the next hart is taken up; here it is that hart's
turn already.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from simvirt.machine import Machine


class Turns:
    """The harts of a machine and their turns."""

    def __init__(self, machine: Machine) -> None:
        self._state = machine.state
        self.harts = machine.board.harts

    @property
    def last(self) -> int:
        """The hart that has taken the last step."""
        return self._state.mach("current")

    @property
    def next(self) -> int:
        """The hart that takes the next step."""
        return (self.last + 1) % self.harts if self._over else self.last

    @property
    def _over(self) -> bool:
        return self.harts > 1 and self._state.mach("t") >= self._state.mach("turn_end")

    def pc(self, hart: int) -> int:
        """Where a hart goes on."""
        return self._state.hart("pc", hart)

    def waits(self, hart: int) -> bool:
        """Has a hart executed `wfi`, and nothing woken it yet?"""
        return bool(self._state.hart("waiting", hart))

    def soonest(self, hart: int) -> int:
        """The t behind the next step of a hart; or an earlier one, if that is not known yet."""
        t = self._state.mach("t")
        return t + 1 if self._over or self.last == hart else self._state.mach("turn_end") + 1

    def before(self, hart: int) -> int:
        """The t at which a hart took its last step; -1: it has not taken any."""
        t, left = self._state.mach("t"), self._state.hart("left_at", (self.last - 1) % self.harts)
        if hart == self.last and (self.harts == 1 or t > left):
            return t - 1
        return self._state.hart("left_at", hart) - 1

    @contextlib.contextmanager
    def of(self, hart: int) -> Iterator[None]:
        """In this context the state shows a hart's registers, CSRs and TLB as the current ones.

        Nothing may be run or written in it.
        """
        if hart == self.last:
            yield
            return
        words, tlb = self._state.arrays.hart, self._state.arrays.tlb
        bank = self._state.arrays.banks[hart]
        kept = words.copy(), tlb.copy()
        words[:] = bank[: len(words)]
        tlb[:] = bank[len(words) : len(words) + len(tlb)]
        elsewhere = self._state.mach("t") - self._state.hart("left_at")  # steps of the others
        self._state.set_hart("not_retired", self._state.hart("not_retired") + elsewhere)
        try:
            yield
        finally:
            words[:], tlb[:] = kept
