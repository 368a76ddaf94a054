"""Events of accesses: direction and width are kept, in objects, JSON and words."""

import pytest

from simvirt.events import Event
from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import make_stack

UART, SCRATCH = 0x1000_0000, 7
WIDTHS = """
_start:
 li a0, 0x10000000
 li a1, 0x5a
 sb a1, 7(a0)
 lbu a2, 7(a0)
 li a0, 0x02004000
 li a1, -1
 sd a1, 0(a0)
 lw a2, 4(a0)
 la a0, here
 sh a1, 2(a0)
 lhu a2, 2(a0)
 li a0, 0x100000
 li a1, 0x5555
 sw a1, 0(a0)
1: j 1b
.data
here: .dword 0
"""


def recorded(*kinds: str) -> list[Event]:
    """What the program does."""
    simulation = Simulation(make_stack("bare", [assembled_guest(WIDTHS, "widths")]))
    simulation.record(kinds)
    assert simulation.run(max_steps=1000).reason == "finished"
    return simulation.events()


def test_accesses_to_devices_keep_direction_and_width() -> None:
    events = recorded("MMIO")
    assert [(e.write, e.width, e.a, e.b) for e in events] == [
        (True, 1, UART + SCRATCH, 0x5A),
        (False, 1, UART + SCRATCH, 0x5A),
        (True, 8, 0x0200_4000, (1 << 64) - 1),
        (False, 4, 0x0200_4004, (1 << 32) - 1),
        (True, 4, 0x10_0000, 0x5555),
    ]
    assert {(e.mode_from, e.mode_to) for e in events} == {("-", "-")}
    assert "write, 1 byte: address=0x10000007 value=0x5a" in events[0].text()
    assert "read, 4 bytes: address=0x2004004" in events[3].text()
    told = events[2].to_json()
    assert (told["write"], told["width"], told["address"]) == (True, 8, 0x0200_4000)


@pytest.mark.parametrize(("kind", "write"), [("LOAD", False), ("STORE", True)])
def test_traced_accesses_to_ram_keep_their_width(kind: str, write: bool) -> None:
    [access] = [e for e in recorded("LOAD", "STORE") if e.kind == kind and e.width == 2]
    assert (access.write, access.to_json()["width"]) == (write, 2)


def test_what_is_no_access_has_neither() -> None:
    [first, *_] = recorded("RETIRE")
    assert (first.write, first.width) == (False, 0)
    assert not {"write", "width"} & set(first.to_json())
