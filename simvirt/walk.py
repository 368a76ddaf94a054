"""Page-table walks for inspection: every step shown, nothing changed (not even the TLB)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from isa import paging

ReadWord = Callable[[int], int | None]
"""Reads a doubleword at a physical address; None outside RAM."""


@dataclass(frozen=True)
class WalkStep:
    """One page-table entry on the way: its level (2, 1, 0), physical address and value."""

    level: int
    address: int
    pte: int
    what: str

    def __str__(self) -> str:
        return f"level {self.level}: entry at {self.address:#x} is {self.pte:#018x} {self.what}"


@dataclass(frozen=True)
class Translation:
    """Result of a walk: the physical address, or the reason of the fault."""

    va: int
    access: str
    pa: int | None
    fault: str
    steps: tuple[WalkStep, ...] = ()

    def __str__(self) -> str:
        end = f"-> {self.pa:#x}" if self.pa is not None else f"-> {self.fault}"
        return "\n".join([f"{self.access} of {self.va:#x} {end}", *(f"  {s}" for s in self.steps)])


ACCESS = {"load": paging.ACCESS_LOAD, "store": paging.ACCESS_STORE, "fetch": paging.ACCESS_FETCH}


def flags_text(pte: int) -> str:
    """The permission letters of an entry, as "V R W - U - A D"."""
    return "".join(name if pte >> bit & 1 else "-" for name, bit, _ in paging.PTE_BITS)


def walk(read: ReadWord, satp: int, va: int, access: str, priv: int, mstatus: int) -> Translation:
    """Translate `va` as a load, store or fetch in a mode would be, step by step."""
    kind = ACCESS[access]
    if priv == 3 or satp >> 60 == 0:
        return Translation(va, access, va, "")
    if not paging.canonical(va):
        return Translation(va, access, None, "page fault: bits 63:39 differ from bit 38")
    table = (satp & ((1 << 44) - 1)) << 12
    steps: list[WalkStep] = []
    for level in (2, 1, 0):
        address = paging.pte_address(table, va, level)
        pte = read(address)
        if pte is None:
            fault = f"access fault: the table at {table:#x} is not in RAM"
            return Translation(va, access, None, fault, tuple(steps))
        fault, leaf = _judge(pte, level, kind, priv, mstatus)
        what = "leaf " + flags_text(pte) if leaf else fault or "table"
        steps.append(WalkStep(level, address, pte, what))
        if fault:
            return Translation(va, access, None, f"page fault: {fault}", tuple(steps))
        if leaf:
            return Translation(va, access, paging.leaf_address(pte, va, level), "", tuple(steps))
        table = paging.pte_target(pte)
    raise AssertionError("a walk ends at level 0")


def _judge(pte: int, level: int, access: int, priv: int, mstatus: int) -> tuple[str, bool]:
    """(reason of a fault or "", is it a leaf?)"""
    if not pte & paging.PTE_V:
        return "the entry is not valid", False
    if paging.pte_malformed(pte):
        return "reserved bits, or W without R", False
    if not paging.pte_is_leaf(pte):
        if level == 0 or paging.pointer_malformed(pte):
            return "no leaf at the last level, or a malformed pointer", False
        return "", False
    if paging.superpage_misaligned(pte, level):
        return "misaligned superpage", True
    if not paging.leaf_permits(pte, access, priv, mstatus):
        return f"not permitted in {'USM'[min(priv, 2)]} ({flags_text(pte)})", True
    return "", True
