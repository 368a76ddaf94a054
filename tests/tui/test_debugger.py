"""The debugger by keys, as a student uses it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from textual.pilot import Pilot

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.tui.panes import TITLES, Pane, Status, Tabs
from simvirt.tui.report import Report
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

Play = Callable[[Debugger, "Pilot[int]"], Coroutine[None, None, None]]
GUEST = """\
_start: li t0, 5
again:  addi t0, t0, -1
        bnez t0, again
        csrw mscratch, t0
        csrr t1, mscratch
        j _start
"""


def play(
    play: Play, placement: str = "hypervisor", size: tuple[int, int] = (120, 40), vms: int = 1
) -> None:
    """Run a debugger without a terminal and let `play` press its keys."""

    async def run() -> None:
        guest = assembled_guest(GUEST, "loop")
        app = Debugger(Simulation(make_stack(placement, [guest] * vms)))
        async with app.run_test(size=size) as pilot:
            await until(app, lambda: app.snapshot is not None)
            await play(app, pilot)

    asyncio.run(run())


async def until(app: Debugger, holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(app.snapshot)


async def press(app: Debugger, pilot: Pilot[int], *keys: str) -> None:
    """Press, and wait until the machine stands again."""
    for key in keys:
        before = app.snapshot
        await pilot.press(key)
        await until(app, lambda: app.snapshot is not before)  # noqa: B023
        await until(app, lambda: app.snapshot is not None and not app.snapshot.running)
    await pilot.pause(0.1)


def test_a_step_is_a_step() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "s", "s", "s")
        assert app.snapshot is not None and app.snapshot.t == 3
        assert any(row.is_pc for row in app.snapshot.code)

    play(keys)


def test_next_trap_exit_over_and_explanation() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "right_curly_bracket", "right_curly_bracket")
        assert app.snapshot is not None and app.snapshot.where.layer == "hypervisor"
        await press(app, pilot, "right_square_bracket")
        trapped = app.snapshot.t
        await pilot.press("e")
        await until(app, lambda: isinstance(app.screen, Report))
        text = app.screen.text.plain  # type: ignore[attr-defined]
        assert "csrw mscratch, t0" in text or "csrr t1, mscratch" in text
        assert "trap_entry" in text and "emulate_csr" in text and "csr" in text
        assert app.snapshot.t == trapped
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert not isinstance(app.screen, Report)

    play(keys)


def test_over_a_trap_goes_on_in_the_guest() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await pilot.press("b", *["backspace"] * 20, *"again", "enter")
        await until(app, lambda: bool(app.snapshot and app.snapshot.breaks))
        await press(app, pilot, "c", "n", "n")
        for _ in range(20):
            await press(app, pilot, "n")
            assert app.snapshot is not None and app.snapshot.where.layer == "guest kernel"

    play(keys, "hosted")


def test_break_run_and_pause() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await pilot.press("b")
        await pilot.press(*["backspace"] * 20, *"loop:again", "enter")
        await until(app, lambda: bool(app.snapshot and app.snapshot.breaks))
        await press(app, pilot, "c")
        assert app.snapshot is not None and "breakpoint at loop:again" in app.snapshot.message
        await pilot.press("b", *["backspace"] * 20, *"loop:again", "enter")
        await until(app, lambda: bool(app.snapshot and not app.snapshot.breaks))
        await pilot.press("c")
        await until(app, lambda: bool(app.snapshot and app.snapshot.running))
        await pilot.press("space")
        await until(app, lambda: bool(app.snapshot and not app.snapshot.running))

    play(keys)


def test_what_is_wrong_is_said() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await pilot.press("g", *"nowhere", "enter")
        await until(app, lambda: "no symbol 'nowhere'" in (app.snapshot or "").message)  # type: ignore[union-attr]
        await press(app, pilot, "v")
        assert app.snapshot is not None and "one vCPU only" in app.snapshot.message

    play(keys)


def test_vcpus_are_switched() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "v")
        first = app.snapshot.where.vm if app.snapshot else None
        await press(app, pilot, "v")
        assert app.snapshot is not None and {first, app.snapshot.where.vm} == {0, 1}

    play(keys, vms=2)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("placement", ["bare", "hosted"])
def test_every_pane_at_every_size(size: tuple[int, int], placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, *(["right_curly_bracket"] * (placement != "bare")), "s")
        for digit, name in enumerate(TITLES, 1):
            await pilot.press(str(digit))
            await pilot.pause(0.1)
            pane = app.query_one(f"#{name}", Pane)
            assert pane.display and pane.size.height > 1, name
            assert pane.render().plain.strip(), name
        assert app.query_one(Status).render().plain
        assert app.query_one(Tabs).display == (size[0] < 150)

    play(keys, placement, size)


def test_the_address_pane_labels_and_compares() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await press(app, pilot, "right_curly_bracket", "right_curly_bracket", "4")
        assert app.snapshot is not None and app.snapshot.address is not None
        view = app.snapshot.address
        assert view.state == "agrees" and "GVA" in view.title
        assert [name for name, _ in view.physical] == ["GPA", "HVA", "HPA"]

    play(keys, "hosted")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_a_real_terminal(tmp_path: Path) -> None:
    source = tmp_path / "loop.S"
    source.write_text(f".globl _start\n{GUEST}")
    tmux = ["tmux", "-L", f"simvirt-test-{os.getpid()}"]
    command = f"{sys.executable} -m simvirt debug --on hypervisor {source}"
    start = ["new-session", "-d", "-x", "80", "-y", "24", command]
    subprocess.run([*tmux, *start], check=True, cwd=Path(__file__).parents[2])

    def screen() -> str:
        shown = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True)
        return shown.stdout

    def wait(text: str) -> None:
        end = time.monotonic() + 40
        while text not in screen():
            assert time.monotonic() < end, screen()
            time.sleep(0.1)

    try:
        wait("real M")
        subprocess.run([*tmux, "send-keys", "}"], check=True)
        wait("stopped to the next VM exit")
        subprocess.run([*tmux, "send-keys", "s"], check=True)
        subprocess.run([*tmux, "send-keys", "?"], check=True)
        wait("step over a trap")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
