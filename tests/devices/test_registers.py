"""What holds for every device: declared registers, refused accesses, snapshots."""

from dataclasses import fields, is_dataclass

import pytest

from simvirt.devices.base import AccessFault, Device
from simvirt.devices.clint import Clint
from simvirt.devices.finisher import Finisher
from simvirt.devices.plic import Plic
from simvirt.devices.uart import Uart


class Timer:
    """Records what a CLINT tells the harts."""

    def __init__(self) -> None:
        self.msip: dict[int, bool] = {}
        self.mtimecmp: dict[int, int] = {}

    def set_msip(self, hart: int, level: bool) -> None:
        self.msip[hart] = level

    def set_mtimecmp(self, hart: int, value: int) -> None:
        self.mtimecmp[hart] = value


class Line:
    """An interrupt line that remembers its level."""

    level = False

    def set(self, level: bool) -> None:
        self.level = level


def devices() -> list[Device]:
    return [
        Clint(2, lambda: 77, Timer()),
        Plic([Line(), Line()]),
        Uart(Line()),
        Finisher(lambda verdict, code: None),
    ]


@pytest.fixture(params=range(4), ids=["clint", "plic", "uart", "finisher"])
def device(request: pytest.FixtureRequest) -> Device:
    return devices()[request.param]


def test_every_declared_register_answers(device: Device) -> None:
    for reg in device.regs:
        for index in range(reg.count):
            offset = reg.offset + index * reg.stride
            for width in reg.widths or (reg.width,):
                if "r" in reg.access:
                    assert 0 <= device.peek(offset, width) < 1 << 8 * width


def test_peek_agrees_with_read_and_has_no_side_effect(device: Device) -> None:
    for reg in device.regs:
        if "r" in reg.access:
            before = device.state()
            peeked = device.peek(reg.offset, reg.width)
            assert device.state() == before
            assert device.read(reg.offset, reg.width) == peeked


@pytest.mark.parametrize(("offset", "width"), [(0x5FFFF8, 4), (0x0, 3), (0x1, 4), (0x0, 2)])
def test_unknown_offset_or_width_is_an_access_fault(
    device: Device, offset: int, width: int
) -> None:
    for access in (device.read, device.peek, lambda o, w: device.write(o, w, 0)):
        with pytest.raises(AccessFault, match="access at offset"):
            access(offset, width)


def test_state_is_plain_and_restores(device: Device) -> None:
    state = device.state()
    assert is_dataclass(state)
    for item in fields(state):
        assert isinstance(getattr(state, item.name), int | bool | bytes | tuple)
    other = next(d for d in devices() if type(d) is type(device))
    other.restore(state)
    assert other.state() == state
