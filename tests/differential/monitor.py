"""The program that runs on QEMU: sets up each case, lets it run, saves how it ended.

For each case there is a slot in memory: a header of doublewords and an image of the arena.  The
monitor copies the image to the arena, sets CSRs and registers from the header and jumps to the
case's mret.  When the case traps into M, header and image are replaced by the final state.
Everything is M-mode code without memory protection; x31 is a constant that no case changes.
A case that leaves locked PMP entries is the last one: the arena itself is the image of its end.
"""

from __future__ import annotations

from tests.oracle.csr import NUMBER, TRIGGERS

from . import asm
from .case import COMPARED
from .layout import ARENA, ARENA_SIZE, END, ENTRY, RAM, SAVE

# What a header holds, in doublewords.  On input VECTOR is msip; on output the entry of mtvec used.
VECTOR, X, CSRS, MTIMECMP, TDATA, HEADER_SIZE = 0, 0, 32, 96, 100, 1024
CONTROL = SAVE + 1024  # cursor, cases left, cases done, did the last one leave locks
CURSOR, LEFT, DONE, SPARE, LOCKED = 0, 8, 16, 24, 32
SLOTS = RAM + 0x100_0000
SLOT_SIZE = HEADER_SIZE + ARENA_SIZE

# Order matters: Sstc is switched before stimecmp and mip, translation and status come last.
SET_ORDER = (
    "menvcfg stimecmp mcounteren scounteren senvcfg medeleg mideleg mie mip mtvec stvec mscratch "
    "sscratch mepc sepc mcause scause mtval stval "
    + " ".join(f"pmpaddr{i}" for i in range(8))
    + " pmpcfg0 satp mstatus"
).split()
STUBS = 16
MSIP, MTIMECMP_REGISTER, FINISHER = 0x200_0000, 0x200_4000, 0x10_0000


def image() -> bytes:
    """The monitor's code, from RAM's first byte to the end of the trap entries and their code."""
    code = {RAM + 4 * k: word for k, word in enumerate(_boot())}
    code |= _entries()
    size = max(code) + 4 - RAM
    memory = bytearray(size)
    for at, word in code.items():
        memory[at - RAM : at - RAM + 4] = word.to_bytes(4, "little")
    return bytes(memory)


def _boot() -> list[int]:
    """Runs at reset and, from its loop on, before each case."""
    boot = _start()
    loop = [
        *asm.constant(5, END), asm.csrw(NUMBER["mtvec"], 5),
        asm.ld(6, 31, CONTROL - SAVE + LEFT),
        asm.b(1, 6, 0, 4 + 4 * len(_power_off())), *_power_off(),
        asm.ld(5, 31, CONTROL - SAVE + CURSOR),
        *_copy_in(), *_quiet(), *_set_lines(),
        *_set_triggers(), *_set_csrs(),
        asm.FENCE_I, asm.SFENCE, *_set_registers(),
    ]  # fmt: skip
    words = boot + loop
    assert RAM + 4 * len(words) < END
    return [*words, asm.jal(0, ENTRY - (RAM + 4 * len(words)))]


def _start() -> list[int]:
    """Hart 0 goes on; a second one, there so that AMOs are one access, waits for ever."""
    wait = [asm.csrr(5, NUMBER["mhartid"]), asm.b(0, 5, 0, 12), asm.WFI, asm.jal(0, -4)]
    return wait + asm.constant(31, SAVE)


LOOP = RAM + 4 * len(_start())


def _power_off() -> list[int]:
    return [
        *asm.constant(5, FINISHER), *asm.constant(6, 0x5555), asm.s(2, 5, 6, 0), asm.jal(0, 0),
    ]  # fmt: skip


def _copy(source: int, target: int, end: int) -> list[int]:
    """Copy doublewords up to the address in register ``end``, a bound on the target."""
    body = [
        asm.ld(28, source, 0), asm.ld(29, source, 8), asm.sd(28, target, 0), asm.sd(29, target, 8),
        asm.addi(source, source, 16), asm.addi(target, target, 16),
    ]  # fmt: skip
    return [*body, asm.b(6, target, end, -4 * len(body))]


def _copy_in() -> list[int]:
    """The slot's image (slot in x5) to the arena."""
    return [
        asm.addi(6, 5, HEADER_SIZE), *asm.constant(7, ARENA),
        *asm.constant(30, ARENA + ARENA_SIZE), *_copy(6, 7, 30),
    ]  # fmt: skip


def _quiet() -> list[int]:
    """Nothing pending, enabled, translated or reserved: whatever the last case left."""
    names = ("mstatus", "mie", "menvcfg", "mip", "satp", "pmpcfg0")
    never = [asm.addi(6, 0, -1), asm.csrw(NUMBER["stimecmp"], 6)]
    no_reservation = [asm.addi(6, 31, CONTROL - SAVE + SPARE), asm.r(0x2F, 3, 3 << 2, 0, 6, 0)]
    return [asm.csrw(NUMBER[name], 0) for name in names] + never + no_reservation


def _set_lines() -> list[int]:
    """MSIP and MTIP through the CLINT."""
    return [
        asm.ld(6, 5, 8 * VECTOR), *asm.constant(7, MSIP), asm.s(2, 7, 6, 0),
        asm.ld(6, 5, 8 * MTIMECMP), *asm.constant(7, MTIMECMP_REGISTER), asm.sd(6, 7, 0),
    ]  # fmt: skip


def _set_csrs() -> list[int]:
    words = []
    for k, name in enumerate(SET_ORDER):
        words += [asm.ld(6, 5, 8 * (CSRS + k)), asm.csrw(NUMBER[name], 6)]
    return words


def _set_triggers() -> list[int]:
    words = []
    for n in range(TRIGGERS):
        words.append(asm.csr(5, 0, n, NUMBER["tselect"]))
        for k, name in enumerate(("tdata2", "tdata1")):
            words += [asm.ld(6, 5, 8 * (TDATA + 2 * n + k)), asm.csrw(NUMBER[name], 6)]
    return [*words, asm.csrw(NUMBER["tselect"], 0)]


def _set_registers() -> list[int]:
    return [asm.ld(i, 5, 8 * (X + i)) for i in range(1, 32) if i != 5] + [asm.ld(5, 5, 8 * (X + 5))]


def _entries() -> dict[int, int]:
    """mtvec's entries, their stubs, and the common code that saves the state."""
    stubs = END + 0x100
    stub_size = 16
    common = stubs + STUBS * stub_size
    code = {}
    for k in range(STUBS):
        stub = stubs + k * stub_size
        code[END + 4 * k] = asm.jal(0, stub - (END + 4 * k))
        words = [asm.sd(1, 31, 8), asm.addi(1, 0, k), asm.sd(1, 31, 0)]
        words.append(asm.jal(0, common - (stub + 4 * len(words))))
        code |= {stub + 4 * n: word for n, word in enumerate(words)}
    words = _save()
    words.append(asm.jal(0, LOOP - (common + 4 * len(words))))
    return code | {common + 4 * n: word for n, word in enumerate(words)}


def _disarm() -> list[int]:
    """No trigger is set any more: here, in M, QEMU fires even those that 5.4 holds back."""
    words = [asm.addi(6, 0, 1), asm.i(0x13, 1, 6, 6, 61)]  # type 2 with nothing set
    for n in range(TRIGGERS):
        words += [asm.csr(5, 0, n, NUMBER["tselect"]), asm.csrw(NUMBER["tdata1"], 6)]
    return words


def _save() -> list[int]:
    """Save registers, CSRs and the arena to the slot, and move on to the next slot."""
    words = [asm.sd(i, 31, 8 * (X + i)) for i in range(2, 32)] + _disarm()
    for k, name in enumerate(COMPARED):
        words += [asm.csrr(5, NUMBER[name]), asm.sd(5, 31, 8 * (CSRS + k))]
    words += [
        asm.csrw(NUMBER["pmpcfg0"], 0),  # an entry that an access matches in part binds M too
        asm.ld(5, 31, CONTROL - SAVE + CURSOR), asm.addi(6, 31, 0),
        asm.addi(7, 5, 0), asm.addi(30, 5, HEADER_SIZE), *_copy(6, 7, 30), *_stop_if_locked(),
        *asm.constant(6, ARENA), *asm.constant(30, SLOT_SIZE), asm.r(0x33, 0, 0, 30, 30, 5),
        *_copy(6, 7, 30), asm.sd(30, 31, CONTROL - SAVE + CURSOR),
    ]  # fmt: skip
    return words + _count(LEFT, -1) + _count(DONE, 1)


def _stop_if_locked() -> list[int]:
    """Only a reset lets M at the arena again: it stays where it is, with all that ran before."""
    stop = [asm.addi(6, 0, 1), asm.sd(6, 31, CONTROL - SAVE + LOCKED), *_count(DONE, 1)]
    stop += _power_off()
    return [asm.csrr(6, NUMBER["pmpcfg0"]), asm.b(0, 6, 0, 4 + 4 * len(stop)), *stop]


def _count(counter: int, change: int) -> list[int]:
    at = CONTROL - SAVE + counter
    return [asm.ld(5, 31, at), asm.addi(5, 5, change), asm.sd(5, 31, at)]
