"""Interrupts by the letter of the manual, where emulators choose otherwise or cannot be asked.

QEMU 7.2 takes the lowest number first when several are pending, so the order is checked here.
Sections: RISC-V privileged architecture, version 1.12.
"""

from __future__ import annotations

import itertools

import pytest

from tests.core.tiny import CODE, M, S, Tiny, U

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
INTERRUPT = 1 << 63
# 3.1.9: simultaneous interrupts for M are taken in this order: MEI, MSI, MTI, SEI, SSI, STI.
ORDER = (11, 3, 7, 9, 1, 5)
S_LEVEL = (9, 1, 5)
MIE, SIE, MPIE, SPIE = 1 << 3, 1 << 1, 1 << 7, 1 << 5
TW, WFI_WORD, ILLEGAL = 1 << 21, 0x10500073, 2
PROGRAM = "nop\n nop\n after: nop\n .balign 256\n machine: nop\n .balign 256\n supervisor: nop"


def waiting_for(pending: int, variant: str = "fast", **words: int) -> Tiny:
    """A machine with these bits of mip set: software bits written, lines raised."""
    m = Tiny(PROGRAM, variant)
    m.set(mtvec=m.symbols["machine"], stvec=m.symbols["supervisor"], mie=0xAAA)
    lines = pending & 0x888
    return m.set(irq_lines=lines & ~(1 << 7), mip=pending & 0x222, **words).set(
        mtimecmp=0 if lines >> 7 & 1 else (1 << 64) - 1
    )


@VARIANTS
@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORDER, 2)))
def test_order_of_two_interrupts_for_m(first: int, second: int, variant: str) -> None:
    """3.1.9: the earlier in the list is taken, whichever has the lower number."""
    m = waiting_for(1 << first | 1 << second, variant, mstatus=MIE)
    m.run(1)
    assert m["mcause"] == INTERRUPT | first and m["pc"] == m.symbols["machine"]
    assert m["mepc"] == CODE and m["mtval"] == 0


@VARIANTS
@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(S_LEVEL, 2)))
def test_order_of_two_interrupts_for_s(first: int, second: int, variant: str) -> None:
    """4.1.3: SEI, SSI, STI."""
    m = waiting_for(1 << first | 1 << second, variant, mideleg=0x222, mstatus=SIE, priv=S)
    m.run(1)
    assert m["scause"] == INTERRUPT | first and m["pc"] == m.symbols["supervisor"]


@pytest.mark.parametrize("for_m", [3, 7, 11])
@pytest.mark.parametrize("for_s", S_LEVEL)
def test_interrupts_for_m_come_first(for_m: int, for_s: int) -> None:
    """3.1.9: interrupts to M are taken before those that go to S."""
    m = waiting_for(1 << for_m | 1 << for_s, mideleg=0x222, mstatus=SIE, priv=S)
    m.run(1)
    assert m["mcause"] == INTERRUPT | for_m and m["priv"] == M


@pytest.mark.parametrize(("priv", "enabled", "taken"), [
    (M, False, False), (M, True, True), (S, False, True), (U, False, True),
])  # fmt: skip
def test_mie_counts_in_m_only(priv: int, enabled: bool, taken: bool) -> None:
    """3.1.6.1: below M, interrupts for M are enabled whatever MIE says."""
    m = waiting_for(1 << 3, mstatus=MIE if enabled else 0, priv=priv)
    m.run(1)
    assert (m["pc"] == m.symbols["machine"]) == taken


@pytest.mark.parametrize(("priv", "enabled", "taken"), [
    (M, True, False), (S, False, False), (S, True, True), (U, False, True),
])  # fmt: skip
def test_sie_counts_in_s_only(priv: int, enabled: bool, taken: bool) -> None:
    """3.1.6.1: a delegated interrupt is never taken in M, and in U whatever SIE says."""
    m = waiting_for(1 << 1, mideleg=2, mstatus=(SIE if enabled else 0) | MIE, priv=priv)
    m.run(1)
    assert (m["pc"] == m.symbols["supervisor"]) == taken


@pytest.mark.parametrize("number", ORDER)
def test_vectored(number: int) -> None:
    """3.1.7: asynchronous interrupts go to BASE + 4 x cause, exceptions to BASE."""
    m = waiting_for(1 << number, mstatus=MIE)
    base = m["mtvec"]
    m.set(mtvec=base | 1).run(1)
    assert m["pc"] == base + 4 * number
    exception = Tiny("ecall\n .balign 256\n machine: nop")
    exception.set(mtvec=exception.symbols["machine"] | 1).run(1)
    assert exception["pc"] == exception.symbols["machine"]


@VARIANTS
@pytest.mark.parametrize("enabled", [False, True])
def test_wfi_resumes_after_itself(enabled: bool, variant: str) -> None:
    """3.3.3: it wakes for a locally enabled interrupt even if globally disabled; xepc is pc + 4."""
    m = Tiny(f"{PROGRAM}\n start: wfi\n next: nop", variant)
    m.set(pc=m.symbols["start"], mtvec=m.symbols["machine"], mie=8, irq_lines=8)
    m.set(mstatus=0).run(1)
    assert m["pc"] == m.symbols["next"]
    m.set(mstatus=MIE if enabled else 0).run(1)
    assert m["pc"] == (m.symbols["machine"] if enabled else m.symbols["next"] + 4)
    assert not enabled or m["mepc"] == m.symbols["next"]


@pytest.mark.parametrize(("priv", "status", "traps"), [
    (M, TW, False), (S, 0, False), (S, TW, True), (U, 0, True), (U, TW, True),
])  # fmt: skip
def test_who_may_wait(priv: int, status: int, traps: bool) -> None:
    """3.1.6.5: TW=1 makes wfi illegal below M; our limit in U is 0 steps."""
    m = Tiny("wfi\n next: nop\n .balign 4\n machine: nop")
    m.set(priv=priv, mstatus=status, mie=2, mip=2, mideleg=0, mtvec=m.symbols["machine"])
    m.set(mie=0 if traps else 2, mip=2 if priv == M else 0).run(1)
    assert (m["mcause"] == ILLEGAL and m["mtval"] == WFI_WORD) == traps


@VARIANTS
def test_trap_and_return_stack_the_enables(variant: str) -> None:
    """3.1.6.1: xIE to xPIE and back, xPP to the least mode, xPIE set."""
    m = Tiny("ecall\n end: nop\n machine: mret", variant)
    m.set(mtvec=m.symbols["machine"], mstatus=MIE, priv=M).run(1)
    assert m["mstatus"] & (MIE | MPIE | 3 << 11) == MPIE | 3 << 11
    m.run(1)
    assert m["mstatus"] & (MIE | MPIE | 3 << 11) == MIE | MPIE and m["pc"] == CODE


def test_a_write_to_a_read_only_stip_is_ignored() -> None:
    """Sstc 2.2, 3.1.9: with STCE = 1, STIP is read-only; what was written then must never show."""
    m = Tiny("csrw menvcfg, t0\n csrw mip, t1\n csrw menvcfg, zero\n csrr s0, mip\n end: nop")
    m.set(x5=1 << 63, x6=1 << 5, stimecmp=-1).to("end")
    assert m["x8"] == 0


def test_setting_another_bit_does_not_keep_the_comparisons_stip() -> None:
    """The same for csrrs: the STIP that it has read is the comparison's, and is not written."""
    m = Tiny("csrw menvcfg, t0\n csrsi mip, 2\n csrw menvcfg, zero\n csrr s0, mip\n end: nop")
    m.set(x5=1 << 63, stimecmp=0).to("end")
    assert m["x8"] == 2
