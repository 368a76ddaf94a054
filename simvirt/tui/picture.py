"""Draws the debugger: ``python -m simvirt.tui.picture FILE.svg``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger

KEYS = ("right_curly_bracket",) * 3 + ("right_square_bracket", "n", "right_square_bracket")
BEFORE = 5_200_000  # steps of the guest's boot


async def draw(
    keys: Sequence[str] = KEYS,
    size: tuple[int, int] = (170, 48),
    placement: str = "hosted",
    before: int = BEFORE,
    light: bool = False,
) -> str:
    """The screen as SVG after some keys, each pressed when the machine stands again."""
    app = Debugger(Simulation.boot(["minos", "uno"][: 1 if placement == "bare" else 2], placement),
                   light)  # fmt: skip
    async with app.run_test(size=size) as pilot:
        await _stands(app)
        app.engine.run_for(before)
        await asyncio.sleep(0.1)
        await _stands(app)
        for key in keys:
            await pilot.press(key)
            await asyncio.sleep(0.1)
            await _stands(app)
        await pilot.pause(0.2)
        return app.export_screenshot(title="simvirt debug --on hosted minos uno", simplify=True)


async def _stands(app: Debugger) -> None:
    for _ in range(3000):
        if app.snapshot is not None and not app.snapshot.running:
            return
        await asyncio.sleep(0.01)


def main(arguments: Sequence[str]) -> int:
    """Write the picture."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m simvirt.tui.picture FILE.svg\n")
        return 2
    Path(arguments[0]).write_text(asyncio.run(draw()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
