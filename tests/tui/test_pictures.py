"""The screen looks as it did: `python -m tests.tui.pictures` renews the pictures."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui.pictures import FOLDER, PICTURES, Picture, colours, draw, rows

RENEW = "if it is meant: python -m tests.tui.pictures"


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_the_screen_looks_as_it_did(picture: Picture) -> None:
    drawn, kept = asyncio.run(draw(picture)), picture.path.read_text(encoding="utf-8")
    assert rows(drawn, picture.exact) == rows(kept, picture.exact), RENEW
    if picture.exact:
        assert colours(drawn) == colours(kept), RENEW


def test_every_picture_is_compared() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {p.path.name for p in PICTURES}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_nothing_sticks_out(picture: Picture) -> None:
    """Frames close: in the wide layout every line that begins with a frame ends with one."""
    lines = rows(picture.path.read_text(encoding="utf-8"), exact=True)
    assert len(lines) <= picture.size[1]
    assert all(len(line.rstrip("\n")) <= picture.size[0] for line in lines)
    framed = [line.rstrip() for line in lines if line.startswith(("│", "╭", "╰"))]
    assert all(line[-1] in "│╮╯" for line in framed), framed
