"""The TLB is architectural: what leaves it, what stays in it, what is checked at every access."""

from __future__ import annotations

import pytest

from isa.choices import DTLB_ENTRIES
from isa.paging import PTE_A, PTE_D, PTE_G, PTE_R, PTE_V, PTE_W, PTE_X
from simvirt.core.state import PAGE

from .tiny import DATA, READ, READ_WRITE, ROOT, SV39, TABLES, USER, VA, S, Tiny

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
SUM, MXR, MPRV = 1 << 18, 1 << 19, 1 << 17
OLD, NEW = 0x1111, 0x2222
LOAD_FAULT, STORE_FAULT = 13, 15
CONFLICT = VA + DTLB_ENTRIES * PAGE  # the same place in the data TLB

# load; change the entry (a0 = its address, a1 = its new value); something; load again
REMAP = """
    ld   s0, 0(t0)
    sd   a1, 0(a0)
    {between}
    ld   s1, 0(t0)
end: nop
"""


def remapped(between: str, bits: int = READ_WRITE, variant: str = "fast", asid: int = 1) -> Tiny:
    """After `REMAP`: `VA` was mapped to a page that holds OLD and then to one with NEW."""
    m = Tiny(REMAP.format(between=between), variant).paged(asid=asid)
    at = m.map(VA, DATA, bits)
    m.map(CONFLICT, DATA, READ_WRITE)
    m.poke(DATA, OLD)
    m.poke(DATA + PAGE, NEW)
    m.set(x5=VA, x6=CONFLICT, x10=at, x11=(DATA + PAGE) >> 12 << 10 | bits, x7=7, x28=asid)
    return m.to("end")


@VARIANTS
@pytest.mark.parametrize(
    ("between", "seen"),
    [
        ("", OLD),  # a forgotten fence hurts
        ("csrr t3, satp\n csrw satp, t3", OLD),  # writing satp does not help
        ("fence\n fence.i", OLD),
        ("sfence.vma", NEW),
        ("sfence.vma t0", NEW),
        ("sfence.vma t0, t3", NEW),
        ("sfence.vma x0, t3", NEW),
        ("sfence.vma t1", OLD),  # of another page
        ("sfence.vma t0, t2", OLD),  # of another address space
        ("sfence.vma x0, t2", OLD),
        ("ld t4, 0(t1)", NEW),  # replaced by another page in the same place
    ],
)
def test_when_a_changed_entry_is_seen(between: str, seen: int, variant: str) -> None:
    """Only a fence that covers it, or replacement, makes an entry leave."""
    m = remapped(between, variant=variant)
    assert (m["x8"], m["x9"]) == (OLD, seen)


@pytest.mark.parametrize(
    ("between", "seen"),
    [("sfence.vma x0, t3", OLD), ("sfence.vma t0, t3", OLD), ("sfence.vma t0", NEW)],
)
def test_global_entries_ignore_fences_of_an_address_space(between: str, seen: int) -> None:
    """4.2.1: with rs2 an entry with G stays."""
    assert remapped(between, READ_WRITE | PTE_G)["x9"] == seen


def other_space(bits: int) -> Tiny:
    """A load in address space 1, then the same in 2, whose table maps another page, then in 1."""
    m = Tiny("""
        ld   s0, 0(t0)
        csrw satp, a0
        ld   s1, 0(t0)
        csrw satp, a1
        ld   s2, 0(t0)
    end: nop
    """).paged(asid=1)
    m.map(VA, DATA, bits)
    m.poke(DATA, OLD)
    m.poke(DATA + PAGE, NEW)
    other = TABLES + 8 * PAGE  # a second root: the same upper entries, another table for VA
    m.state.write_ram(other, m.state.read_ram(ROOT, PAGE))
    m.poke(other + (VA >> 30) * 8, (other + PAGE) >> 12 << 10 | PTE_V)
    m.poke(other + PAGE, (other + 2 * PAGE) >> 12 << 10 | PTE_V)
    m.poke(other + 2 * PAGE, (DATA + PAGE) >> 12 << 10 | bits)
    first = m["satp"]
    return m.set(x5=VA, x10=SV39 | 2 << 44 | other >> 12, x11=first).to("end")


@pytest.mark.parametrize(("bits", "seen"), [(READ_WRITE, NEW), (READ_WRITE | PTE_G, OLD)])
def test_entries_belong_to_an_address_space(bits: int, seen: int) -> None:
    """Another ASID does not see them, unless they are global."""
    m = other_space(bits)
    assert (m["x8"], m["x9"], m["x18"]) == (OLD, seen, OLD)


def test_fence_of_a_superpage_drops_every_fragment() -> None:
    """A 2 MiB page is held as 4 KiB fragments; a fence of any address in it drops all."""
    m = Tiny("""
        ld   s0, 0(t0)
        ld   s1, 0(t1)
        sd   a1, 0(a0)
        sfence.vma t0
        ld   s1, 0(t1)
    after: nop
    handler: nop
    """).paged()
    at = m.map(VA, 0x8000_0000, READ_WRITE, level=1)
    offset = DATA - 0x8000_0000
    m.set(x5=VA, x6=VA + offset, x10=at, x11=0, mtvec=m.symbols["handler"]).to("handler")
    assert m.trap == (LOAD_FAULT, m.symbols["after"] - 4, VA + offset)


@VARIANTS
def test_accessed_and_dirty(variant: str) -> None:
    """A load sets A; a store through the entry that the load cached walks again and sets D."""
    m = Tiny("ld s0, 0(t0)\n one: sd s0, 0(t0)\n two: nop", variant).paged()
    bare = PTE_V | PTE_R | PTE_W
    at = m.map(VA, DATA, bare)
    m.set(x5=VA).to("one")
    assert m.word(at) & 0x3FF == bare | PTE_A
    m.to("two")
    assert m.word(at) & 0x3FF == bare | PTE_A | PTE_D


def test_dirty_is_set_anew_after_software_clears_it_and_fences() -> None:
    """And is not, as long as it does not fence."""
    m = Tiny("""
        sd   s0, 0(t0)
        sd   a1, 0(a0)
        sd   s0, 0(t0)
    stale: sfence.vma
        sd   s0, 0(t0)
    end: nop
    """).paged()
    at = m.map(VA, DATA, READ_WRITE)
    clean = m.word(at) & ~PTE_D
    m.set(x5=VA, x10=at, x11=clean).to("stale")
    assert m.word(at) == clean
    assert m.to("end").word(at) == clean | PTE_D


def test_an_access_that_faults_sets_nothing() -> None:
    """A store to a page without W leaves A alone."""
    m = Tiny("sd s0, 0(t0)\n handler: nop").paged()
    at = m.map(VA, DATA, PTE_V | PTE_R)
    m.set(x5=VA, mtvec=m.symbols["handler"]).to("handler")
    assert m["mcause"] == STORE_FAULT and m.word(at) & 0x3FF == PTE_V | PTE_R


CHECKED = """
    ld   s0, 0(t0)
    csrc sstatus, t1
    ld   s1, 0(t0)
    j    end
handler: nop
end: nop
"""


@VARIANTS
@pytest.mark.parametrize(
    ("bits", "status"), [(READ | USER, SUM), (PTE_V | PTE_X | PTE_A, MXR)], ids=["SUM", "MXR"]
)
def test_status_bits_hold_at_every_access(bits: int, status: int, variant: str) -> None:
    """A page that SUM or MXR opened is closed at once when the bit is cleared."""
    m = Tiny(CHECKED, variant).paged()
    m.map(VA, DATA, bits)
    m.poke(DATA, OLD)
    m.set(x5=VA, x6=status, mstatus=status, mtvec=m.symbols["handler"]).to("handler")
    assert m["x8"] == OLD and m["x9"] == 0 and m["mcause"] == LOAD_FAULT


def test_mprv_holds_at_every_access() -> None:
    """In M: loads use the mode in MPP while MPRV is set, and M's own rights after."""
    m = Tiny("""
        ld   s0, 0(t0)
        csrc mstatus, t1
        ld   s1, 0(t0)
    handler: nop
    """).paged(S)
    m.map(VA, DATA, READ)
    m.poke(DATA, OLD)
    m.set(x5=VA, x6=MPRV, priv=3, mstatus=MPRV | 1 << 11, mtvec=m.symbols["handler"])
    m.to("handler")
    assert m["x8"] == OLD and m["mcause"] == 5  # VA is no RAM: the access is refused


def test_instruction_entries_are_separate() -> None:
    """A page loaded through a new entry can still be executed through the old one."""
    m = Tiny("""
        jalr ra, 0(t0)
        sd   a1, 0(a0)
        ld   s1, 0(t0)
        jalr ra, 0(t0)
    end: nop
    """).paged()
    va = VA + PAGE  # VA itself would share its place with the page of the code
    at = m.map(va, DATA, READ_WRITE | PTE_X)
    add_one, add_ten = 0x8067_00140413, 0x8067_00A40413  # addi s0, s0, n; ret
    m.poke(DATA, add_one)
    m.poke(DATA + PAGE, add_ten)
    m.set(x5=va, x8=0, x10=at, x11=(DATA + PAGE) >> 12 << 10 | READ_WRITE | PTE_X).to("end")
    assert m["x8"] == 2 and m["x9"] == add_ten
