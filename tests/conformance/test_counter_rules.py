"""Counters, their enables, reservations and stores into code, by the letter of the manual.

Sections: RISC-V privileged architecture, version 1.12, unless they say "unpriv." (20191213).
"""

from __future__ import annotations

import pytest

from tests.core.tiny import CODE, DATA, M, S, Tiny, U

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
ILLEGAL, ECALL_M = 2, 11
COUNTERS = ("cycle", "time", "instret")


@VARIANTS
@pytest.mark.parametrize("value", [0, 1000, (1 << 64) - 1, 1 << 63])
def test_a_write_to_minstret_is_read_back(value: int, variant: str) -> None:
    """3.1.10: the value written takes effect after the writing instruction has otherwise
    completed; unpriv. 9.1: the write itself does not increment it; the next read sees it."""
    m = Tiny("csrw minstret, t0\n csrr s0, minstret\n nop\n csrr s1, minstret\n end: nop", variant)
    m.set(x5=value).to("end")
    assert m["x8"] == value and m["x9"] == (value + 2) % (1 << 64)


@VARIANTS
def test_what_traps_does_not_retire(variant: str) -> None:
    """3.3.1: ecall and ebreak do not retire; neither does what faults."""
    m = Tiny("""
        csrw minstret, zero
        ecall
        ebreak
        .word 0xffffffff
        csrr s0, minstret
    end: nop
        .balign 4
    handler:
        csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret
    """, variant)  # fmt: skip
    m.set(mtvec=m.symbols["handler"]).to("end")
    assert m["x8"] == 3 * 4


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("mcounteren", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("scounteren", [0, 1, 2, 4, 7])
@pytest.mark.parametrize("priv", [U, S, M])
def test_counter_enables(number: int, mcounteren: int, scounteren: int, priv: int) -> None:
    """3.1.11 and 4.1.5: S needs the bit in mcounteren, U needs it in both, M needs none."""
    m = Tiny(f"csrr s0, {COUNTERS[number]}\n end: nop\n .balign 4\n handler: nop")
    m.set(mcounteren=mcounteren, scounteren=scounteren, priv=priv, mtvec=m.symbols["handler"])
    m.run(1)
    by_m, by_s = mcounteren >> number & 1, scounteren >> number & 1
    may = priv == M or (by_m and (priv == S or by_s))
    assert m["mcause"] == (0 if may else ILLEGAL)
    assert m["pc"] == m.symbols["end" if may else "handler"]


@pytest.mark.parametrize("name", [*COUNTERS, "hpmcounter3", "mhartid", "mvendorid", "misa"])
@pytest.mark.parametrize("form", ["csrw {}, t0", "csrs {}, t0", "csrci {}, 1", "csrrs s0, {}, x0"])
def test_read_only_registers(name: str, form: str) -> None:
    """2.1: a write to a read-only register is illegal, whatever it would write; csrrs with x0 does
    not write.  misa is no read-only register: writes to it are legal and have no effect here."""
    m = Tiny(f"{form.format(name)}\n end: nop\n .balign 4\n handler: nop")
    before = m["pc"]
    m.set(x5=0, mtvec=m.symbols["handler"]).run(1)
    writes = "x0" not in form
    assert (m["mcause"] == ILLEGAL) == (writes and name != "misa") and before == CODE


@VARIANTS
@pytest.mark.parametrize(("width", "other"), [("w", "d"), ("d", "w")])
def test_reservations(width: str, other: str, variant: str) -> None:
    """Unpriv. 8.2: an sc pairs with the latest lr, once; any sc ends the reservation."""
    m = Tiny(f"""
        lr.{width} s0, (t0)
        sc.{width} s1, t1, (t0)
        sc.{width} s2, t1, (t0)
        lr.{width} s0, (t0)
        sc.{width} s3, t1, (t2)
        sc.{width} s4, t1, (t0)
        sc.{other} s5, t1, (t0)
    end: nop
    """, variant)  # fmt: skip
    m.set(x5=DATA, x6=7, x7=DATA + 64).to("end")
    assert [m[f"x{i}"] for i in (9, 18, 19, 20, 21)] == [0, 1, 1, 1, 1]
    assert m.word(DATA) == 7 and m.word(DATA + 64) == 0


@VARIANTS
@pytest.mark.parametrize("offset", range(1, 8))
@pytest.mark.parametrize("text", ["lr.w s0, (t0)", "sc.d s0, s1, (t0)", "amoadd.d s0, s1, (t0)"])
def test_misaligned_atomics(text: str, offset: int, variant: str) -> None:
    """Unpriv. 8.2, 8.4: naturally aligned or an exception: cause 4 for lr, 6 for sc and AMOs."""
    m = Tiny(f"{text}\n end: nop\n .balign 4\n handler: nop", variant)
    m.set(x5=DATA + offset, x9=1, mtvec=m.symbols["handler"]).run(1)
    aligned = offset % (4 if ".w" in text else 8) == 0
    cause = 4 if text.startswith("lr") else 6
    assert m["mcause"] == (0 if aligned else cause)
    assert aligned or (m["mtval"] == DATA + offset and m.word(DATA) == 0)


REWRITE = """
    li   s0, 0
    li   s2, 100
loop:
    addi s2, s2, -1
patched:
    addi s0, s0, 1
    bnez s2, loop
    beqz t2, end
    sw   t1, 0(t0)
    {fence}
    li   t2, 0
    li   s2, 100
    j    loop
end: nop
"""


@VARIANTS
@pytest.mark.parametrize("fence", ["fence.i", "fence.i\n fence"])
def test_code_is_written_and_fenced(fence: str, variant: str) -> None:
    """Unpriv. 3: after fence.i, fetches see the hart's own earlier stores, in hot loops too."""
    m = Tiny(REWRITE.format(fence=fence), variant)
    m.set(x5=m.symbols["patched"], x6=0x01040413, x7=1).to("end")  # addi s0, s0, 16
    assert m["x8"] == 100 + 1600


def test_exceptions_of_m_are_never_delegated() -> None:
    """3.1.8: a trap taken in M never goes to a less privileged mode."""
    m = Tiny("ebreak\n ecall\n .balign 4\n handler: nop\n .balign 4\n supervisor: nop")
    m.set(medeleg=0xB3FF, mtvec=m.symbols["handler"], stvec=m.symbols["supervisor"]).run(1)
    assert m["priv"] == M and m["pc"] == m.symbols["handler"] and m["scause"] == 0


def test_medeleg_has_no_bit_for_ecall_from_m() -> None:
    """3.1.8: the bit of an exception that cannot occur in less privileged modes is zero."""
    m = Tiny("csrw medeleg, t0\n csrr s0, medeleg\n end: nop").set(x5=-1).to("end")
    assert m["x8"] == 0xB3FF and not m["x8"] >> ECALL_M & 1
