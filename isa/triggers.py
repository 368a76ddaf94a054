"""Triggers: a breakpoint exception at an address (debug specification 1.0, Sdtrig).

A trigger is the two words tdata1 and tdata2.  It compares the lowest virtual address of an access,
before anything of the instruction has happened.  `wanted` are the bits of tdata1 that say which
accesses: 1 load, 2 store, 4 execute; an AMO is both a load and a store.
"""

from isa.bits import any_bits, clear, eq, field, insert, shl, shr, xor

TRIGGER_LOAD, TRIGGER_STORE, TRIGGER_EXECUTE = 1, 2, 4


def trigger_watches(tdata1: int, wanted: int) -> bool:
    """Is it of type 6, and set for one of these accesses?  (5.7.12)"""
    return eq(shr(tdata1, 60), 6) and any_bits(tdata1, wanted)


def trigger_on_page(tdata1: int, tdata2: int, wanted: int, va: int) -> bool:
    """Can an access to the page of va fire it, in whatever mode?"""
    return trigger_watches(tdata1, wanted) and eq(shr(xor(tdata2, va), 12), 0)


def trigger_fires(tdata1: int, tdata2: int, wanted: int, va: int, priv: int, tcontrol: int) -> bool:
    """Does this access in this mode fire it?  In M only while tcontrol.MTE is set (5.4)."""
    in_mode = any_bits(shr(tdata1, 3), shl(1, priv))  # bits 3 U, 4 S, 6 M
    allowed = not eq(priv, 3) or any_bits(tcontrol, 8)
    return trigger_watches(tdata1, wanted) and eq(va, tdata2) and in_mode and allowed


def tcontrol_after_trap(tcontrol: int) -> int:
    """A trap into M: MPTE remembers MTE, which is off in the handler (5.7.6)."""
    return clear(insert(tcontrol, 7, 1, field(tcontrol, 3, 1)), 8)


def tcontrol_after_mret(tcontrol: int) -> int:
    """mret: MTE is again what the trap found (5.7.6)."""
    return insert(tcontrol, 3, 1, field(tcontrol, 7, 1))
