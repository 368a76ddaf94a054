"""Every key that the footer names, the others of the help, the palette, and careless hands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine

import pytest
from textual.binding import Binding
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.tui.panes import TITLES
from simvirt.tui.report import HELP, Report
from simvirt.tui.snapshot import Snapshot
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack
from tests.tui.pictures import GUEST

Play = Callable[[Debugger, "Pilot[int]"], Coroutine[None, None, None]]
ENDS = """\
_start: li t0, 0x100000
        li t1, 0x5555
        sw t1, 0(t0)
"""
CLEAR = ("backspace",) * 20


def play(
    play: Play, placement: str = "bare", size: tuple[int, int] = (80, 24), source: str = GUEST,
    vms: int = 1, light: bool = False,
) -> None:  # fmt: skip
    """Run a debugger without a terminal and let `play` press its keys."""

    async def run() -> None:
        guest = assembled_guest(source, "loop")
        app = Debugger(Simulation(make_stack(placement, [guest] * vms)), light)
        async with app.run_test(size=size) as pilot:
            await settled(app)
            await play(app, pilot)

    asyncio.run(run())


async def settled(app: Debugger) -> Snapshot:
    """Wait until the machine stands and all that was asked for is shown."""
    await until(lambda: app.settled)
    assert app.snapshot is not None
    return app.snapshot


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come true")


async def press(app: Debugger, pilot: Pilot[int], *keys: str) -> Snapshot:
    """Press each key and wait until it has had its effect."""
    for key in keys:
        await pilot.press(key)
        await asyncio.sleep(0.02)
        await settled(app)
    return await settled(app)


def shown(app: Debugger) -> Snapshot:
    """What is on the screen."""
    assert app.snapshot is not None
    return app.snapshot


async def ecall(app: Debugger, pilot: Pilot[int]) -> Snapshot:
    """Go to the guest's ecall."""
    return await press(app, pilot, "g", *"_start+0x20", "enter", "u")


# ---- what each key of the footer does ------------------------------------------------------------


async def step(app: Debugger, pilot: Pilot[int]) -> None:
    assert (await press(app, pilot, "s")).t == 1
    assert (await press(app, pilot, "s")).t == 2


async def over(app: Debugger, pilot: Pilot[int]) -> None:
    at = await ecall(app, pilot)
    assert (at.pc & 0xFFF, at.t) == (0x20, 16)
    behind = await press(app, pilot, "n")
    assert behind.pc == at.pc + 4 and behind.t > at.t + 4  # the handler has run


async def cont(app: Debugger, pilot: Pilot[int]) -> None:
    await pilot.press("c")
    await until(lambda: shown(app).running and shown(app).t > 1000)
    await pilot.press("space")
    assert "paused at t=" in (await settled(app)).message


async def pause(app: Debugger, pilot: Pilot[int]) -> None:
    await pilot.press("space")  # standing: it goes on
    await until(lambda: shown(app).running)
    await pilot.press("space")
    assert not (await settled(app)).running


async def trap(app: Debugger, pilot: Pilot[int]) -> None:
    at = await press(app, pilot, "right_square_bracket")
    assert at.pc & 0xFFF == 0x28 and at.place == "handler"


async def vm_exit(app: Debugger, pilot: Pilot[int]) -> None:
    assert "no VM exits" in (await press(app, pilot, "right_curly_bracket")).message


async def vcpu(app: Debugger, pilot: Pilot[int]) -> None:
    assert "one vCPU only" in (await press(app, pilot, "v")).message


async def back(app: Debugger, pilot: Pilot[int]) -> None:
    assert "nothing before it" in (await press(app, pilot, "S")).message
    there = await press(app, pilot, "s", "s", "s")
    assert (await press(app, pilot, "S")).t == 2
    again = await press(app, pilot, "s")
    assert (again.t, again.pc, again.code) == (3, there.pc, there.code)


async def time(app: Debugger, pilot: Pilot[int]) -> None:
    await press(app, pilot, "s", "s", "s", "s")
    assert (await press(app, pilot, "t", "1", "enter")).t == 1
    assert (await press(app, pilot, "t", *"+2", "enter")).t == 3
    assert (await press(app, pilot, "t", *"-3", "enter")).t == 0
    assert "has not come yet" in (await press(app, pilot, "t", *"1e6", "enter")).message
    assert "write 1000000" in (await press(app, pilot, "t", "x", "enter")).message


async def to_cursor(app: Debugger, pilot: Pilot[int]) -> None:
    first = shown(app).pc
    assert (await press(app, pilot, "j", "down", "u")).pc == first + 8


async def set_break(app: Debugger, pilot: Pilot[int]) -> None:
    assert (await press(app, pilot, "b", *CLEAR, *"again", "enter")).breaks == ("again",)
    assert "breakpoint at again" in (await press(app, pilot, "c")).message
    assert (await press(app, pilot, "b", "enter")).breaks == ()  # the cursor's: it is cleared


async def goto(app: Debugger, pilot: Pilot[int]) -> None:
    at = await press(app, pilot, "g", *"handler", "enter")
    assert any(row.function == "handler" for row in at.code) and at.t == 0
    assert at.code[0].function == "handler" and app._panes["code"].cursor == at.code[0].address
    back = await press(app, pilot, "full_stop")
    assert back.code[0].is_pc


async def explain(app: Debugger, pilot: Pilot[int]) -> None:
    assert "no trap has been taken yet" in (await press(app, pilot, "e")).message
    await press(app, pilot, "right_square_bracket", "e")
    assert isinstance(app.screen, Report)
    text = app.screen.text.plain
    assert "environment call from M-mode" in text and "handler" in text and "cost" in text


async def help_(app: Debugger, pilot: Pilot[int]) -> None:
    await press(app, pilot, "question_mark")
    assert isinstance(app.screen, Report) and "step over a trap" in app.screen.text.plain
    await press(app, pilot, "j", "k", "escape")
    assert not isinstance(app.screen, Report)


async def leave(app: Debugger, pilot: Pilot[int]) -> None:
    await pilot.press("q")
    await until(lambda: app.return_value is not None or not app.is_running)
    assert (app.return_code or 0) == 0


FOOTER: dict[str, Play] = {
    "s": step, "n": over, "c": cont, "space": pause, "right_square_bracket": trap,
    "right_curly_bracket": vm_exit, "v": vcpu, "S": back, "t": time, "u": to_cursor,
    "b": set_break, "g": goto,
    "e": explain, "question_mark": help_, "q": leave,
}  # fmt: skip
BELOW = {"E", "tab", "i", "full_stop", "o", "z", "Z"}
BACKWARDS = {"left_square_bracket", "left_curly_bracket", *"CNUVWRmM"}  # of test_backwards.py


def test_the_footer_names_what_is_tested() -> None:
    named = {b.key for b in Debugger.BINDINGS if isinstance(b, Binding) and b.show}
    assert named == FOOTER.keys() | BELOW | BACKWARDS


@pytest.mark.parametrize("key", FOOTER)
def test_a_key_of_the_footer(key: str) -> None:
    play(FOOTER[key])


# ---- the others ----------------------------------------------------------------------------------


def test_digits_tab_and_scrolling() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        for digit, name in enumerate(TITLES, 1):
            await press(app, pilot, str(digit))
            assert app.asked[0] == name and app._panes[name].display
        await press(app, pilot, "tab")
        assert app.asked[0] == "code"
        await press(app, pilot, "shift+tab", "shift+tab")
        assert app.asked[0] == "timeline"
        await press(app, pilot, "3", "j", "down", "pagedown")
        assert app._panes["csrs"].first > 1
        top = app._panes["csrs"].render().plain
        await press(app, pilot, "pageup", "k", "up")
        assert app._panes["csrs"].first == 0 and app._panes["csrs"].render().plain != top

    play(keys)


def test_zoom() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        before = app.asked[1].span
        await press(app, pilot, "7", "z")
        assert app.asked[1].span == 4 * before
        await press(app, pilot, "Z", "Z")
        assert app.asked[1].span == before // 4

    play(keys)


def test_typing_into_a_console_and_another_console() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "i", *"hello", "enter")
        assert [entered.data for entered in app.engine._sim.machine.inputs] == [b"hello\n"]
        await press(app, pilot, "escape", "o")
        assert app._panes["console"].chosen == 1

    play(keys, "hypervisor")


def test_a_guests_trap_is_explained_with_what_it_has_cost_so_far() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "b", *CLEAR, *"loop:again", "enter", "c", "E")
        assert isinstance(app.screen, Report)
        text = app.screen.text.plain
        assert "csrw mtvec, t0" in text and "so far" in text and "1 exits for csr" in text

    play(keys, "hypervisor")


# ---- the palette ---------------------------------------------------------------------------------


async def palette(app: Debugger, pilot: Pilot[int], words: str) -> None:
    """Open it by its key, type, and take the first that is found."""
    await pilot.press("ctrl+p")
    await until(lambda: isinstance(app.screen, CommandPalette))
    await pilot.press(*("space" if letter == " " else letter for letter in words))
    await asyncio.sleep(0.3)
    await until(lambda: bool(app.screen.query("OptionList").first().option_count))  # type: ignore[attr-defined]
    await pilot.press("down", "enter")
    await until(lambda: not isinstance(app.screen, CommandPalette))
    await asyncio.sleep(0.1)
    await settled(app)


def test_a_move_by_its_name_in_the_palette() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await palette(app, pilot, "run to the next trap")
        assert shown(app).place == "handler" and "stopped to the next trap" in shown(app).message

    play(keys)


def test_a_symbol_by_its_name_in_the_palette() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await palette(app, pilot, "look at trap_entry")
        at = shown(app)
        assert at.code and at.code[0].function == "trap_entry" and at.t == 0
        await palette(app, pilot, "breakpoint at trap_entry")
        assert shown(app).breaks == ("hypervisor:trap_entry",)
        assert "breakpoint at hypervisor:trap_entry" in (await press(app, pilot, "c")).message

    play(keys, "hypervisor")


def test_escape_leaves_the_palette() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await pilot.press("ctrl+p", "s", "s")
        await until(lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("escape", "escape")
        await until(lambda: not isinstance(app.screen, CommandPalette))
        assert shown(app).t == 0 and (await press(app, pilot, "s")).t == 1

    play(keys)


# ---- light and dark ------------------------------------------------------------------------------


def test_light_is_light_and_dark_is_dark() -> None:
    backgrounds = {}

    async def look(app: Debugger, pilot: Pilot[int]) -> None:
        strip = app._panes["code"].render_line(10)
        style = next(segment.style for segment in strip if segment.style is not None)
        assert style.bgcolor is not None and style.bgcolor.triplet is not None
        backgrounds[app.theme] = sum(style.bgcolor.triplet)

    play(look)
    play(look, light=True)
    assert backgrounds["textual-light"] > 600 > 150 > backgrounds["textual-dark"]


# ---- careless hands ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 10), (300, 90)])
def test_any_size_of_terminal(size: tuple[int, int]) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await pilot.resize_terminal(*size)
        await pilot.pause(0.1)
        await press(app, pilot, "s", "j", "k", "3", "j", "question_mark", "escape", "g", "escape")
        await pilot.press("c")
        await until(lambda: shown(app).running)
        await pilot.resize_terminal(200, 60)
        await pilot.press("space")
        await until(lambda: all(app._panes[name].display for name in TITLES))
        await until(lambda: app.answered and len(shown(app).code) > 10)
        assert (await press(app, pilot, "1", "s")).t > 1

    play(keys)


@pytest.mark.parametrize("text", ["nowhere", "0x", "loop:", ":::", "+", "99999999999999999999999",
                                  "-1", "x" * 2000, "\u2603 [bold]", "0x80000000+z"])  # fmt: skip
@pytest.mark.parametrize("key", ["b", "g"])
def test_garbage_in_a_prompt_gets_a_message(key: str, text: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, key)
        prompt = app.query_one(Input)
        prompt.value = text  # as a terminal pastes it
        before = shown(app).message
        message = (await press(app, pilot, "enter")).message
        assert message != before and not re.search("Traceback|Error", message)
        assert shown(app).breaks == () and (await press(app, pilot, "s")).t == 1

    play(keys)


def test_steps_behind_the_end_say_so() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        end = await press(app, pilot, "c")
        assert end.finished
        for key in ("s", "n", "c", "u", "right_square_bracket", "right_curly_bracket"):
            after = await press(app, pilot, key)
            assert after.t == end.t and "the machine has ended" in after.message
        assert await press(app, pilot, "3", "j", "1", "space", "space")

    play(keys, source=ENDS)


def test_quitting_while_it_runs() -> None:
    apps = []

    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        apps.append(app)
        await pilot.press("c")
        await until(lambda: shown(app).running)
        await leave(app, pilot)

    play(keys, "hypervisor")
    assert not apps[0].engine._thread.is_alive()


def test_the_help_fits_a_small_terminal() -> None:
    assert max(map(len, HELP.splitlines())) <= 74
