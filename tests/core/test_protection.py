"""PMP regions that end inside a page, and accesses that meet two pages or none."""

from __future__ import annotations

import pytest

from isa.paging import PTE_A, PTE_R, PTE_V
from simvirt.core import engine
from simvirt.core.state import PAGE

from .tiny import CODE, DATA, DEVICE, READ_WRITE, VA, Tiny, U

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
TOR, NA4, NAPOT = 1 << 3, 2 << 3, 3 << 3
R, W, X = 1, 2, 4
EVERYWHERE = 0x1F << 8  # entry 1: NAPOT over everything, RWX
FETCH_ACCESS, LOAD_ACCESS, STORE_ACCESS, STORE_PAGE = 1, 5, 7, 15

# entry 0 as bits of pmpcfg0, pmpaddr0, the first byte that it covers, and how many
REGIONS = {
    "napot 8": (NAPOT, (DATA + 0x100) >> 2, DATA + 0x100, 8),
    "napot 256": (NAPOT, (DATA + 0x100) >> 2 | 31, DATA + 0x100, 256),
    "na4": (NA4, (DATA + 0x104) >> 2, DATA + 0x104, 4),
}


def guarded(source: str, config: int, address: int, variant: str = "fast", rights: int = 0) -> Tiny:
    """In U, bare: entry 0 as given with `rights`, entry 1 opens everything."""
    m = Tiny(source, variant)
    m.set(pmpcfg0=EVERYWHERE | config | rights, pmpaddr0=address, pmpaddr1=(1 << 54) - 1, priv=U)
    return m


PROBE = """
    ld   s0, 0(t1)
    lb   s1, 0(t0)
end: nop
handler: nop
"""


@VARIANTS
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("inside", ["first", "last", "before", "after"])
def test_border_inside_a_page(region: str, inside: str, variant: str) -> None:
    """The byte on either side of each border; the rest of the page was loaded just before."""
    config, address, base, size = REGIONS[region]
    probes = {"first": base, "last": base + size - 1, "before": base - 1, "after": base + size}
    m = guarded(PROBE, config, address, variant)
    m.set(x5=probes[inside], x6=DATA + 0x800, mtvec=m.symbols["handler"])
    if inside in ("first", "last"):
        assert m.to("handler").trap == (LOAD_ACCESS, CODE + 4, probes[inside])
    else:
        m.to("end")


@pytest.mark.parametrize(("base", "end"), [(0, DATA), (DATA - 12, DATA + 20)])
def test_top_of_range(base: int, end: int) -> None:
    """TOR: from the address before (0 for entry 0) up to its own."""
    for at in (end - 1, end):
        m = Tiny("lb s1, 0(t0)\n end: nop\n handler: nop")
        m.set(pmpcfg0=0x1F << 16 | (TOR | X) << 8, pmpaddr0=base >> 2)
        m.set(pmpaddr1=end >> 2, pmpaddr2=(1 << 54) - 1, priv=U, x5=at)
        m.set(mtvec=m.symbols["handler"])
        if base <= at < end:
            assert m.to("handler").trap == (LOAD_ACCESS, CODE, at)
        else:
            m.to("end")


def test_partial_match_fails_in_machine_mode_too() -> None:
    """3.7.1.3: an access of which only a part lies in a region fails, whoever makes it."""
    m = guarded("ld s0, 0(t0)\n handler: nop", NA4, (DATA + 4) >> 2, rights=R | W | X)
    m.set(priv=3, x5=DATA, mtvec=m.symbols["handler"]).to("handler")
    assert m.trap == (LOAD_ACCESS, CODE, DATA)


@VARIANTS
def test_store_on_a_mixed_page(variant: str) -> None:
    """Read-only bytes stay, their neighbours change."""
    source = "sd s0, 8(t0)\n sd s0, 16(t0)\n sd s0, 24(t0)\n handler: nop"
    m = guarded(source, NAPOT, (DATA + 24) >> 2, variant, rights=R)
    m.set(x5=DATA, x8=7, mtvec=m.symbols["handler"]).to("handler")
    assert [m.word(DATA + at) for at in (8, 16, 24)] == [7, 7, 0]
    assert m.trap == (STORE_ACCESS, CODE + 8, DATA + 24)


MIXED = """
    addi s0, s0, 1
    j    half
.zero 0x7f8
half:
    addi s0, s0, 1
    j    back
.zero 0x20
guarded:
    addi s0, s0, 16
back:
    addi s0, s0, 1
    j    guarded
handler: nop
"""


@VARIANTS
@pytest.mark.parametrize("mode", [0, 1])
def test_fetch_on_a_mixed_page(variant: str, mode: int) -> None:
    """Instructions around a guarded one run; the guarded one faults and changes nothing."""
    m = Tiny(MIXED, variant)
    at = m.symbols["guarded"]
    m.set(pmpcfg0=EVERYWHERE | NA4 | R | W, pmpaddr0=at >> 2, pmpaddr1=(1 << 54) - 1, priv=mode)
    m.set(mtvec=m.symbols["handler"]).to("handler")
    assert m["x8"] == 3 and m.trap == (FETCH_ACCESS, at, at)


def test_instruction_half_in_a_region() -> None:
    """It faults; the 16-bit one before it does not."""
    m = guarded("c.addi s0, 1\n addi s0, s0, 2\n .balign 4\n handler: nop", NA4, (CODE + 4) >> 2)
    m.set(mtvec=m.symbols["handler"]).to("handler", 3)
    assert m["x8"] == 1 and m["mcause"] == FETCH_ACCESS and m["mepc"] == CODE + 2


@VARIANTS
def test_pmp_change_holds_at_once(variant: str) -> None:
    """A page that was open to loads and fetches is closed by a write to pmpcfg0."""
    m = Tiny("ld s0, 0(t0)\n csrw pmpcfg0, t1\n ld s1, 0(t0)\n handler: nop", variant)
    m.set(pmpcfg0=EVERYWHERE, pmpaddr0=DATA >> 2 | 511, pmpaddr1=(1 << 54) - 1)
    m.set(x5=DATA, x6=EVERYWHERE | NAPOT, mstatus=1 << 17, mtvec=m.symbols["handler"])
    m.to("handler")
    assert m.trap == (LOAD_ACCESS, CODE + 8, DATA)


# ---- two pages ----------------------------------------------------------------------------------

CROSSING = "sd s0, 0(t0)\n ld s1, 0(t0)\n end: nop\n handler: nop"


@VARIANTS
@pytest.mark.parametrize("offset", range(1, 8))
def test_page_crossing(offset: int, variant: str) -> None:
    """The parts of one access lie in frames far from each other, in the wrong order."""
    m = Tiny(CROSSING, variant).paged()
    m.map(VA, DATA + PAGE, READ_WRITE)
    m.map(VA + PAGE, DATA, READ_WRITE)
    value = 0x1122334455667788
    m.set(x5=VA + PAGE - offset, x8=value).to("end")
    data = value.to_bytes(8, "little")
    assert m["x9"] == value
    assert m.state.read_ram(DATA + 2 * PAGE - offset, offset) == data[:offset]
    assert m.state.read_ram(DATA, 8 - offset) == data[offset:]


@VARIANTS
def test_page_crossing_store_is_all_or_nothing(variant: str) -> None:
    """The second page is read-only: nothing is stored, the trap names the second page."""
    m = Tiny(CROSSING, variant).paged()
    m.map(VA, DATA, READ_WRITE)
    m.map(VA + PAGE, DATA + PAGE, PTE_V | PTE_R)
    m.set(x5=VA + PAGE - 4, x8=-1, mtvec=m.symbols["handler"]).to("handler")
    assert m.trap == (STORE_PAGE, CODE, VA + PAGE)
    assert m.word(DATA + PAGE - 8) == 0 and m.word(DATA + PAGE) == 0


@pytest.mark.parametrize("order", [0, 1])
def test_crossing_into_a_device_is_refused(order: int) -> None:
    """No half of it reaches the device, and none the RAM."""
    m = Tiny(CROSSING).paged()
    frames = (DATA, DEVICE)
    m.map(VA, frames[order], READ_WRITE)
    m.map(VA + PAGE, frames[1 - order], READ_WRITE)
    m.set(x5=VA + PAGE - 4, x8=-1, mtvec=m.symbols["handler"]).to("handler")
    faulty = VA + PAGE if order == 0 else VA + PAGE - 4
    assert m.trap == (STORE_ACCESS, CODE, faulty)
    assert m.accesses == [] and m.word(DATA + PAGE - 8) == 0 and m.word(DATA) == 0


# ---- devices ------------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize(("load", "value"), [("lb", -0x80), ("lbu", 0x80), ("lwu", 0x12345680)])
def test_device_load(load: str, value: int, variant: str) -> None:
    """One access of the right width, extended like a load from RAM."""
    m = Tiny(f"{load} s0, 0(t0)\n sw s0, 4(t0)\n end: nop", variant)
    m.device = {DEVICE: 0x12345680, DEVICE + 4: 0}
    m.set(x5=DEVICE)
    answered = 0x12345680 if load == "lwu" else 0x80
    m.device[DEVICE] = answered
    m.to("end")
    width = 4 if load == "lwu" else 1
    assert m["x8"] == value % (1 << 64)
    assert [a[:3] for a in m.accesses] == [("read", DEVICE, width), ("write", DEVICE + 4, 4)]


@VARIANTS
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("lw s0, 2(t0)", LOAD_ACCESS),  # misaligned
        ("sd s0, 4(t0)", STORE_ACCESS),
        ("lw s0, 0x40(t0)", LOAD_ACCESS),  # nothing is there
        ("amoadd.w s0, s0, (t0)", STORE_ACCESS),
        ("lr.w s0, (t0)", LOAD_ACCESS),
        ("jr t0", FETCH_ACCESS),
    ],
)
def test_what_a_device_refuses(text: str, cause: int, variant: str) -> None:
    """Access faults; the registers stay."""
    m = Tiny(f"{text}\n handler: nop", variant)
    m.device = {DEVICE: 1}
    m.set(x5=DEVICE, x8=77, mtvec=m.symbols["handler"]).to("handler")
    assert m["mcause"] == cause and m["x8"] == 77 and m.device == {DEVICE: 1}


def test_nothing_changes_before_a_device_has_answered() -> None:
    """At an MMIO exit neither t, nor A and D, nor the TLB have moved (law 4 rests on it)."""
    m = Tiny("nop\n lw s0, 0(t0)\n end: nop").paged()
    at = m.map(VA, DEVICE, PTE_V | PTE_R)
    m.device = {DEVICE: 5}
    m.set(x5=VA).run(1)
    before = m.state.digest()
    assert engine.run(m.state, 1) == "MMIO"
    assert m.state.digest() == before
    m.to("end")
    assert m["x8"] == 5 and m.word(at) & PTE_A
