"""Memory of the reference machine: paging, protection and triggers of ``isa`` on Python ints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isa import csrs, paging, pmp, traps, triggers

if TYPE_CHECKING:
    from .reference import Reference

LOAD, STORE, FETCH = paging.ACCESS_LOAD, paging.ACCESS_STORE, paging.ACCESS_FETCH
PAGE = 4096
MASK64 = (1 << 64) - 1
BREAKPOINT = 3


class Fault(Exception):
    """An exception of the machine: its cause and the value for xtval."""

    def __init__(self, cause: int, tval: int = 0) -> None:
        super().__init__(f"cause {cause}, value {tval:#x}")
        self.cause, self.tval = cause, tval


def allowed(m: Reference, first: int, size: int, access: int, priv: int) -> bool:
    """The verdict of the first PMP entry that meets the access."""
    previous = 0
    for i in range(8):
        address = m.csr[f"pmpaddr{i}"]
        config = pmp.entry_config(m.csr["pmpcfg0"], i)
        base = pmp.entry_base(config, address, previous)
        end = pmp.entry_end(config, address, previous)
        if pmp.overlaps(base, end, first, first + size):
            whole = pmp.covers(base, end, first, first + size)
            return whole and pmp.entry_permits(config, access, priv)
        previous = address
    return priv == 3


def data_mode(m: Reference, access: int) -> int:
    """The mode whose rights an access has."""
    return m.priv if access == FETCH else traps.data_mode(m.priv, m.csr["mstatus"])


def translate(m: Reference, va: int, access: int) -> int:
    """Physical address; walks the table at every access.  Raises Fault."""
    priv = data_mode(m, access)
    if priv == 3 or m.csr["satp"] >> 60 == 0:
        return va
    if not paging.canonical(va):
        raise Fault(paging.page_fault_cause(access), va)
    table = (m.csr["satp"] & ((1 << 44) - 1)) << 12
    for level in (2, 1, 0):
        at = paging.pte_address(table, va, level)
        pte = _entry(m, at, va, access)
        if paging.pte_malformed(pte):
            break
        if paging.pte_is_leaf(pte):
            return _leaf(m, at, pte, level, va, access, priv)
        if paging.pointer_malformed(pte):
            break
        table = paging.pte_target(pte)
    raise Fault(paging.page_fault_cause(access), va)


def _entry(m: Reference, at: int, va: int, access: int) -> int:
    if not m.in_ram(at, 8) or not allowed(m, at, 8, LOAD, 1):
        raise Fault(paging.access_fault_cause(access), va)
    return m.peek(at, 8)


def _leaf(m: Reference, at: int, pte: int, level: int, va: int, access: int, priv: int) -> int:
    permitted = paging.leaf_permits(pte, access, priv, m.csr["mstatus"])
    if paging.superpage_misaligned(pte, level) or not permitted:
        raise Fault(paging.page_fault_cause(access), va)
    if paging.update_faults(pte, access, int(m.ad_faults)):
        raise Fault(paging.page_fault_cause(access), va)
    touched = paging.pte_touched(pte, access)
    if touched != pte:
        if not allowed(m, at, 8, STORE, 1):
            raise Fault(paging.access_fault_cause(access), va)
        m.poke(at, 8, touched)
    return paging.leaf_address(pte, va, level)


def locate(m: Reference, va: int, size: int, access: int) -> int:
    """Physical address of an access that lies in one page, after every check."""
    pa = translate(m, va, access)
    if not allowed(m, pa, size, access, data_mode(m, access)) or not m.in_ram(pa, size):
        raise Fault(paging.access_fault_cause(access), va)
    return pa


def _parts(m: Reference, va: int, size: int, access: int) -> list[tuple[int, int]]:
    first = min(size, PAGE - va % PAGE)
    parts = [(locate(m, va, first, access), first)]
    if first < size:
        parts.append((locate(m, (va + first) & MASK64, size - first, access), size - first))
    return parts


def check_triggers(m: Reference, va: int, wanted: int) -> None:
    """Raise the breakpoint of an access at this address, before anything else of it."""
    for i in range(csrs.TRIGGERS):
        one, two = m.csr[f"tdata1_{i}"], m.csr[f"tdata2_{i}"]
        mode = m.priv, m.csr["mstatus"], m.csr["medeleg"]
        if triggers.trigger_fires(one, two, wanted, va, *mode):
            raise Fault(BREAKPOINT, va)


def load(m: Reference, va: int, size: int) -> int:
    """A little-endian load at any alignment."""
    check_triggers(m, va, triggers.TRIGGER_LOAD)
    return load_unwatched(m, va, size, LOAD)


def load_unwatched(m: Reference, va: int, size: int, access: int) -> int:
    """A part of a fetch, or a load that no trigger stops."""
    value = shift = 0
    for pa, length in _parts(m, va, size, access):
        value |= m.peek(pa, length) << shift
        shift += 8 * length
    return value


def store(m: Reference, va: int, size: int, value: int) -> None:
    """A store at any alignment, all of it or none."""
    check_triggers(m, va, triggers.TRIGGER_STORE)
    for pa, length in _parts(m, va, size, STORE):
        m.poke(pa, length, value & ((1 << 8 * length) - 1))
        value >>= 8 * length
