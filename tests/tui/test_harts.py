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


OVER = """
        .globl _start
_start: li      t0, -1
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 31
        la      t0, slow
        la      t1, user0
        csrr    t2, mhartid
        beqz    t2, 1f
        la      t0, fast
        la      t1, user1
1:      csrw    mtvec, t0
        csrw    mepc, t1
        mret
user0:  ecall
after:  j       after
user1:  ecall
        j       user1
        .balign 4
slow:   li      t1, 100
1:      addi    t1, t1, -1
        bnez    t1, 1b
fast:   csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        mret
        .balign 4
"""


def test_over_a_trap_is_over_the_trap_of_that_hart() -> None:
    """The other hart traps and returns while this one's handler goes on."""

    async def run() -> None:
        guest = assembled_guest(OVER, "over")
        places = {symbol.name: symbol.address for symbol in guest.image.symbols}
        app = Debugger(Simulation(make_stack("bare", [guest], Options(harts=2, quantum=50))))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(app, lambda: app.snapshot is not None)
            for _ in range(100):
                if app.snapshot is not None and app.snapshot.pc == places["user0"]:
                    break
                await press(app, pilot, "s")
            await press(app, pilot, "n")
            assert app.snapshot is not None
            assert (app.snapshot.pc, turn(app)) == (places["after"], "hart 0 of 2")

    asyncio.run(run())
