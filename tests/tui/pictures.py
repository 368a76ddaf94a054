"""Pictures of the debugger's screen: how they are made, compared and renewed.

``python -m tests.tui.pictures`` draws all of them anew into ``tests/tui/pictures``; look at what
has changed before you commit it.
"""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass
from pathlib import Path

from simvirt.simulation import Simulation
from simvirt.tui.app import Debugger
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

FOLDER = Path(__file__).with_name("pictures")
GUEST = """\
_start: la t0, handler
        csrw mtvec, t0
        li a0, 5
again:  addi a0, a0, -1
        bnez a0, again
        csrw mscratch, a0
        csrr a1, mscratch
        ecall
        j _start
        .balign 4
handler:
        csrr t1, mepc
        addi t1, t1, 4
        csrw mepc, t1
        mret
"""
AGAIN = ("b", *["backspace"] * 20, *"loop:again", "enter", "c")


@dataclass(frozen=True)
class Picture:
    """A screen: placement, size, theme, and the keys that lead there.

    `exact`: every character is the guest's or the debugger's own.  Otherwise numbers, and what
    comes of how a compiler arranges a VMM, are left out of the comparison.
    """

    placement: str
    size: tuple[int, int]
    light: bool
    keys: tuple[str, ...]
    name: str

    @property
    def exact(self) -> bool:
        """On the bare machine nothing was compiled."""
        return self.placement == "bare"

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{self.name}.svg"


PICTURES = (
    Picture("bare", (80, 24), False, ("s",) * 6, "bare-80x24-dark"),
    Picture("bare", (80, 24), True, ("s", "s", "question_mark"), "help-80x24-light"),
    Picture("bare", (200, 60), True, ("right_square_bracket", "n", "b", "enter"),
            "bare-200x60-light"),
    Picture("bare", (120, 40), False, ("right_square_bracket", "s", "3"), "csrs-120x40-dark"),
    Picture("hypervisor", (80, 24), False, (*AGAIN, "right_square_bracket", "e"),
            "explained-80x24-dark"),
    Picture("hosted", (200, 60), False, AGAIN, "hosted-200x60-dark"),
    Picture("hosted", (80, 24), True, (*AGAIN, "4"), "address-80x24-light"),
)  # fmt: skip


async def draw(picture: Picture) -> str:
    """The screen as SVG."""
    guest = assembled_guest(GUEST, "loop")
    app = Debugger(Simulation(make_stack(picture.placement, [guest])), picture.light)
    async with app.run_test(size=picture.size) as pilot:
        await _settled(app)
        for key in picture.keys:
            await pilot.press(key)
            await _settled(app)
        await pilot.pause(0.1)
        return app.export_screenshot(title="simvirt debug", simplify=True)


async def _settled(app: Debugger) -> None:
    """Wait until all commands are obeyed, and what is shown is what the engine has."""
    for _ in range(2000):
        await asyncio.sleep(0.01)
        if app.settled:
            return
    raise TimeoutError("the debugger does not come to rest")


@dataclass(frozen=True)
class Piece:
    """Some characters of one style: row, colours and weight as the picture has them."""

    row: int
    style: str
    text: str


def pieces(svg: str) -> list[Piece]:
    """The text of a picture in order, with its styles (of which the names are made up)."""
    styles = dict(re.findall(r"\.(terminal-\d+-r\d+) \{ ([^}]*) \}", svg))
    found = re.findall(r'<text class="(terminal-\d+-r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)<',
                       svg)  # fmt: skip
    rows = {y: i for i, y in enumerate(dict.fromkeys(y for _, _, y, _ in found))}
    return [Piece(rows[y], styles[s], html.unescape(text).replace("\xa0", " "))
            for s, _, y, text in found]  # fmt: skip


def rows(svg: str, exact: bool) -> list[str]:
    """The screen line by line; not exact: numbers are #, and how long they ran is gone."""
    found = pieces(svg)
    lines = ["" for _ in range(max(p.row for p in found) + 1)]
    for piece in found:
        lines[piece.row] += piece.text
    return lines if exact else [_vague(line) for line in lines]


def _vague(line: str) -> str:
    line = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]*\d[0-9a-f,]*\b", "#", line)
    line = re.sub(r"[▁▂▃▄▅▆▇█]+[ ▁▂▃▄▅▆▇█]*", "▒ ", line)
    return re.sub(r"[ ─]+", " ", line).strip()


def colours(svg: str) -> set[str]:
    """Every style that some visible text has."""
    return {piece.style for piece in pieces(svg) if piece.text.strip()}


def main() -> None:
    """Renew all pictures."""
    FOLDER.mkdir(exist_ok=True)
    for picture in PICTURES:
        picture.path.write_text(asyncio.run(draw(picture)), encoding="utf-8")


if __name__ == "__main__":
    main()
