"""The last moment of a stretch of time at which something happened, from the events of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from isa import marks
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME, CSRS, Csr
from simvirt import stops as st
from simvirt.events import CSR_WRITES, KIND, Records, decode

Chosen = NDArray[np.bool_]  # of some records
_HEAD, _T, _PC, _A, _B, _C = 0, 1, 3, 4, 5, 6  # words of a record
_PRIV = {name: number for number, name in PRIV_NAMES.items()}
_EXIT = marks.MARK_NUMBERS["EXIT"]
# storage: mode whose traps set it, and the word of the record that it then is
_BY_TRAP = {
    "mepc": (3, _PC), "mcause": (3, _A), "mtval": (3, _B),
    "sepc": (1, _PC), "scause": (1, _A), "stval": (1, _B),
}  # fmt: skip


def kinds_of(records: Records) -> Records:
    """The kind of each record."""
    return records[:, _HEAD] & np.uint64(0xFF)


def _modes(records: Records) -> tuple[Records, Records]:
    """The modes before and after."""
    head = records[:, _HEAD]
    return head >> np.uint64(16) & np.uint64(0xFF), head >> np.uint64(24) & np.uint64(0xFF)


def backwards(records: Records, condition: st.EventCondition) -> Iterator[int]:
    """t of each event that a condition is about, the latest first."""
    places = np.flatnonzero(_likely(records, condition))[::-1]
    for place in places:
        record = records[place : place + 1]
        if isinstance(condition, st.OnSwitch) or all(map(condition.matches, decode(record))):
            yield int(record[0, _T])


def _likely(records: Records, condition: st.EventCondition) -> Chosen:
    """All events that a condition may be about, found fast."""
    chosen = np.isin(kinds_of(records), [KIND[kind] for kind in condition.kinds])
    before, after = _modes(records)
    if isinstance(condition, st.OnSwitch):
        return _switches(records, chosen)
    if isinstance(condition, st.OnTrap) and condition.cause is not None:
        chosen &= records[:, _A] == np.uint64(condition.cause)
    if isinstance(condition, st.OnModeChange):
        chosen &= before != after
        if condition.to is not None:
            chosen &= after == _PRIV[condition.to]
    if isinstance(condition, st.OnExit):
        chosen &= records[:, _A] == _EXIT
        if condition.reason is not None:
            wanted = marks.EXIT_REASON_NUMBERS[condition.reason]
            chosen &= records[:, _B] & np.uint64(0xFF) == wanted
    return chosen


def _switches(records: Records, owners: Chosen) -> Chosen:
    """Entries of another VM than the one before."""
    entered = np.flatnonzero(owners & (records[:, _B] != 0))
    chosen = np.zeros(len(records), bool)
    chosen[entered[1:][np.diff(records[entered, _B].astype(np.int64)) != 0]] = True
    return chosen


def first_entry(records: Records) -> Records:
    """The first entry of a VM, as an array of one record or none."""
    entries = np.flatnonzero((kinds_of(records) == KIND["OWNER"]) & (records[:, _B] != 0))
    return records[entries[:1]]


# ---- CSRs --------------------------------------------------------------------------------------


def changes(
    records: Records, name: str, value: int, changed: Callable[[int], bool]
) -> Iterator[int]:
    """t of each step that changes a CSR, the latest first.

    `value` is what it is before the records; `changed(t)` goes and looks whether step `t` changes
    it, and is asked only where the records do not tell.
    """
    csr = BY_NAME[name]
    certain, unsure = _changing(records, csr, value)
    for place in np.flatnonzero(certain | unsure)[::-1]:
        t = int(records[place, _T])
        if certain[place] or changed(t):
            yield t


def _changing(records: Records, csr: Csr, value: int) -> tuple[Chosen, Chosen]:
    """Which records surely change it, and which may."""
    kinds, storage = kinds_of(records), _storage(csr)
    written = np.isin(kinds, [KIND[kind] for kind in CSR_WRITES])
    views = [c.number for c in CSRS if _storage(c) == storage]
    written &= np.isin(records[:, _A], views)
    bits = (records[:, _B] ^ records[:, _C]) & np.uint64(csr.readable)
    certain = written & (bits != 0)
    none = np.zeros(len(records), bool)
    if csr.name in ("sie", "sip"):  # through mideleg
        return none, certain
    if storage == "mstatus":
        return certain, _status_changes(records, kinds, csr)
    if storage in _BY_TRAP:
        return _trap_changes(records, kinds, written, storage, value), none
    return certain, none


def _trap_changes(
    records: Records, kinds: Records, written: Chosen, storage: str, value: int
) -> Chosen:
    """Of a CSR that traps set: its value after each record is known, so its changes are."""
    mode, word = _BY_TRAP[storage]
    trapped = (kinds == KIND["TRAP"]) & (_modes(records)[1] == mode)
    places = np.flatnonzero(trapped | written)
    values = np.where(trapped[places], records[places, word], records[places, _B])
    before = np.concatenate((np.array([value], np.uint64), values[:-1]))
    chosen = np.zeros(len(records), bool)
    chosen[places[values != before]] = True
    return chosen


def _status_changes(records: Records, kinds: Records, csr: Csr) -> Chosen:
    """Traps and returns that may change mstatus, or what sstatus shows of it."""
    trap, back = kinds == KIND["TRAP"], kinds == KIND["XRET"]
    before, after = _modes(records)
    if csr.name == "sstatus":
        trap, back = trap & (after == 1), back & (before == 1)
    chosen: Chosen = trap | back
    return chosen


def _storage(csr: Csr) -> str:
    if csr.name in ("sip", "sie"):
        return {"sip": "mip", "sie": "mie"}[csr.name]
    return csr.name if csr.kind == "selected" else csr.view_of or csr.name
