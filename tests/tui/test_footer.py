"""What the footer and the CSRs' pane show at sizes of terminals that people have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from isa.csrs import BY_NAME
from simvirt.tui.app import Debugger
from simvirt.tui.panes import FOOTER, Keys
from tests.tui.test_keys import play, press

NARROW = (
    "s step", "S back", "n over trap", "c cont", "space pause", "] trap", "} exit", "v vCPU",
    "u to cursor", "b break", "g go", "t time", "e explain", "? all keys", "q quit",
    "ctrl+p palette",
)  # fmt: skip
WIDE = (
    *NARROW, "E guest's", "tab next pane", "i type", ". pc", "o console", "z zoom out", "Z zoom in",
    "[ last trap", "{ last exit", "C last break", "N back over trap", "U back to cursor",
    "V last vCPU", "W last write", "R last CSR change", "m mark", "M to mark",
)  # fmt: skip


@pytest.mark.parametrize(
    ("width", "words"), [(80, NARROW), (100, NARROW), (120, NARROW), (200, WIDE)]
)
def test_the_footer_shows_whole_keys(width: int, words: tuple[str, ...]) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        footer = app.query_one(Keys)
        lines = footer.render().plain.split("\n")
        assert len(lines) <= footer.size.height and max(map(len, lines)) <= width
        assert len(lines) <= FOOTER
        for word in words:
            assert any(f" {word} " in f"{line} " for line in lines), word
        assert lines[-1].endswith(" ? all keys q quit ctrl+p palette")

    play(keys, size=(width, 24))


CSRS = (  # real and virtual value, and every field that is set as the pane is to name it
    ("scause", 0x8000000000000005, 0xF, "CODE=5/f INTERRUPT=1/0"),
    ("satp", 0x800FF000000802BC, 0x8000100000080016, "PPN=802bc/80016 ASID=ff/1 MODE=8/8"),
    ("mstatus", 0xA000C00AA, 0xA00001880,
     "SIE=1/0 MIE=1/0 SPIE=1/0 MPIE=1/1 MPP=0/3 SUM=1/0 MXR=1/0 UXL=2/2 SXL=2/2"),
)  # fmt: skip


def test_no_field_of_a_csr_is_cut_in_the_wide_layout() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        at = await press(app, pilot, *["right_curly_bracket"] * 3)
        pane = app._panes["csrs"]
        for name, real, virtual, wanted in CSRS:
            fields = tuple((f.name, (real & f.mask) >> f.low, (virtual & f.mask) >> f.low)
                           for f in BY_NAME[name].fields)  # fmt: skip
            rows = tuple(replace(row, real=real, virtual=virtual, fields=fields)
                         if row.name == name else row for row in at.csrs)  # fmt: skip
            pane.show(replace(at, csrs=rows), None)
            seen = pane.render().plain.split("\n")
            assert len(seen) <= pane.size.height
            assert max(len(line.rstrip()) for line in seen) <= pane.size.width
            first = next(i for i, line in enumerate(seen) if line.startswith(name))
            last = next(i for i in range(first + 1, len(seen)) if not seen[i].startswith(" "))
            told = [word for line in seen[first:last] for word in line.split() if "=" in word]
            assert sorted(told) == sorted(wanted.split()), seen[first:last]

    play(keys, "hypervisor", size=(200, 60))
