"""Instructions of RV64IMA, Zicsr, Zifencei and the privileged ones (unpriv 2 to 14, priv 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import csr as csrs
from . import memory, trap, trigger
from .bits import M32, M64, field, sext, signed

if TYPE_CHECKING:
    from .machine import Oracle

Alu = Callable[[int, int], int]


def execute(o: Oracle, word: int, length: int) -> tuple[int, str | None]:
    """Execute a 32-bit instruction word; returns the next pc and the CSR written, if any."""
    opcode = word & 0x7F
    following = o.pc + length
    if opcode == 0x73:
        return _system(o, word, following)
    if opcode in _JUMPS:
        return _JUMPS[opcode](o, word, following), None
    body = _BODIES.get(opcode)
    if body is None:
        raise trap.illegal()
    body(o, word)
    return following, None


def _set(o: Oracle, word: int, value: int) -> None:
    rd = field(word, 11, 7)
    if rd:
        o.x[rd] = value & M64


def _rs1(o: Oracle, word: int) -> int:
    return o.x[field(word, 19, 15)]


def _rs2(o: Oracle, word: int) -> int:
    return o.x[field(word, 24, 20)]


def _imm_i(word: int) -> int:
    return sext(word >> 20, 12)


def _imm_s(word: int) -> int:
    return sext(word >> 25 << 5 | field(word, 11, 7), 12)


def _imm_b(word: int) -> int:
    high = field(word, 31, 31) << 12 | field(word, 7, 7) << 11
    return sext(high | field(word, 30, 25) << 5 | field(word, 11, 8) << 1, 13)


def _imm_j(word: int) -> int:
    high = field(word, 31, 31) << 20 | field(word, 19, 12) << 12 | field(word, 20, 20) << 11
    return sext(high | field(word, 30, 21) << 1, 21)


# --- unpriv 2.5: control transfer -----------------------------------------------------------------


def _jal(o: Oracle, word: int, following: int) -> int:
    target = o.pc + _imm_j(word)
    _set(o, word, following)
    return target


def _jalr(o: Oracle, word: int, following: int) -> int:
    if field(word, 14, 12) != 0:
        raise trap.illegal()
    target = (_rs1(o, word) + _imm_i(word)) & ~1
    _set(o, word, following)
    return target


def _branch(o: Oracle, word: int, following: int) -> int:
    a, b = _rs1(o, word), _rs2(o, word)
    outcomes = {
        0: a == b, 1: a != b, 4: signed(a) < signed(b), 5: signed(a) >= signed(b),
        6: a < b, 7: a >= b,
    }  # fmt: skip
    kind = field(word, 14, 12)
    if kind not in outcomes:
        raise trap.illegal()
    return o.pc + _imm_b(word) if outcomes[kind] else following


# --- unpriv 2.4, 4.2: integer computation; 7: multiplication and division -------------------------


def _lui(o: Oracle, word: int) -> None:
    _set(o, word, sext(word & 0xFFFFF000, 32))


def _auipc(o: Oracle, word: int) -> None:
    _set(o, word, o.pc + sext(word & 0xFFFFF000, 32))


def _div(a: int, b: int) -> int:
    """Signed quotient, rounded towards zero; by zero it is -1 (unpriv 7.2)."""
    if b == 0:
        return -1
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _rem(a: int, b: int) -> int:
    """Signed remainder with the sign of the dividend; by zero it is the dividend."""
    if b == 0:
        return a
    remainder = abs(a) % abs(b)
    return -remainder if a < 0 else remainder


_BASE: dict[tuple[int, int], Alu] = {
    (0, 0): lambda a, b: a + b,
    (0x20, 0): lambda a, b: a - b,
    (0, 1): lambda a, b: a << (b & 63),
    (0, 2): lambda a, b: int(signed(a) < signed(b)),
    (0, 3): lambda a, b: int(a < b),
    (0, 4): lambda a, b: a ^ b,
    (0, 5): lambda a, b: a >> (b & 63),
    (0x20, 5): lambda a, b: signed(a) >> (b & 63),
    (0, 6): lambda a, b: a | b,
    (0, 7): lambda a, b: a & b,
    (1, 0): lambda a, b: a * b,
    (1, 1): lambda a, b: signed(a) * signed(b) >> 64,
    (1, 2): lambda a, b: signed(a) * b >> 64,
    (1, 3): lambda a, b: a * b >> 64,
    (1, 4): lambda a, b: _div(signed(a), signed(b)),
    (1, 5): lambda a, b: a // b if b else M64,
    (1, 6): lambda a, b: _rem(signed(a), signed(b)),
    (1, 7): lambda a, b: a % b if b else a,
}

# Operands arrive as 32-bit patterns; the low 32 bits of the result are sign-extended.
_WORD: dict[tuple[int, int], Alu] = {
    (0, 0): lambda a, b: a + b,
    (0x20, 0): lambda a, b: a - b,
    (0, 1): lambda a, b: a << (b & 31),
    (0, 5): lambda a, b: a >> (b & 31),
    (0x20, 5): lambda a, b: signed(a, 32) >> (b & 31),
    (1, 0): lambda a, b: a * b,
    (1, 4): lambda a, b: _div(signed(a, 32), signed(b, 32)),
    (1, 5): lambda a, b: a // b if b else M32,
    (1, 6): lambda a, b: _rem(signed(a, 32), signed(b, 32)),
    (1, 7): lambda a, b: a % b if b else a,
}


def _lookup(table: dict[tuple[int, int], Alu], high: int, kind: int) -> Alu:
    if (high, kind) not in table:
        raise trap.illegal()
    return table[high, kind]


def _op(o: Oracle, word: int) -> None:
    body = _lookup(_BASE, field(word, 31, 25), field(word, 14, 12))
    _set(o, word, body(_rs1(o, word), _rs2(o, word)))


def _op_word(o: Oracle, word: int) -> None:
    body = _lookup(_WORD, field(word, 31, 25), field(word, 14, 12))
    _set(o, word, sext(body(_rs1(o, word) & M32, _rs2(o, word) & M32), 32))


def _op_imm(o: Oracle, word: int) -> None:
    kind, operand, high = field(word, 14, 12), _imm_i(word), 0
    if kind in (1, 5):  # the shift amount has six bits, the function code the other six
        high, operand = field(word, 31, 26) << 1, field(word, 25, 20)
    _set(o, word, _lookup(_BASE, high, kind)(_rs1(o, word), operand))


def _op_imm_word(o: Oracle, word: int) -> None:
    kind, operand, high = field(word, 14, 12), _imm_i(word), 0
    if kind in (1, 5):
        high, operand = field(word, 31, 25), field(word, 24, 20)
    if kind not in (0, 1, 5) or high not in (0, 0x20):  # 1 would be a multiplication's code
        raise trap.illegal()
    body = _lookup(_WORD, high, kind)
    _set(o, word, sext(body(_rs1(o, word) & M32, operand & M32), 32))


# --- unpriv 2.6: loads and stores; 2.7, 3: fences -------------------------------------------------


def _load(o: Oracle, word: int) -> None:
    kind = field(word, 14, 12)
    if kind == 7:
        raise trap.illegal()
    size = 1 << (kind & 3)
    value = memory.load(o, (_rs1(o, word) + _imm_i(word)) & M64, size)
    _set(o, word, value if kind & 4 else sext(value, 8 * size))


def _store(o: Oracle, word: int) -> None:
    kind = field(word, 14, 12)
    if kind > 3:
        raise trap.illegal()
    memory.store(o, (_rs1(o, word) + _imm_s(word)) & M64, 1 << kind, _rs2(o, word))


def _fence(o: Oracle, word: int) -> None:
    """FENCE and FENCE.I: one hart in program order has nothing to order."""
    if field(word, 14, 12) > 1:
        raise trap.illegal()


# --- unpriv 8: atomics ----------------------------------------------------------------------------

_AMO: dict[int, Callable[[int, int, int], int]] = {
    0x01: lambda a, b, w: b,
    0x00: lambda a, b, w: a + b,
    0x04: lambda a, b, w: a ^ b,
    0x0C: lambda a, b, w: a & b,
    0x08: lambda a, b, w: a | b,
    0x10: lambda a, b, w: min(a, b, key=lambda v: signed(v, w)),
    0x14: lambda a, b, w: max(a, b, key=lambda v: signed(v, w)),
    0x18: lambda a, b, w: min(a, b),
    0x1C: lambda a, b, w: max(a, b),
}


def _amo(o: Oracle, word: int) -> None:
    kind, function, size = field(word, 14, 12), word >> 27, 0
    if kind in (2, 3):
        size = 1 << kind
    known = function in _AMO or function == 3 or (function == 2 and not field(word, 24, 20))
    if not size or not known:
        raise trap.illegal()
    address = _rs1(o, word)
    if function == 2:
        _load_reserved(o, word, address, size)
    elif function == 3:
        _store_conditional(o, word, address, size)
    else:
        _read_modify_write(o, word, address, size)


_MISALIGNED = {memory.LOAD: trap.LOAD_MISALIGNED, memory.STORE: trap.STORE_MISALIGNED}


def _aligned(o: Oracle, address: int, size: int, kind: int) -> int:
    if address % size:
        raise trap.Trap(_MISALIGNED[kind], address)
    return memory.locate(o, address, size, kind)


def _load_reserved(o: Oracle, word: int, address: int, size: int) -> None:
    trigger.check(o, address, trigger.LOAD, size)
    at = _aligned(o, address, size, memory.LOAD)
    o.reservation = at & ~7
    value = bytes(o.mem[at : at + size])
    o.reserved_access = address, value
    o.reserved_after = o.mode_changes
    _set(o, word, sext(int.from_bytes(value, "little"), 8 * size))


def _store_conditional(o: Oracle, word: int, address: int, size: int) -> None:
    """Choice: with no reservation at all, only the alignment is checked (unpriv 8.2)."""
    trigger.check(o, address, trigger.STORE, size)
    if address % size:
        raise trap.Trap(trap.STORE_MISALIGNED, address)
    if o.reservation is None:
        _set(o, word, 1)
        return
    if o.reserved_access[0] != address or len(o.reserved_access[1]) != size:
        o.notes.add("sc to another address or width than lr")
    if o.reserved_after != o.mode_changes:
        o.notes.add("sc in another mode's turn than lr")
    at = memory.locate(o, address, size, memory.STORE)
    success = o.reservation == at & ~7
    if success and o.mem[at : at + size] != o.reserved_access[1]:
        o.notes.add("sc after an own store to the reserved bytes")
    o.reservation = None
    if success:
        o.mem[at : at + size] = (_rs2(o, word) & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    _set(o, word, int(not success))


def _read_modify_write(o: Oracle, word: int, address: int, size: int) -> None:
    trigger.check(o, address, trigger.LOAD | trigger.STORE, size)
    at = _aligned(o, address, size, memory.STORE)
    mask = (1 << 8 * size) - 1
    old = int.from_bytes(o.mem[at : at + size], "little")
    new = _AMO[word >> 27](old, _rs2(o, word) & mask, 8 * size) & mask
    o.mem[at : at + size] = new.to_bytes(size, "little")
    _set(o, word, sext(old, 8 * size))


# --- unpriv 9, priv 3.3: system -------------------------------------------------------------------


def _system(o: Oracle, word: int, following: int) -> tuple[int, str | None]:
    kind = field(word, 14, 12)
    if kind == 4:
        raise trap.illegal()
    if kind:
        return following, _csr(o, word, kind)
    if word >> 25 == 0x09 and field(word, 11, 7) == 0:
        _sfence_vma(o)
        return following, None
    plain = {
        0x00000073: _ecall, 0x00100073: _ebreak, 0x10200073: trap.sret, 0x30200073: trap.mret,
    }.get(word)  # fmt: skip
    if plain is not None:
        return plain(o), None
    if word == 0x10500073:
        _wfi(o)
        return following, None
    raise trap.illegal()


def _ecall(o: Oracle) -> int:
    raise trap.Trap(trap.ECALL_FROM_U + o.priv)


def _ebreak(o: Oracle) -> int:
    raise trap.Trap(trap.BREAKPOINT, o.pc)


def _sfence_vma(o: Oracle) -> None:
    if o.priv == trap.U or (o.priv == trap.S and o.csr["mstatus"] & csrs.TVM):
        raise trap.illegal()


def _wfi(o: Oracle) -> None:
    """Choice: traps at once in U, and in S with TW (priv 3.3.3 allows a bounded wait)."""
    if o.priv == trap.U or (o.priv == trap.S and o.csr["mstatus"] & csrs.TW):
        raise trap.illegal()
    o.waiting = not csrs.pending_bits(o) & o.csr["mie"]


def _csr(o: Oracle, word: int, kind: int) -> str | None:
    """CSRRW, CSRRS, CSRRC and their immediate forms; returns the CSR written, if any."""
    number, source = word >> 20, field(word, 19, 15)
    name = csrs.NAME.get(number)
    writes = kind & 3 == 1 or source != 0
    if kind in (2, 3) and source and not o.x[source]:
        o.notes.add("csrrs or csrrc of a register that holds 0")
    if name is None or o.priv < field(number, 9, 8) or (writes and number >> 10 == 3):
        raise trap.illegal()
    if not csrs.readable(o, name, o.priv):
        raise trap.illegal()
    operand = source if kind & 4 else o.x[source]
    if field(word, 11, 7):
        o.csr_reads.append(name)
    old, base = csrs.read(o, name), csrs.read_to_modify(o, name)
    new = {1: operand, 2: base | operand, 3: base & ~operand}[kind & 3]
    if writes:
        o.csr_writes.append((name, new & M64))
        csrs.write(o, name, new & M64)
    _set(o, word, old)
    return name if writes else None


_JUMPS: dict[int, Callable[[Oracle, int, int], int]] = {
    0x63: _branch,
    0x67: _jalr,
    0x6F: _jal,
}
_BODIES: dict[int, Callable[[Oracle, int], None]] = {
    0x03: _load,
    0x0F: _fence,
    0x13: _op_imm,
    0x17: _auipc,
    0x1B: _op_imm_word,
    0x23: _store,
    0x2F: _amo,
    0x33: _op,
    0x37: _lui,
    0x3B: _op_word,
}
