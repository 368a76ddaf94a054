"""The board switch that makes A and D fault (Svade), by hand: QEMU 7.2 has no such switch.

Sections: RISC-V privileged architecture, version 1.12.
"""

from __future__ import annotations

import pytest

from isa.paging import PTE_A, PTE_D, PTE_R, PTE_V, PTE_W, PTE_X
from tests.core.tiny import CODE, DATA, VA, S, Tiny

RWX = PTE_V | PTE_R | PTE_W | PTE_X
INSTRUCTIONS = {
    "load": ("ld s0, 0(t1)", PTE_A, 13),
    "store": ("sd t0, 0(t1)", PTE_A | PTE_D, 15),
    "fetch": ("jr t1", PTE_A, 12),
    "lr": ("lr.d s0, (t1)", PTE_A, 13),
    "amo": ("amoswap.d s0, t0, (t1)", PTE_A | PTE_D, 15),
}


def machine(instruction: str, bits: int, faults: bool) -> tuple[Tiny, int]:
    """Ready to access VA in S; and where its leaf is."""
    m = Tiny(f"{instruction}\n end: nop\n handler: nop").paged(S)
    at = m.map(VA, DATA, RWX | bits)
    m.state.set_mach("ad_faults", int(faults))
    m.poke(DATA, 0x13)  # nop
    return m.set(x5=9, x6=VA, mtvec=m.symbols["handler"]), at


@pytest.mark.parametrize("bits", [0, PTE_A, PTE_D, PTE_A | PTE_D])
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_a_missing_bit_is_a_page_fault(name: str, bits: int) -> None:
    """4.3.1: A clear at any access, or D clear at a store: the fault of that access."""
    text, needed, cause = INSTRUCTIONS[name]
    m, at = machine(text, bits, faults=True)
    before = m.word(at)
    if needed & ~bits:
        where = VA if name == "fetch" else CODE
        assert m.to("handler").trap == (cause, where, VA)
        assert m.word(DATA) == 0x13, "nothing has been stored"
    elif name == "fetch":
        m.run(2)
        assert m["pc"] == VA + 4
    else:
        assert m.to("end")["mcause"] == 0
    assert m.word(at) == before, "hardware leaves the entry alone"


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_without_the_switch_hardware_sets_them(name: str) -> None:
    """4.3.1, the other scheme: the same accesses with A and D clear."""
    text, needed, _ = INSTRUCTIONS[name]
    m, at = machine(text, 0, faults=False)
    m.run(2)
    assert m["mcause"] == 0 and m.word(at) & (PTE_A | PTE_D) == needed


def test_software_sets_the_bits_and_goes_on() -> None:
    """What Svade is for: the handler sets A and D, fences, and returns."""
    m, at = machine("sd t0, 0(t1)\n j end\n fix: ld s1, 0(t2)\n ori s1, s1, 0xC0\n"
                    " sd s1, 0(t2)\n sfence.vma\n mret", 0, faults=True)  # fmt: skip
    m.set(mtvec=m.symbols["fix"], x7=at).to("end")
    assert m.word(DATA) == 9 and m.word(at) & 0xC0 == 0xC0


def test_a_page_that_was_only_read_faults_at_its_first_store() -> None:
    """4.3.1: the TLB's entry has D clear; the walk for the store sees it."""
    m, at = machine("ld s0, 0(t1)\n sd t0, 0(t1)", PTE_A, faults=True)
    assert m.to("handler").trap == (15, CODE + 4, VA)
    assert m.word(at) & PTE_D == 0


def test_other_faults_are_as_before() -> None:
    """A leaf that does not permit the access is a page fault either way; so is a bad superpage."""
    for faults in (False, True):
        m, at = machine("sd t0, 0(t1)", 0, faults)
        m.poke(at, m.word(at) & ~PTE_W)
        assert m.to("handler").trap == (15, CODE, VA)
        assert m.word(at) & (PTE_A | PTE_D) == 0
