"""The debugger's keys that go back in time, and marks, in three placements."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from simvirt.tui.app import Debugger
from simvirt.tui.report import HELP
from tests.tui.test_keys import CLEAR, ENDS, palette, play, press, shown, until

PLACEMENTS = pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])


async def run_to(app: Debugger, pilot: Pilot[int], place: str) -> None:
    """A breakpoint there, and on to it."""
    await press(app, pilot, "b", *CLEAR, *place, "enter", "c")
    assert "breakpoint at" in shown(app).message


@PLACEMENTS
def test_trap_and_back(placement: str) -> None:
    """The last trap is the one that ] has come to; in front of it stands what trapped."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        first = await press(app, pilot, "right_square_bracket")
        await press(app, pilot, "right_square_bracket")
        later = await press(app, pilot, "right_square_bracket")
        at = await press(app, pilot, "left_square_bracket")
        assert at.t == later.t - 1 and "last trap" in at.message
        await press(app, pilot, "left_square_bracket")
        at = await press(app, pilot, "left_square_bracket")
        assert at.t == first.t - 1
        assert "none since t=0" in (await press(app, pilot, "left_square_bracket")).message
        assert shown(app).t == at.t
        assert (await press(app, pilot, "s")).pc == first.pc

    play(keys, placement)


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_exit_and_back(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "3", "right_curly_bracket")
        later = await press(app, pilot, "right_curly_bracket")
        at = await press(app, pilot, "left_curly_bracket")
        assert at.t == later.t - 1 and "last VM exit" in at.message
        there = await press(app, pilot, "left_curly_bracket")
        assert there.t < at.t
        again = await press(app, pilot, "right_curly_bracket", "right_curly_bracket")
        assert (again.t, again.pc, again.csrs[0].real) == (later.t, later.pc, later.csrs[0].real)

    play(keys, placement)


def test_a_bare_guest_has_neither_exits_nor_switches() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "s")
        assert "no VM exits" in (await press(app, pilot, "left_curly_bracket")).message
        assert "one vCPU only" in (await press(app, pilot, "V")).message
        assert "no breakpoint to run back to" in (await press(app, pilot, "C")).message
        assert shown(app).t == 1

    play(keys)


def test_vcpu_switch_and_back() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        first = await press(app, pilot, "v")
        later = await press(app, pilot, "v")
        assert later.t > first.t
        for there in (later, first):  # an entry shows at its first instruction, or behind it
            at = await press(app, pilot, "V")
            assert there.t - 1 <= at.t <= there.t and "last vCPU switch" in at.message
        assert "none since t=0" in (await press(app, pilot, "V")).message

    play(keys, "hypervisor", vms=2)


@PLACEMENTS
def test_over_a_trap_and_back(placement: str) -> None:
    """N undoes n: the ecall is next again."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "loop:_start+0x20")
        at = shown(app)
        behind = await press(app, pilot, "n")
        assert behind.t > at.t + 4
        before = await press(app, pilot, "N")
        assert (before.t, before.pc) == (at.t, at.pc), before.message
        assert "over the trap" in before.message
        again = await press(app, pilot, "N")  # below a VM the guest was entered just before
        assert again.t < at.t and (placement != "bare" or again.t == at.t - 1)

    play(keys, placement)


def test_breakpoints_cursor_and_listeners_go_back() -> None:
    """C and U go back to a place; counts, log and consoles are those of then."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "loop:again")
        first = await press(app, pilot, "6")
        await press(app, pilot, "c", "c")
        later = await press(app, pilot, "c")
        assert later.traps != first.traps or later.t > first.t
        for _ in range(3):
            at = await press(app, pilot, "C")
            assert "back at breakpoint" in at.message and at.pc == first.pc
        assert at.t == first.t and at.traps == first.traps and at.exits == first.exits
        assert (await press(app, pilot, "c", "c", "c")).t == later.t
        await press(app, pilot, "g", *"loop:again", "enter")
        assert (await press(app, pilot, "U")).t < later.t and shown(app).pc == first.pc

    play(keys, "hypervisor")


@PLACEMENTS
def test_last_change_of_a_csr_and_last_write(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, *["right_square_bracket"] * 3)
        before = shown(app).t
        csr = "mcause" if placement != "hosted" else "scause"
        at = await press(app, pilot, "R", *csr, "enter")
        assert at.t < before and csr in at.message
        assert "no CSR" in (await press(app, pilot, "R", *"nothing", "enter")).message
        assert "no symbol" in (await press(app, pilot, "W", *"nothing", "enter")).message
        assert shown(app).t == at.t

    play(keys, placement)


def test_last_write_of_an_address() -> None:
    """In front of the store."""
    source = """\
    _start: la t0, word
            li t1, 7
            sd t1, 0(t0)
            li t1, 0
    again:  addi t1, t1, 1
            j again
            .balign 8
    word:   .dword 0
    """

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, *["s"] * 12)
        at = await press(app, pilot, "W", *"word", "enter")
        assert next(row.text for row in at.code if row.is_pc).removeprefix("c.").startswith("sd")
        assert "last write of word" in at.message
        assert "none since t=0" in (await press(app, pilot, "W", *"word", "enter")).message

    play(keys, source=source)


def test_marks() -> None:
    """Set, shown in the question, gone to, found in the palette."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        assert "none; m sets one" in (await press(app, pilot, "M", "x", "enter")).message
        await press(app, pilot, "s", "s", "m", *"two", "enter", "s", "s", "m", *"four", "enter")
        assert shown(app).marks == (("two", 2), ("four", 4))
        await press(app, pilot, "M")
        assert "two t=2, four t=4" in str(app.query_one(Input).border_title)
        assert (await press(app, pilot, *CLEAR, *"two", "enter")).t == 2
        assert "there are two, four" in (await press(app, pilot, "M", "x", "enter")).message
        await palette(app, pilot, "go to mark four")
        assert shown(app).t == 4

    play(keys)


def test_from_the_end_and_another_future() -> None:
    """A machine that has ended goes on after a step back; typing in the past is allowed."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        end = await press(app, pilot, "c")
        assert end.finished
        at = await press(app, pilot, "S")
        assert not at.finished and at.t < end.t
        assert (await press(app, pilot, "c")).finished and shown(app).t == end.t
        await press(app, pilot, "S", "i", *"x", "enter", "escape", "1")
        assert len(app.engine._sim.machine.inputs) == 1

    play(keys, source=ENDS)


def test_explaining_does_not_move() -> None:
    """A trap is explained from a copy of then; marks and time are where they were."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        at = await press(app, pilot, "right_square_bracket", "right_square_bracket", "s")
        after = await press(app, pilot, "e", "escape")
        assert (after.t, after.pc, after.registers) == (at.t, at.pc, at.registers)

    play(keys, "hypervisor")


def test_a_long_search_is_given_up() -> None:
    """Space ends it, and the machine is where it was."""

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        app.engine.run_for(150_000_000)
        await until(lambda: shown(app).t == 150_000_000 and not shown(app).running)
        await pilot.press("R", *"mideleg", "enter")
        await until(lambda: app.engine.searching)
        await pilot.press("space")
        at = await press(app, pilot, "1")
        assert "given up" in at.message and at.t == 150_000_000

    play(keys, source="_start: addi t0, t0, 1\n csrw mscratch, t0\n j _start\n")


def test_help_names_them_all() -> None:
    for key in "SNCUVtmMRW[{":
        assert f"\n{key}  " in f"\n{HELP}" or f" {key}  " in HELP, key
