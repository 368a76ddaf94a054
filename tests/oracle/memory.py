"""Memory as an access sees it: address translation, protection, RAM (priv 3.7, 4.3, 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import trigger
from .csr import M_BITS, MPRV, MXR, PMP_L, SUM
from .trap import M, S, Trap, U

if TYPE_CHECKING:
    from .machine import Oracle

FETCH, LOAD, STORE = 0, 1, 2
ACCESS_FAULT = (1, 5, 7)
PAGE_FAULT = (12, 13, 15)
PMP_BIT = (4, 1, 2)  # X, R, W
V, R, W, X, USER, A, D = 1, 2, 4, 8, 16, 64, 128
PAGE = 4096


def load(o: Oracle, va: int, size: int) -> int:
    """A load of ``size`` bytes at any alignment, as the current mode (and MPRV) may."""
    trigger.check(o, va, trigger.LOAD, size)
    data = b"".join(bytes(o.mem[at : at + n]) for at, n in _parts(o, va, size, LOAD))
    return int.from_bytes(data, "little")


def store(o: Oracle, va: int, size: int, value: int) -> None:
    """A store of ``size`` bytes at any alignment; all of it or none."""
    trigger.check(o, va, trigger.STORE, size)
    data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    for at, n in _parts(o, va, size, STORE):
        o.mem[at : at + n] = data[:n]
        data = data[n:]


def fetch16(o: Oracle, va: int) -> int:
    """One 16-bit parcel of an instruction."""
    at = _ram(o, translate(o, va, FETCH, o.priv), 2, va, FETCH, o.priv)
    return int.from_bytes(o.mem[at : at + 2], "little")


def locate(o: Oracle, va: int, size: int, kind: int) -> int:
    """The index in RAM of an aligned access, after every check."""
    priv = data_priv(o)
    return _ram(o, translate(o, va, kind, priv), size, va, kind, priv)


def data_priv(o: Oracle) -> int:
    """The effective privilege of loads and stores (priv 3.1.6.3)."""
    status = o.csr["mstatus"]
    return status >> M_BITS & 3 if status & MPRV else o.priv


def _parts(o: Oracle, va: int, size: int, kind: int) -> list[tuple[int, int]]:
    """An access as (index in RAM, length): one part, or two when it crosses a page."""
    first = min(size, PAGE - va % PAGE)
    parts = [(locate(o, va, first, kind), first)]
    if first < size:
        rest = (va + first) & ((1 << 64) - 1)
        parts.append((locate(o, rest, size - first, kind), size - first))
    return parts


def _ram(o: Oracle, pa: int, size: int, va: int, kind: int, priv: int) -> int:
    """Check PMP and RAM; ``va`` is what xtval will name."""
    if not pmp_allows(o, pa, size, kind, priv):
        raise Trap(ACCESS_FAULT[kind], va)
    at = pa - o.ram_base
    if at < 0 or at + size > len(o.mem):
        o.outside.append(pa)
        if pa != va:
            o.notes.add("translated to an address without RAM")
        raise Trap(ACCESS_FAULT[kind], va)
    return at


def pmp_allows(o: Oracle, pa: int, size: int, kind: int, priv: int) -> bool:
    """Physical memory protection of one access (priv 3.7.1).

    The first entry that matches any byte must match all of them, or the access fails in any mode;
    its permissions bind M only when it is locked (3.7.1.2).
    """
    below = 0
    for i in range(8):
        config = o.csr["pmpcfg0"] >> 8 * i & 0xFF
        address = o.csr[f"pmpaddr{i}"]
        low, high = pmp_range(config >> 3 & 3, address, below)
        below = address << 2
        if pa < high and pa + size > low:
            whole = low <= pa and pa + size <= high
            free = priv == M and not config & PMP_L
            return whole and (free or bool(config & PMP_BIT[kind]))
    return priv == M


def pmp_range(mode: int, address: int, below: int) -> tuple[int, int]:
    """The half-open byte range of an entry: OFF, TOR, NA4, NAPOT."""
    if mode == 0:
        return 0, 0
    if mode == 1:
        return below, address << 2
    if mode == 2:
        return address << 2, (address << 2) + 4
    ones = 0
    while address >> ones & 1:
        ones += 1
    low = address >> ones << ones << 2
    return low, low + (8 << ones)


def translate(o: Oracle, va: int, kind: int, priv: int) -> int:
    """The physical address of ``va``; walks the page table every time (priv 4.3.2, 4.4.1)."""
    satp = o.csr["satp"]
    if priv == M or satp >> 60 == 0:
        return va
    if va >> 38 not in (0, (1 << 26) - 1):
        raise Trap(PAGE_FAULT[kind], va)
    table = (satp & ((1 << 44) - 1)) * PAGE
    for level in (2, 1, 0):
        at = table + (va >> 12 + 9 * level & 511) * 8
        pte = _read_pte(o, at, va, kind)
        if not pte & V or pte & (R | W) == W or pte >> 54:
            break
        ppn = pte >> 10
        if pte & (R | X):
            return _leaf(o, va, kind, priv, level, at, pte)
        if pte & (USER | A | D):  # reserved in a pointer to the next level
            break
        table = ppn * PAGE
    raise Trap(PAGE_FAULT[kind], va)


def _leaf(o: Oracle, va: int, kind: int, priv: int, level: int, at: int, pte: int) -> int:
    """Steps 5 to 9 of the walk: permission, superpage alignment, A and D."""
    ppn, low = pte >> 10, (1 << 9 * level) - 1
    if not _permits(o, pte, kind, priv) or ppn & low:
        raise Trap(PAGE_FAULT[kind], va)
    needed = A | (D if kind == STORE else 0)
    if pte & needed != needed:
        if o.ad_faults:  # 4.3.1, the scheme in which software sets them (Svade)
            o.notes.add("A or D left to software")
            raise Trap(PAGE_FAULT[kind], va)
        _write_pte(o, at, pte | needed, va, kind)
    return (ppn | va >> 12 & low) * PAGE + va % PAGE


def _permits(o: Oracle, pte: int, kind: int, priv: int) -> bool:
    status = o.csr["mstatus"]
    if priv == U and not pte & USER:
        return False
    if priv == S and pte & USER and (kind == FETCH or not status & SUM):
        return False
    if kind == LOAD:
        return bool(pte & R or (pte & X and status & MXR))
    return bool(pte & (X if kind == FETCH else W))


def _read_pte(o: Oracle, at: int, va: int, kind: int) -> int:
    index = at - o.ram_base
    if not pmp_allows(o, at, 8, LOAD, S):
        raise Trap(ACCESS_FAULT[kind], va)
    if index < 0 or index + 8 > len(o.mem):
        o.notes.add("walk outside RAM")
        o.outside.append(at)
        raise Trap(ACCESS_FAULT[kind], va)
    return int.from_bytes(o.mem[index : index + 8], "little")


def _write_pte(o: Oracle, at: int, pte: int, va: int, kind: int) -> None:
    if not pmp_allows(o, at, 8, STORE, S):
        o.notes.add("A/D update refused by PMP")
        raise Trap(ACCESS_FAULT[kind], va)
    index = at - o.ram_base
    o.mem[index : index + 8] = pte.to_bytes(8, "little")
