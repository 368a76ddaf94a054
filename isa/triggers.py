"""Triggers: a breakpoint exception at an address (debug specification 1.0, Sdtrig).

A trigger is the two words tdata1 and tdata2.  It compares the lowest virtual address of an access,
before anything of the instruction has happened.  `wanted` are the bits of tdata1 that say which
accesses: 1 load, 2 store, 4 execute; an AMO is both a load and a store.
"""

from isa.bits import any_bits, eq, shl, shr, xor

TRIGGER_LOAD, TRIGGER_STORE, TRIGGER_EXECUTE = 1, 2, 4


def trigger_watches(tdata1: int, wanted: int) -> bool:
    """Is it of type 6, and set for one of these accesses?  (5.7.12)"""
    return eq(shr(tdata1, 60), 6) and any_bits(tdata1, wanted)


def trigger_on_page(tdata1: int, tdata2: int, wanted: int, va: int) -> bool:
    """Can an access to the page of va fire it, in whatever mode?"""
    return trigger_watches(tdata1, wanted) and eq(shr(xor(tdata2, va), 12), 0)


def triggers_held_back(priv: int, mstatus: int, medeleg: int) -> bool:
    """Does none fire now?  In M without MIE, and in S without SIE if breakpoints go there.

    So none fires in the handler of its own breakpoint before that has saved what a second one
    would overwrite (5.4, the first solution).
    """
    in_m = eq(priv, 3) and not any_bits(mstatus, 8)
    in_s = eq(priv, 1) and not any_bits(mstatus, 2) and any_bits(medeleg, 8)
    return in_m or in_s


def trigger_fires(
    tdata1: int, tdata2: int, wanted: int, va: int, priv: int, mstatus: int, medeleg: int
) -> bool:
    """Does this access in this mode fire it?  MPRV changes nothing: the hart's mode is meant."""
    in_mode = any_bits(shr(tdata1, 3), shl(1, priv))  # bits 3 U, 4 S, 6 M
    matches = trigger_watches(tdata1, wanted) and eq(va, tdata2) and in_mode
    return matches and not triggers_held_back(priv, mstatus, medeleg)
