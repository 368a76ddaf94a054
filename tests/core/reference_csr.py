"""CSRs of the reference machine: what reads and writes do, by the tables and rules of ``isa``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isa import csrs, pmp

if TYPE_CHECKING:
    from .reference import Reference

MASK64 = (1 << 64) - 1
STCE, STI = 1 << 63, 1 << 5


def words(csr: csrs.Csr) -> tuple[str, ...]:
    """The words that a CSR stores: none, one, or one a trigger."""
    if csr.kind == "selected":
        return tuple(f"{csr.name}_{i}" for i in range(csrs.TRIGGERS))
    return (csr.name,) if csr.kind == "plain" else ()


def reset_values() -> dict[str, int]:
    """Every stored word after reset."""
    return {word: csr.reset for csr in csrs.CSRS for word in words(csr)}


def pending(m: Reference) -> int:
    """mip as software reads it."""
    bits = m.csr["mip"] | m.lines
    if m.csr["menvcfg"] & STCE:
        bits &= ~STI
        bits |= STI if m.mtime >= m.csr["stimecmp"] else 0
    return bits


def _slot(m: Reference, csr: csrs.Csr) -> str:
    """The word that is meant: its own, that of which it is a view, or the selected trigger's."""
    if csr.kind == "selected":
        return f"{csr.name}_{m.csr[csr.view_of]}"
    return csr.view_of or csr.name


def read(m: Reference, csr: csrs.Csr) -> int:
    """The value that an instruction reads."""
    if csr.name in ("mip", "sip"):
        return pending(m) & (m.csr["mideleg"] if csr.name == "sip" else MASK64)
    if csr.name == "sie":
        return m.csr["mie"] & m.csr["mideleg"]
    if csr.kind == "constant":
        return csr.reset
    if csr.kind == "counter":
        return m.mtime if csr.view_of == "time" else m.minstret
    return m.csr[_slot(m, csr)] & csr.readable


def write(m: Reference, csr: csrs.Csr, value: int) -> None:
    """A write through the legalization of the storage; one to what is locked does nothing."""
    if csr.kind == "constant" or _locked(m, csr):
        return
    if csr.kind == "counter":
        m.minstret = value if csr.view_of == "minstret" else m.minstret
        return
    slot, writable = _slot(m, csr), csr.writable
    if csr.name in ("sip", "sie"):
        writable &= m.csr["mideleg"]
    if csr.name == "mip":
        writable = csrs.mip_writable(m.csr["menvcfg"])
    old = m.csr[slot]
    full = (old & ~writable) | (value & writable)
    rule = csr.legalize if csr.kind == "selected" else csrs.BY_NAME[slot].legalize
    m.csr[slot] = rule(old, full) if rule else full


def _locked(m: Reference, csr: csrs.Csr) -> bool:
    if not csr.name.startswith("pmpaddr"):
        return False
    return pmp.address_locked(m.csr["pmpcfg0"], int(csr.name.removeprefix("pmpaddr")))


def allowed(m: Reference, csr: csrs.Csr, write: bool) -> bool:
    """May this mode make this access now?"""
    state, number = m.csr, csr.number
    if not csrs.csr_permitted(number, m.priv, write, state["mstatus"]):
        return False
    if csr.name == "stimecmp":
        return csrs.stimecmp_enabled(m.priv, state["mcounteren"], state["menvcfg"])
    if 0xC00 <= number < 0xC20:
        return csrs.counter_enabled(number, m.priv, state["mcounteren"], state["scounteren"])
    return True
