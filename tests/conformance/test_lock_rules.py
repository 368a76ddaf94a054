"""PMP entries that are locked, by hand.

Sections: RISC-V privileged architecture, version 1.12.
"""

from __future__ import annotations

import pytest

from tests.core.tiny import CODE, DATA, M, S, Tiny

LOCK, TOR, NA4, NAPOT = 0x80, 8, 16, 24
R, W, X = 1, 2, 4
OPEN = NAPOT | R | W | X
EVERYTHING = (1 << 54) - 1
DATA_PAGE = DATA >> 2 | 511  # NAPOT: 4096 bytes
LOAD_ACCESS, STORE_ACCESS, FETCH_ACCESS = 5, 7, 1


def machine(source: str, **words: int) -> Tiny:
    """In M; entry 0 is for the test, entry 1 lets everything else pass."""
    m = Tiny(f"{source}\n end: nop\n handler: nop")
    m.set(priv=M, mtvec=m.symbols["handler"], pmpcfg0=OPEN << 8, pmpaddr1=EVERYTHING)
    return m.set(**words)


def test_the_lock_bit_is_kept_and_the_reserved_bits_are_not() -> None:
    """3.7.1: L is bit 7 of each configuration; bits 5 and 6 read 0."""
    m = machine("csrw pmpcfg0, t0\n csrr s0, pmpcfg0", pmpaddr0=DATA_PAGE, pmpaddr3=0)
    m.set(x5=0xE1 << 24 | OPEN << 8 | LOCK | 0x60 | NAPOT | R).to("end")
    assert m["x8"] == 0x81 << 24 | OPEN << 8 | LOCK | NAPOT | R


@pytest.mark.parametrize(("access", "cause"), [("sd t0", STORE_ACCESS), ("ld t0", LOAD_ACCESS)])
def test_a_locked_entry_binds_m(access: str, cause: int) -> None:
    """3.7.1.2: with L set, the permissions are enforced in every mode."""
    m = machine(f"csrw pmpcfg0, t0\n {access}, 8(t1)\n nop", pmpaddr0=DATA_PAGE)
    m.set(x5=OPEN << 8 | LOCK | NAPOT, x6=DATA).to("handler")
    assert m.trap == (cause, CODE + 4, DATA + 8)


@pytest.mark.parametrize("lock", [0, LOCK])
def test_an_entry_that_permits_nothing_binds_m_only_when_locked(lock: int) -> None:
    """3.7.1.2: without L, M passes; what the caches held before the write does not matter."""
    m = machine("ld s1, 0(t1)\n csrw pmpcfg0, t0\n ld s0, 0(t1)\n nop", pmpaddr0=DATA_PAGE)
    m.poke(DATA, 77)
    m.set(x5=OPEN << 8 | lock | NAPOT, x6=DATA).to("handler" if lock else "end")
    assert m["x9"] == 77
    assert (m["mcause"] if lock else m["x8"]) == (LOAD_ACCESS if lock else 77)


def test_a_locked_entry_without_x_stops_m_from_fetching() -> None:
    """3.7.1.2: execution, too."""
    m = machine("csrw pmpcfg0, t0\n jr t1", pmpaddr0=DATA_PAGE)
    m.poke(DATA, 0x13)
    m.set(x5=OPEN << 8 | LOCK | NAPOT | R | W, x6=DATA).to("handler")
    assert m.trap == (FETCH_ACCESS, DATA, DATA)


def test_m_still_reaches_what_no_entry_matches() -> None:
    """3.7.1.3: no match and M: the access succeeds, locked entries elsewhere or not."""
    m = machine("csrw pmpcfg0, t0\n ld s0, 0(t1)", pmpaddr0=CODE >> 2 | 511)
    m.poke(DATA, 5)
    m.set(x5=LOCK | OPEN, x6=DATA).to("end")
    assert m["x8"] == 5


@pytest.mark.parametrize("register", ["pmpcfg0", "pmpaddr0"])
def test_writes_to_a_locked_entry_are_ignored(register: str) -> None:
    """3.7.1.2: neither its configuration nor its address can be written until reset."""
    source = f"csrw pmpcfg0, t0\n csrr s1, {register}\n csrw {register}, zero\n csrr s0, {register}"
    m = machine(source, pmpaddr0=DATA_PAGE).set(x5=LOCK | NAPOT | R | W).to("end")
    assert m["x8"] == m["x9"] == (DATA_PAGE if register == "pmpaddr0" else LOCK | NAPOT | R | W)


def test_the_other_entries_of_the_register_can_be_written() -> None:
    """3.7.1.2 speaks of entries: pmpcfg0 holds eight."""
    m = machine("csrw pmpcfg0, t0\n csrw pmpcfg0, t1\n csrr s0, pmpcfg0", pmpaddr0=DATA_PAGE)
    m.set(x5=OPEN << 8 | LOCK | NAPOT | R, x6=OPEN << 16 | OPEN).to("end")
    assert m["x8"] == OPEN << 16 | LOCK | NAPOT | R


@pytest.mark.parametrize("mode", [TOR, NA4, NAPOT, 0])
def test_only_a_locked_top_of_range_locks_the_address_below(mode: int) -> None:
    """3.7.1.2: with A = TOR in entry i, writes to pmpaddr[i-1] are ignored, too."""
    m = machine("csrw pmpcfg0, t0\n csrw pmpaddr2, t1\n csrr s0, pmpaddr2", pmpaddr2=DATA >> 2)
    m.set(pmpaddr3=DATA + 64 >> 2, x5=OPEN << 8 | (LOCK | mode | R) << 24, x6=1).to("end")
    assert m["x8"] == (DATA >> 2 if mode == TOR else 1)


def test_the_entry_after_the_last_is_not_the_first() -> None:
    """pmpaddr7 has no entry above it, whatever entry 0 is."""
    m = machine("csrw pmpcfg0, t0\n csrw pmpaddr7, t1\n csrr s0, pmpaddr7", pmpaddr0=DATA >> 2)
    m.set(x5=OPEN << 8 | LOCK | TOR | R | W | X, x6=9).to("end")
    assert m["x8"] == 9


def test_a_locked_off_entry_is_locked() -> None:
    """3.7.1.2: also with A = OFF, which reserves it."""
    m = machine("csrw pmpcfg0, t0\n csrw pmpcfg0, t1\n csrr s0, pmpcfg0")
    m.set(x5=OPEN << 8 | LOCK, x6=OPEN << 8 | OPEN).to("end")
    assert m["x8"] == OPEN << 8 | LOCK


def test_walks_are_made_as_s_and_need_the_locked_entry_too() -> None:
    """3.7.1.2 with 4.3.2: an implicit access has S's rights; L changes nothing for them."""
    m = Tiny("lui t1, 0x40000\n ld s0, 0(t1)\n end: nop\n handler: nop").paged(S)
    m.map(0x4000_0000, DATA, 0xC7)
    m.set(mtvec=m.symbols["handler"], pmpcfg0=OPEN << 8 | LOCK | NAPOT | W | R)
    m.set(pmpaddr0=DATA >> 2 | 511, pmpaddr1=EVERYTHING).to("end")
    m = Tiny("lui t1, 0x40000\n ld s0, 0(t1)\n end: nop\n handler: nop").paged(S)
    m.map(0x4000_0000, DATA, 0xC7)
    m.set(mtvec=m.symbols["handler"], pmpcfg0=OPEN << 8 | LOCK | NAPOT | X)
    m.set(pmpaddr0=DATA >> 2 | 511, pmpaddr1=EVERYTHING).to("handler")
    assert m.trap == (LOAD_ACCESS, CODE + 4, 0x4000_0000)
