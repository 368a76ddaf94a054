"""The CSR table: numbers, WARL rules, access."""

import random
import re

import pytest

from isa import csrs
from isa.csrs import BY_NAME, CSRS, Csr, counter_enabled, csr_permitted, stimecmp_enabled

M64 = (1 << 64) - 1


def written(csr: Csr, old: int, value: int) -> int:
    """What a write leaves: fields that are not writable keep, then the rule."""
    new = (old & ~csr.writable | value & csr.writable) & M64
    return csr.legalize(old, new) if csr.legalize else new


def test_names_and_numbers_are_unique() -> None:
    assert len({csr.name for csr in CSRS}) == len(CSRS)
    assert len({csr.number for csr in CSRS}) == len(CSRS)
    assert all(0 <= csr.number < 4096 for csr in CSRS)


@pytest.mark.parametrize("csr", CSRS, ids=lambda c: c.name)
def test_fields_do_not_overlap_and_have_a_section(csr: Csr) -> None:
    seen = 0
    for item in csr.fields:
        assert 63 >= item.high >= item.low >= 0
        assert seen & item.mask == 0
        seen |= item.mask
    assert csr.section and csr.doc
    assert csr.reset & ~csr.readable == 0
    assert re.fullmatch("[a-z0-9]+", csr.name)


@pytest.mark.parametrize("csr", [c for c in CSRS if c.legalize], ids=lambda c: c.name)
def test_a_rule_leaves_a_value_that_it_accepts(csr: Csr) -> None:
    """WARL: what a write leaves can be written again, and is readable."""
    rng = random.Random(csr.name)
    old = csr.reset
    for _ in range(300):
        value = rng.getrandbits(64) if rng.random() < 0.7 else 1 << rng.randrange(64)
        new = written(csr, old, value)
        assert 0 <= new <= M64
        assert written(csr, new, new) == new
        old = new


def test_mpp_keeps_the_old_mode_when_2_is_written() -> None:
    status = BY_NAME["mstatus"]
    machine = written(status, status.reset, 3 << 11)
    assert machine >> 11 & 3 == 3
    assert written(status, machine, 2 << 11) >> 11 & 3 == 3
    assert written(status, machine, 1 << 11) >> 11 & 3 == 1


def test_mstatus_keeps_the_lengths_and_drops_what_is_absent() -> None:
    status = BY_NAME["mstatus"]
    assert written(status, status.reset, M64) >> 32 & 15 == 10
    assert written(status, status.reset, 3 << 13) == status.reset, "no floating point"


def test_satp_ignores_a_write_with_an_unsupported_mode() -> None:
    satp = BY_NAME["satp"]
    sv39 = 8 << 60 | 0xFF << 44 | 0x12345
    assert written(satp, 0, sv39) == sv39
    assert written(satp, sv39, 9 << 60 | 1) == sv39
    assert written(satp, sv39, 0) == 0
    assert written(satp, 0, 8 << 60 | 0xFFFF << 44) == 8 << 60 | 0xFF << 44, "8 ASID bits"


def test_tvec_and_epc() -> None:
    assert written(BY_NAME["mtvec"], 0x1001, 0x2002) == 0x2001, "a reserved mode keeps the old"
    assert written(BY_NAME["stvec"], 0, 0x2001) == 0x2001
    assert written(BY_NAME["mepc"], 0, 0x1003) == 0x1002


def test_pmp() -> None:
    config = BY_NAME["pmpcfg0"]
    assert written(config, 0, 0xFF) == 0x9F, "bits 5 and 6 read 0"
    assert written(config, 0x9F0B, 0x1818) == 0x9F18, "a locked entry stays, its neighbour does not"
    assert written(config, 0, 0x021A << 8) == 0x18 << 8, "W without R drops W"
    assert written(BY_NAME["pmpaddr0"], 0, M64) == (1 << 54) - 1
    assert BY_NAME["pmpaddr8"].kind == "constant"


def test_access() -> None:
    satp, time, mstatus = (BY_NAME[name].number for name in ("satp", "time", "mstatus"))
    assert not csr_permitted(mstatus, 1, False, 0)
    assert csr_permitted(mstatus, 3, True, 0)
    assert not csr_permitted(time, 3, True, 0), "read-only"
    assert csr_permitted(satp, 1, True, 0)
    assert not csr_permitted(satp, 1, False, 1 << 20), "TVM"
    assert csr_permitted(satp, 3, False, 1 << 20)


@pytest.mark.parametrize("priv", [0, 1, 3])
def test_counters_are_gated(priv: int) -> None:
    time = BY_NAME["time"].number
    for mcounteren in (0, 2):
        for scounteren in (0, 2):
            gates = {3: True, 1: mcounteren, 0: mcounteren and scounteren}
            expected = bool(gates[priv])
            assert counter_enabled(time, priv, mcounteren, scounteren) == expected


def test_stimecmp_needs_both_bits() -> None:
    assert stimecmp_enabled(3, 0, 0)
    assert not stimecmp_enabled(1, 2, 0)
    assert not stimecmp_enabled(1, 0, 1 << 63)
    assert stimecmp_enabled(1, 2, 1 << 63)


def test_views_lie_inside_what_they_view() -> None:
    for csr in CSRS:
        if csr.kind == "view":
            whole = BY_NAME[csr.view_of]
            assert csr.readable & ~whole.readable == 0
            assert csr.writable & ~whole.writable == 0
    assert csrs.SSTATUS_WRITABLE == 0xC0122
