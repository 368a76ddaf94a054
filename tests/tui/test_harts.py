"""Several harts in the debugger: whose turn it is stands on top, forwards and backwards."""

from __future__ import annotations

import asyncio
import re

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.tui.panes import Status
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from tests.tui.test_debugger import press, until

GUEST = "_start: csrr s0, mhartid\nagain: addi t0, t0, 1\n j again\n"
QUANTUM = 3


def top(app: Debugger) -> str:
    """The first line of the screen."""
    return app.query_one(Status).render_line(0).text


def turn(app: Debugger) -> str:
    """Whose turn it is, by that line."""
    return re.findall(r"hart \d of \d", top(app))[0]


def test_whose_turn_it_is() -> None:
    """Three harts, turns of three steps; its registers are those shown."""

    async def run() -> None:
        options = Options(harts=3, quantum=QUANTUM)
        app = Debugger(Simulation(make_stack("bare", [assembled_guest(GUEST, "three")], options)))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(app, lambda: app.snapshot is not None)
            seen = []
            for _ in range(3 * QUANTUM):
                seen.append(turn(app))
                await press(app, pilot, "s")
            assert [*dict.fromkeys(seen)] == [f"hart {n} of 3" for n in range(3)]
            for before in reversed(seen):
                await press(app, pilot, "S")
                assert turn(app) == before

    asyncio.run(run())


def test_one_hart_needs_no_number() -> None:
    """The line is short enough as it is."""

    async def run() -> None:
        app = Debugger(Simulation(make_stack("bare", [assembled_guest(GUEST, "one")])))
        async with app.run_test(size=(80, 24)):
            await until(app, lambda: app.snapshot is not None)
            assert "hart" not in top(app)

    asyncio.run(run())
