"""What holds for every device: declared registers, refused accesses, snapshots."""

from dataclasses import fields, is_dataclass

import pytest

from simvirt.devices.base import AccessFault, Device
from simvirt.devices.block import Block
from simvirt.devices.clint import Clint
from simvirt.devices.finisher import Finisher
from simvirt.devices.plic import Plic
from simvirt.devices.uart import Uart
from simvirt.devices.virtio import EmptySlot, Virtio
from simvirt.disk import memory_disk
from tests.devices.driver import Ram


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
        Virtio(Block(memory_disk(bytes(1024)), "disk"), Ram(), lambda: 77, Line(), 10),
        EmptySlot(),
    ]


NAMES = ["clint", "plic", "uart", "finisher", "virtio", "empty"]


@pytest.fixture(params=range(len(NAMES)), ids=NAMES)
def device(request: pytest.FixtureRequest) -> Device:
    return devices()[request.param]


def test_every_declared_register_answers(device: Device) -> None:
    for reg in device.regs:
        for index in range(reg.count):
            offset = reg.offset + index * reg.stride
            for width in reg.widths or (reg.width,):
                if "r" in reg.access:
                    assert 0 <= device.peek(offset, width) < 1 << 8 * width


def test_reset_values_are_as_declared(device: Device) -> None:
    for reg in device.regs:
        if "r" in reg.access and reg.reset is not None:
            value = device.peek(reg.offset, reg.width)
            assert value == reg.reset, reg.name


def test_registers_and_fields_fit(device: Device) -> None:
    taken: set[int] = set()
    for reg in device.regs:
        assert set(reg.access) <= {"r", "w"} and reg.doc
        assert all(field.low + field.width <= 8 * reg.width for field in reg.fields)
        for index in range(reg.count):
            start = reg.offset + index * reg.stride
            covered = set(range(start, start + reg.width))
            assert not covered & taken, reg.name
            taken |= covered


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
