"""The reference evaluation: bodies and rules of ``isa`` on Python ints, one step at a time.

It moves fields and memory, as ``simvirt.core`` does, and takes every decision from ``isa``.  There
is no TLB, no cache and no device: a table holds at once, what is not RAM refuses every access.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache

from isa import csrs, traps, triggers
from isa.decode import Decoded, decode
from isa.table import by_name

from . import reference_csr
from .reference_memory import FETCH, LOAD, STORE, Fault, load, load_unwatched, locate, store
from .reference_memory import check_triggers as check

MASK64 = (1 << 64) - 1
INTERRUPT = 1 << 63
ILLEGAL, BREAKPOINT, ECALL = 2, 3, 8
SEI = 1 << 9


def extend(value: int, size: int, signed: bool) -> int:
    """`size` bytes as a 64-bit word."""
    bits = 8 * size
    return (value - (1 << bits)) & MASK64 if signed and value >> (bits - 1) else value


class Reference:
    """One hart and its RAM, on Python ints; with ``ad_faults`` software sets A and D."""

    def __init__(self, ram_base: int, ram_size: int) -> None:
        self.ram_base = ram_base
        self.mem = bytearray(ram_size)
        self.x = [0] * 32
        self.pc, self.priv = ram_base, 3
        self.csr = reference_csr.reset_values()
        self.ad_faults = False
        self.lines = self.mtime = self.minstret = 0
        self.reservation: int | None = None

    # ---- memory ------------------------------------------------------------------------------

    def in_ram(self, pa: int, size: int) -> bool:
        """Is all of it RAM?"""
        return self.ram_base <= pa and pa + size <= self.ram_base + len(self.mem)

    def peek(self, pa: int, size: int) -> int:
        """Bytes of RAM as a number."""
        at = pa - self.ram_base
        return int.from_bytes(self.mem[at : at + size], "little")

    def poke(self, pa: int, size: int, value: int) -> None:
        """Write bytes of RAM."""
        at = pa - self.ram_base
        self.mem[at : at + size] = value.to_bytes(size, "little")

    # ---- steps -------------------------------------------------------------------------------

    def step(self) -> int | None:
        """One instruction or one trap; the cause of the trap, or None."""
        mstatus, mideleg = self.csr["mstatus"], self.csr["mideleg"]
        enabled = reference_csr.pending(self) & self.csr["mie"]
        choice = traps.interrupt_choice(enabled, mstatus, self.priv, mideleg)
        if choice:
            return self._trap(choice - 1, 0, True)
        try:
            self._execute(self._fetch())
        except Fault as fault:
            return self._trap(fault.cause, fault.tval, False)
        return None

    def _fetch(self) -> int:
        check(self, self.pc, triggers.TRIGGER_EXECUTE)
        word = load_unwatched(self, self.pc, 2, FETCH)
        if word & 3 == 3:
            word |= load_unwatched(self, (self.pc + 2) & MASK64, 2, FETCH) << 16
        return word

    def _execute(self, word: int) -> None:
        found = decode(word)
        if found is None:
            raise Fault(ILLEGAL, word)
        before = self.minstret
        following = (self.pc + found.length) & MASK64
        kind = by_name(found.base).kind
        written = "minstret" if self._writes_minstret(found) else ""
        if kind == "system" or kind == "csr":
            target = _BY_KIND[kind](self, found, word)
        else:
            target = _BY_KIND[kind](self, found, following)
        self.pc = following if target is None else target
        if not written:
            self.minstret = (before + 1) & MASK64

    def _writes_minstret(self, found: Decoded) -> bool:
        if by_name(found.base).kind != "csr" or found.imm != csrs.BY_NAME["minstret"].number:
            return False
        return found.base.startswith("csrrw") or found.rs1 != 0

    def _trap(self, cause: int, tval: int, interrupt: bool) -> int:
        csr = self.csr
        full = cause | (INTERRUPT if interrupt else 0)
        to_s = traps.delegated(cause, interrupt, self.priv, csr["medeleg"], csr["mideleg"])
        letter = "s" if to_s else "m"
        csr[f"{letter}epc"], csr[f"{letter}cause"], csr[f"{letter}tval"] = self.pc, full, tval
        enter = traps.enter_s if to_s else traps.enter_m
        csr["mstatus"] = enter(csr["mstatus"], self.priv)
        self.priv = 1 if to_s else 3
        self.pc = traps.vector(csr[f"{letter}tvec"], interrupt, cause)
        return full


# ---- kinds of instruction: each returns the next pc, or None for the following one --------------


def _number(value: object) -> int:
    """What a body returns: a word, or a truth value."""
    assert isinstance(value, int)
    return int(value)


def _write(m: Reference, found: Decoded, value: int) -> None:
    if found.rd:
        m.x[found.rd] = value


@cache
def _parameters(body: Callable[..., object]) -> tuple[str, ...]:
    return tuple(inspect.signature(body).parameters)


def _evaluate(m: Reference, found: Decoded) -> int:
    """The body on this machine's values."""
    insn = by_name(found.base)
    assert insn.body is not None
    body, imm = insn.body, found.imm & MASK64
    second = m.x[found.rs2] if "rs2" in insn.operands else imm
    values = {"a": m.x[found.rs1], "b": second, "imm": imm, "pc": m.pc}
    return _number(body(*(values[name] for name in _parameters(body))))


def _alu(m: Reference, found: Decoded, following: int) -> None:
    _write(m, found, _evaluate(m, found))


def _branch(m: Reference, found: Decoded, following: int) -> int | None:
    return (m.pc + found.imm) & MASK64 if _evaluate(m, found) else None


def _jump(m: Reference, found: Decoded, following: int) -> int:
    target = _evaluate(m, found)
    _write(m, found, following)
    return target


def _address(m: Reference, found: Decoded) -> int:
    return (m.x[found.rs1] + found.imm) & MASK64


def _load(m: Reference, found: Decoded, following: int) -> None:
    insn = by_name(found.base)
    value = load(m, _address(m, found), insn.width)
    _write(m, found, extend(value, insn.width, insn.signed))


def _store(m: Reference, found: Decoded, following: int) -> None:
    insn = by_name(found.base)
    store(m, _address(m, found), insn.width, m.x[found.rs2])


def _atomic(m: Reference, found: Decoded, access: int) -> int:
    """Physical address of an aligned atomic access."""
    va, width = m.x[found.rs1], by_name(found.base).width
    if va % width:
        raise Fault(4 if access == LOAD else 6, va)
    return locate(m, va, width, access)


def _lr(m: Reference, found: Decoded, following: int) -> None:
    width = by_name(found.base).width
    check(m, m.x[found.rs1], triggers.TRIGGER_LOAD)
    pa = _atomic(m, found, LOAD)
    m.reservation = pa & ~7
    _write(m, found, extend(m.peek(pa, width), width, True))


def _sc(m: Reference, found: Decoded, following: int) -> None:
    width = by_name(found.base).width
    check(m, m.x[found.rs1], triggers.TRIGGER_STORE)
    if m.reservation is None and m.x[found.rs1] % width == 0:
        _write(m, found, 1)
        return
    pa = _atomic(m, found, STORE)
    held, m.reservation = m.reservation, None
    if held == pa & ~7:
        m.poke(pa, width, m.x[found.rs2] & ((1 << 8 * width) - 1))
    _write(m, found, int(held != pa & ~7))


def _amo(m: Reference, found: Decoded, following: int) -> None:
    insn = by_name(found.base)
    assert insn.body is not None
    check(m, m.x[found.rs1], triggers.TRIGGER_LOAD | triggers.TRIGGER_STORE)
    pa, mask = _atomic(m, found, STORE), (1 << 8 * insn.width) - 1
    old = extend(m.peek(pa, insn.width), insn.width, True)
    operand = extend(m.x[found.rs2] & mask, insn.width, True)
    m.poke(pa, insn.width, _number(insn.body(old, operand)) & mask)
    _write(m, found, old)


def _csr(m: Reference, found: Decoded, word: int) -> None:
    insn, csr = by_name(found.base), csrs.BY_NUMBER.get(found.imm)
    assert insn.body is not None
    write = insn.name.startswith("csrrw") or found.rs1 != 0
    if csr is None or not reference_csr.allowed(m, csr, write):
        raise Fault(ILLEGAL, word)
    source = found.rs1 if insn.name.endswith("i") else m.x[found.rs1]
    old = base = reference_csr.read(m, csr)
    if csr.name == "mip":  # SEIP reads as written bit OR line; set and clear use the former
        base = (old & ~SEI) | (m.csr["mip"] & SEI)
    if write:
        reference_csr.write(m, csr, _number(insn.body(base, source)))
    _write(m, found, old)


def _system(m: Reference, found: Decoded, word: int) -> int | None:
    return _SYSTEM[found.base](m, word)


def _ecall(m: Reference, word: int) -> None:
    raise Fault(ECALL + m.priv)


def _ebreak(m: Reference, word: int) -> None:
    raise Fault(BREAKPOINT, m.pc)


def _require(permitted: bool, word: int) -> None:
    if not permitted:
        raise Fault(ILLEGAL, word)


def _mret(m: Reference, word: int) -> int:
    _require(m.priv == 3, word)
    status = m.csr["mstatus"]
    m.priv, m.csr["mstatus"] = traps.mret_mode(status), traps.mret_mstatus(status)
    return m.csr["mepc"]


def _sret(m: Reference, word: int) -> int:
    status = m.csr["mstatus"]
    _require(traps.sret_permitted(m.priv, status), word)
    m.priv, m.csr["mstatus"] = traps.sret_mode(status), traps.sret_mstatus(status)
    return m.csr["sepc"]


def _wfi(m: Reference, word: int) -> None:
    _require(traps.wfi_permitted(m.priv, m.csr["mstatus"]), word)


def _sfence(m: Reference, word: int) -> None:
    _require(traps.sfence_permitted(m.priv, m.csr["mstatus"]), word)


def _nothing(m: Reference, word: int) -> None:
    return None


_SYSTEM: dict[str, Callable[[Reference, int], int | None]] = {
    "fence": _nothing, "fence.i": _nothing, "ecall": _ecall, "ebreak": _ebreak, "mret": _mret,
    "sret": _sret, "wfi": _wfi, "sfence.vma": _sfence,
}  # fmt: skip
_BY_KIND: dict[str, Callable[[Reference, Decoded, int], int | None]] = {
    "alu": _alu, "branch": _branch, "jump": _jump, "load": _load, "store": _store, "lr": _lr,
    "sc": _sc, "amo": _amo, "csr": _csr, "system": _system,
}  # fmt: skip
