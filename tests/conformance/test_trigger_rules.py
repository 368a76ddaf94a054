"""Breakpoint triggers, by hand: QEMU 7.2 has some of this (see `tests.differential.departures`).

Sections: RISC-V debug specification, version 1.0 (Sdtrig), and the privileged architecture.
"""

from __future__ import annotations

import pytest

from isa.csrs import BY_NUMBER
from tests.core.tiny import ALL, CODE, DATA, VA, M, S, Tiny, U

MCONTROL6, DISABLED = 6 << 60, 15 << 60
IN_M, IN_S, IN_U, EXECUTE, STORE, LOAD = 64, 16, 8, 4, 2, 1
ANY_MODE = IN_M | IN_S | IN_U
MODE_BIT = {M: IN_M, S: IN_S, U: IN_U}
MIE, SIE = 8, 2
BREAKPOINT, LOAD_MISALIGNED, FETCH_PAGE, LOAD_PAGE = 3, 4, 12, 13


def armed(
    source: str, what: int, address: int, priv: int = M, trigger: int = 0, enabled: int = MIE | SIE
) -> Tiny:
    """Code that may fire one trigger, set for every mode, and not held back unless asked for."""
    m = Tiny(f"{source}\n end: nop\n .balign 4\n handler: j handler")
    m.set(priv=priv, mtvec=m.symbols["handler"], mstatus=m["mstatus"] | enabled)
    m.set(**{f"tdata1_{trigger}": MCONTROL6 | ANY_MODE | what, f"tdata2_{trigger}": address})
    return m


# ---- registers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name"),
    [(0x7A0, "tselect"), (0x7A1, "tdata1"), (0x7A2, "tdata2"), (0x7A4, "tinfo")],
)
def test_the_registers_exist(number: int, name: str) -> None:
    """5.7: trigger registers are accessible in M."""
    assert BY_NUMBER[number].name == name and BY_NUMBER[number].privilege == M


@pytest.mark.parametrize("number", [0x7A3, 0x7A5, 0x7A8, 0x7AA])
@pytest.mark.parametrize("access", ["csrr s0, {}", "csrw {}, s0"])
def test_those_that_are_not_there_are_illegal(access: str, number: int) -> None:
    """5.7: an unimplemented one (tdata3, tcontrol, contexts) is an illegal instruction."""
    m = armed(access.format(number), 0, 0).to("handler")
    assert m["mcause"] == 2 and m["mepc"] == CODE


def test_a_program_finds_the_triggers() -> None:
    """5.1.1: write tselect, read it back, read tinfo, until tselect does not hold the number."""
    m = Tiny("""
        li      s0, 0
    1:  csrw    tselect, s0
        csrr    t0, tselect
        bne     t0, s0, end
        csrr    s1, tinfo
        addi    s0, s0, 1
        j       1b
    end: nop""")
    m.to("end")
    assert m["x8"] == 2, "two triggers"
    assert m["x9"] == 1 << 24 | 1 << 15 | 1 << 6, "version 1; mcontrol6 and disabled"


def test_tselect_chooses_whose_words_are_read_and_written() -> None:
    """5.7.1: tdata1 and tdata2 are those of the selected trigger."""
    m = Tiny("""
        csrw    tdata2, t0
        csrwi   tselect, 1
        csrw    tdata2, t1
        csrwi   tselect, 2
        csrr    s0, tdata2
        csrwi   tselect, 0
        csrr    s1, tdata2
    end: nop""")
    m.set(x5=111, x6=222).to("end")
    assert (m["x8"], m["x9"]) == (222, 111)
    assert (m["tdata2_0"], m["tdata2_1"]) == (111, 222)


@pytest.mark.parametrize("kind", range(16))
def test_only_mcontrol6_can_be_chosen(kind: int) -> None:
    """5.7.2: a type that is not supported leaves the trigger disabled, type 15."""
    m = Tiny("csrw tdata1, t0\n csrr s0, tdata1\n end: nop").set(x5=kind << 60 | 0xFFF_FFFF)
    m.to("end")
    assert m["x8"] == (MCONTROL6 | ANY_MODE | EXECUTE | STORE | LOAD if kind == 6 else DISABLED)


def test_triggers_are_disabled_by_reset() -> None:
    """5.7.2: nothing fires before software has asked for it."""
    m = Tiny("csrr s0, tdata1\n csrwi tselect, 1\n csrr s1, tdata1\n end: nop")
    m.to("end")
    assert (m["x8"], m["x9"]) == (DISABLED, DISABLED)


@pytest.mark.parametrize("mode", [S, U])
@pytest.mark.parametrize("name", ["tselect", "tdata1", "tdata2", "tinfo"])
def test_below_m_they_are_illegal(mode: int, name: str) -> None:
    """Numbers 0x7A0 to 0x7AF are M's (privileged, 2.1)."""
    m = Tiny(f"csrr s0, {name}\n handler: nop").set(priv=mode)
    m.set(mtvec=m.symbols["handler"]).to("handler")
    assert m["mcause"] == 2


# ---- what fires ----------------------------------------------------------------------------------

ACCESSES = {
    "execute": ("nop", EXECUTE, CODE + 4),
    "load": ("ld s0, 0(t2)", LOAD, DATA),
    "lbu": ("lbu s0, 0(t2)", LOAD, DATA),
    "store": ("sd t0, 0(t2)", STORE, DATA),
    "sb": ("sb t0, 0(t2)", STORE, DATA),
    "lr": ("lr.d s0, (t2)", LOAD, DATA),
    "sc": ("sc.d s0, t0, (t2)", STORE, DATA),
    "amo as a load": ("amoadd.d s0, t0, (t2)", LOAD, DATA),
    "amo as a store": ("amoadd.d s0, t0, (t2)", STORE, DATA),
}


@pytest.mark.parametrize("trigger", [0, 1])
@pytest.mark.parametrize("mode", [M, S, U])
@pytest.mark.parametrize("access", ACCESSES)
def test_an_address_match_is_a_breakpoint(access: str, mode: int, trigger: int) -> None:
    """5.7.12: match 0, action 0: exception 3 in front of the instruction, the address in xtval."""
    text, what, address = ACCESSES[access]
    m = armed(f"li t0, 9\n {text}", what, address, mode, trigger).set(x7=DATA, x8=5)
    m.poke(DATA, 7)
    m.to("handler")
    assert m.trap == (BREAKPOINT, CODE + 4, address)
    assert m["x8"] == 5 and m.word(DATA) == 7, "nothing of the instruction has happened"


@pytest.mark.parametrize("access", ACCESSES)
def test_other_addresses_do_not_match(access: str) -> None:
    """5.7.12: the lowest address of the access is compared, and must be equal."""
    text, what, address = ACCESSES[access]
    for other in (address - 4, address + 1, address + 8):
        m = armed(f"li t0, 9\n {text}", what, other).set(x7=DATA, mtvec=0)
        if what != EXECUTE:
            m.to("end")
            assert m["mcause"] == 0


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("mode", [M, S, U])
def test_a_trigger_of_other_modes_or_accesses_does_not_fire(access: str, mode: int) -> None:
    """5.7.12: m, s, u, execute, store, load each enable one."""
    text, what, address = ACCESSES[access]
    both = LOAD | STORE if text.startswith("amo") else what
    for bits in (ANY_MODE & ~MODE_BIT[mode] | what, ANY_MODE | 7 & ~both):
        m = armed(f"li t0, 9\n {text}", 0, address, mode).set(x7=DATA)
        m.set(tdata1_0=MCONTROL6 | bits).to("end")
        assert m["mcause"] == 0


@pytest.mark.parametrize("disabled", [DISABLED | ANY_MODE | 7, ANY_MODE | 7])
def test_a_disabled_trigger_does_not_fire(disabled: int) -> None:
    """5.7.2: types other than 6."""
    m = armed("ld s0, 0(t2)", 0, DATA).set(x7=DATA, tdata1_0=disabled).to("end")
    assert m["mcause"] == 0


def test_a_loop_that_runs_hot_stops_at_its_trigger() -> None:
    """What the page caches and compiled regions know does not hide an access."""
    m = armed("""
        li      t1, 200000
    1:  sd      t1, 0(t2)
        addi    t1, t1, -1
        bnez    t1, 1b
        csrw    tdata1, t3
    2:  sd      t0, 8(t2)
        addi    t0, t0, 1
        j       2b""", 0, DATA + 8).set(x7=DATA, x28=MCONTROL6 | ANY_MODE | STORE)  # fmt: skip
    m.state.set_mach("t", 0)
    m.run(2_000_000)
    assert m["mcause"] == BREAKPOINT and m["mtval"] == DATA + 8 and m["x5"] == 0


def test_a_hot_loop_is_left_when_a_trigger_is_set_on_its_own_code() -> None:
    """An execute trigger on a page whose code is hot."""
    source = """
        j       start
    body: addi  t1, t1, -1
        bnez    t1, body
        ret
    start: li   t1, 300000
        call    body
        csrw    tdata1, t3
        li      t1, 10
        call    body"""
    m = armed(source, 0, 0).set(x28=MCONTROL6 | ANY_MODE | EXECUTE)
    m.set(tdata2_0=m.symbols["body"])
    m.run(2_000_000)
    assert m.trap == (BREAKPOINT, m.symbols["body"], m.symbols["body"]) and m["x6"] == 10


def test_virtual_addresses_are_compared() -> None:
    """5.7.12: what the program uses, not where it leads to."""
    m = armed("ld s0, 0(t2)", LOAD, VA + 16).set(x7=VA + 16)
    m.paged(S).map(VA, DATA, ALL)
    m.to("handler")
    assert m.trap == (BREAKPOINT, CODE, VA + 16)
    m = armed("ld s0, 0(t2)", LOAD, DATA + 16).set(x7=VA + 16)
    m.paged(S).map(VA, DATA, ALL)
    m.to("end")
    assert m["mcause"] == 0


def test_an_instruction_across_two_pages_matches_at_its_first_byte() -> None:
    """5.7.12: the lowest address of the instruction."""
    source = ".zero 4094\n target: li t0, 0x12345\n end: nop\n .balign 4\n handler: nop"
    for address, fires in ((CODE + 4094, True), (CODE + 4096, False)):
        m = Tiny(source).set(pc=CODE + 4094)
        m.set(mstatus=m["mstatus"] | MIE, mtvec=m.symbols["handler"], tdata2_0=address)
        m.set(tdata1_0=MCONTROL6 | IN_M | EXECUTE).to("handler" if fires else "end")
        assert m["mcause"] == (BREAKPOINT if fires else 0)


# ---- priority, delegation ------------------------------------------------------------------------


def test_the_breakpoint_comes_before_other_faults_of_the_access() -> None:
    """Privileged 3.1.15, table 3.7: address breakpoints, then misalignment and page faults."""
    m = armed("ld s0, 0(t2)", LOAD, VA + 1, S).set(x7=VA + 1)
    assert m.paged(S).to("handler").trap == (BREAKPOINT, CODE, VA + 1)
    m = armed("lr.d s0, (t2)", LOAD, DATA + 1).set(x7=DATA + 1)
    assert m.to("handler").trap == (BREAKPOINT, CODE, DATA + 1)
    m = armed("jr t2", EXECUTE, VA, S).set(x7=VA)
    assert m.paged(S).to("handler").trap == (BREAKPOINT, VA, VA), "before the fetch's page fault"


def test_the_instructions_own_faults_come_before_a_data_breakpoint() -> None:
    """Table 3.7: a fetch that fails, an illegal instruction: the access is never made."""
    m = armed("csrr s0, 0x123", LOAD | STORE | EXECUTE, DATA).set(x7=DATA)
    assert m.to("handler")["mcause"] == 2


def test_a_breakpoint_of_s_or_u_can_be_delegated() -> None:
    """Privileged 3.1.8: exception 3."""
    m = armed("ld s0, 0(t2)", LOAD, DATA, U).set(x7=DATA, medeleg=1 << BREAKPOINT)
    m.set(stvec=m.symbols["handler"]).to("handler")
    assert (m["scause"], m["sepc"], m["stval"], m["priv"]) == (BREAKPOINT, CODE, DATA, S)


def test_without_triggers_faults_are_what_they_were() -> None:
    """The cases of priority above, disarmed: the test's own guard."""
    m = armed("ld s0, 0(t2)", 0, VA + 1, S).set(x7=VA + 1)
    assert m.paged(S).to("handler")["mcause"] == LOAD_PAGE
    m = armed("lr.d s0, (t2)", 0, DATA + 1).set(x7=DATA + 1)
    assert m.to("handler")["mcause"] == LOAD_MISALIGNED
    m = armed("jr t2", 0, VA, S).set(x7=VA)
    assert m.paged(S).to("handler")["mcause"] == FETCH_PAGE


# ---- handlers (5.4, the first solution) ----------------------------------------------------------

# Mode, what of MIE and SIE is set, medeleg[3]: where none fires.
HELD_BACK = {
    (M, 0, 0), (M, 0, 1), (M, SIE, 0), (M, SIE, 1),
    (S, 0, 1), (S, MIE, 1),
}  # fmt: skip


@pytest.mark.parametrize("delegated", [0, 1])
@pytest.mark.parametrize("enabled", [0, SIE, MIE, MIE | SIE])
@pytest.mark.parametrize("mode", [M, S, U])
def test_where_triggers_are_held_back(mode: int, enabled: int, delegated: int) -> None:
    """5.4: in M without MIE; if medeleg[3] = 1, in S without SIE; never in U."""
    held_back = (mode, enabled, delegated) in HELD_BACK
    for text, what, address in ACCESSES.values():
        m = armed(f"li t0, 9\n {text}", what, address, mode, enabled=enabled).set(x7=DATA)
        m.set(stvec=m.symbols["handler"], medeleg=delegated << BREAKPOINT)
        m.to("end" if held_back else "handler")
        to_s = delegated and mode != M
        fired = (m["scause"], m["mcause"]) == ((BREAKPOINT, 0) if to_s else (0, BREAKPOINT))
        assert fired is not held_back, text


@pytest.mark.parametrize(("mode", "status", "bit"), [(M, "mstatus", MIE), (S, "sstatus", SIE)])
def test_the_next_instruction_feels_a_change(mode: int, status: str, bit: int) -> None:
    """5.4: "while MIE is 0", "while SIE is 0": what the register holds at the access."""
    on = f"ld s0, 0(t2)\n csrsi {status}, {bit}\n ld s1, 0(t2)"
    m = armed(on, LOAD, DATA, mode, enabled=0).set(x7=DATA, x9=5, medeleg=1 << BREAKPOINT)
    m.set(stvec=m.symbols["handler"]).poke(DATA, 3)
    m.to("handler")
    assert m["sepc" if mode == S else "mepc"] == CODE + 8 and (m["x8"], m["x9"]) == (3, 5)
    off = f"csrci {status}, {bit}\n ld s0, 0(t2)"
    m = armed(off, LOAD, DATA, mode).set(x7=DATA, medeleg=1 << BREAKPOINT).to("end")
    assert (m["mcause"], m["scause"]) == (0, 0)


@pytest.mark.parametrize(("mode", "letter"), [(M, "m"), (S, "s")])
def test_a_handler_may_touch_the_address_and_what_it_returns_to_may_not(
    mode: int, letter: str
) -> None:
    """5.4; privileged 3.1.6.1: a trap clears MIE or SIE, mret or sret brings it back."""
    source = f"""
        ld      s0, 0(t2)
        ld      s1, 0(t2)
        j       end
        .balign 4
    fix: ld     s3, 0(t2)
        addi    s2, s2, 1
        csrr    t0, {letter}epc
        addi    t0, t0, 4
        csrw    {letter}epc, t0
        {letter}ret"""
    m = armed(source, LOAD, DATA, mode).set(x7=DATA, x8=5, x9=5, medeleg=1 << BREAKPOINT)
    m.poke(DATA, 3)
    m.set(**{f"{letter}tvec": m.symbols["fix"]}).to("end")
    assert (m["x8"], m["x9"]) == (5, 5), "both loads were passed over"
    assert (m["x18"], m["x19"]) == (2, 3), "two breakpoints, and the handler's own loads succeed"


def test_the_mode_of_the_hart_counts_not_that_of_mprv() -> None:
    """5.7.12: m, s and u are of the mode; the rights that M borrows (3.1.6.3) are not meant."""
    lent = 1 << 17 | S << 11
    m = armed("ld s0, 0(t2)", LOAD, DATA).set(x7=DATA)
    m.set(mstatus=m["mstatus"] | lent, tdata1_0=MCONTROL6 | IN_S | LOAD).to("end")
    assert m["mcause"] == 0
    m = armed("ld s0, 0(t2)", LOAD, DATA, enabled=MIE).set(x7=DATA, medeleg=1 << BREAKPOINT)
    m.set(mstatus=m["mstatus"] | lent, tdata1_0=MCONTROL6 | IN_M | LOAD).to("handler")
    assert m.trap == (BREAKPOINT, CODE, DATA)


def test_a_hot_loop_that_was_held_back_fires_as_soon_as_it_may() -> None:
    """What the page caches and compiled regions have learnt by then does not hide an access."""
    source = """
        li      t1, 20000
    1:  sd      t1, 0(t2)
    body: addi  t1, t1, -1
        bnez    t1, 1b
        csrsi   mstatus, 8
        li      t1, 10
        j       1b"""
    m = armed(source, STORE, DATA, enabled=0).set(x7=DATA)
    m.run(2_000_000)
    assert m["mcause"] == BREAKPOINT and m["mtval"] == DATA and m.word(DATA) == 1
    m = armed(source, EXECUTE, 0, enabled=0).set(x7=DATA)
    m.set(tdata2_0=m.symbols["body"]).run(2_000_000)
    assert m.trap == (BREAKPOINT, m.symbols["body"], m.symbols["body"]) and m.word(DATA) == 10


def test_a_handler_in_s_does_not_fire_a_trigger_for_ever() -> None:
    """5.4: a trigger on the first instruction of the handler of breakpoints."""
    m = armed("ebreak", EXECUTE, 0, S).set(medeleg=1 << BREAKPOINT)
    m.set(stvec=m.symbols["handler"], tdata2_0=m.symbols["handler"])
    m.run(3)
    assert (m["scause"], m["sepc"], m["stval"]) == (BREAKPOINT, CODE, CODE)
    assert m["mcause"] == 0 and m["pc"] == m.symbols["handler"]
