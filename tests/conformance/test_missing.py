"""Rules of the profile that the machine does not follow yet; each test bites when it does.

Sections: RISC-V privileged architecture, version 1.12; debug specification, version 1.0 (Sdtrig).
"""

from __future__ import annotations

import pytest

from isa.csrs import BY_NAME, BY_NUMBER
from tests.core.tiny import CODE, DATA, M, Tiny

LOCK, NAPOT, READ, WRITE = 0x80, 0x18, 1, 2
EVERYTHING = (1 << 54) - 1
STORE_ACCESS, BREAKPOINT = 7, 3

no_locks = pytest.mark.xfail(strict=True, reason="PMP entries cannot be locked: L reads 0")
no_triggers = pytest.mark.xfail(strict=True, reason="there are no triggers (Sdtrig)")


@no_locks
def test_the_lock_bit_is_kept() -> None:
    """3.7.1.2: L is a bit of each configuration."""
    m = Tiny("csrw pmpcfg0, t0\n csrr s0, pmpcfg0\n end: nop")
    m.set(x5=LOCK | NAPOT | READ).to("end")
    assert m["x8"] == LOCK | NAPOT | READ


@no_locks
def test_a_locked_entry_binds_m() -> None:
    """3.7.1.2: with L set, the permissions are enforced in every mode."""
    m = Tiny("csrw pmpcfg0, t0\n sd t0, 0(t1)\n nop\n handler: nop")
    m.set(pmpaddr0=DATA >> 2 | 511, pmpaddr1=EVERYTHING, priv=M, mtvec=m.symbols["handler"])
    m.set(x5=0x1F << 8 | LOCK | NAPOT | READ, x6=DATA).to("handler")
    assert m.trap == (STORE_ACCESS, CODE + 4, DATA)


@no_locks
@pytest.mark.parametrize("register", ["pmpcfg0", "pmpaddr0"])
def test_writes_to_a_locked_entry_are_ignored(register: str) -> None:
    """3.7.1.2: neither its configuration nor its address can be written until reset."""
    m = Tiny(f"csrw pmpcfg0, t0\n csrw {register}, zero\n csrr s0, {register}\n end: nop")
    m.set(pmpaddr0=EVERYTHING, x5=LOCK | NAPOT | READ | WRITE).to("end")
    assert m["x8"] != 0


@no_locks
def test_a_locked_top_of_range_locks_the_address_below() -> None:
    """3.7.1.2: with A = TOR in entry i, writes to pmpaddr[i-1] are ignored, too."""
    m = Tiny("csrw pmpcfg0, t0\n csrw pmpaddr0, zero\n csrr s0, pmpaddr0\n end: nop")
    m.set(pmpaddr0=DATA >> 2, pmpaddr1=EVERYTHING, x5=(LOCK | 8 | READ | WRITE | 4) << 8).to("end")
    assert m["x8"] == DATA >> 2


@pytest.mark.xfail(strict=True, reason="a write to the read-only STIP shows once STCE is 0")
def test_a_write_to_a_read_only_stip_is_ignored() -> None:
    """Sstc 2.2, 3.1.9: with STCE = 1, STIP is read-only; what was written then must never show."""
    m = Tiny("csrw menvcfg, t0\n csrw mip, t1\n csrw menvcfg, zero\n csrr s0, mip\n end: nop")
    m.set(x5=1 << 63, x6=1 << 5, stimecmp=-1).to("end")
    assert m["x8"] == 0


TRIGGERS = {"tselect": 0x7A0, "tdata1": 0x7A1, "tdata2": 0x7A2, "tinfo": 0x7A4}


@no_triggers
@pytest.mark.parametrize("name", TRIGGERS)
def test_the_registers_of_triggers_exist(name: str) -> None:
    """Sdtrig 5.7: trigger registers are accessible in M."""
    assert BY_NUMBER[TRIGGERS[name]].name == name


@no_triggers
@pytest.mark.parametrize(("what", "bit"), [("execute", 2), ("store", 1), ("load", 0)])
def test_an_address_match_is_a_breakpoint(what: str, bit: int) -> None:
    """Sdtrig 5.7.11: mcontrol6 of type 6, match 0, action 0: exception 3 before the instruction."""
    source = "csrw tdata2, t1\n csrw tdata1, t0\n sd t0, 0(t2)\n ld s0, 0(t2)\n nop\n handler: nop"
    m = Tiny(source.replace("tdata2", "0x7a2").replace("tdata1", "0x7a1"))
    address = CODE + 8 if what == "execute" else DATA
    m.set(x5=6 << 60 | 1 << 6 | 1 << bit, x6=address, x7=DATA, mtvec=m.symbols["handler"])
    m.to("handler")
    where = CODE + (12 if what == "load" else 8)
    assert m.trap == (BREAKPOINT, where, address)


def test_the_missing_registers_are_no_others() -> None:
    """What is said to be missing is what the table lacks, so that no test here fails by a typo."""
    assert "pmpcfg0" in BY_NAME and "tdata1" not in BY_NAME
