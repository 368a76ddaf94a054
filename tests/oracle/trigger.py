"""Triggers: breakpoints at addresses (RISC-V debug specification 1.0, chapter 5, *Sdtrig*).

Choices: two triggers; type 6 (mcontrol6) with equality of the lowest address and no other match, or
type 15 (disabled); a breakpoint exception before anything of the instruction happens; of the two
solutions of 5.4 for handlers the first: there is no tcontrol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .csr import MIE, SIE, TRIGGERS
from .trap import BREAKPOINT, M, S, Trap

if TYPE_CHECKING:
    from .machine import Oracle

LOAD, STORE, EXECUTE = 1, 2, 4  # as tdata1 has them (Sdtrig 5.7.12)
_MODE_BIT = {0: 8, 1: 16, 3: 64}  # u, s, m


def check(o: Oracle, va: int, kinds: int, size: int) -> None:
    """Raise the breakpoint of an access to ``va``; an AMO is of two ``kinds`` at once."""
    o.accesses.append((kinds, va, o.priv))
    held_back = _held_back(o)
    for n in range(TRIGGERS):
        control, address = o.csr[f"tdata1_{n}"], o.csr[f"tdata2_{n}"]
        if control >> 60 != 6 or not control & kinds:
            continue
        if not control & _MODE_BIT[o.priv]:
            o.notes |= {"an access at a trigger of another mode"} if va == address else set()
            continue
        if address == va and held_back:
            o.notes.add("a trigger held back")
        elif address == va:
            o.notes.add(f"a trigger of {'code' if kinds == EXECUTE else 'data'} fired")
            raise Trap(BREAKPOINT, va)
        elif kinds != EXECUTE:
            o.notes |= _near_misses(va, kinds, size, address)


def _held_back(o: Oracle) -> bool:
    """In the mode that takes the breakpoint, its interrupts off: state could be lost (5.4)."""
    status = o.csr["mstatus"]
    if o.priv == M:
        return not status & MIE
    to_s = o.csr["medeleg"] >> BREAKPOINT & 1
    return o.priv == S and bool(to_s) and not status & SIE


def _near_misses(va: int, kinds: int, size: int, address: int) -> set[str]:
    """What a unit that watches eight bytes, or a page, may take for a match.

    Such a unit may make two aligned accesses of a misaligned one.
    """
    notes = set()
    first, width = va - va % size, 2 * size if va % size else size
    if first < address + 8 and address < first + width:
        notes.add("an access beside a trigger's address")
    if kinds & STORE and va % size and va >> 12 == address >> 12:
        notes.add("a misaligned store on a page with a trigger")
    return notes
