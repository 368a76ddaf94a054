"""Several harts: turns, interleavings by seed, what is each hart's own and what is shared (4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt.board import Board
from simvirt.core.regions.table import NEVER, Policy
from simvirt.errors import InputError
from simvirt.events import decode, mask_of
from simvirt.history import History, Settings
from simvirt.loader import load_elf
from simvirt.machine import Machine, Stop
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin

RAM = 1 << 20
EAGER = Policy(background=False, sample_steps=61, hot=4, chunk=200, most=6, growth=1)
FINISH = """
finish:                      # the hart that comes last ends the machine
    la s3, done
    li t4, 1
    amoadd.w t5, t4, (s3)
    addi t5, t5, 1
    li t6, {harts}
    beq t5, t6, pass
park:
    wfi
    j park
pass:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
    j park
    .balign 8
lock:  .dword 0
count: .dword 0
done:  .dword 0
words: .zero 128
"""
LOCKED = """
    csrr s0, mhartid
    la s1, lock
    la s2, count
    li s4, 400
again:                       # a spin lock by LR and SC; the count is not atomic without it
    lr.w.aq t0, (s1)
    bnez t0, again
    li t1, 1
    sc.w.rl t2, t1, (s1)
    bnez t2, again
    ld t3, 0(s2)
    addi t3, t3, 1
    sd t3, 0(s2)
    amoswap.w.rl zero, zero, (s1)
    addi s4, s4, -1
    bnez s4, again
"""
RESERVED = """
    csrr s0, mhartid
    la s2, count
    li s4, 3000
again:                       # a counter by LR and SC alone
    lr.d t0, (s2)
    addi t0, t0, 1
    sc.d t1, t0, (s2)
    bnez t1, again
    addi s4, s4, -1
    bnez s4, again
"""


class Program:
    """A program on a machine of several harts."""

    def __init__(self, source: str, harts: int, seed: int = 0, quantum: int = 100) -> None:
        text = (source + FINISH).format(harts=harts)
        program = assemble(text, 0x8000_0000).check()
        self.symbols = {name: symbol.value for name, symbol in program.symbols.items()}
        board = Board(RAM, harts=harts, seed=seed, quantum=quantum)
        self.machine = Machine(board, load_elf(elf_bytes(program)), b"")

    def run(self, pieces: Sequence[int] = (10**7,)) -> Stop:
        stop = Stop("budget", 0)
        for steps in pieces:
            stop = self.machine.run(steps)
        return stop

    def word(self, name: str, index: int = 0) -> int:
        data = self.machine.state.read_ram(self.symbols[name] + 8 * index, 8)
        return int.from_bytes(data, "little")


@pytest.mark.parametrize("source", [LOCKED, RESERVED], ids=["lock", "LR and SC"])
@pytest.mark.parametrize("seed", [0, 1, 99])
@pytest.mark.parametrize("harts", [1, 2, 3, 8])
def test_nothing_is_lost_between_harts(harts: int, seed: int, source: str) -> None:
    """An SC fails if another hart has stored there since the LR, wherever the turns change."""
    program = Program(source, harts, seed, quantum=7)
    assert program.run().reason == "finished"
    assert program.word("count") == harts * (400 if source == LOCKED else 3000)


def test_the_count_needs_its_lock() -> None:
    """The test above is not empty: without the lock increments are lost."""
    program = Program(
        LOCKED.replace("bnez t0, again", "nop").replace("bnez t2, again", "nop"), 3, 5
    )
    program.run()
    assert program.word("count") < 1200


def test_interleaving_is_the_seed_s() -> None:
    """The same seed gives the same run, another one another run."""

    def digest(seed: int) -> str:
        program = Program(LOCKED, 3, seed)
        program.run((20_000,))
        return program.machine.state.digest()

    runs = {seed: digest(seed) for seed in (0, 1, 2, 3)}
    assert runs == {seed: digest(seed) for seed in runs}
    assert len(set(runs.values())) == len(runs)


@pytest.mark.parametrize("seed", [0, 4])
@pytest.mark.parametrize("source", [LOCKED, RESERVED, "TIMERS"], ids=["lock", "LR and SC", "wfi"])
def test_run_in_pieces_equals_run(source: str, seed: int) -> None:
    """Law 4 with several harts, interpreted and compiled."""
    source = TIMERS if source == "TIMERS" else source
    whole = Program(source, 3, seed)
    whole.machine.state.regions.policy = NEVER
    whole.run((30_000,))
    for policy in (NEVER, EAGER):
        rng, split, left = Random(seed), Program(source, 3, seed), 30_000
        split.machine.state.regions.policy = policy
        while left:
            piece = min(left, rng.choice((1, 2, 5, 99, 100, 101, 1000)))
            split.run((piece,))
            left -= piece
        assert split.machine.state.digest() == whole.machine.state.digest()


TIMERS = """
    csrr s0, mhartid
    li s4, 40
    la t0, handler
    csrw mtvec, t0
    slli t1, s0, 3
    li s5, 0x2004000
    add s5, s5, t1           # this hart's mtimecmp
    la s6, words
    add s6, s6, t1           # this hart's word
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
    li s7, 13
    mul s7, s7, s0
    addi s7, s7, 20          # its period
set:
    rdtime t2
    add t2, t2, s7
    sd t2, 0(s5)
wait:
    wfi
    j wait
    .balign 4
handler:
    li t5, -1
    sd t5, 0(s5)
    ld t3, 0(s6)
    addi t3, t3, 1
    sd t3, 0(s6)
    addi s4, s4, -1
    beqz s4, over
    la t4, set
    csrw mepc, t4
    mret
over:
    csrw mie, zero
    j finish
"""


def test_each_hart_has_its_timer() -> None:
    """Periods of 20, 33, 46 ticks, 40 times; while all wait, time jumps."""
    program = Program(TIMERS, 3)
    assert program.run().reason == "finished"
    assert [program.word("words", hart) for hart in range(3)] == [40, 40, 40]
    machine = program.machine
    assert 40 * 46 <= machine.ticks() < 45 * 46
    assert machine.state.mach("idle") > 10_000


IPI = """
    csrr s0, mhartid
    la t0, handler
    csrw mtvec, t0
    li t0, 8
    csrw mie, t0
    la s6, words
    csrsi mstatus, 8
    bnez s0, sleep
    li t1, 0x2000004         # hart 0 wakes hart 1
    li t2, 1
    sw t2, 0(t1)
sleep:
    wfi
    j sleep
    .balign 4
handler:                     # each wakes the next one, the last one ends
    slli t3, s0, 3
    add t3, t3, s6
    li t4, 77
    sd t4, 0(t3)
    slli t5, s0, 2
    li t1, 0x2000000
    add t1, t1, t5
    sw zero, 0(t1)
    addi t6, s0, 1
    li t4, {harts}
    beq t4, t6, pass
    li t4, 1
    sw t4, 4(t1)
    mret
"""


def test_harts_interrupt_each_other() -> None:
    """Software interrupts through the CLINT, one hart after the other."""
    program = Program(IPI, 5)
    assert program.run().reason == "finished"
    assert [program.word("words", hart) for hart in range(5)] == [0, 77, 77, 77, 77]


def test_counters_are_each_hart_s_own() -> None:
    """minstret counts a hart's own instructions; time is one for all."""
    source = """
    csrr s0, mhartid
    la s6, words
    slli t1, s0, 4
    add s6, s6, t1
    bnez s0, count_now
    li t0, 5000
spin: addi t0, t0, -1
    bnez t0, spin
count_now:
    csrr t2, minstret
    sd t2, 0(s6)
    rdtime t3
    sd t3, 8(s6)
    j finish
"""
    program = Program(source, 2)
    program.run()
    counted = [program.word("words", 2 * hart) for hart in range(2)]
    assert 10_000 < counted[0] < 10_020 and counted[1] < 20
    assert program.word("words", 1) > program.word("words", 3)


def test_events_name_their_hart() -> None:
    program = Program("la t0, handler\n csrw mtvec, t0\n ecall\n.balign 4\nhandler: j finish", 3)
    records: list[object] = []
    program.machine.listeners.append(lambda some: records.extend(decode(some)))
    program.machine.select_events(mask_of(["TRAP"]))
    program.run()
    program.machine.flush_events()
    assert sorted(event.hart for event in records) == [0, 1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", [LOCKED, TIMERS], ids=["lock", "wfi"])
def test_time_travel_with_several_harts(source: str) -> None:
    """Any moment again, across turns and idle time."""
    program = Program(source, 3, seed=8)
    history = History(program.machine, Settings(spacing=1500))
    digests = {}
    for t in range(0, 20_000, 777):
        history.goto(t)
        digests[t] = program.machine.state.digest()
    for t in Random(1).sample(sorted(digests), 12):
        history.goto(t)
        assert program.machine.state.digest() == digests[t]


@pytest.mark.parametrize("board", [{"harts": 9}, {"harts": 0}, {"quantum": 0}, {"seed": -1}])
def test_boards_that_cannot_be(board: dict[str, int]) -> None:
    with pytest.raises(InputError, match="board"):
        Board(RAM, **board)


def test_a_twin_knows_the_reservations() -> None:
    """A copy of a machine goes on as it does: SCs fail in it that must."""
    program = Program(RESERVED, 3, seed=2, quantum=7)
    stack = Stack("bare", program.machine, (), {}, ())
    for _ in range(40):
        program.run((501,))
        copied = twin(stack).machine
        copied.run(501)
        program.run((501,))
        assert copied.state.digest() == program.machine.state.digest()
