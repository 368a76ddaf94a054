"""Traps: causes, interrupt choice, entry and return (priv 3.1.6 to 3.1.9, 3.3.2, 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .csr import (
    M_BITS,
    MIE,
    MPIE,
    MPP,
    MPRV,
    S_BITS,
    SIE,
    SPIE,
    SPP,
    TSR,
    pending_bits,
)

if TYPE_CHECKING:
    from .machine import Oracle

U, S, M = 0, 1, 3
INTERRUPT = 1 << 63

FETCH_ACCESS = 1
ILLEGAL = 2
BREAKPOINT = 3
LOAD_MISALIGNED = 4
LOAD_ACCESS = 5
STORE_MISALIGNED = 6
STORE_ACCESS = 7
ECALL_FROM_U = 8  # + privilege mode
FETCH_PAGE = 12
LOAD_PAGE = 13
STORE_PAGE = 15

# priv 3.1.9: MEI, MSI, MTI, SEI, SSI, STI, in decreasing priority.
INTERRUPT_ORDER = (11, 3, 7, 9, 1, 5)


class Trap(Exception):
    """A synchronous exception: its cause and the value for xtval."""

    def __init__(self, cause: int, tval: int = 0) -> None:
        super().__init__(f"cause {cause}, tval {tval:#x}")
        self.cause = cause
        self.tval = tval


def illegal() -> Trap:
    """An illegal instruction; ``step`` fills in the bits of the instruction."""
    return Trap(ILLEGAL)


def chosen_interrupt(o: Oracle) -> int | None:
    """The interrupt to take before the next instruction, or None (priv 3.1.9)."""
    pending = pending_bits(o) & o.csr["mie"]
    status, delegated = o.csr["mstatus"], o.csr["mideleg"]
    to_m = pending & ~delegated if o.priv < M or status & MIE else 0
    s_enabled = o.priv < S or (o.priv == S and bool(status & SIE))
    to_s = pending & delegated if s_enabled else 0
    for candidates in (to_m, to_s):
        if candidates & (candidates - 1):
            o.notes.add("several interrupts at once")
        for number in INTERRUPT_ORDER:
            if candidates >> number & 1:
                return number
    return None


def enter(o: Oracle, cause: int, tval: int) -> None:
    """Take a trap: to S when delegated and not from M, else to M (priv 3.1.8, 3.1.6.1)."""
    o.mode_changes += 1
    is_interrupt = bool(cause & INTERRUPT)
    number = cause & ~INTERRUPT
    delegation = o.csr["mideleg" if is_interrupt else "medeleg"]
    if o.priv <= S and delegation >> number & 1:
        _enter_s(o, cause, tval)
        vector = o.csr["stvec"]
    else:
        _enter_m(o, cause, tval)
        vector = o.csr["mtvec"]
    offset = 4 * number if is_interrupt and vector & 3 == 1 else 0
    o.pc = (vector & ~3) + offset & ((1 << 64) - 1)


def _enter_m(o: Oracle, cause: int, tval: int) -> None:
    status = o.csr["mstatus"]
    o.csr.update(mepc=o.pc, mcause=cause, mtval=tval)
    was_enabled = status & MIE
    status &= ~(MIE | MPIE | MPP)
    o.csr["mstatus"] = status | (MPIE if was_enabled else 0) | o.priv << M_BITS
    o.priv = M


def _enter_s(o: Oracle, cause: int, tval: int) -> None:
    status = o.csr["mstatus"]
    o.csr.update(sepc=o.pc, scause=cause, stval=tval)
    was_enabled = status & SIE
    status &= ~(SIE | SPIE | SPP)
    o.csr["mstatus"] = status | (SPIE if was_enabled else 0) | o.priv << S_BITS
    o.priv = S


def mret(o: Oracle) -> int:
    """Execute ``mret``; returns the next pc (priv 3.3.2, 3.1.6.1)."""
    if o.priv != M:
        raise illegal()
    status = o.csr["mstatus"]
    target = status >> M_BITS & 3
    enabled = status & MPIE
    status &= ~(MIE | MPP)
    if status & MPRV:
        o.notes.add("xRET clears MPRV" if target != M else "mret changes the mode of MPRV")
    if target != M:
        status &= ~MPRV
    o.csr["mstatus"] = status | (MIE if enabled else 0) | MPIE
    o.priv = target
    o.mode_changes += 1
    return o.csr["mepc"]


def sret(o: Oracle) -> int:
    """Execute ``sret``; returns the next pc (priv 3.3.2, 3.1.6.5)."""
    status = o.csr["mstatus"]
    if o.priv < S or (o.priv == S and status & TSR):
        raise illegal()
    target = status >> S_BITS & 1
    enabled = status & SPIE
    o.notes |= {"xRET clears MPRV"} if status & MPRV else set()
    status &= ~(SIE | SPP | MPRV)
    o.csr["mstatus"] = status | (SIE if enabled else 0) | SPIE
    o.priv = target
    o.mode_changes += 1
    return o.csr["sepc"]
