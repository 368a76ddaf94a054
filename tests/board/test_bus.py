"""The bus decodes addresses, refuses overlaps and holes."""

import pytest

from simvirt.bus import Bus
from simvirt.devices.base import AccessFault
from simvirt.devices.uart import SCR, Uart


def test_reaches_the_right_device() -> None:
    bus, first, second = Bus(), Uart(), Uart()
    bus.attach(0x2000, 0x100, "second", second)
    bus.attach(0x1000, 0x100, "first", first)
    bus.write(0x2000 + SCR, 1, 9)
    assert (first.peek(SCR, 1), second.peek(SCR, 1)) == (0, 9)
    assert bus.read(0x2000 + SCR, 1) == bus.peek(0x2000 + SCR, 1) == 9
    assert [m.name for m in bus.mappings] == ["first", "second"]


@pytest.mark.parametrize("paddr", [0, 0xFFF, 0x1100, 0x10FD, 1 << 60])
def test_holes_are_access_faults(paddr: int) -> None:
    bus = Bus()
    bus.attach(0x1000, 0x100, "uart", Uart())
    for access in (bus.read, bus.peek, lambda p, w: bus.write(p, w, 0)):
        with pytest.raises(AccessFault):
            access(paddr, 8 if paddr == 0x10FD else 1)


@pytest.mark.parametrize(("base", "size"), [(0x1000, 1), (0xFFF, 2), (0x10FF, 1), (0, 0x9000)])
def test_overlaps_are_refused(base: int, size: int) -> None:
    bus = Bus()
    bus.attach(0x1000, 0x100, "uart", Uart())
    with pytest.raises(ValueError, match=r"other .* overlaps uart \[0x1000, 0x1100\)"):
        bus.attach(base, size, "other", Uart())


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="size 0"):
        Bus().attach(0, 0, "nothing", Uart())
