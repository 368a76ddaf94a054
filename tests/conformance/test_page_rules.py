"""Sv39 by the letter: every reserved bit, every non-canonical bit, every superpage's low bit.

Sections: RISC-V privileged architecture, version 1.12.
"""

from __future__ import annotations

import pytest

from isa.paging import PTE_A, PTE_D, PTE_G, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X
from tests.core.tiny import ALL, CODE, DATA, READ_WRITE, S, Tiny, U

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
VA = 0x4020_1000
LOAD_FAULT, STORE_FAULT, FETCH_FAULT = 13, 15, 12
LOAD, STORE, JUMP = "ld s0, 0(t0)", "sd s0, 0(t0)", "jr t0"
FAULT = {LOAD: LOAD_FAULT, STORE: STORE_FAULT, JUMP: FETCH_FAULT}
SUM, MXR, MPRV = 1 << 18, 1 << 19, 1 << 17
SUPER = {1: 0x8000_0000, 2: 0x8000_0000}


def access(instruction: str, variant: str = "fast", mode: int = S, status: int = 0) -> Tiny:
    """One access to VA (t0), which nothing maps yet; `handler` is where a trap goes."""
    m = Tiny(f"{instruction}\n end: nop\n handler: nop", variant).paged(mode)
    return m.set(x5=VA, mtvec=m.symbols["handler"], mstatus=status)


def faults(m: Tiny, cause: int, va: int = VA) -> None:
    """The access traps: cause and address."""
    m.run(1)
    if cause == FETCH_FAULT:
        m.run(1)
    assert (m["mcause"], m["mtval"]) == (cause, va) and m["pc"] == m.symbols["handler"]


def works(m: Tiny) -> None:
    """The access retires."""
    m.run(1)
    assert m["mcause"] == 0 and m["pc"] in (CODE + 4, m["x5"])


@VARIANTS
@pytest.mark.parametrize("instruction", FAULT)
@pytest.mark.parametrize("bit", range(54, 64))
def test_reserved_bits_of_a_leaf(bit: int, instruction: str, variant: str) -> None:
    """4.4.1: without Svnapot and Svpbmt, any of bits 63 to 54 set is a page fault."""
    m = access(instruction, variant)
    m.map(VA, DATA, ALL | 1 << bit)
    faults(m, FAULT[instruction])


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("bit", [*range(54, 64), 4, 6, 7])
def test_reserved_bits_of_a_pointer(bit: int, level: int) -> None:
    """4.3.1: D, A and U are reserved in an entry that points to a table, as are the upper bits."""
    m = access(LOAD)
    m.map(VA, DATA, READ_WRITE)
    at = m.entry(VA, level)
    m.poke(at, m.word(at) | 1 << bit)
    faults(m, LOAD_FAULT)


def test_software_bits_and_global_pointers_are_no_fault() -> None:
    """4.3.1: RSW is ignored; G may stand in a pointer."""
    m = access(LOAD)
    at = m.map(VA, DATA, READ_WRITE | 3 << 8)
    for place in (at, m.entry(VA, 1), m.entry(VA, 2)):
        m.poke(place, m.word(place) | 3 << 8 | PTE_G)
    works(m)


@VARIANTS
@pytest.mark.parametrize("bit", range(38, 64))
def test_addresses_that_are_not_canonical(bit: int, variant: str) -> None:
    """4.4.1: bits 63 to 39 must equal bit 38, else it is a page fault."""
    for instruction in FAULT:
        m = access(instruction, variant)
        m.map(VA, DATA, ALL)
        m.map(VA | 1 << 38, DATA, ALL)
        va = VA ^ 1 << bit
        m.set(x5=va)
        faults(m, FAULT[instruction], va)


@pytest.mark.parametrize("va", [0x3F_FFFF_F000, (1 << 64) - 0x40_0000_0000, (1 << 64) - 4096])
def test_addresses_at_the_ends_of_both_halves(va: int) -> None:
    """The last page of the lower half, the first and the last one of the upper half."""
    m = access(LOAD)
    m.map(va, DATA, READ_WRITE)
    m.poke(DATA, 77)
    works(m.set(x5=va))
    assert m["x8"] == 77


@VARIANTS
@pytest.mark.parametrize(("level", "bit"), [(1, n) for n in range(9)] + [(2, n) for n in range(18)])
def test_misaligned_superpages(level: int, bit: int, variant: str) -> None:
    """4.3.2, step 6: any of the low PPN bits set is a page fault, though the rest is in order."""
    m = access(LOAD, variant)
    m.map(VA, SUPER[level] | 1 << 12 + bit, READ_WRITE, level=level)
    faults(m, LOAD_FAULT)


@pytest.mark.parametrize("level", [1, 2])
def test_aligned_superpages(level: int) -> None:
    """The lower part of the address comes from the virtual one."""
    m = access(LOAD)
    m.map(VA, SUPER[level], READ_WRITE, level=level)
    base = VA >> 12 + 9 * level << 12 + 9 * level
    m.poke(DATA + 8, 99)
    works(m.set(x5=base + DATA + 8 - SUPER[level]))
    assert m["x8"] == 99


def test_pointer_at_the_last_level() -> None:
    """4.3.2, step 4: there is no level below 0."""
    m = access(LOAD)
    m.map(VA, DATA, PTE_V)
    faults(m, LOAD_FAULT)


PERMISSIONS = [
    (bits, instruction, mode, status)
    for bits in range(0, 32, 2)
    for instruction in FAULT
    for mode in (S, U)
    for status in (0, SUM, MXR, SUM | MXR)
]


def allowed(bits: int, instruction: str, mode: int, status: int) -> bool:
    """4.3.1 and 3.1.6.3, said again: W without R is reserved; U pages; SUM; MXR."""
    r, w, x, u = (bool(bits & bit) for bit in (PTE_R, PTE_W, PTE_X, PTE_U))
    if (w and not r) or not (r or x):
        return False
    if mode == U and not u:
        return False
    if mode == S and u and (instruction == JUMP or not status & SUM):
        return False
    return {LOAD: r or (x and bool(status & MXR)), STORE: w, JUMP: x}[instruction]


@pytest.mark.parametrize("variant", ["fast", "traced"])
def test_every_combination_of_permissions(variant: str) -> None:
    """All of R, W, X, U; loads, stores and jumps; S and U; SUM and MXR."""
    for bits, instruction, mode, status in PERMISSIONS:
        m = access(instruction, variant, mode, status)
        m.map(VA, DATA, bits | PTE_V | PTE_A | PTE_D)
        m.poke(DATA, 0x13)
        m.run(2 if instruction == JUMP else 1)
        refused = m["mcause"] == FAULT[instruction]
        assert refused != allowed(bits, instruction, mode, status), (
            bits,
            instruction,
            mode,
            status,
        )


@pytest.mark.parametrize("mpp", [0, 1, 3])
def test_mprv_lends_rights_to_data_only(mpp: int) -> None:
    """3.1.6.3: loads and stores as MPP; fetches, and M itself without MPRV, are not translated."""
    m = access(LOAD, status=MPRV | mpp << 11).set(priv=3)
    m.map(VA, DATA, PTE_V | PTE_R | PTE_A | (PTE_U if mpp == 0 else 0))
    m.poke(DATA, 5)
    if mpp == 3:
        m.run(1)
        assert m["mcause"] == 5  # no RAM at this physical address
    else:
        works(m)
        assert m["x8"] == 5 and m["pc"] == CODE + 4
