"""Code that changes, atomics, time and interrupts, counters, waiting, getting nowhere."""

from __future__ import annotations

import pytest

from isa.asm import assemble_insn
from simvirt.core import engine
from simvirt.core.layout import REPEATED_TRAPS
from simvirt.core.state import PAGE

from .tiny import CODE, DATA, RAM_SIZE, Tiny, U

VARIANTS = pytest.mark.parametrize("variant", ["fast", "traced"])
NEVER = (1 << 64) - 1
MIE, MTIE, STIE, MSIE = 1 << 3, 1 << 7, 1 << 5, 1 << 3
MTI, STI, STCE = 1 << 63 | 7, 1 << 63 | 5, 1 << 63
MASK64 = (1 << 64) - 1


# ---- self-modifying code ------------------------------------------------------------------------


ADD_100 = assemble_insn("addi s0, s0, 100")


@VARIANTS
@pytest.mark.parametrize(
    ("store", "offset", "value", "added"),
    [("sw", 0, ADD_100, 100), ("sh", 2, ADD_100 >> 16, 100), ("sb", 3, 0x06, 0x61)],
)
def test_code_written_on_its_own_page(
    store: str, offset: int, value: int, added: int, variant: str
) -> None:
    """The loop's own instruction is overwritten while the loop runs; no fence.i is needed."""
    source = f"loop: addi s0, s0, 1\n {store} t1, 0(t0)\n addi t2, t2, -1\n bnez t2, loop"
    m = Tiny(source + "\n end: nop", variant)
    m.set(x5=CODE + offset, x6=value, x7=3).to("end")
    assert m["x8"] == 1 + 2 * added


@VARIANTS
def test_function_written_at_run_time(variant: str) -> None:
    """A page that held data, then code, then other code."""
    m = Tiny("sd t1, 0(t0)\n jalr ra, 0(t0)\n sd t2, 0(t0)\n jalr ra, 0(t0)\n end: nop", variant)
    one, ten = 0x8067_00140413, 0x8067_00A40413  # addi s0, s0, n; ret
    m.set(x5=DATA, x6=one, x7=ten).to("end")
    assert m["x8"] == 11


@VARIANTS
@pytest.mark.parametrize("half", [0, 2])
def test_either_half_of_an_instruction_across_pages(half: int, variant: str) -> None:
    """Fetch is coherent there, too."""
    m = Tiny("jalr ra, 0(t0)\n sh t1, 0(t2)\n jalr ra, 0(t0)\n end: nop", variant)
    at = DATA + PAGE - 2
    old, new = assemble_insn("addi s0, s0, 1"), assemble_insn("addi s0, s0, 0x101")
    if half == 0:
        new = old & ~0xF80 | 9 << 7  # rd becomes s1, in the low half
    m.state.write_ram(at, old.to_bytes(4, "little") + assemble_insn("ret").to_bytes(4, "little"))
    m.set(x5=at, x6=new >> 8 * half & 0xFFFF, x7=at + half).to("end")
    assert (m["x8"], m["x9"]) == ((1, 2) if half == 0 else (0x102, 0))


def test_writes_from_outside_are_seen() -> None:
    """`State.write_ram` forgets what was decoded there, also one halfword before."""
    m = Tiny("loop: addi s0, s0, 1\n j loop")
    m.run(10)
    m.state.write_ram(CODE + 2, (assemble_insn("addi s0, s0, 16") >> 16).to_bytes(2, "little"))
    m.run(10)
    assert m["x8"] == 5 + 5 * 16


# ---- atomics ------------------------------------------------------------------------------------


@VARIANTS
@pytest.mark.parametrize(
    ("between", "failed"),
    [
        ("", 0),
        ("nop\n ld s4, 64(t0)", 0),
        ("sd x0, 64(t0)", 0),  # another doubleword
        ("sc.d s5, t1, (t2)", 1),  # any SC ends the reservation
        ("lr.d s4, (t2)", 1),  # another reservation
    ],
)
def test_load_reserved_store_conditional(between: str, failed: int, variant: str) -> None:
    """SC succeeds once, and only on what was reserved last."""
    source = f"lr.d s0, (t0)\n {between}\n sc.d s1, t1, (t0)\n sc.d s2, t1, (t0)\n end: nop"
    m = Tiny(source, variant)
    m.poke(DATA, 5)
    m.set(x5=DATA, x6=9, x7=DATA + 128).to("end")
    assert (m["x8"], m["x9"], m["x18"]) == (5, failed, 1)
    assert m.word(DATA) == (5 if failed else 9)


def test_reservation_of_a_word_is_its_doubleword() -> None:
    """LR.W reserves eight bytes; SC.W to the other half succeeds."""
    m = Tiny("lr.w s0, (t0)\n sc.w s1, t1, (t2)\n end: nop")
    m.set(x5=DATA, x6=9, x7=DATA + 4).to("end")
    assert m["x9"] == 0 and m.word(DATA) == 9 << 32


# ---- interrupts ---------------------------------------------------------------------------------

COUNTING = """
loop: addi s0, s0, 1
    j loop
.balign 4
handler: csrr s1, time
end: nop
"""


@VARIANTS
@pytest.mark.parametrize("deadline", [1, 2, 17, 500])
@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("timer", ["mtimecmp", "stimecmp"])
def test_timer_interrupt_comes_at_its_step(
    timer: str, piece: int, deadline: int, variant: str
) -> None:
    """Taken at the first step at which mtime reaches the comparator, however the run is split."""
    m = Tiny(COUNTING, variant).select(1 << 1)
    m.set(mtvec=m.symbols["handler"], mie=MTIE | STIE, mstatus=MIE, menvcfg=STCE)
    m.set(**{timer: deadline})
    while m.state.mach("t") < 10 * deadline + 1:
        m.run(min(piece, 10 * deadline + 1 - m.state.mach("t")))
    assert m.trap[0] == (MTI if timer == "mtimecmp" else STI)
    assert [event.t for event in m.records] == [10 * deadline]
    m.to("end")
    assert m["x9"] == deadline and m["x8"] == 5 * deadline


def test_interrupt_by_a_csr_write_is_taken_before_the_next_instruction() -> None:
    """Enabling it, or making it pending, is enough."""
    m = Tiny("csrs mstatus, t0\n addi s0, s0, 1\n .balign 4\n handler: nop")
    m.set(x5=MIE, mie=MSIE, irq_lines=MSIE, mtvec=m.symbols["handler"]).to("handler")
    assert m["x8"] == 0 and m["mepc"] == CODE + 4


def test_timer_deadline_moved_into_the_past() -> None:
    """Writing stimecmp below the present takes the interrupt at once."""
    m = Tiny("nop\n csrw stimecmp, x0\n addi s0, s0, 1\n .balign 4\n handler: nop")
    m.set(mie=STIE, mstatus=MIE, menvcfg=STCE, mtvec=m.symbols["handler"]).to("handler")
    assert m["x8"] == 0 and m["mcause"] == STI


@VARIANTS
def test_wfi_waits_and_wakes(variant: str) -> None:
    """It comes out, steps do not pass, and an interrupt that is only enabled in mie wakes it."""
    m = Tiny("wfi\n addi s0, s0, 1\n end: nop", variant)
    m.set(mie=MSIE)
    assert m.run(100) == "WFI" and m.state.mach("t") == 1
    assert m.run(100) == "WFI" and m.state.mach("t") == 1
    m.set(irq_lines=MSIE)
    m.to("end")
    assert m["x8"] == 1 and m["mcause"] == 0


# ---- counters -----------------------------------------------------------------------------------


@VARIANTS
def test_minstret_counts_what_retires(variant: str) -> None:
    """Traps are steps but no instructions; the reading itself is not yet counted."""
    source = "csrr s0, minstret\n ecall\n .balign 4\n handler: csrr s1, minstret\n end: nop"
    m = Tiny(source, variant)
    m.set(mtvec=m.symbols["handler"]).to("end")
    assert (m["x8"], m["x9"], m.state.mach("t")) == (0, 1, 3)


@pytest.mark.parametrize("counter", ["minstret", "mcycle"])
def test_counter_writes(counter: str) -> None:
    """The instruction after the write reads the written value (3.1.10)."""
    m = Tiny(f"nop\n csrw {counter}, t0\n csrr s0, {counter}\n csrr s1, {counter}\n end: nop")
    m.set(x5=1000).to("end")
    assert m["x8"] == 1000 and m["x9"] == 1001


def test_cost_model_goes_to_mcycle_alone() -> None:
    """A trap's penalty is in mcycle, not in minstret."""
    source = "ecall\n .balign 4\n handler: csrr s0, mcycle\n csrr s1, minstret\n end: nop"
    m = Tiny(source)
    m.state.set_mach("cost_trap", 40)
    m.set(mtvec=m.symbols["handler"]).to("end")
    assert (m["x8"], m["x9"]) == (40, 1)


# ---- getting nowhere ----------------------------------------------------------------------------


@VARIANTS
def test_no_progress(variant: str) -> None:
    """A handler that cannot be fetched: found after the same trap so many times."""
    m = Tiny("ecall", variant)
    m.set(mtvec=RAM_SIZE + (1 << 40))
    assert m.run(10 * REPEATED_TRAPS) == "NO_PROGRESS"
    assert m.state.mach("t") == REPEATED_TRAPS + 1
    assert m["mcause"] == 1


def test_a_busy_handler_is_progress() -> None:
    """The same trap again and again, but the handler retires instructions."""
    m = Tiny("ecall\n .balign 4\n handler: mret")
    m.set(mtvec=m.symbols["handler"])
    assert m.run(10 * REPEATED_TRAPS) == "BUDGET"


@VARIANTS
def test_budget_is_exact(variant: str) -> None:
    """Traps count as steps; a budget of 0 does nothing."""
    m = Tiny("ecall\n .balign 4\n handler: mret", variant)
    m.set(mtvec=m.symbols["handler"], priv=U)
    for steps in (0, 1, 2, 3, 1000, 65536):
        before = m.state.mach("t")
        assert engine.run(m.state, steps, variant) == "BUDGET"
        assert m.state.mach("t") == before + steps


def test_stop_word_comes_out() -> None:
    """Set from outside, it ends a run without changing where it goes on."""
    m = Tiny("loop: addi s0, s0, 1\n j loop")
    m.state.set_work("stop", 1)
    assert engine.run(m.state, 1 << 40) == "STOP"
    m.state.set_work("stop", 0)
    assert engine.run(m.state, 10) == "BUDGET" and m["x8"] == m.state.mach("t") // 2
